/**
 * A bucket by its reference. A gateway may not have heard of a commit a few milliseconds ago:
 * before it says that a bucket does not exist it asks the primary, and waits for the record if it
 * does.
 */

import {AisError, refusal} from '../../base/errors.ts'
import {bucketLabel, bucketUname, type Bucket, type BucketRef} from '../../model/bucket.ts'
import {bucketPath} from '../../wire/paths.ts'
import {bucketQuery, formatQuery} from '../../wire/query.ts'
import {reasonOf} from '../observe/log.ts'
import type {NodeContext} from './context.ts'
import {RELAY_HEADER} from './relay.ts'
import {recordOf} from './respond.ts'

/** How long a record that the primary has committed may take to arrive here. */
const ARRIVAL_MS = 2000
const LOOK_EVERY_MS = 5

/** @throws AisError BUCKET_NOT_FOUND */
export async function findBucket(context: NodeContext, ref: BucketRef): Promise<Bucket> {
  const bucket = knownBucket(context, ref)
  if (bucket !== undefined) return bucket
  if (await existsAtPrimary(context, ref)) {
    const arrived = await until(() => knownBucket(context, ref), ARRIVAL_MS)
    if (arrived !== undefined) return arrived
  }
  throw new AisError(
    refusal('BUCKET_NOT_FOUND', `bucket ${JSON.stringify(bucketLabel(ref))} does not exist`),
  )
}

/** The bucket in the newest record here. */
export function knownBucket(context: NodeContext, ref: BucketRef): Bucket | undefined {
  const bucket = recordOf(context).bmd.buckets[bucketUname(ref)]
  return bucket?.deletedAt === undefined ? bucket : undefined
}

async function existsAtPrimary(context: NodeContext, ref: BucketRef): Promise<boolean> {
  const {smap} = recordOf(context)
  const primary = smap.nodes[smap.primary]
  if (primary === undefined || primary.id === context.id) return false
  const path = `${bucketPath(ref.name)}?${formatQuery(bucketQuery(ref))}`
  try {
    const {head} = await context.askPublic(primary.public, {
      method: 'HEAD',
      path,
      headers: {[RELAY_HEADER]: context.id},
    })
    return head.statusCode === 200
  } catch (error) {
    context.log.debug('the primary could not be asked', {error: reasonOf(error)})
    return false
  }
}

/** Looks until there is something, or the time is over. */
export async function until<T>(
  look: () => T | undefined,
  withinMs: number,
): Promise<T | undefined> {
  const endMs = performance.now() + withinMs
  for (;;) {
    const found = look()
    if (found !== undefined || performance.now() > endMs) return found
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
  }
}
