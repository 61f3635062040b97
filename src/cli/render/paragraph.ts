/** Help texts: the terminal breaks the lines, not the source. */

/** Lines of a source as one paragraph. */
export function paragraph(...lines: readonly string[]): string {
  return lines.join(' ')
}
