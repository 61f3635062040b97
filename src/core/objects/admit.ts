/**
 * May this target answer a request for a key, now? Asked when the request arrives, and for writes
 * again when they are durable, before the reply: what was true at admission may have passed to
 * another target meanwhile (R22). Decides; sends nothing, stores nothing.
 */

import type {Refusal} from '../../base/errors.ts'
import {refusal} from '../../base/errors.ts'
import type {Bucket, BucketRef} from '../../model/bucket.ts'
import {bucketLabel, bucketUname} from '../../model/bucket.ts'
import type {ClusterView} from '../../model/cluster-view.ts'
import {nodeLabel} from '../../model/ids.ts'
import {REDIRECT_HOPS_MAX} from '../../model/limits.ts'
import type {Member} from '../../model/node.ts'
import type {OwnRing} from './ring.ts'
import {isPassing, newestEntry, ownerUnder} from './ring.ts'

/** What the target knows at one moment. */
export interface Standing {
  readonly view: ClusterView
  /** Of `view.record`. */
  readonly ring: OwnRing
  /** Whether the data lease is held at this moment, by the monotonic clock. */
  readonly leased: boolean
}

/** What is asked for. */
export interface KeyRequest {
  readonly bucket: BucketRef
  /** `objectDigest` of the key. */
  readonly digest: bigint
  readonly access: 'read' | 'write'
  /** Record index of the gateway that redirected here; 0 when the client came by itself. */
  readonly fence: number
  /** Redirects between targets that this request has behind it. */
  readonly hops: number
}

export type Admission =
  | {
      readonly type: 'proceed'
      readonly bucket: Bucket
      /** Index of the own entry under which the answer will hold. */
      readonly entryIndex: number
      /** A read without a lease: the answer is marked as possibly stale. */
      readonly stale: boolean
    }
  | {readonly type: 'redirect'; readonly to: Member; readonly recordIndex: number}
  | {readonly type: 'refuse'; readonly refusal: Refusal; readonly retryAfterS: number}

/** Seconds after which a client that met a passing state tries again. */
const RETRY_SOON_S = 1

/** Decides on a request at its arrival. */
export function admit(standing: Standing, request: KeyRequest): Admission {
  const {view, ring} = standing
  const label = nodeLabel(view.self.role, view.self.id)
  const {record} = view
  if (record === null) return later(`${label} has not joined a cluster yet`)
  if (view.stopping) return later(`${label} is stopping`)
  if (request.fence > record.index) {
    return later(`${label} is at record ${record.index}, the request at ${request.fence}`)
  }
  const bucket = record.bmd.buckets[bucketUname(request.bucket)]
  if (bucket === undefined || bucket.deletedAt !== undefined) return noBucket(request.bucket)
  const entry = newestEntry(ring)
  const owner = entry === undefined ? undefined : ownerUnder(entry, request.digest)
  if (entry === undefined || owner === undefined) {
    return refuse(refusal('NO_TARGETS', `${bucketLabel(request.bucket)}: no target is active`))
  }
  if (owner !== view.self.id) return elsewhere(standing, request, record.smap.nodes[owner])
  if (isPassing(ring, view.settledIndex, view.self.id, request.digest)) {
    return later(`${label}: ownership of this object is still passing to it`)
  }
  if (request.access === 'write' && !standing.leased) return later(`${label} holds no data lease`)
  return {type: 'proceed', bucket, entryIndex: entry.index, stale: !standing.leased}
}

/**
 * Whether a write that is durable now may be acknowledged. The write stays where it is either way:
 * its outcome is unknown to the client, as after a broken connection.
 * @returns null when it may
 */
export function checkCommit(
  standing: Standing,
  admitted: {readonly bucket: Bucket; readonly entryIndex: number},
): Refusal | null {
  const {view, ring} = standing
  const label = nodeLabel(view.self.role, view.self.id)
  const bucket = view.record?.bmd.buckets[bucketUname(admitted.bucket.ref)]
  if (
    bucket === undefined ||
    bucket.bid !== admitted.bucket.bid ||
    bucket.deletedAt !== undefined
  ) {
    return noBucketRefusal(admitted.bucket.ref)
  }
  if (newestEntry(ring)?.index !== admitted.entryIndex) {
    return unknownOutcome(`${label}: ownership changed during the write`)
  }
  if (!standing.leased) return unknownOutcome(`${label}: the data lease ran out during the write`)
  return null
}

function elsewhere(standing: Standing, request: KeyRequest, owner: Member | undefined): Admission {
  const {view, ring} = standing
  const label = nodeLabel(view.self.role, view.self.id)
  if (owner === undefined || owner.away !== null) {
    return later(`${label}: the owner of this object is away`)
  }
  if (request.hops >= REDIRECT_HOPS_MAX) {
    return later(`${label}: ${request.hops} targets passed this request on; the map is changing`)
  }
  return {type: 'redirect', to: owner, recordIndex: ring.recordIndex}
}

function later(message: string): Admission {
  return {type: 'refuse', refusal: refusal('NOT_READY', message), retryAfterS: RETRY_SOON_S}
}

function refuse(why: Refusal): Admission {
  return {type: 'refuse', refusal: why, retryAfterS: RETRY_SOON_S}
}

function noBucket(ref: BucketRef): Admission {
  return {type: 'refuse', refusal: noBucketRefusal(ref), retryAfterS: 0}
}

function noBucketRefusal(ref: BucketRef): Refusal {
  return refusal('BUCKET_NOT_FOUND', `bucket "${bucketLabel(ref)}" does not exist`)
}

function unknownOutcome(what: string): Refusal {
  return refusal('NOT_READY', `${what}; whether it took effect is unknown`, {
    hint: 'read the object, or repeat the request',
  })
}
