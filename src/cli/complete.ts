/** Completion. */
export async function complete(words: readonly string[]): Promise<string> {
  return words.join(' ')
}
