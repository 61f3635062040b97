/**
 * Orders beside orders: what is refused while something is under way and what is not, batches,
 * orders that were interrupted, and nodes that restart while they are out.
 */

import {readdirSync, rmSync} from 'node:fs'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import type {Herd} from '../stage/herd.ts'
import {nowMs, type Reply} from '../stage/http.ts'
import {isDone, operationAt, orderRebalance, untilOperation} from '../stage/lifecycle.ts'
import {others, type Play, primaryOf, whole} from '../stage/play.ts'
import {gatewaysBut, localOf, type StageNode} from '../stage/stage.ts'
import {
  comeBack,
  expectGone,
  expectPromises,
  isMember,
  MOVED_MS_MAX,
  ordered,
  ordering,
  settledDown,
  someTarget,
  withHerd,
} from './moving.ts'
import {eventually, type Scenario} from './scenario.ts'

const OBJECTS = 400
const SHOWN_MS_MAX = 10_000
const ENDED_MS_MAX = 30_000
/** A node that slips back into service by itself has done it by then. */
const SLIPS_BACK_MS = 3000

export const orderScenarios: readonly Scenario[] = [
  {
    name: 'refusals',
    title: '24, 25: beside an order that is under way all others are refused, and change nothing',
    on: 'processes',
    long: false,
    run: (play) => withHerd(play, 'refused', (herd) => refusals(play, herd)),
  },
  {
    name: 'batches',
    title: '27: several nodes go out in one change and with one rebalance, all of them or none',
    on: 'processes',
    long: false,
    run: (play) => withHerd(play, 'batch', (herd) => batches(play, herd)),
  },
  {
    name: 'incomplete',
    title: '28: a maintenance whose data has not moved is shown as such, and goes on or back',
    on: 'processes',
    long: false,
    run: (play) => withHerd(play, 'stopped', (herd) => incomplete(play, herd)),
  },
  {
    name: 'out-and-restarted',
    title: '29: a node that is out stays out over restarts until it is told',
    on: 'processes',
    long: false,
    run: (play) => withHerd(play, 'restarted', (herd) => outAndRestarted(play, herd)),
  },
  {
    name: 'two-decommissioned',
    title: '30: two targets of four are decommissioned at once, and join again empty',
    on: 'processes',
    long: true,
    run: (play) => withHerd(play, 'two', (herd) => twoDecommissioned(play, herd)),
  },
]

/** What may not change by what is refused. */
interface Standing {
  readonly version: number | undefined
  readonly rebalance: string | undefined
  readonly op: string | undefined
}

async function standingOf({watch}: Play, primary: StageNode): Promise<Standing> {
  const said = await operationAt(primary.endpoint)
  const op = JSON.stringify(said?.op)
  return {version: watch.of(primary.id)?.version, rebalance: said?.rebalance, op}
}

/** One target that takes no part stands still, so that what is under way stays so. */
async function refusals(play: Play, herd: Herd): Promise<readonly string[]> {
  const {stage, checks} = play
  const [a, b, c, still] = [1, 2, 3, 4].map((at) => someTarget(play, at))
  if (a === undefined || b === undefined || c === undefined || still === undefined) return []
  const primary = primaryOf(play)
  await herd.write(herd.names(OBJECTS))
  await stage.freeze([still])
  await ordered(play, 'start-maintenance', [a, b])
  await eventually(() => play.watch.of(primary.id)?.flagged.length === 2, SHOWN_MS_MAX)
  await sleep(200)
  const before = await standingOf(play, primary)
  const asks: readonly (readonly [string, () => Promise<Reply>])[] = [
    ['stop {A}', () => ordering(play, 'stop-maintenance', [a])],
    ['stop {A, B, C}', () => ordering(play, 'stop-maintenance', [a, b, c])],
    ['stop {C}', () => ordering(play, 'stop-maintenance', [c])],
    ['start {C}', () => ordering(play, 'start-maintenance', [c])],
    [
      'start {C} without rebalance',
      () => ordering(play, 'start-maintenance', [c], {skipRebalance: true}),
    ],
    ['shutdown {A}', () => ordering(play, 'shutdown-node', [a])],
    ['decommission {C}', () => ordering(play, 'decommission-node', [c])],
    ['decommission {A, B}', () => ordering(play, 'decommission-node', [a, b])],
    ['start rebalance', () => orderRebalance(primary.endpoint, 'start')],
  ]
  for (const [what, ask] of asks) {
    const {status, text} = await ask()
    const names = before.rebalance !== undefined && /busy/i.test(text)
    checks.expect(status === 409 && names, `${what} is refused as busy`, `${status} ${text}`)
  }
  const again = await ordering(play, 'start-maintenance', [b, a])
  checks.expect(again.status === 200, 'the same order again is granted', again.text)
  checks.expect(again.text.trim() === before.rebalance, 'and names the same rebalance', again.text)
  const after = await standingOf(play, primary)
  checks.expect(after.version === before.version, 'the map is as before', {before, after})
  checks.expect(after.op === before.op, 'the operation is as before', {before, after})
  checks.expect(after.rebalance === before.rebalance, 'the rebalance is as before', {before, after})
  await stage.thaw([still])
  await ordered(play, 'stop-maintenance', [a, b])
  await settledDown(play, nowMs(), 'return')
  await expectPromises(play, herd, 'afterwards')
  await beside(play, herd, [a, b, still])
  return []
}

/** The same beside a decommission, which is taken back in the end. */
async function beside(
  play: Play,
  herd: Herd,
  [a, b, still]: readonly [StageNode, StageNode, StageNode],
): Promise<void> {
  const {stage, checks, watch} = play
  const primary = primaryOf(play)
  await stage.freeze([still])
  await ordered(play, 'decommission-node', [a], {removeUserData: true})
  await eventually(() => watch.of(primary.id)?.flagged.includes(a.id) === true, SHOWN_MS_MAX)
  await sleep(200)
  const before = await standingOf(play, primary)
  for (const what of ['start-maintenance', 'shutdown-node'] as const) {
    for (const node of [a, b]) {
      const {status, text} = await ordering(play, what, [node])
      const which = node === a ? 'the same node' : 'another node'
      checks.expect(status === 409, `${what} of ${which} is refused`, `${status} ${text}`)
    }
  }
  const again = await ordering(play, 'decommission-node', [a], {removeUserData: true})
  checks.expect(again.status === 200, 'the decommission again is granted', again.text)
  const after = await standingOf(play, primary)
  checks.expect(after.version === before.version, 'the map is as before', {before, after})
  checks.expect(after.op === before.op, 'the operation is as before', {before, after})
  await stage.thaw([still])
  await ordered(play, 'stop-maintenance', [a])
  await settledDown(play, nowMs(), 'return from a decommission')
  await expectPromises(play, herd, 'taken back')
}

async function batches(play: Play, herd: Herd): Promise<readonly string[]> {
  const {stage, checks, watch} = play
  const [a, b, c] = [1, 2, 3].map((at) => someTarget(play, at))
  if (a === undefined || b === undefined || c === undefined) return []
  const primary = primaryOf(play)
  const nobody: StageNode = {...a, id: 'nobody'}
  await herd.write(herd.names(OBJECTS))
  const before = await standingOf(play, primary)
  for (const [nodes, what] of [
    [[a, nobody], 'an unknown one'],
    [[a, primary], 'the primary'],
  ] as const) {
    const {status, text} = await ordering(play, 'start-maintenance', nodes)
    checks.expect(status >= 400 && status < 500, `with ${what}: refused`, `${status} ${text}`)
  }
  const untouched = await standingOf(play, primary)
  checks.expect(untouched.version === before.version, 'and nothing was touched')
  const sinceMs = nowMs()
  const rebalance = await ordered(play, 'start-maintenance', [a, b])
  await settledDown(play, sinceMs, 'two move out')
  const versions = new Set(watch.since(sinceMs, [primary.id]).map(({version}) => version))
  checks.expect(versions.size <= 2, 'one change of the map for each phase', [...versions])
  const moved = await operationAt(primary.endpoint)
  checks.expect(moved?.rebalance === rebalance, 'one rebalance', `${rebalance} ${moved?.rebalance}`)
  await expectPromises(play, herd, 'two are out')
  await ordered(play, 'stop-maintenance', [a, b])
  await settledDown(play, nowMs(), 'two move back')
  await ordered(play, 'start-maintenance', [a], {skipRebalance: true})
  const both = await ordered(play, 'start-maintenance', [a, b])
  checks.expect(/^g\d+$/.test(both), 'one is out already: a rebalance for both', both)
  await settledDown(play, nowMs(), 'both move out')
  const out = await operationAt(primary.endpoint)
  const holding = out?.nodes.filter(({holds}) => holds).map(({id}) => id) ?? ['nobody says']
  const none = !holding.includes(a.id) && !holding.includes(b.id)
  checks.expect(none, 'both are safe to power off', holding)
  await stage.kill([a])
  await expectPromises(play, herd, 'both are out')
  await stage.start([a])
  await ordered(play, 'stop-maintenance', [a, b])
  await settledDown(play, nowMs(), 'both move back')
  await expectPromises(play, herd, 'both are back')
  return [a.id]
}

async function incomplete(play: Play, herd: Herd): Promise<readonly string[]> {
  const {checks} = play
  const [a, still] = [1, 4].map((at) => someTarget(play, at))
  if (a === undefined || still === undefined) return []
  const primary = primaryOf(play)
  await herd.write(herd.names(OBJECTS))
  await stopped(play, a, still)
  const shown = await operationAt(primary.endpoint)
  const node = shown?.nodes.find(({id}) => id === a.id)
  checks.expect(node?.holds === true, 'it is shown as holding what is nowhere else', shown)
  await expectPromises(play, herd, 'stopped')
  // Again, and then it is complete.
  await ordered(play, 'start-maintenance', [a])
  await settledDown(play, nowMs(), 'moving out after all')
  const complete = await operationAt(primary.endpoint)
  const safe = complete?.nodes.find(({id}) => id === a.id)?.holds !== true
  checks.expect(safe, 'then it is safe to power off', complete)
  await ordered(play, 'stop-maintenance', [a])
  await settledDown(play, nowMs(), 'back')
  // From there into a decommission: the data moves, or it is refused.
  await stopped(play, a, still)
  await ordered(play, 'decommission-node', [a], {removeUserData: true})
  await settledDown(play, nowMs(), 'decommission')
  await expectPromises(play, herd, 'decommissioned')
  await expectGone(play, a)
  await comeBack(play, a)
  await settledDown(play, nowMs(), 'joining anew')
  return [a.id]
}

/** A start of maintenance whose rebalance the operator ends. */
async function stopped(play: Play, a: StageNode, still: StageNode): Promise<void> {
  const {stage, checks} = play
  const primary = primaryOf(play)
  await stage.freeze([still])
  await ordered(play, 'start-maintenance', [a])
  const {status, text} = await orderRebalance(primary.endpoint, 'stop', true)
  checks.expect(status === 200, 'the rebalance is stopped', `${status} ${text}`)
  await stage.thaw([still])
  const quiet = await untilOperation(
    gatewaysBut(stage),
    ({move, op}) => move === null && op === null,
    ENDED_MS_MAX,
  )
  checks.expect(quiet !== undefined, 'nothing is under way any more')
  checks.expect((await whole(play)) !== undefined, 'everybody is there')
}

async function outAndRestarted(play: Play, herd: Herd): Promise<readonly string[]> {
  const {stage, checks, watch} = play
  const target = someTarget(play)
  const primary = primaryOf(play)
  const gateway = stage.nodes.find(({role, id}) => role === 'proxy' && id !== primary.id)
  if (gateway === undefined) throw new Error('one gateway only')
  play.load.use(gatewaysBut(stage, [gateway.id]))
  herd.use(gatewaysBut(stage, [gateway.id]))
  await herd.write(herd.names(OBJECTS))
  for (const node of [target, gateway]) {
    await ordered(play, 'shutdown-node', [node])
    const ended = await eventually(() => stage.processOf(node) === '', MOVED_MS_MAX)
    checks.expect(ended, `${node.role}: its process ends`)
    await expectPromises(play, herd, `${node.role} is shut down`)
    for (const round of ['started', 'restarted']) {
      await stage.start([node])
      await whole(play)
      await sleep(SLIPS_BACK_MS)
      const flagged = watch.of(primary.id)?.flagged ?? []
      checks.expect(flagged.includes(node.id), `${node.role} ${round}: it stays out`, flagged)
      if (round === 'started') await stage.stop(node)
    }
    await ordered(play, 'stop-maintenance', [node])
    await settledDown(play, nowMs(), `${node.role} back`)
  }
  await expectPromises(play, herd, 'both are back')
  await byMistake(play, target)
  await expectPromises(play, herd, 'after all')
  return [target.id, gateway.id]
}

/** A decommissioned node that keeps its data is started again. */
async function byMistake(play: Play, target: StageNode): Promise<void> {
  const {stage, checks, watch} = play
  await ordered(play, 'decommission-node', [target])
  const rest = others(stage, [target.id])
  await settledDown(play, nowMs(), 'decommission')
  await eventually(() => stage.processOf(target) === '', ENDED_MS_MAX)
  const version = watch.agreed(rest.map(({id}) => id))?.version
  await stage.start([target])
  const ended = await eventually(() => stage.processOf(target) === '', ENDED_MS_MAX)
  checks.expect(ended, 'started by mistake: it ends')
  const log = await stage.logOf(target, 5)
  checks.expect(/decommissioned from/.test(log), 'and says why', log.slice(-500))
  checks.expect(!isMember(play, target, rest), 'it is no member')
  const after = watch.agreed(rest.map(({id}) => id))?.version
  checks.expect(after === version, 'the map is untouched', `${version}, then ${after}`)
  emptyDisks(play, target)
  await comeBack(play, target)
  await settledDown(play, nowMs(), 'joining anew')
}

async function twoDecommissioned(play: Play, herd: Herd): Promise<readonly string[]> {
  const {stage, checks} = play
  const nodes = [1, 2].map((at) => someTarget(play, at))
  await herd.write(herd.names(play.longRun ? 10_000 : 100))
  await ordered(play, 'decommission-node', nodes, {removeUserData: true})
  await settledDown(play, nowMs(), 'two leave')
  await expectPromises(play, herd, 'two have left')
  for (const node of nodes) await expectGone(play, node)
  await comeBack(play, ...nodes)
  const done = await untilOperation(gatewaysBut(stage), isDone, MOVED_MS_MAX)
  checks.expect(done !== undefined, 'they get their share')
  await expectPromises(play, herd, 'two are back')
  return nodes.map(({id}) => id)
}

/** What the cluster left to the operator is the operator's to remove. */
function emptyDisks({stage, checks}: Play, node: StageNode): void {
  const directory = localOf(stage).directoryOf(node)
  const mountpaths = readdirSync(directory).filter((name) => /^mp\d+$/.test(name))
  const entries = mountpaths.flatMap((name) =>
    readdirSync(join(directory, name)).map((entry) => join(directory, name, entry)),
  )
  checks.expect(entries.length > 0, 'its data is where it was')
  for (const entry of entries) rmSync(entry, {recursive: true})
}
