/**
 * `npm run bench -- failover [--kind KIND,KIND] [--rounds N] [--playground] [--keep] [--report]`:
 * the primary of a 3p+4t cluster with the default configuration goes, again and again, and each
 * round is a line of failover.jsonl. Goals are judged over all rounds on hosts; rounds of a kind
 * are run until it has as many as its goal wants, or `--rounds` more.
 */

import {fileURLToPath} from 'node:url'
import {presentCommit} from '../proof/commit.ts'
import {option} from './arguments.ts'
import {noteRound, readRounds, type Round} from './failover-journal.ts'
import {type Kind, KINDS, PROCESS_KINDS} from './failover-round.ts'
import {playFailover} from './failover-play.ts'
import {onLabCluster} from './lab-cluster.ts'
import {quantile} from './load.ts'
import {startPlayground} from './playground.ts'
import {judge, type Row} from './row.ts'

const JOURNAL = 'failover'
const PLAY = fileURLToPath(new URL('failover-play.ts', import.meta.url))
const SIZE = {hosts: 7, proxies: 3, targets: 4}

/** All rows of this benchmark. */
export async function benchFailover(args: readonly string[]): Promise<readonly Row[]> {
  const local = args.includes('--playground')
  if (!args.includes('--report')) {
    const due = roundsDue(args, local)
    if (due.length > 0) await (local ? onPlayground(due) : onHosts(due, args.includes('--keep')))
  }
  return report(readRounds(JOURNAL), local ? 'playground' : 'lab')
}

/** Kinds in turn, so that a run that is cut off has some of each. */
function roundsDue(args: readonly string[], local: boolean): readonly Kind[] {
  const chosen = option(args, '--kind')?.split(',') as Kind[] | undefined
  const kinds = chosen ?? (local ? PROCESS_KINDS : (Object.keys(KINDS) as Kind[]))
  const more = Number(option(args, '--rounds') ?? 0)
  const known = readRounds(JOURNAL).filter(({on}) => on === (local ? 'playground' : 'lab'))
  const left = new Map(
    kinds.map((kind) => {
      if (KINDS[kind] === undefined) throw new Error(`no kind ${kind}: ${Object.keys(KINDS)}`)
      const seen = known.filter((round) => round.kind === kind).length
      return [kind, more > 0 ? more : Math.max(0, KINDS[kind].rounds - seen)] as const
    }),
  )
  const most = Math.max(0, ...left.values())
  return Array.from({length: most}, (_, turn) =>
    kinds.filter((kind) => (left.get(kind) ?? 0) > turn),
  ).flat()
}

async function onHosts(due: readonly Kind[], keep: boolean): Promise<void> {
  await onLabCluster('failover', SIZE, {script: PLAY, args: [due.join(',')], keep})
}

async function onPlayground(due: readonly Kind[]): Promise<void> {
  const {playgroundStage} = await import('../lab/stage/playground-stage.ts')
  const playground = await startPlayground(SIZE.proxies, SIZE.targets)
  try {
    const stage = await playgroundStage(playground)
    const commit = presentCommit(['src'])
    await playFailover(stage, 'playground', due, (round) => noteRound(JOURNAL, {commit, ...round}))
  } finally {
    await playground.down()
  }
}

function report(all: readonly Round[], on: Round['on']): readonly Row[] {
  const rounds = all.filter((round) => round.on === on)
  const kinds = (Object.keys(KINDS) as Kind[]).filter((kind) =>
    rounds.some((round) => round.kind === kind),
  )
  return [
    ...kinds.flatMap((kind) =>
      rowsOf(
        kind,
        rounds.filter((round) => round.kind === kind),
      ),
    ),
    judge({
      metric: `${on}: rounds in which something did not hold`,
      unit: 'rounds',
      value: rounds.filter(({ok}) => !ok).length,
      n: rounds.length,
      goal: 'value<=0',
    }),
    judge({
      metric: `${on}: rounds of commit ${presentCommit(['src'])}`,
      unit: 'rounds',
      value: rounds.filter(({commit}) => commit === presentCommit(['src'])).length,
      n: rounds.length,
    }),
  ]
}

function rowsOf(kind: Kind, rounds: readonly Round[]): readonly Row[] {
  const {p50, p99} = KINDS[kind]
  const times = rounds
    .flatMap(({measured}) => measured['failover ms'] ?? [])
    .map((ms) => ms / 1000)
    .toSorted((a, b) => a - b)
  const metric = `primary ${kind}: all living nodes on the new record`
  const both = {unit: 's', n: times.length, p50: quantile(times, 0.5), p99: quantile(times, 0.99)}
  const reads = rounds.reduce((sum, {measured}) => sum + (measured['reads failed'] ?? 0), 0)
  return [
    judge({metric: `${metric}, p50`, value: both.p50, ...both, goal: `value<=${p50}`}),
    judge({metric: `${metric}, p99`, value: both.p99, ...both, goal: `value<=${p99}`}),
    judge({
      metric: `primary ${kind}: reads that failed`,
      unit: 'reads',
      value: reads,
      n: rounds.length,
      goal: 'value<=0',
    }),
    judge({
      metric: `primary ${kind}: connections reset before they were accepted`,
      unit: 'connections',
      value: rounds.reduce((sum, {measured}) => sum + (measured['connections reset'] ?? 0), 0),
      n: rounds.length,
    }),
  ]
}
