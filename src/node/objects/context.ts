/** What the object handlers share, and how they speak of it. */

import type {IncomingMessage, ServerResponse} from 'node:http'
import type {Admission, KeyRequest, Standing} from '../../core/objects/admit.ts'
import type {ReadQuestion} from '../../core/objects/read.ts'
import type {OwnRing} from '../../core/objects/ring.ts'
import {objectDigest} from '../../core/placement/locate.ts'
import type {Bucket, BucketRef} from '../../model/bucket.ts'
import {bucketLabel} from '../../model/bucket.ts'
import type {ClusterView} from '../../model/cluster-view.ts'
import type {ObjectName} from '../../model/ids.ts'
import {nodeLabel} from '../../model/ids.ts'
import type {ChecksumType} from '../../model/object.ts'
import type {Query} from '../../wire/query.ts'
import {decodeRedirectMark} from '../../wire/redirect.ts'
import type {TrafficWatch} from '../move/traffic.ts'
import type {Log} from '../observe/log.ts'
import type {AskTarget} from '../peer/data-client.ts'
import type {ObjectStore} from '../store/object-store.ts'

/** Which listener accepted a request: it decides what the request may do. */
export type Origin = 'public' | 'data'

/** An object request, decoded. */
export interface ObjectRoute {
  readonly ref: BucketRef
  readonly name: ObjectName
  readonly query: Query
  /** As they arrived, for redirects. */
  readonly rawPath: string
  readonly rawQuery: string
  /** Told how many bytes of content were sent or stored; for counters. */
  readonly onBytes?: (bytes: number) => void
}

/** Settings of a bucket that the object path reads. */
export interface ObjectSettings {
  /** Kept with every new object and shown in its headers. */
  readonly checksumType: ChecksumType
}

export interface ObjectsDeps {
  readonly view: () => ClusterView
  /** Of the view's record. */
  readonly ring: () => OwnRing
  readonly leaseValid: () => boolean
  readonly store: ObjectStore
  readonly askTarget: AskTarget
  /** Told of the requests of clients, so that moving gives way to them. */
  readonly traffic: TrafficWatch
  readonly settings: (bucket: Bucket) => ObjectSettings
  /** Wall clock, nanoseconds since 1970. */
  readonly now: () => {readonly ns: bigint}
  readonly log: Log
}

/** One request being answered. */
export interface ObjectCall {
  readonly deps: ObjectsDeps
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly route: ObjectRoute
  readonly origin: Origin
  readonly digest: bigint
}

/** What was admitted. */
export type Admitted = Extract<Admission, {type: 'proceed'}>

export function callOf(call: Omit<ObjectCall, 'digest'>): ObjectCall {
  return {...call, digest: objectDigest(call.route.ref, call.route.name)}
}

/** Whose read of which key. */
export function readQuestion(call: ObjectCall): ReadQuestion {
  return {ring: call.deps.ring(), self: call.deps.view().self.id, digest: call.digest}
}

/** What this target knows now. */
export function standingOf(deps: ObjectsDeps): Standing {
  return {view: deps.view(), ring: deps.ring(), leased: deps.leaseValid()}
}

export function keyRequestOf(call: ObjectCall, access: 'read' | 'write'): KeyRequest {
  const mark = decodeRedirectMark(call.route.query)
  return {
    bucket: call.route.ref,
    digest: call.digest,
    access,
    fence: mark?.fence ?? 0,
    hops: mark?.hops ?? 0,
  }
}

/** The key in the store of the admitted bucket. */
export function storeKey(
  call: ObjectCall,
  admitted: Admitted,
): {
  bid: string
  name: string
  digest: bigint
} {
  return {bid: admitted.bucket.bid, name: call.route.name, digest: call.digest}
}

export function selfLabel(deps: ObjectsDeps): string {
  const {self} = deps.view()
  return nodeLabel(self.role, self.id)
}

/** `ais://b/o`. */
export function objectLabel(route: ObjectRoute): string {
  return `${bucketLabel(route.ref)}/${route.name}`
}
