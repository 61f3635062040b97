/** Command lines that end in somebody else's command, whose flags are not ours; pure. */

/** Flags before the command that take a value of their own. */
const VALUED = new Set(['--name', '--dir', '--user', '--cluster'])

/**
 * Puts `--` before the foreign command, unless the person did, so that its flags stay its own.
 * @param argv words after the name of our command
 * @param own how many of our own words come before the foreign command
 */
export function separated(argv: readonly string[], own: number): string[] {
  let words = 0
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? ''
    if (word === '--') return [...argv]
    if (word.startsWith('-')) at += VALUED.has(word) ? 1 : 0
    else if (words === own) return [...argv.slice(0, at), '--', ...argv.slice(at)]
    else words += 1
  }
  return [...argv]
}
