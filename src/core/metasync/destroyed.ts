/**
 * Destroyed buckets (R32): a mark in the record, under which every target puts the bucket's data
 * aside and removes it in the end. The mark goes when every target, in whatever state it is, has
 * said that nothing is left: until then one that was away learns of it when it is back. What has no
 * mark is never removed.
 */

import type {Bucket} from '../../model/bucket.ts'
import type {NodeId} from '../../model/ids.ts'
import type {Bmd, ClusterRecord} from '../../model/record.ts'

/** A bucket that is marked. */
export type DestroyedBucket = Bucket & {readonly deletedAt: number}

/** Marks in the order in which they were made. */
export function destroyedBuckets(bmd: Bmd): readonly DestroyedBucket[] {
  return Object.values(bmd.buckets)
    .filter((bucket): bucket is DestroyedBucket => bucket.deletedAt !== undefined)
    .sort((a, b) => a.deletedAt - b.deletedAt)
}

/**
 * Up to which record every target has removed what was marked; undefined when there is no mark that
 * could go.
 * @param said the index that a target has named last; undefined: none
 */
export function clearedUpTo(
  record: Pick<ClusterRecord, 'smap' | 'bmd'>,
  said: (id: NodeId) => number | undefined,
): number | undefined {
  const [oldest] = destroyedBuckets(record.bmd)
  if (oldest === undefined) return undefined
  const targets = Object.values(record.smap.nodes).filter(({role}) => role === 'target')
  const upTo = Math.min(...targets.map(({id}) => said(id) ?? 0))
  return upTo >= oldest.deletedAt && Number.isFinite(upTo) ? upTo : undefined
}

/** The metadata without the marks up to a record; the same when there are none. */
export function withoutCleared(bmd: Bmd, upTo: number): Bmd {
  const left = Object.entries(bmd.buckets).filter(([, {deletedAt}]) => {
    return deletedAt === undefined || deletedAt > upTo
  })
  if (left.length === Object.keys(bmd.buckets).length) return bmd
  return {...bmd, buckets: Object.fromEntries(left)}
}
