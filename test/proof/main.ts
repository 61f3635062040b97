/**
 * `npm run proof -- NAME [--for MIN] [--jobs N] [--json] [--report]`: the full figures, too long
 * for one sitting. Each run works for so many minutes in slices and appends every slice's outcome
 * to test/proof/NAME.jsonl (commit, seeds, outcome); a later run goes on where the last one ended.
 * `sim` plays worlds of kernels, `sim-objects` worlds of stores; `faults` (`--lab NAME`) puts
 * faults into lab hosts and asks doctor; `kill` and `lock` play runs that are killed and runs that
 * meet. `--report` runs nothing: it prints the sum and how much of it is of the present commit. The
 * last line of stdout is one JSON object {bench, rows}.
 */

import {drawRows} from '../bench/row.ts'
import {appendSlice, readSlices} from './journal.ts'
import {presentCommit} from './commit.ts'
import {FAULT_SOURCES, proveFaults, readRounds, reportFaults} from './faults.ts'
import {KILL_PROOF} from './kill.ts'
import {LOCK_PROOF} from './lock.ts'
import {proveRounds, reportRounds, type RoundProof} from './rounds.ts'
import {proveSim, PROOFS, reportSim} from './sim.ts'

const MINUTES_DEFAULT = 10

async function main(args: readonly string[]): Promise<number> {
  const [name] = args.filter((arg) => !arg.startsWith('-'))
  if (name === 'faults') return mainOfFaults(args)
  const rounds = [KILL_PROOF, LOCK_PROOF].find((one) => one.name === name)
  if (rounds !== undefined) return mainOfRounds(rounds, args)
  const proof = PROOFS.find((one) => one.name === name)
  if (proof === undefined) {
    const names = [...PROOFS.map((one) => one.name), 'faults', 'kill', 'lock'].join('|')
    process.stderr.write(
      `usage: npm run proof -- ${names} [--for MIN] [--jobs N] [--json] [--report]\n`,
    )
    return 2
  }
  const commit = presentCommit(proof.sources)
  if (!args.includes('--report')) {
    await proveSim({
      proof,
      minutes: numberOf(args, '--for') ?? MINUTES_DEFAULT,
      jobs: numberOf(args, '--jobs') ?? 1,
      first: nextSeed(proof.name),
      onSlice: (slice) => appendSlice(proof.name, {...slice, commit}),
    })
  }
  const rows = reportSim(proof, readSlices(proof.name), commit)
  if (!args.includes('--json')) process.stdout.write(`${drawRows(rows)}\n`)
  process.stdout.write(`${JSON.stringify({bench: proof.name, rows})}\n`)
  return rows.every(({ok}) => ok) ? 0 : 1
}

/** The lab that faults are put into, unless another is named. */
const LAB_DEFAULT = 'faults'

async function mainOfFaults(args: readonly string[]): Promise<number> {
  const commit = presentCommit(FAULT_SOURCES)
  if (!args.includes('--report')) {
    const at = args.indexOf('--lab')
    const lab = at === -1 ? LAB_DEFAULT : (args[at + 1] ?? LAB_DEFAULT)
    await proveFaults({lab, minutes: numberOf(args, '--for') ?? MINUTES_DEFAULT, commit})
  }
  const rows = reportFaults(readRounds(), commit)
  if (!args.includes('--json')) process.stdout.write(`${drawRows(rows)}\n`)
  process.stdout.write(`${JSON.stringify({bench: 'faults', rows})}\n`)
  return rows.every(({ok}) => ok) ? 0 : 1
}

async function mainOfRounds(proof: RoundProof, args: readonly string[]): Promise<number> {
  const commit = presentCommit(proof.sources)
  if (!args.includes('--report')) {
    await proveRounds(proof, {minutes: numberOf(args, '--for') ?? MINUTES_DEFAULT, commit})
  }
  const rows = reportRounds(proof, commit)
  if (!args.includes('--json')) process.stdout.write(`${drawRows(rows)}\n`)
  process.stdout.write(`${JSON.stringify({bench: proof.name, rows})}\n`)
  return rows.every(({ok}) => ok) ? 0 : 1
}

function numberOf(args: readonly string[], flag: string): number | undefined {
  const at = args.indexOf(flag)
  return at === -1 ? undefined : Number(args[at + 1])
}

/** Seeds are used once, whatever the commit: the sum is over different worlds. */
function nextSeed(name: string): number {
  return readSlices(name).reduce((next, {first, seeds}) => Math.max(next, first + seeds), 1)
}

process.exitCode = await main(process.argv.slice(2))
