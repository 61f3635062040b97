/** This target's page of a bucket's names: all its mountpaths merged, tombstones included. */

import {AisError} from '../../base/errors.ts'
import {newestEntry} from '../../core/objects/ring.ts'
import {objectDigest} from '../../core/placement/locate.ts'
import type {Bucket, BucketRef} from '../../model/bucket.ts'
import {bucketLabel, bucketUname} from '../../model/bucket.ts'
import {LIST_PAGE_MAX} from '../../model/limits.ts'
import type {LocalPage} from '../../wire/local-page.ts'
import type {ObjectKey} from '../store/object-store.ts'
import type {ObjectsDeps} from './context.ts'
import {selfLabel} from './context.ts'

export interface ListQuestion {
  readonly ref: BucketRef
  readonly prefix: string
  /** Names after this one in UTF-8 byte order; '' from the start. */
  readonly after: string
  /** 1 to LIST_PAGE_MAX, tombstones counted. */
  readonly limit: number
  /** Accept a page that misses mountpaths which are away; it says which. */
  readonly partial: boolean
}

/** @throws AisError BUCKET_NOT_FOUND, NOT_READY while the index is built, LIST_INCOMPLETE */
export function listLocal(deps: ObjectsDeps, question: ListQuestion): LocalPage {
  const {store} = deps
  const {ref, prefix, after} = question
  const bucket = deps.view().record?.bmd.buckets[bucketUname(ref)]
  if (bucket === undefined || bucket.deletedAt !== undefined) {
    const message = `bucket "${bucketLabel(ref)}" does not exist`
    throw new AisError({code: 'BUCKET_NOT_FOUND', message})
  }
  const missing = missingFrom(deps, bucket)
  if (missing.length > 0 && !question.partial) {
    throw new AisError({
      code: 'LIST_INCOMPLETE',
      message: `${selfLabel(deps)} cannot list everything: ${missing.join('; ')}`,
      hint: 'bring back what is away, or ask for a partial list',
      details: {missing},
    })
  }
  const limit = Math.min(Math.max(question.limit, 1), LIST_PAGE_MAX)
  const entries = store.page({bid: bucket.bid, prefix, after, limit})
  if (entries === null) {
    const message = `${selfLabel(deps)} is still indexing its names`
    throw new AisError({code: 'NOT_READY', message})
  }
  const places = new Map(
    store
      .status()
      .map(({path, label, disks}) => [
        path,
        {node: selfLabel(deps), mountpath: path, label, disks},
      ]),
  )
  return {
    entries: entries.map(({attributes, path}) => ({
      attributes,
      place: places.get(path) ?? {
        node: selfLabel(deps),
        mountpath: path,
        label: '',
        disks: [],
      },
    })),
    more: entries.length === limit,
    missing,
  }
}

/** What a list of a bucket may not show: it says so, or is refused. */
function missingFrom(deps: ObjectsDeps, {bid, ref}: Bucket): readonly string[] {
  const {store} = deps
  // Of a mirrored bucket the others may have everything.
  const away = store.isCovered(bid) ? [] : store.missing()
  const unreadable = store
    .unreadable()
    .filter((file) => file.bid === bid)
    .filter(
      ({name}) => name === null || !isKnown(store, {bid, name, digest: objectDigest(ref, name)}),
    )
  return [
    ...(isInCharge(deps) ? [] : ['without a data lease others may have what is newer']),
    ...away.map(({path, why}) => `${path}: ${why}`),
    ...unreadable.map(({path, why}) => `${path} cannot be read: ${why}`),
  ]
}

/** Whether another copy of a key tells what a file that cannot be read would have said. */
function isKnown(store: ObjectsDeps['store'], key: ObjectKey): boolean {
  if (!store.copies.has(key.bid)) return false
  try {
    const lookup = store.lookup(key, false)
    if (lookup.type === 'object') store.close(lookup.file)
    return lookup.type !== 'unsure'
  } catch (error) {
    if (error instanceof AisError) return false
    throw error
  }
}

/** Whether nobody else can have been given what is written here; one out of office gives hints. */
function isInCharge({view, ring, leaseValid}: ObjectsDeps): boolean {
  const {id} = view().self
  const owners = newestEntry(ring())?.candidates ?? []
  return leaseValid() || !owners.some((owner) => owner.id === id)
}
