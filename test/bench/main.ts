/**
 * `npm run bench -- NAME [--json] [--only PART,PART]`: measures and compares, asserts no time. The
 * last line of stdout is one JSON object {bench, rows}; without --json a table for people comes
 * before it. A bench may have flags of its own: its file says them.
 */

import {benchCalm} from './calm.ts'
import {benchDeploy} from './deploy.ts'
import {benchFailover} from './failover.ts'
import {benchObjects} from './objects.ts'
import {benchPartitions} from './partitions.ts'
import {benchRebalance} from './rebalance.ts'
import {drawRows, type Row} from './row.ts'
import {benchStart} from './start.ts'

type Bench = (only: readonly string[], args: readonly string[]) => Promise<readonly Row[]>

const BENCHES: Readonly<Record<string, Bench>> = {
  start: benchStart,
  objects: benchObjects,
  rebalance: benchRebalance,
  deploy: benchDeploy,
  failover: (_only, args) => benchFailover(args),
  calm: (_only, args) => benchCalm(args),
  partitions: (_only, args) => benchPartitions(args),
}

async function main(args: readonly string[]): Promise<number> {
  const name = args.find((arg) => !arg.startsWith('-')) ?? ''
  const bench = BENCHES[name]
  if (bench === undefined) {
    process.stderr.write(`usage: npm run bench -- ${Object.keys(BENCHES).join('|')} [--json]\n`)
    return 2
  }
  const only = args.includes('--only') ? (args[args.indexOf('--only') + 1] ?? '').split(',') : []
  const rows = await bench(only, args)
  if (!args.includes('--json')) process.stdout.write(`${drawRows(rows)}\n`)
  process.stdout.write(`${JSON.stringify({bench: name, rows})}\n`)
  return rows.every(({ok}) => ok) ? 0 : 1
}

process.exitCode = await main(process.argv.slice(2))
