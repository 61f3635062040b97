/**
 * Hosts lose their power in the middle of a move, or a receiver has no room left: the operation
 * ends by itself when what was missing is back, and nothing acknowledged is lost or back.
 */

import {setTimeout as sleep} from 'node:timers/promises'
import type {Herd} from '../stage/herd.ts'
import {nowMs} from '../stage/http.ts'
import {isDone, isIdle, operationAt, untilOperation} from '../stage/lifecycle.ts'
import {describe, type Play, primaryOf, whole} from '../stage/play.ts'
import {gatewaysBut, hostsOf, type StageNode} from '../stage/stage.ts'
import {
  comeBack,
  expectGone,
  expectPromises,
  mountpathsOn,
  moveAtMost,
  MOVED_MS_MAX,
  objectFiles,
  ordered,
  partMoved,
  settledDown,
  SLOWEST,
  someTarget,
  withHerd,
} from './moving.ts'
import type {Scenario} from './scenario.ts'

const OBJECTS = 1200
const OBJECTS_LONG = 20_000
const ROUNDS_LONG = 10
const BYTES_MAX = 16_384
/** Long enough that a primary that is going to draw a wrong conclusion has drawn it. */
const NOTHING_HAPPENS_MS = 8000
const READERS = 2

export const powerScenarios: readonly Scenario[] = [
  {
    name: 'blackout-in-rebalance',
    title: 'all hosts lose power in the middle of a move: nothing is lost and nothing comes back',
    on: 'hosts',
    long: false,
    run: (play) => withHerd(play, 'dark', (herd) => blackouts(play, herd), BYTES_MAX),
  },
  {
    name: 'receiver-full',
    title: '5: a target that receives has no room left: nothing is finalized until it has',
    on: 'hosts',
    long: true,
    run: (play) => withHerd(play, 'full', (herd) => receiverFull(play, herd), 32_768),
  },
]

async function blackouts(play: Play, herd: Herd): Promise<readonly string[]> {
  const {stage, checks} = play
  const rounds = play.longRun ? ROUNDS_LONG : 1
  const count = play.longRun ? OBJECTS_LONG : OBJECTS
  await herd.write(herd.names(count))
  const targets = [1, 2, 3, 4].map((at) => someTarget(play, at))
  let finished = 0
  for (let round = 0; round < rounds; round += 1) {
    // Out with the first, back with it, out with the second …
    const target = targets[Math.floor(round / 2) % targets.length]
    if (target === undefined) break
    if (await blackout(play, herd, {round, target, share: Math.floor(count / 10)})) finished += 1
    else break
  }
  checks.expect(finished === rounds, `${rounds} operations ended by themselves`, finished)
  const out = primaryFlagged(play)
  if (out.length > 0) {
    await ordered(play, 'stop-maintenance', out)
    await settledDown(play, nowMs(), 'the last return')
    await expectPromises(play, herd, 'all are back')
  }
  return stage.nodes.map(({id}) => id)
}

function primaryFlagged(play: Play): readonly StageNode[] {
  const flagged = play.watch.of(primaryOf(play).id)?.flagged ?? []
  return play.stage.nodes.filter(({id}) => flagged.includes(id))
}

interface Round {
  readonly round: number
  readonly target: StageNode
  /** Objects that are overwritten, and that are deleted, while it moves. */
  readonly share: number
}

/** Whether the operation ended by itself. */
async function blackout(play: Play, herd: Herd, {round, target, share}: Round): Promise<boolean> {
  const {stage, checks, watch} = play
  const faults = hostsOf(stage)
  const gateways = gatewaysBut(stage)
  const out = round % 2 === 0
  await moveAtMost(play, SLOWEST)
  await ordered(play, out ? 'start-maintenance' : 'stop-maintenance', [target])
  const changes = Promise.all([
    herd.write(herd.names(share, ((round * 2) % 10) * share)),
    herd.remove(herd.names(share, ((round * 2 + 1) % 10) * share)),
  ])
  const giver = out ? target : stage.nodes.find((one) => one.role === 'target' && one !== target)
  const met = giver !== undefined && (await partMoved(gateways, giver))
  checks.expect(met, `round ${round + 1}: the power goes while data moves`)
  const hosts = [...new Set(stage.nodes.map(({host}) => host))]
  const darkMs = await faults.powerOff(hosts)
  await faults.powerOn(hosts)
  const back = await whole(play)
  checks.expect(back !== undefined, `round ${round + 1}: all are back`, describe(watch, stage))
  await moveAtMost(play, '0')
  const ended = await untilOperation(gateways, isDone, MOVED_MS_MAX)
  const seen = ended ?? (await operationAt(gateways[0] ?? ''))
  checks.expect(ended !== undefined, `round ${round + 1}: it ends by itself`, seen)
  checks.measure('ended after the cut ms', nowMs() - darkMs)
  await changes
  await expectPromises(play, herd, `round ${round + 1}`)
  return ended !== undefined
}

async function receiverFull(play: Play, herd: Herd): Promise<readonly string[]> {
  const {stage, checks} = play
  const faults = hostsOf(stage)
  const [leaver, receiver] = [someTarget(play), someTarget(play, 2)]
  const gateways = gatewaysBut(stage)
  await herd.write(herd.names(play.longRun ? OBJECTS_LONG / 2 : OBJECTS))
  const files = await objectFiles(play, leaver)
  const paths = await mountpathsOn(stage, receiver)
  const fill = paths.map((path) => `dd if=/dev/zero of=${path}/filler bs=1M 2>/dev/null`)
  await faults.run(receiver.host, `${fill.join('; ')}; sync; true`)
  await ordered(play, 'decommission-node', [leaver], {removeUserData: true})
  const stopReading = herd.watch(herd.ledger.keys, READERS)
  await sleep(NOTHING_HAPPENS_MS)
  const still = await operationAt(primaryOf(play).endpoint)
  checks.expect(still?.op?.phase === 'moving', 'nothing is finalized', still?.op ?? still)
  const problems = still?.nodes.map(({problem}) => problem).filter((text) => text !== '') ?? []
  checks.expect(problems.length > 0, 'it says what is missing', still?.nodes)
  const kept = await objectFiles(play, leaver)
  checks.expect(kept >= files, 'nothing is wiped', `${kept} of ${files}`)
  await faults.run(receiver.host, `rm -f ${paths.map((path) => `${path}/filler`).join(' ')}; sync`)
  const roomMs = nowMs()
  const ended = await untilOperation(gateways, isIdle, MOVED_MS_MAX)
  checks.expect(
    ended !== undefined,
    'with room again it ends',
    await operationAt(gateways[0] ?? ''),
  )
  checks.measure('ended with room again ms', nowMs() - roomMs)
  const reads = await stopReading()
  checks.expect(reads.givenUp === 0, 'no read is given up', {...reads, why: herd.refusals})
  await expectPromises(play, herd, 'afterwards')
  await expectGone(play, leaver)
  await comeBack(play, leaver)
  await settledDown(play, nowMs(), 'joining anew')
  return [leaver.id, receiver.id]
}
