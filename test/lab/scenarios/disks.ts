/**
 * Data disks fail and come back while the cluster serves: what has a second copy is read all along,
 * the rest is out of reach and never "not found", and what was taken out comes back whole.
 */

import {setTimeout as sleep} from 'node:timers/promises'
import {parseJson} from '../../../src/wire/json.ts'
import {
  decodeMountpathLists,
  MOUNTPATH_ACTION,
  MOUNTPATH_METHOD,
  type MountpathLists,
  type MountpathVerb,
} from '../../../src/wire/mountpaths.ts'
import type {Herd} from '../stage/herd.ts'
import {action, nowMs, request} from '../stage/http.ts'
import {describe, type Play, whole} from '../stage/play.ts'
import {gatewaysBut, hostsOf, type StageNode} from '../stage/stage.ts'
import {expectPromises, expectServed, mountpathsOn, settledDown, withHerd} from './moving.ts'
import {eventually, type Scenario} from './scenario.ts'

const OBJECTS = 300
/** A failing disk is found by then, and one that is back is in use. */
const FOUND_MS_MAX = 10_000
const EMPTIED_MS_MAX = 60_000
const SEEN_MS = 3000

export const diskScenarios: readonly Scenario[] = [
  {
    name: 'disk-fails',
    title: '37a, b: a disk fails under load, is found, and comes back with what it held',
    on: 'hosts',
    long: true,
    run: (play) =>
      withHerd(play, 'plain', (plain) =>
        withHerd(play, 'mirrored', (mirrored) => diskFails(play, plain, mirrored)),
      ),
  },
  {
    name: 'disks-by-order',
    title: '37c, d: mountpaths are disabled, detached and attached, and stay so over a restart',
    on: 'hosts',
    long: true,
    run: (play) => withHerd(play, 'ordered', (herd) => disksByOrder(play, herd)),
  },
]

/** A target with more than one disk, and their directories. */
async function targetWithDisks({
  stage,
}: Play): Promise<{readonly target: StageNode; readonly paths: readonly string[]}> {
  for (const target of stage.nodes.filter(({role}) => role === 'target')) {
    const paths = await mountpathsOn(stage, target)
    if (paths.length > 1) return {target, paths}
  }
  throw new Error('no target has two disks')
}

async function listsOf({endpoint}: StageNode): Promise<MountpathLists | undefined> {
  const ask = {method: 'GET', path: '/v1/daemon?what=mountpaths'} as const
  const {status, body} = await request(endpoint, ask, SEEN_MS)
  return status === 200 ? decodeMountpathLists(parseJson(body.toString())) : undefined
}

async function orderDisk(
  {checks}: Play,
  {endpoint}: StageNode,
  verb: MountpathVerb,
  path: string,
): Promise<void> {
  const message = {action: MOUNTPATH_ACTION[verb], value: path}
  const ask = action(MOUNTPATH_METHOD[verb], '/v1/daemon/mountpaths', message)
  const {status, text} = await request(endpoint, ask)
  checks.expect(status === 200 || status === 204, `${verb} ${path} is granted`, `${status} ${text}`)
}

/** Waits until the target shows its disks so. */
async function shown(
  {checks}: Play,
  target: StageNode,
  what: string,
  isSo: (lists: MountpathLists) => boolean,
): Promise<number> {
  const sinceMs = nowMs()
  let last: MountpathLists | undefined
  const looks = async (): Promise<boolean> => {
    last = await listsOf(target)
    return last !== undefined && isSo(last)
  }
  checks.expect(await eventually(looks, EMPTIED_MS_MAX), what, last ?? 'it says nothing')
  const tookMs = nowMs() - sinceMs
  checks.measure(`${what} ms`, tookMs)
  return tookMs
}

async function mirrorBucket({stage, checks}: Play, bucket: string): Promise<void> {
  const value = {mirror: {enabled: true, copies: 2}}
  const ask = action('PATCH', `/v1/buckets/${bucket}`, {action: 'set-bprops', value})
  const {status, text} = await request(gatewaysBut(stage)[0] ?? '', ask)
  checks.expect(status === 200, 'a bucket with two copies', `${status} ${text}`)
}

async function diskFails(play: Play, plain: Herd, mirrored: Herd): Promise<readonly string[]> {
  const {stage, checks} = play
  const faults = hostsOf(stage)
  const {target, paths} = await targetWithDisks(play)
  const [path = ''] = paths
  const disk = Number(/\d+$/.exec(path)?.[0])
  await mirrorBucket(play, mirrored.bucket)
  await mirrored.write(mirrored.names(OBJECTS))
  await plain.write(plain.names(OBJECTS))
  const stopReading = mirrored.watch(mirrored.ledger.keys, 4)
  await faults.disk(target.host, disk, 'eio')
  const isFound = ({disabled}: MountpathLists): boolean => disabled.includes(path)
  const foundMs = await shown(play, target, 'the failing disk is found', isFound)
  checks.expect(foundMs <= FOUND_MS_MAX, 'it is found soon', `${foundMs} ms`)
  const why = (await listsOf(target))?.why[path] ?? ''
  checks.expect(why !== '', 'it says why', why)
  await sleep(SEEN_MS)
  expectServed(play, mirrored, 'reads of what has a second copy', await stopReading())
  const statuses = await statusesOf(play, plain)
  checks.expect(!statuses.includes(404), 'what is out of reach is never "not found"', statuses)
  checks.measure('objects out of reach', statuses.filter((status) => status !== 200).length)
  await mirrored.write(mirrored.names(OBJECTS / 3))
  await faults.disk(target.host, disk, 'heal')
  await orderDisk(play, target, 'enable', path)
  const isBack = ({available}: MountpathLists): boolean => available.includes(path)
  const backMs = await shown(play, target, 'the disk is back', isBack)
  checks.expect(backMs <= FOUND_MS_MAX, 'it is back soon', `${backMs} ms`)
  await settledDown(play, nowMs(), 'after the return')
  await expectPromises(play, plain, 'plain')
  await expectPromises(play, mirrored, 'mirrored')
  return []
}

/** What a client that asks once is told of each object. */
async function statusesOf({stage}: Play, herd: Herd): Promise<readonly number[]> {
  const [gateway = ''] = gatewaysBut(stage)
  const statuses: number[] = []
  for (const key of herd.ledger.keys) {
    const ask = {method: 'GET', path: `/v1/objects/${herd.bucket}/${key}`} as const
    statuses.push((await request(gateway, ask)).status)
  }
  return statuses
}

async function disksByOrder(play: Play, herd: Herd): Promise<readonly string[]> {
  const {stage, checks} = play
  const {target, paths} = await targetWithDisks(play)
  const [path = ''] = paths
  await herd.write(herd.names(OBJECTS))
  await orderDisk(play, target, 'detach', path)
  const isOut = ({available, waiting}: MountpathLists): boolean =>
    !available.includes(path) && !waiting.includes(path)
  await shown(play, target, 'it is emptied and detached', isOut)
  await expectPromises(play, herd, 'detached')
  await restart(play, target)
  await shown(play, target, 'it is detached after a restart', isOut)
  await orderDisk(play, target, 'attach', path)
  await shown(play, target, 'it is attached', ({available}) => available.includes(path))
  await herd.write(herd.names(OBJECTS / 3))
  await restart(play, target)
  await shown(play, target, 'it is there after a restart', ({available}) =>
    available.includes(path),
  )
  await expectPromises(play, herd, 'attached')
  for (const one of paths) await orderDisk(play, target, 'disable', one)
  const none = ({available, waiting}: MountpathLists): boolean =>
    available.length + waiting.length === 0
  await shown(play, target, 'none is in use', none)
  const statuses = await statusesOf(play, herd)
  checks.expect(!statuses.includes(404), 'without its disks nothing is "not found"', statuses)
  checks.measure('objects out of reach', statuses.filter((status) => status !== 200).length)
  for (const one of paths) await orderDisk(play, target, 'enable', one)
  const all = ({available}: MountpathLists): boolean =>
    paths.every((one) => available.includes(one))
  await shown(play, target, 'all are in use again', all)
  const back = await whole(play)
  checks.expect(back !== undefined, 'the target serves again', describe(play.watch, stage))
  await settledDown(play, nowMs(), 'after the return')
  await expectPromises(play, herd, 'enabled')
  return [target.id]
}

async function restart({stage}: Play, node: StageNode): Promise<void> {
  await stage.stop(node)
  await stage.start([node])
}
