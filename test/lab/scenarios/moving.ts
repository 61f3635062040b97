/** What the scenarios of nodes that come and go have in common: a herd, orders, and waiting. */

import {existsSync, readdirSync, rmSync} from 'node:fs'
import {join} from 'node:path'
import {nowMs, type Reply, request} from '../stage/http.ts'
import {type Done, Herd, type Verdict} from '../stage/herd.ts'
import {isDone, type NodeAction, order, untilOperation} from '../stage/lifecycle.ts'
import {describe, ensureBucket, type Play, primaryOf, removeBuckets, whole} from '../stage/play.ts'
import {gatewaysBut, hostsOf, localOf, type Stage, type StageNode} from '../stage/stage.ts'
import {eventually} from './scenario.ts'
import type {NodeActionValue} from '../../../src/wire/action.ts'

/** The longest rebalance of a play, on a machine with other things to do. */
export const MOVED_MS_MAX = 180_000
const EXIT_MS_MAX = 60_000
const GRANTED_MS_MAX = 30_000
/** Moments of a move are short. */
const LOOK_MS = 3

/** A bucket with a herd; it is gone when the play with it is over. */
export async function withHerd(
  play: Play,
  name: string,
  act: (herd: Herd) => Promise<readonly string[]>,
  bytesMax?: number,
): Promise<readonly string[]> {
  const {stage} = play
  const bucket = `herd-${name}-${Date.now().toString(36)}`
  await ensureBucket(stage, bucket)
  const gateways = gatewaysBut(stage)
  const herd = new Herd({gateways, bucket, name, ...(bytesMax === undefined ? {} : {bytesMax})})
  try {
    return await act(herd)
  } finally {
    herd.end()
    await removeBuckets(stage, [bucket])
  }
}

/** The last target: not the one that scenarios of single nodes use first. */
export function someTarget({stage}: Pick<Play, 'stage'>, fromEnd = 1): StageNode {
  const targets = stage.nodes.filter(({role}) => role === 'target')
  const target = targets.at(-fromEnd)
  if (target === undefined) throw new Error(`it takes ${fromEnd} targets`)
  return target
}

/** Gives an order that has to be granted; the id of the rebalance that follows, or ''. */
export async function ordered(
  play: Play,
  what: NodeAction,
  nodes: readonly StageNode[],
  options: Partial<NodeActionValue> = {},
): Promise<string> {
  const {status, text} = await ordering(play, what, nodes, options)
  play.checks.expect(status === 200, `${what} is granted`, `${status} ${text}`)
  return status === 200 ? text.trim() : ''
}

/** Gives an order through the primary's own gateway; whatever the answer is. */
export function ordering(
  play: Play,
  what: NodeAction,
  nodes: readonly StageNode[],
  options: Partial<NodeActionValue> = {},
): Promise<Reply> {
  return order(primaryOf(play).endpoint, what, nodes, options)
}

/** Waits until everything is where it belongs; when that was seen. */
export async function settledDown(
  {stage, checks}: Play,
  sinceMs: number,
  what: string,
  without: readonly string[] = [],
): Promise<number> {
  const gateways = gatewaysBut(stage, without)
  const last = await untilOperation(gateways, isDone, MOVED_MS_MAX)
  if (last === undefined) {
    const seen = await untilOperation(gateways, () => true, 5000)
    checks.expect(false, `${what} ends`, seen ?? 'nobody says how far it is')
  } else checks.measure(`${what} ms`, nowMs() - sinceMs)
  return nowMs()
}

/** Checks that all was read without a failure that a client would notice. */
export function expectServed({checks}: Play, herd: Herd, what: string, done: Done): void {
  checks.expect(done.givenUp === 0, `${what}: nothing is given up`, {...done, why: herd.refusals})
  checks.measure(what, done.done)
  checks.measure(`${what}, asked again`, done.again)
  checks.measure(`${what}, slowest ms`, done.slowestMs)
  for (const [words, count] of Object.entries(herd.refusals)) checks.measure(words, count)
}

/** Checks that every object is as the ledger has it, and the list. */
export async function expectPromises({checks}: Play, herd: Herd, when: string): Promise<Verdict> {
  const verdict = await herd.judge()
  const {reverted, undone, lost, unreadable, lies, listed} = verdict
  const some = (names: readonly string[]): string =>
    `${names.length}: ${names.slice(0, 5).join(', ')}`
  checks.expect(reverted.length === 0, `${when}: no overwrite is reverted`, some(reverted))
  checks.expect(undone.length === 0, `${when}: no delete is undone`, some(undone))
  checks.expect(lost.length === 0, `${when}: nothing is lost`, some(lost))
  checks.expect(unreadable.length === 0, `${when}: everything can be read`, some(unreadable))
  checks.expect(lies.length === 0, `${when}: no answer was wrong when it was given`, some(lies))
  const list = listed === undefined ? 'no list' : some(listed)
  checks.expect(listed?.length === 0, `${when}: the list is the ledger`, list)
  return verdict
}

/** Whether one of the witnesses shows the node as a member. */
export function isMember({watch}: Play, {id}: StageNode, witnesses: readonly StageNode[]): boolean {
  return witnesses.some((one) => one.id !== id && watch.of(one.id)?.members.includes(id) === true)
}

/** What a target sends in a second, at least: a few megabytes take seconds, and can be disturbed. */
export const SLOWEST = '1MiB'
/** Objects up to this size for that. */
export const SLOW_BYTES_MAX = 32_768

/** Bytes per second that each target sends; 0: as many as it can. Asked until a primary does it. */
export async function moveAtMost({stage, checks}: Play, rate: string): Promise<void> {
  const path = `/v1/cluster/set-config?ext.rebalance.bandwidth=${rate}`
  const gateways = gatewaysBut(stage)
  let turn = 0
  const granted = async (): Promise<boolean> => {
    turn += 1
    const gateway = gateways[turn % gateways.length] ?? ''
    return (await request(gateway, {method: 'PUT', path})).status === 200
  }
  checks.expect(await eventually(granted, GRANTED_MS_MAX), `a move sends ${rate} in a second`)
}

/** Waits until the node has reported that it moved something. */
export async function partMoved(gateways: readonly string[], {id}: StageNode): Promise<boolean> {
  const moved = await untilOperation(
    gateways,
    ({nodes, move, op}) => {
      if (move === null) return op === null
      return nodes.some((node) => node.id === id && node.objects > 0)
    },
    MOVED_MS_MAX,
    LOOK_MS,
  )
  return moved !== undefined && moved.move !== null
}

/** Its process has ended, and nothing of what it stored is on its disks. */
export async function expectGone(play: Play, node: StageNode): Promise<void> {
  const {stage, checks} = play
  const ended = await eventually(() => stage.processOf(node) === '', EXIT_MS_MAX)
  checks.expect(ended, 'the process of the removed node ends')
  const left = await objectFiles(play, node)
  checks.expect(left === 0, 'its disks are wiped', `${left} files of objects`)
}

/** How many files of objects are on the node's mountpaths. */
export async function objectFiles({stage}: Play, node: StageNode): Promise<number> {
  if (stage.local === undefined) {
    const paths = (await mountpathsOn(stage, node)).map((path) => `${path}/b`).join(' ')
    const count = `find ${paths} -type f 2>/dev/null | wc -l`
    return Number(await hostsOf(stage).run(node.host, count))
  }
  const directory = localOf(stage).directoryOf(node)
  const mountpaths = readdirSync(directory).filter((name) => /^mp\d+$/.test(name))
  const files = mountpaths.flatMap((name) => {
    const objects = join(directory, name, 'b')
    if (!existsSync(objects)) return []
    const all = readdirSync(objects, {recursive: true, withFileTypes: true})
    return all.filter((entry) => entry.isFile())
  })
  return files.length
}

/** Directories of the node's disks on its host, as its file names them. */
export async function mountpathsOn(stage: Stage, node: StageNode): Promise<readonly string[]> {
  const text = await hostsOf(stage).run(node.host, `cat /etc/aisnode/${node.instance}.json`)
  const {mountpaths} = JSON.parse(text) as {readonly mountpaths: readonly {readonly path: string}[]}
  return mountpaths.map(({path}) => path)
}

/** The operator clears the marks and starts the hosts' nodes as new ones. */
export async function comeBack(play: Play, ...nodes: readonly StageNode[]): Promise<void> {
  const {stage, checks} = play
  for (const node of nodes) await clearMark(play, node)
  await stage.start(nodes)
  const back = await whole(play)
  const logs = back === undefined ? await Promise.all(nodes.map((one) => stage.logOf(one, 4))) : []
  const seen = `${logs.join(' ')} ${describe(play.watch, stage)}`
  checks.expect(back !== undefined, 'it joins again as a new node', seen)
}

async function clearMark({stage, checks}: Play, node: StageNode): Promise<void> {
  if (stage.local === undefined) {
    const mark = `/var/lib/aisnode/${node.instance}/decommissioned`
    const said = await hostsOf(stage).run(node.host, `cat ${mark} && rm ${mark}`)
    checks.expect(said.includes('"op"'), 'the node says that it was decommissioned', said)
  } else {
    const mark = join(localOf(stage).directoryOf(node), 'state', 'decommissioned')
    checks.expect(existsSync(mark), 'the node says that it was decommissioned', mark)
    rmSync(mark, {force: true})
  }
}
