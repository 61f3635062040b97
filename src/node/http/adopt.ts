/**
 * A target takes up what it has kept aside since it was removed by force: every object that the
 * cluster does not have is stored anew under its owner, as any client would store it, and only then
 * removed here. A part of it at each call; whoever orders it calls again until nothing is left.
 */

import {setImmediate as turn} from 'node:timers/promises'

import {newestEntry, ownerUnder} from '../../core/objects/ring.ts'
import {objectDigest} from '../../core/placement/locate.ts'
import type {Bucket} from '../../model/bucket.ts'
import type {Member} from '../../model/node.ts'
import type {ObjectAttributes} from '../../model/object.ts'
import type {Adopted, AdoptOrder} from '../../wire/adopt.ts'
import {encodePutHeaders} from '../../wire/object.ts'
import {objectPath} from '../../wire/paths.ts'
import {bucketQuery, formatQuery} from '../../wire/query.ts'
import {reasonOf} from '../observe/log.ts'
import {
  asideFolders,
  readAside,
  removeAside,
  sendAside,
  tidyAside,
} from '../store/mountpath/aside.ts'
import {nodeFs} from '../store/fs/fs.ts'
import type {Hashing} from '../store/object/hashing.ts'
import {loadHashing} from '../store/object/hashing.ts'
import type {NodeContext} from './context.ts'
import {recordOf} from './respond.ts'

/** One call ends at the next folder after this: it is to be answered before its client gives up. */
const CALL_MS = 3000
/** The owner may be busy; its bytes have to flow. */
const ASK_TIMEOUT_MS = 30_000

type Fate = 'adopted' | 'present' | 'obsolete'

export async function adoptAside(
  context: NodeContext,
  {after, discard}: AdoptOrder,
): Promise<Adopted> {
  const hashing = await loadHashing()
  const roots = context
    .mountpaths()
    .filter(({state}) => state === 'available')
    .map(({path}) => path)
  const sum = {adopted: 0, bytes: 0, present: 0, obsolete: 0, failed: 0, problem: ''}
  const untilMs = performance.now() + CALL_MS
  for (const {at, path, files} of asideFolders(nodeFs, roots, after)) {
    const done: string[] = []
    for (const name of files) {
      try {
        const {fate, bytes} = await adopt(context, `${path}/${name}`, hashing)
        sum[fate] += 1
        if (fate === 'adopted') sum.bytes += bytes
        if (fate === 'adopted' || discard) done.push(name)
      } catch (error) {
        sum.failed += 1
        sum.problem = reasonOf(error)
      }
    }
    removeAside(nodeFs, path, done)
    if (performance.now() > untilMs) return {...sum, next: at}
    await turn()
  }
  tidyAside(nodeFs, roots)
  return {...sum, next: ''}
}

async function adopt(
  context: NodeContext,
  path: string,
  hashing: Hashing,
): Promise<{readonly fate: Fate; readonly bytes: number}> {
  const attributes = readAside(nodeFs, path, hashing)
  if (attributes === null) throw new Error(`${path} does not verify: look at it with aisnode fsck`)
  const {bid, name, tombstone, sizeBytes} = attributes
  const bucket = Object.values(recordOf(context).bmd.buckets).find(
    (one) => one.bid === bid && one.deletedAt === undefined,
  )
  if (bucket === undefined || tombstone) return {fate: 'obsolete', bytes: 0}
  const to = ownerOf(context, bucket, attributes)
  const target = `${objectPath(bucket.ref.name, name)}?${formatQuery(bucketQuery(bucket.ref))}`
  const ask = {to, path: target, timeoutMs: ASK_TIMEOUT_MS}
  const held = await statusOf(context.askTarget({...ask, method: 'HEAD'}))
  if (held === 200) return {fate: 'present', bytes: 0}
  if (held !== 404) throw new Error(`t[${to.id}] does not say whether it has ${name}: ${held}`)
  const body = {
    lengthBytes: sizeBytes,
    send: (out: Parameters<typeof sendAside>[2]): void => {
      void sendAside(nodeFs, {path, sizeBytes}, out)
    },
  }
  const headers = Object.fromEntries(encodePutHeaders(putOf(attributes)))
  const stored = await statusOf(context.askTarget({...ask, method: 'PUT', headers, body}))
  if (stored !== 200) throw new Error(`t[${to.id}] did not take ${name}: ${stored}`)
  return {fate: 'adopted', bytes: sizeBytes}
}

function putOf({checksum, custom}: ObjectAttributes): Parameters<typeof encodePutHeaders>[0] {
  return {checksum: checksum.type === 'none' ? null : checksum, custom}
}

async function statusOf(asked: ReturnType<NodeContext['askTarget']>): Promise<number> {
  const {status, body} = await asked
  body.resume()
  return status
}

function ownerOf(
  context: NodeContext,
  {ref}: Bucket,
  {name}: Pick<ObjectAttributes, 'name'>,
): Member {
  const entry = newestEntry(context.ring())
  const id = entry === undefined ? undefined : ownerUnder(entry, objectDigest(ref, name))
  const member = id === undefined ? undefined : recordOf(context).smap.nodes[id]
  if (member === undefined) throw new Error('no target owns it at present')
  return member
}
