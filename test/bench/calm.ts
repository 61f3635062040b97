/**
 * `npm run bench -- calm [--kind KIND,KIND] [--minutes N] [--keep] [--report]`: seven hosts under
 * spinners on every core, on a bad network, with busy disks, for five minutes each: no elections,
 * nobody marked as lost, and a real death is seen all the same. A line of calm.jsonl per trouble.
 * Also the program that plays them inside the lab's network:
 *
 *   calm.ts LAB MINUTES KIND,KIND…
 */

import {fileURLToPath} from 'node:url'
import {playOn} from '../lab/stage/play.ts'
import {presentCommit} from '../proof/commit.ts'
import {option} from './arguments.ts'
import {calmPhase, type Trouble, TROUBLES} from './calm-phase.ts'
import {noteRound, readRounds, type Round} from './failover-journal.ts'
import {problemsOf} from './failover-round.ts'
import {LABS, onLabCluster} from './lab-cluster.ts'
import {judge, type Row} from './row.ts'

const JOURNAL = 'calm'
const SELF = fileURLToPath(import.meta.url)
const SIZE = {hosts: 7, proxies: 3, targets: 4}
const MINUTES = 5
/** The watcher is light: the machine is busy enough. */
const WATCH_EVERY_MS = 200

/** All rows of this benchmark. */
export async function benchCalm(args: readonly string[]): Promise<readonly Row[]> {
  const chosen = option(args, '--kind')?.split(',')
  const minutes = Number(option(args, '--minutes') ?? MINUTES)
  const seen = (kind: string): boolean =>
    readRounds(JOURNAL).some(
      (one) => one.kind === kind && (one.measured['minutes'] ?? 0) >= MINUTES,
    )
  const due = chosen ?? TROUBLES.filter((kind) => !seen(kind))
  if (!args.includes('--report') && due.length > 0) {
    const words = [String(minutes), due.join(',')]
    await onLabCluster('calm', SIZE, {script: SELF, args: words, keep: args.includes('--keep')})
  }
  return TROUBLES.flatMap((kind) => {
    const rounds = readRounds(JOURNAL).filter((one) => one.kind === kind)
    return rounds.length === 0 ? [] : rowsOf(kind, rounds)
  })
}

function rowsOf(kind: string, rounds: readonly Round[]): readonly Row[] {
  const most = (name: string): number =>
    Math.max(...rounds.map(({measured}) => measured[name] ?? Number.POSITIVE_INFINITY))
  const minutes = rounds.reduce((sum, {measured}) => sum + (measured['minutes'] ?? 0), 0)
  const row = (metric: string, unit: string, value: number, goal: string): Row =>
    judge({metric: `${kind}: ${metric}`, unit, value, n: rounds.length, goal})
  return [
    row('minutes', 'min', minutes, `value>=${MINUTES}`),
    row('elections', 'elections', most('elections'), 'value<=0'),
    row('nodes marked as lost', 'nodes', most('marked'), 'value<=0'),
    row('death of a target seen', 's', most('death of a target seen ms') / 1000, 'value<=10'),
    row('death of the primary seen', 's', most('death of the primary seen ms') / 1000, 'value<=10'),
    row('rounds not ok', 'rounds', rounds.filter(({ok}) => !ok).length, 'value<=0'),
  ]
}

async function play(lab: string, minutes: number, kinds: readonly Trouble[]): Promise<void> {
  const {labStage} = await import('../lab/stage/lab-stage.ts')
  const stage = labStage(lab, LABS)
  const commit = presentCommit(['src'])
  for (const kind of kinds) {
    const name = `c${Date.now().toString(36)}`
    const options = {longRun: true, name, adminEveryMs: 1000, everyMs: WATCH_EVERY_MS}
    const checks = await playOn(stage, options, (one) => calmPhase(one, kind, minutes))
    const problems = problemsOf(checks)
    const ok = problems.length === 0
    const {measured} = checks
    noteRound(JOURNAL, {commit, on: 'lab', kind, ok, problems, measured})
  }
}

if (import.meta.main) {
  const [lab = '', minutes = '', kinds = ''] = process.argv.slice(2)
  await play(lab, Number(minutes), kinds.split(',') as Trouble[])
}
