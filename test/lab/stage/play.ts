/**
 * What every scenario does around its fault: watch, load, wait until the cluster is whole, and the
 * standing checks. I1: one primary, one map. I2: no map goes back. I3: what was acknowledged is
 * there. I4: and listed. I5: an order with nothing to do is granted and does nothing. I6: nothing
 * moves any more. I7: nobody is marked for maintenance. I8: nobody restarted but whom the scenario
 * ended.
 */

import {setTimeout as sleep} from 'node:timers/promises'
import {SCHEMA} from '../../../src/model/config/schema.ts'
import {action, nowMs, readJson, request} from './http.ts'
import {Checks} from './checks.ts'
import {isDone, isIdle, operationAt, order, untilOperation} from './lifecycle.ts'
import {BUCKET_ANEW, Load} from './load.ts'
import {gatewaysBut, nodesOf, type Stage, type StageNode} from './stage.ts'
import {type Sighting, Watch} from './watch.ts'

/** A cluster that is not whole by then does not become so. */
const WHOLE_MS_MAX = 90_000
/** I1: after the last transition. */
const SAME_MAP_MS_MAX = 10_000
const LOG_LINES = 400
/** A follower learns of a commit with the next record or beat. */
const LAG_MS_MAX = 3000
const LAG_POLL_MS = 100
/** A list is refused while a target may not answer for its share. */
const LISTED_MS_MAX = 30_000
/** I6: what a fault left to be moved is little. */
const SETTLED_MS_MAX = 60_000
/** What a node logs when it meets its own defect. */
const DEFECT = /BugError|please report|Unhandled|uncaught/i

export const BUCKET = 'stage'
/** The property's default. */
const UNCHANGED = SCHEMA['lru.batch_size'].initial

/** What a node shows of each bucket, by name. */
export type BucketList = ReadonlyMap<string, string>

export interface Play {
  readonly stage: Stage
  readonly watch: Watch
  readonly load: Load
  readonly checks: Checks
  readonly longRun: boolean
}

export interface PlayOptions {
  readonly longRun: boolean
  readonly name: string
  readonly adminEveryMs?: number
  readonly everyMs?: number
  /** Where what is found goes; it stays there when the scenario throws. */
  readonly checks?: Checks
}

/** Sets the stage, plays, and makes the standing checks; the watcher and the load end with it. */
export async function playOn(
  stage: Stage,
  options: PlayOptions,
  scenario: (play: Play) => Promise<readonly string[]>,
): Promise<Checks> {
  const {checks = new Checks()} = options
  const watch = new Watch(stage.nodes, stage.uuid, options.everyMs)
  const load = new Load({
    gateways: gatewaysBut(stage),
    bucket: BUCKET,
    name: options.name,
    ...(options.adminEveryMs === undefined ? {} : {adminEveryMs: options.adminEveryMs}),
  })
  const play = {stage, watch, load, checks, longRun: options.longRun}
  try {
    if (!checks.expect((await whole(play)) !== undefined, 'the cluster is whole before')) {
      checks.expect(false, 'what it shows', describe(watch, stage))
      return checks
    }
    await ensureBucket(stage, BUCKET)
    const before = new Map(stage.nodes.map((node) => [node.id, stage.processOf(node)]))
    await load.start()
    const ended = await scenario(play)
    await standing(play, before, ended)
  } finally {
    await Promise.all([load.end(), watch.end()])
  }
  return checks
}

/** Waits until all nodes show one map in which nobody is away; that map. */
export async function whole(
  {watch}: Pick<Play, 'watch'>,
  timeoutMs = WHOLE_MS_MAX,
): Promise<{readonly value: Sighting; readonly atMs: number} | undefined> {
  return watch.until(() => {
    const map = watch.agreed()
    if (map === undefined) return undefined
    return Object.keys(map.away).length + map.learners.length === 0 ? map : undefined
  }, timeoutMs)
}

/** Waits until these nodes name one primary, none of those that may not be. */
export async function newPrimary(
  {watch}: Pick<Play, 'watch'>,
  live: readonly StageNode[],
  not: readonly string[],
  timeoutMs: number,
): Promise<{readonly value: Sighting; readonly atMs: number} | undefined> {
  const ids = live.map(({id}) => id)
  return watch.until(() => {
    const seen = ids.map((id) => watch.of(id))
    const [first] = seen
    if (first === undefined || not.includes(first.primary)) return undefined
    const {uuid, version, primary} = first
    const same = seen.every((one) => {
      return one?.uuid === uuid && one.version === version && one.primary === primary
    })
    return same ? first : undefined
  }, timeoutMs)
}

/** The primary that all nodes name. */
export function primaryOf({stage, watch}: Pick<Play, 'stage' | 'watch'>): StageNode {
  const map = watch.agreed() ?? watch.history.at(-1)
  const [node] = nodesOf(stage, [map?.primary ?? ''])
  if (node === undefined) throw new Error('no primary')
  return node
}

/** All nodes but these. */
export function others(stage: Stage, ids: readonly string[]): readonly StageNode[] {
  return stage.nodes.filter(({id}) => !ids.includes(id))
}

/** Makes the bucket, unless it is there. */
export async function ensureBucket(stage: Stage, name: string): Promise<void> {
  const create = action('POST', `/v1/buckets/${name}`, {action: 'create-bck'})
  const reply = await request(gatewaysBut(stage)[0] ?? '', create)
  if (reply.status === 200 || reply.status === 409) return
  throw new Error(`bucket ${name}: ${reply.status} ${reply.text}`)
}

/** Removes buckets that a scenario made; what is gone already is no matter. */
export async function removeBuckets(stage: Stage, names: readonly string[]): Promise<void> {
  const [gateway = ''] = gatewaysBut(stage)
  for (const name of names) {
    await request(gateway, action('DELETE', `/v1/buckets/${name}`, {action: 'destroy-bck'}))
  }
}

/** Buckets that a node knows of, and what was set; undefined when it does not answer. */
export async function bucketsAt({endpoint}: StageNode): Promise<BucketList | undefined> {
  interface Shape {
    readonly providers: {readonly ais?: Readonly<Record<string, Readonly<Record<string, Props>>>>}
  }
  interface Props {
    readonly lru: {readonly batch_size: number}
  }
  const bmd = await readJson<Shape>(endpoint, '/v1/daemon?what=bmd')
  if (bmd === undefined) return undefined
  const buckets = Object.values(bmd.providers.ais ?? {}).flatMap((one) => Object.entries(one))
  return new Map(
    buckets.map(([name, {lru}]) => {
      return [name, lru.batch_size === UNCHANGED ? BUCKET_ANEW : `${lru.batch_size}`]
    }),
  )
}

/** What all nodes' lists of buckets contradict, for longer than a follower may lag behind. */
export async function contradictions(
  stage: Stage,
  judge: (lists: readonly BucketList[]) => readonly string[],
): Promise<readonly string[]> {
  const deadline = nowMs() + LAG_MS_MAX
  for (;;) {
    const lists = await Promise.all(stage.nodes.map(bucketsAt))
    const found = judge(lists.filter((list) => list !== undefined))
    if (found.length === 0 || nowMs() > deadline) return found
    await sleep(LAG_POLL_MS)
  }
}

/** What every node shows, for a failure's report. */
export function describe(watch: Watch, stage: Stage): string {
  return stage.nodes
    .map(({id}) => {
      const map = watch.of(id)
      if (map === undefined) return `${id}: silent`
      return `${id}: v${map.version} [${map.primary}] away ${JSON.stringify(map.away)}`
    })
    .join('; ')
}

async function standing(
  play: Play,
  before: ReadonlyMap<string, string>,
  ended: readonly string[],
): Promise<void> {
  const {stage, watch, load, checks} = play
  const back = await whole(play)
  checks.expect(back !== undefined, 'the cluster is whole again', describe(watch, stage))
  await load.end()
  const sinceMs = nowMs()
  const same = await watch.until(() => watch.agreed(), SAME_MAP_MS_MAX)
  checks.expect(same !== undefined, 'I1: all nodes show one map', describe(watch, stage))
  if (same !== undefined) checks.measure('same map ms', same.atMs - sinceMs)
  checks.expect(watch.violations.length === 0, 'I2: no map goes back', watch.violations)
  const lost = await load.lost()
  checks.expect(lost.length === 0, 'I3: every acknowledged write is there', lost)
  let listed: readonly string[] | undefined
  const deadline = nowMs() + LISTED_MS_MAX
  while (listed === undefined && nowMs() < deadline) {
    listed = await load.listed()
    await sleep(LAG_POLL_MS)
  }
  checks.expect(listed?.length === 0, 'I4: the list is what was promised', listed ?? 'refused')
  const lostChanges = await contradictions(stage, (lists) => load.contradicted(lists))
  checks.expect(lostChanges.length === 0, 'acknowledged changes of metadata are there', lostChanges)
  await nothingMoves(play)
  await admissionIsFree(play)
  const flagged = back?.value.flagged ?? []
  checks.expect(flagged.length === 0, 'I7: nobody is marked for maintenance', flagged)
  await processesStand(play, before, ended)
}

async function nothingMoves({stage, checks}: Play): Promise<void> {
  const gateways = gatewaysBut(stage)
  const last = await untilOperation(gateways, isDone, SETTLED_MS_MAX)
  const seen = last ?? (await operationAt(gateways[0] ?? ''))
  checks.expect(last !== undefined, 'I6: nothing moves, and nothing is left to move', seen)
}

/** A node that serves is told to serve: granted, and neither the map nor the data are touched. */
async function admissionIsFree(play: Play): Promise<void> {
  const {stage, checks, watch} = play
  const node = stage.nodes.find(({role}) => role === 'target')
  const [gateway = ''] = gatewaysBut(stage)
  if (node === undefined || watch.agreed() === undefined) return
  const before = watch.agreed()?.version
  const rebalance = (await operationAt(gateway))?.rebalance
  const {status, text} = await order(gateway, 'stop-maintenance', [node])
  checks.expect(
    status === 200,
    'I5: a needless stop of maintenance is granted',
    `${status} ${text}`,
  )
  const after = await operationAt(gateway)
  const same = after !== undefined && isIdle(after) && after.rebalance === rebalance
  checks.expect(same, 'I5: it starts nothing', {rebalance, after})
  const version = watch.agreed()?.version
  checks.expect(version === before, 'I5: it leaves the map as it is', `${before}, then ${version}`)
}

async function processesStand(
  {stage, checks}: Play,
  before: ReadonlyMap<string, string>,
  ended: readonly string[],
): Promise<void> {
  const restarted = stage.nodes
    .filter((node) => !ended.includes(node.id) && before.get(node.id) !== stage.processOf(node))
    .map(({id}) => id)
  checks.expect(restarted.length === 0, 'I8: no process restarted by itself', restarted)
  const logs = await Promise.all(stage.nodes.map((node) => stage.logOf(node, LOG_LINES)))
  const defects = logs.flatMap((log, at) =>
    log
      .split('\n')
      .filter((line) => DEFECT.test(line))
      .map((line) => `${stage.nodes[at]?.id}: ${line}`),
  )
  checks.expect(defects.length === 0, 'I8: no node met a defect of its own', defects)
}
