/**
 * A target dies for good while it is being decommissioned: only a forced command removes it, which
 * says how much goes with it. Nothing else is lost, and what it brings back later is never mixed
 * with what was written meanwhile.
 */

import {attempt, type RunResult} from '../../../plugins/lab/src/lab/run.ts'
import {AISCTL} from '../../bench/playground.ts'
import type {Herd} from '../stage/herd.ts'
import {nowMs, request} from '../stage/http.ts'
import {isIdle, operationAt, untilOperation} from '../stage/lifecycle.ts'
import {describe, others, type Play, primaryOf, whole} from '../stage/play.ts'
import {gatewaysBut, type StageNode} from '../stage/stage.ts'
import {
  expectPromises,
  isMember,
  moveAtMost,
  MOVED_MS_MAX,
  ordered,
  partMoved,
  settledDown,
  SLOW_BYTES_MAX,
  SLOWEST,
  someTarget,
  withHerd,
} from './moving.ts'
import {eventually, killForGood, type Scenario} from './scenario.ts'

const OBJECTS = 600
const OBJECTS_LONG = 6000
const LOST_MS_MAX = 60_000
const SILENT_MS = 5000
const SHOWN_MS_MAX = 10_000

export const removalScenarios: readonly Scenario[] = [
  {
    name: 'removed-by-force',
    title: '4: a target that stays dead is removed by force, and what it held comes back by order',
    on: 'processes',
    long: false,
    run: (play) => withHerd(play, 'forced', (herd) => removedByForce(play, herd), SLOW_BYTES_MAX),
  },
]

async function removedByForce(play: Play, herd: Herd): Promise<readonly string[]> {
  const {stage, checks, watch} = play
  const target = someTarget(play)
  await herd.write(herd.names(play.longRun ? OBJECTS_LONG : OBJECTS))
  await moveAtMost(play, SLOWEST)
  await ordered(play, 'decommission-node', [target], {removeUserData: true})
  checks.expect(await partMoved(gatewaysBut(stage), target), 'it dies while data moves')
  await killForGood(play, [target])
  // Who is being taken out is not marked as lost: that it says nothing is what shows.
  const isSilent = await untilOperation(
    gatewaysBut(stage),
    ({nodes, nowMs: now}) =>
      nodes.some(({id, heardMs}) => id === target.id && now - (heardMs ?? 0) > SILENT_MS),
    LOST_MS_MAX,
  )
  checks.expect(isSilent !== undefined, 'it is shown as silent')
  await namedAsHolding(play, target)
  await moveAtMost(play, '0')
  const alone = await outOfReach(play, herd)
  checks.expect(alone.length > 0, 'some objects are with it alone')
  await remove(play, target, alone.length)
  herd.giveUp(alone)
  const found = await statusesOf(play, herd, alone)
  const gone = found.filter((status) => status === 404).length
  checks.expect(gone === alone.length, 'what it alone held is not found', found.slice(0, 9))
  await expectPromises(play, herd, 'removed')
  await herd.write(alone.filter((_, at) => at % 2 === 0))
  await stage.start([target])
  const back = await whole(play)
  checks.expect(back !== undefined, 'it comes back', describe(watch, stage))
  await settledDown(play, nowMs(), 'as an empty node')
  await expectPromises(play, herd, 'back')
  await adopt(play, herd, target, alone)
  return [target.id]
}

/** The operator is told who holds it up, and both ways on. */
async function namedAsHolding(play: Play, {id}: StageNode): Promise<void> {
  const {stdout} = await operator(play, 'show', 'rebalance')
  const named = stdout.includes(`t[${id}] has not answered`)
  const ways = [`aisctl node start ${id}`, `aisctl advanced remove-from-smap ${id}`]
  const told = named && ways.every((way) => stdout.includes(way))
  play.checks.expect(told, 'it is named, with what to type', stdout)
}

/** Names that are answered by 503 and nothing else, asked of a gateway that waits for nobody. */
async function outOfReach(play: Play, herd: Herd): Promise<readonly string[]> {
  const keys = herd.ledger.keys
  // Ownership passes first: a refusal before that says nothing.
  const settled = await untilOperation(gatewaysBut(play.stage), () => true, MOVED_MS_MAX)
  play.checks.expect(settled !== undefined, 'the primary answers')
  const first = await statusesOf(play, herd, keys)
  play.checks.expect(!first.includes(404), 'what is out of reach is never "not found"')
  return keys.filter((_, at) => first[at] !== 200)
}

async function statusesOf(
  {stage}: Play,
  herd: Herd,
  keys: readonly string[],
): Promise<readonly number[]> {
  const [gateway = ''] = gatewaysBut(stage)
  const statuses: number[] = []
  for (const key of keys) {
    const path = `/v1/objects/${herd.bucket}/${key}`
    statuses.push((await request(gateway, {method: 'GET', path})).status)
  }
  return statuses
}

/** The operator's command, with its two questions answered. */
async function remove(play: Play, target: StageNode, alone: number): Promise<void> {
  const {stage, checks} = play
  const said = await operator(play, 'advanced', 'remove-from-smap', target.id, '--yes', '--json')
  if (said.status !== 0) throw new Error(`remove-from-smap: ${said.stdout}${said.stderr}`)
  const {unreachable} = JSON.parse(said.stdout) as {
    readonly unreachable: {readonly objects: number} | null
  }
  const counted = unreachable?.objects ?? 0
  checks.expect(counted >= alone, 'it says how much goes with the node', `${counted} of ${alone}`)
  const ended = await untilOperation(gatewaysBut(stage), isIdle, MOVED_MS_MAX)
  checks.expect(
    ended !== undefined,
    'the operation ends',
    await operationAt(primaryOf(play).endpoint),
  )
  const isGone = (): boolean => !isMember(play, target, others(stage, [target.id]))
  checks.expect(await eventually(isGone, SHOWN_MS_MAX), 'it is no member')
}

function operator({stage}: Play, ...words: readonly string[]): Promise<RunResult> {
  const cluster = ['--cluster', `http://${gatewaysBut(stage)[0] ?? ''}`]
  return attempt([process.execPath, AISCTL, ...words, ...cluster])
}

async function adopt(
  play: Play,
  herd: Herd,
  target: StageNode,
  alone: readonly string[],
): Promise<void> {
  const {checks} = play
  const rest = alone.filter((_, at) => at % 2 === 1)
  const before = await statusesOf(play, herd, rest)
  const early = before.filter((status) => status !== 404).length
  checks.expect(early === 0, 'what it brings is not there until it is ordered', before.slice(0, 9))
  const {status, stdout, stderr} = await operator(play, 'node', 'adopt-data', target.id, '--yes')
  checks.expect(status === 0, 'what it kept aside is taken up', `${stdout}${stderr}`)
  const after = await statusesOf(play, herd, rest)
  const missing = after.filter((status) => status !== 200).length
  checks.expect(missing === 0, 'then what nobody has written since is there', after.slice(0, 9))
  await expectPromises(play, herd, 'taken up')
}
