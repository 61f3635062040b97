/**
 * A target is decommissioned with its data, and something dies meanwhile: the primary at each of
 * six moments, the target itself, a target that receives. What had begun ends by itself, nothing is
 * wiped before it is elsewhere, and the host can join again as a new node.
 */

import {setTimeout as sleep} from 'node:timers/promises'
import type {Herd} from '../stage/herd.ts'
import {nowMs, type Reply} from '../stage/http.ts'
import {isIdle, operationAt, untilOperation} from '../stage/lifecycle.ts'
import {describe, others, type Play, primaryOf, whole} from '../stage/play.ts'
import {gatewaysBut, type StageNode} from '../stage/stage.ts'
import {
  comeBack,
  expectGone,
  expectPromises,
  expectServed,
  isMember,
  moveAtMost,
  MOVED_MS_MAX,
  objectFiles,
  ordered,
  ordering,
  partMoved,
  settledDown,
  SLOW_BYTES_MAX,
  SLOWEST,
  someTarget,
  withHerd,
} from './moving.ts'
import {
  eventually,
  expectPrimary,
  inRounds,
  killForGood,
  KILLED_MS_MAX,
  type Scenario,
} from './scenario.ts'

const REMOVE = {removeUserData: true}
/** A log is looked at so often for the line that names a moment. */
const LOOK_MS = 3
const MOMENT_MS_MAX = 60_000
const READERS = 3
/** Longer than a primary needs to draw a wrong conclusion. */
const NOTHING_HAPPENS_MS = 6000
/** Every node shows a change by then. */
const SHOWN_MS_MAX = 5000

/** Moments of a decommission, in their order. */
const MOMENTS = ['asked', 'committed', 'begun', 'half', 'moved', 'told'] as const
type Moment = (typeof MOMENTS)[number]

export const decommissionScenarios: readonly Scenario[] = [
  {
    name: 'decommission-primary-killed',
    title: '3: the primary is killed at six moments of a decommission, and it ends by itself',
    on: 'processes',
    long: false,
    run: (play) =>
      inRounds(play, MOMENTS.length, (round) => {
        const moment = MOMENTS[round] ?? 'half'
        return withHerd(play, moment, (herd) => primaryKilled(play, herd, moment), SLOW_BYTES_MAX)
      }),
  },
  {
    name: 'leaver-killed',
    title: '4: a target that is being decommissioned dies, returns, and leaves with nothing lost',
    on: 'processes',
    long: false,
    run: (play) => withHerd(play, 'leaver', (herd) => leaverKilled(play, herd), SLOW_BYTES_MAX),
  },
  {
    name: 'receiver-killed',
    title:
      '5: a target that receives dies: nothing is finalized and nothing wiped until it is back',
    on: 'processes',
    long: false,
    run: (play) => withHerd(play, 'receiver', (herd) => receiverKilled(play, herd), SLOW_BYTES_MAX),
  },
]

const objectsOf = ({longRun}: Play): number => (longRun ? 10_000 : 1200)
/** Moments that need no long move. */
const FEW_OBJECTS = 200
/** Moments at which data still has to move. */
const SLOW_MOMENTS: readonly Moment[] = ['begun', 'half']

async function primaryKilled(play: Play, herd: Herd, moment: Moment): Promise<readonly string[]> {
  const {stage, checks, watch, load} = play
  const primary = primaryOf(play)
  const leaver = someTarget(play)
  const isSlow = SLOW_MOMENTS.includes(moment)
  await herd.write(herd.names(play.longRun || isSlow ? objectsOf(play) : FEW_OBJECTS))
  load.use(gatewaysBut(stage, [primary.id]))
  herd.use(gatewaysBut(stage, [primary.id]))
  const stopReading = herd.watch(herd.ledger.keys, READERS)
  if (isSlow) await moveAtMost(play, SLOWEST)
  const asked = ordering(play, 'decommission-node', [leaver], REMOVE)
  const seen = await momentOf(play, {moment, primary, leaver, asked})
  checks.expect(seen, `the moment "${moment}" is met`)
  const sinceMs = await killForGood(play, [primary])
  const before = await asked
  await expectPrimary(play, [primary], {withinMs: KILLED_MS_MAX, sinceMs})
  if (isSlow) await moveAtMost(play, '0')
  const rest = others(stage, [primary.id])
  const ended = await untilOperation(gatewaysBut(stage, [primary.id]), isIdle, MOVED_MS_MAX)
  checks.expect(ended !== undefined, `killed when "${moment}": it ends`, before.text)
  checks.measure(`"${moment}" ended ms`, nowMs() - sinceMs)
  const left = await eventually(() => !isMember(play, leaver, rest), SHOWN_MS_MAX)
  // Only what was never granted may be forgotten.
  const may = left || (moment === 'asked' && before.status !== 200)
  checks.expect(may, `killed when "${moment}": the node is gone`, describe(watch, stage))
  expectServed(play, herd, `reads, "${moment}"`, await stopReading())
  await expectPromises(play, herd, `"${moment}"`)
  if (left) await expectGone(play, leaver)
  await stage.start([primary])
  if (left) await comeBack(play, leaver)
  else await whole(play)
  await settledDown(play, nowMs(), 'joining anew')
  await expectPromises(play, herd, `"${moment}", joined anew`)
  return [primary.id, leaver.id]
}

interface Plan {
  readonly moment: Moment
  readonly primary: StageNode
  readonly leaver: StageNode
  readonly asked: Promise<Reply>
}

/** Waits for the moment; whether it was met. */
async function momentOf(play: Play, {moment, primary, leaver, asked}: Plan): Promise<boolean> {
  const {stage} = play
  if (moment === 'asked') {
    await sleep(LOOK_MS)
    return true
  }
  const {text, status} = await asked
  if (status !== 200) return false
  if (moment === 'committed') return true
  const rebalance = text.trim()
  const targets = stage.nodes.filter(({role}) => role === 'target')
  if (moment === 'begun') return logged(play, [leaver], 'objects are to be moved', rebalance)
  if (moment === 'moved') return logged(play, targets, 'nothing is left to be moved', rebalance)
  if (moment === 'told') return logged(play, [leaver], 'decommissioned (')
  return partMoved([primary.endpoint], leaver)
}

/** Waits until all these nodes have logged a line with these words. */
async function logged(
  {stage}: Play,
  nodes: readonly StageNode[],
  ...words: readonly string[]
): Promise<boolean> {
  const isIt = (line: string): boolean => words.every((word) => line.includes(word))
  const waiting = new Set(nodes)
  const deadline = nowMs() + MOMENT_MS_MAX
  while (waiting.size > 0 && nowMs() < deadline) {
    for (const node of waiting) {
      if ((await stage.logOf(node, 60)).split('\n').some(isIt)) waiting.delete(node)
    }
    await sleep(LOOK_MS)
  }
  return waiting.size === 0
}

async function leaverKilled(play: Play, herd: Herd): Promise<readonly string[]> {
  const {stage, checks} = play
  const leaver = someTarget(play)
  const gateways = gatewaysBut(stage)
  await herd.write(herd.names(objectsOf(play)))
  await moveAtMost(play, SLOWEST)
  await ordered(play, 'decommission-node', [leaver], REMOVE)
  checks.expect(await partMoved(gateways, leaver), 'it dies while data moves')
  await killForGood(play, [leaver])
  await moveAtMost(play, '0')
  const stopReading = herd.watch(herd.ledger.keys, READERS)
  await sleep(NOTHING_HAPPENS_MS)
  const still = await operationAt(primaryOf(play).endpoint)
  checks.expect(still?.op?.action === 'decommission-node', 'it is not over', still?.op ?? still)
  checks.expect(isMember(play, leaver, others(stage, [leaver.id])), 'the node is a member still')
  await endsAfterReturn({play, herd, leaver, back: leaver, stopReading})
  return [leaver.id]
}

async function receiverKilled(play: Play, herd: Herd): Promise<readonly string[]> {
  const {stage, checks} = play
  const leaver = someTarget(play)
  const receiver = someTarget(play, 2)
  const gateways = gatewaysBut(stage)
  await herd.write(herd.names(objectsOf(play)))
  const files = await objectFiles(play, leaver)
  await moveAtMost(play, SLOWEST)
  await ordered(play, 'decommission-node', [leaver], REMOVE)
  checks.expect(await partMoved(gateways, leaver), 'it dies while data moves')
  await killForGood(play, [receiver])
  await moveAtMost(play, '0')
  await sleep(NOTHING_HAPPENS_MS)
  const still = await operationAt(primaryOf(play).endpoint)
  checks.expect(still?.op?.phase === 'moving', 'nothing is finalized', still?.op ?? still)
  const kept = await objectFiles(play, leaver)
  checks.expect(kept >= files, 'nothing is wiped', `${kept} of ${files}`)
  const stopReading = herd.watch(herd.ledger.keys, READERS)
  await endsAfterReturn({play, herd, leaver, back: receiver, stopReading})
  return [leaver.id, receiver.id]
}

interface Interrupted {
  readonly play: Play
  readonly herd: Herd
  readonly leaver: StageNode
  /** Whose death held it up. */
  readonly back: StageNode
  readonly stopReading: ReturnType<Herd['watch']>
}

/** The decommission goes on when who was away is back, and its node can join anew. */
async function endsAfterReturn({
  play,
  herd,
  leaver,
  back,
  stopReading,
}: Interrupted): Promise<void> {
  const {stage, checks} = play
  const gateways = gatewaysBut(stage)
  const beganMs = nowMs()
  await stage.start([back])
  const ended = await untilOperation(gateways, isIdle, MOVED_MS_MAX)
  checks.expect(ended !== undefined, 'it goes on and ends', await operationAt(gateways[0] ?? ''))
  checks.measure('ended after the return ms', nowMs() - beganMs)
  expectServed(play, herd, 'reads', await stopReading())
  await expectPromises(play, herd, 'afterwards')
  await expectGone(play, leaver)
  await comeBack(play, leaver)
  await settledDown(play, nowMs(), 'joining anew')
}
