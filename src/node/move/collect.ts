/**
 * Dropping tombstones, as long as nothing older of a key can be anywhere (R21): a few at a time,
 * each judged again under its key's lock, and none at all while a mountpath is away. Ends with the
 * entry that allowed it.
 */

import {collectingEntry, mayCollect} from '../../core/objects/collect.ts'
import {moveBuckets, restMs, stillMoves} from '../../core/objects/move.ts'
import {objectDigest} from '../../core/placement/locate.ts'
import type {Bucket} from '../../model/bucket.ts'
import type {ObjectAttributes} from '../../model/object.ts'
import type {MoveDeps} from './context.ts'
import type {Worker} from './worker.ts'

/** Tombstones looked at in one go: a few milliseconds. */
const COLLECTED_PER_TURN = 8
/** Between two goes. */
const GO_ON_MS = 5
/** Between two rounds over all buckets: deletes go on writing tombstones. */
const ROUND_MS = 10_000

export function createCollector(deps: MoveDeps, onDefect: (error: unknown) => void): Worker {
  let current: {readonly entry: number} | null = null
  let takeBack: (() => void) | null = null

  function look(): void {
    const entry = collectingEntry(deps.view(), deps.ring())?.index
    if (entry === current?.entry) return
    stop()
    if (entry === undefined) return
    current = {entry}
    later(0, beginning(deps))
  }

  function stop(): void {
    takeBack?.()
    takeBack = null
    current = null
  }

  function later(ms: number, at: Place): void {
    const mine = current
    takeBack = deps.after(ms, () => {
      const began = deps.nowMs()
      collectSome(deps, at).then((next) => {
        if (current !== mine || current === null) return
        const rest = restMs(deps.traffic.now(), deps.nowMs() - began)
        if (next === null) later(ROUND_MS, beginning(deps))
        else later(Math.max(GO_ON_MS, rest), next)
      }, onDefect)
    })
  }

  return {look, stop}
}

/** Where a round is. */
interface Place {
  readonly buckets: readonly Bucket[]
  readonly after: string
}

function beginning(deps: MoveDeps): Place {
  return {buckets: moveBuckets(deps.view()), after: ''}
}

/** Drops some; where it goes on, or null after the last. */
async function collectSome(deps: MoveDeps, {buckets, after}: Place): Promise<Place | null> {
  const [bucket, ...rest] = buckets
  if (bucket === undefined || deps.store.missing().length > 0) return null
  const {bid} = bucket
  const limit = COLLECTED_PER_TURN
  const page = stillMoves(deps.view(), bucket) ? deps.store.tombstones({bid, after, limit}) : []
  if (page === null) return null
  for (const {attributes} of page) await collectOne(deps, bucket, attributes)
  const last = page.at(-1)
  if (last === undefined || page.length < limit) return {buckets: rest, after: ''}
  return {buckets, after: last.attributes.name}
}

function collectOne(
  deps: MoveDeps,
  {bid, ref}: Bucket,
  {name, gen}: ObjectAttributes,
): Promise<void> {
  const digest = objectDigest(ref, name)
  const allowed = ({tombstone}: ObjectAttributes): boolean =>
    tombstone && mayCollect(deps.view(), deps.ring(), digest)
  return new Promise((resolve) => {
    deps.store.discard({key: {bid, name, digest}, gen, allowed}, (error) => {
      if (error !== null) deps.log.debug('a tombstone stays', {why: error.message})
      resolve()
    })
  })
}
