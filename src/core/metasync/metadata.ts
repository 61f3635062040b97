/**
 * What a client's command does to buckets and configuration. Values were validated at the edge;
 * here is decided what the cluster has to agree on: that a name is free, which number a bucket
 * gets, and that a destroyed one is only marked (R32).
 */

import {refusal, type Refusal} from '../../base/errors.ts'
import {formatRfc3339} from '../../base/utc.ts'
import type {Bucket, BucketRef, JsonObject} from '../../model/bucket.ts'
import {bucketLabel, bucketUname} from '../../model/bucket.ts'
import type {Command} from '../../model/command.ts'
import {DESTROYED_BUCKETS_MAX} from '../../model/limits.ts'
import {copiesWanted, mirrorProblem} from '../../model/mirror.ts'
import type {Bmd, ClusterRecord, ConfPart} from '../../model/record.ts'
import {destroyedBuckets} from './destroyed.ts'

/** Commands that change the record by themselves. */
export type MetadataCommand = Extract<
  Command,
  {type: 'create-bucket' | 'destroy-bucket' | 'set-bucket-props' | 'set-config'}
>

export interface MetadataChange {
  readonly bmd: Bmd
  readonly conf: ConfPart
  /** The bucket that was made or altered. */
  readonly bucket?: Bucket
}

/** AIStore marks its own buckets by the highest bit of the id. */
const AIS_BID_BIT = 1n << 63n

/** The parts after a command. @param index the record's that is being drafted */
export function applyCommand(
  draft: Pick<ClusterRecord, 'bmd' | 'conf'>,
  command: MetadataCommand,
  at: {readonly index: number; readonly wallMs: number},
): MetadataChange | Refusal {
  switch (command.type) {
    case 'create-bucket':
      return create(draft, command, at.wallMs)
    case 'destroy-bucket':
      return destroy(draft, command, at.index)
    case 'set-bucket-props':
      return setProps(draft, command, at.index)
    default:
      return setConfig(draft, command, at.wallMs)
  }
}

type Draft = Pick<ClusterRecord, 'bmd' | 'conf'>

function create(
  draft: Draft,
  command: Extract<Command, {type: 'create-bucket'}>,
  wallMs: number,
): MetadataChange | Refusal {
  const {ref, set, durability} = command
  if (ref.provider !== 'ais') {
    return refusal(
      'UNSUPPORTED',
      `bucket "${bucketLabel(ref)}": only ais:// buckets can be created`,
    )
  }
  const uname = bucketUname(ref)
  if (draft.bmd.buckets[uname] !== undefined) {
    return refusal('BUCKET_EXISTS', `bucket "${bucketLabel(ref)}" already exists`)
  }
  const serial = draft.bmd.serial + 1
  const bucket: Bucket = {
    ref,
    bid: (AIS_BID_BIT | BigInt(serial)).toString(),
    createdNs: (BigInt(Math.floor(wallMs)) * 1_000_000n).toString(),
    durability,
    set,
  }
  const problem = mirrorProblem(bucket, draft.conf.set)
  if (problem !== null) return refusal('BAD_CONFIG', problem)
  const buckets = {...draft.bmd.buckets, [uname]: bucket}
  return {bmd: {...draft.bmd, serial, buckets}, conf: draft.conf, bucket}
}

function destroy(
  draft: Draft,
  {ref, purge = false}: Extract<Command, {type: 'destroy-bucket'}>,
  index: number,
): MetadataChange | Refusal {
  const uname = bucketUname(ref)
  const {[uname]: bucket, ...others} = draft.bmd.buckets
  if (bucket === undefined) return noBucket(ref)
  if (destroyedBuckets(draft.bmd).length >= DESTROYED_BUCKETS_MAX) {
    const message = `${DESTROYED_BUCKETS_MAX} destroyed buckets have not been cleared away yet`
    return refusal('BUSY', message, {
      hint: 'each target has to have removed their data: see `aisctl show cluster` for which is away',
    })
  }
  const destroyed = {...bucket, deletedAt: index, ...(purge ? {purge} : {})}
  const buckets = {...others, [`~${bucket.bid}`]: destroyed}
  return {bmd: {...draft.bmd, buckets}, conf: draft.conf, bucket: destroyed}
}

function setProps(
  draft: Draft,
  command: Extract<Command, {type: 'set-bucket-props'}>,
  index: number,
): MetadataChange | Refusal {
  const uname = bucketUname(command.ref)
  const old = draft.bmd.buckets[uname]
  if (old === undefined) return noBucket(command.ref)
  const set = merged(old.set, command)
  const config = draft.conf.set
  const problem = mirrorProblem({set}, config)
  if (problem !== null) return refusal('BAD_CONFIG', problem)
  const mirrored = copiesWanted({set}, config) !== copiesWanted(old, config)
  const bucket = {
    ...old,
    durability: command.durability ?? old.durability,
    set,
    ...(mirrored ? {copiesAt: index} : {}),
  }
  const buckets = {...draft.bmd.buckets, [uname]: bucket}
  return {bmd: {...draft.bmd, buckets}, conf: draft.conf, bucket}
}

function setConfig(
  draft: Draft,
  command: Extract<Command, {type: 'set-config'}>,
  wallMs: number,
): MetadataChange {
  const set = merged(draft.conf.set, command)
  return {bmd: draft.bmd, conf: {...draft.conf, set, updated: formatRfc3339(wallMs)}}
}

function merged(
  old: JsonObject,
  command: {readonly set: JsonObject; readonly reset: boolean},
): JsonObject {
  return command.reset ? command.set : {...old, ...command.set}
}

function noBucket(ref: BucketRef): Refusal {
  return refusal('BUCKET_NOT_FOUND', `bucket "${bucketLabel(ref)}" does not exist`)
}
