/** Command lines that end in somebody else's command, whose flags are not ours; pure. */

/** Flags before the command that take a value of their own. */
const VALUED = new Set(['--name', '--dir', '--user', '--cluster'])

export interface SplitLine {
  /** Words that are ours to parse. */
  readonly own: readonly string[]
  readonly foreign: readonly string[]
}

/**
 * Cuts a command line where the foreign command begins: at `--`, else after our last own word.
 * @param argv words after the name of our command
 * @param ownWords how many of our own words, flags not counted, come before the foreign command
 */
export function splitLine(argv: readonly string[], ownWords: number): SplitLine {
  let words = 0
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? ''
    if (word === '--') return {own: argv.slice(0, at), foreign: argv.slice(at + 1)}
    if (word.startsWith('-')) at += VALUED.has(word) ? 1 : 0
    else if (words === ownWords) return {own: argv.slice(0, at), foreign: argv.slice(at)}
    else words += 1
  }
  return {own: argv, foreign: []}
}
