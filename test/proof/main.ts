/**
 * `npm run proof -- NAME [--for MIN] [--json] [--report]`: the full figures, too long for one
 * sitting. Each run works for so many minutes in slices and appends every slice's outcome to
 * test/proof/NAME.jsonl (commit, seeds, outcome); a later run goes on where the last one ended.
 * `--report` runs nothing: it prints the sum and how much of it is of the present commit. The last
 * line of stdout is one JSON object {bench, rows}.
 */

import {drawRows} from '../bench/row.ts'
import {appendSlice, readSlices} from './journal.ts'
import {presentCommit} from './commit.ts'
import {proveSim, reportSim} from './sim.ts'

const MINUTES_DEFAULT = 10

async function main(args: readonly string[]): Promise<number> {
  const [name] = args.filter((arg) => !arg.startsWith('-'))
  if (name !== 'sim') {
    process.stderr.write('usage: npm run proof -- sim [--for MIN] [--json] [--report]\n')
    return 2
  }
  const commit = presentCommit()
  if (!args.includes('--report')) {
    const at = args.indexOf('--for')
    const minutes = at === -1 ? MINUTES_DEFAULT : Number(args[at + 1])
    await proveSim({
      minutes,
      first: nextSeed(name),
      onSlice: (slice) => appendSlice(name, {...slice, commit}),
    })
  }
  const rows = reportSim(readSlices(name), commit)
  if (!args.includes('--json')) process.stdout.write(`${drawRows(rows)}\n`)
  process.stdout.write(`${JSON.stringify({bench: name, rows})}\n`)
  return rows.every(({ok}) => ok) ? 0 : 1
}

/** Seeds are used once, whatever the commit: the sum is over different worlds. */
function nextSeed(name: string): number {
  return readSlices(name).reduce((next, {first, seeds}) => Math.max(next, first + seeds), 1)
}

process.exitCode = await main(process.argv.slice(2))
