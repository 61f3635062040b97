/** One argv as one line of a POSIX shell. The only place where words meet a shell. */

/**
 * Every word in single quotes, whatever it holds. @throws Error for a NUL, which no argv can hold
 */
export function shellLine(argv: readonly string[]): string {
  return argv.map(quoteWord).join(' ')
}

function quoteWord(word: string): string {
  if (word.includes('\0')) throw new Error('an argument holds a NUL byte')
  return `'${word.replaceAll("'", String.raw`'\''`)}'`
}
