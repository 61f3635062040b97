/** Flags of benches that have their own. */

/** The word after a flag; undefined when the flag is not there. */
export function option(args: readonly string[], flag: string): string | undefined {
  const at = args.indexOf(flag)
  return at === -1 ? undefined : args[at + 1]
}
