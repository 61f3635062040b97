/**
 * `npm run bench -- partitions [--kind KIND,KIND] [--rounds N] [--keep] [--report]`: a cluster of
 * 3p+4t on seven hosts is parted in five ways, in turn, with clients on both sides; each round is a
 * line of partitions.jsonl. Also the program that plays them inside the lab's network:
 *
 *   partitions.ts LAB KIND,KIND…
 */

import {fileURLToPath} from 'node:url'
import {playOn} from '../lab/stage/play.ts'
import {presentCommit} from '../proof/commit.ts'
import {option} from './arguments.ts'
import {problemsOf} from './failover-round.ts'
import {noteRound, readRounds, type Round} from './failover-journal.ts'
import {LABS, onLabCluster} from './lab-cluster.ts'
import {quantile} from './load.ts'
import {type Partition, partitionRound, PARTITIONS} from './partition-round.ts'
import {judge, type Row} from './row.ts'

const JOURNAL = 'partitions'
const SELF = fileURLToPath(import.meta.url)
const SIZE = {hosts: 7, proxies: 3, targets: 4}
const ROUNDS = 20
/** Longer than the leases of the lost side, so that its keys pass to others. */
const HOLD_MS = 20_000

/** All rows of this benchmark. */
export async function benchPartitions(args: readonly string[]): Promise<readonly Row[]> {
  const kinds = (option(args, '--kind')?.split(',') as Partition[] | undefined) ?? PARTITIONS
  const more = Number(option(args, '--rounds') ?? 0)
  const due = more > 0 ? more : Math.max(0, ROUNDS - readRounds(JOURNAL).length)
  if (!args.includes('--report') && due > 0) {
    const seen = readRounds(JOURNAL).length
    const rounds = Array.from({length: due}, (_, turn) => kinds[(seen + turn) % kinds.length])
    const keep = args.includes('--keep')
    await onLabCluster('partitions', SIZE, {script: SELF, args: [rounds.join(',')], keep})
  }
  return report(readRounds(JOURNAL))
}

function report(rounds: readonly Round[]): readonly Row[] {
  const figure = (name: string): readonly number[] =>
    rounds.flatMap(({measured}) => measured[name] ?? []).toSorted((a, b) => a - b)
  const row = (metric: string, name: string, goal: string): Row => {
    const values = figure(name).map((ms) => ms / 1000)
    const both = {p50: quantile(values, 0.5), p99: quantile(values, 0.99)}
    return judge({metric, unit: 's', value: values.at(-1) ?? 0, n: values.length, ...both, goal})
  }
  return [
    judge({
      metric: 'partitions in which something did not hold',
      unit: 'rounds',
      value: rounds.filter(({ok}) => !ok).length,
      n: rounds.length,
      goal: 'value<=0',
    }),
    judge({metric: 'partitions', unit: 'rounds', value: rounds.length, n: rounds.length}),
    row('the majority has a new primary', 'failover ms', 'value<=6'),
    row('healed without a command', 'healed ms', 'value<=10'),
    row('longest stall of changes on the serving side', 'longest stall of changes ms', 'value<=8'),
  ]
}

async function play(lab: string, kinds: readonly Partition[]): Promise<void> {
  const {labStage} = await import('../lab/stage/lab-stage.ts')
  const stage = labStage(lab, LABS)
  const commit = presentCommit(['src'])
  for (const [number, kind] of kinds.entries()) {
    const options = {longRun: true, name: `w${Date.now().toString(36)}-${number}`, adminEveryMs: 0}
    const checks = await playOn(stage, options, (one) => partitionRound(one, kind, HOLD_MS))
    const problems = problemsOf(checks)
    const {measured} = checks
    const ok = problems.length === 0
    noteRound(JOURNAL, {commit, on: 'lab', kind, ok, problems, measured})
    if (problems.some((text) => text.startsWith('the cluster is whole'))) {
      throw new Error('the cluster does not heal')
    }
  }
}

if (import.meta.main) {
  const [lab = '', kinds = ''] = process.argv.slice(2)
  await play(lab, kinds.split(',') as Partition[])
}
