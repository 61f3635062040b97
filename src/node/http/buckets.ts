/**
 * A bucket by its reference. A gateway may not have heard of a commit a few milliseconds ago:
 * before it says that a bucket does not exist it asks the primary, and waits for the record if it
 * does. Without a primary nobody can say so.
 */

import {AisError, refusal} from '../../base/errors.ts'
import {bucketLabel, bucketUname, type Bucket, type BucketRef} from '../../model/bucket.ts'
import {bucketPath} from '../../wire/paths.ts'
import {bucketQuery, formatQuery} from '../../wire/query.ts'
import type {NodeContext} from './context.ts'
import {noPrimary, putToPrimary, RELAY_HEADER} from './relay.ts'
import {recordOf} from './respond.ts'

/** How long a record that the primary has committed may take to arrive here. */
export const ARRIVAL_MS = 2000
const LOOK_EVERY_MS = 5

/**
 * @param relayed another gateway asks, because it takes this one for the primary
 * @throws AisError BUCKET_NOT_FOUND; NO_PRIMARY when it may exist
 */
export async function findBucket(
  context: NodeContext,
  ref: BucketRef,
  relayed = false,
): Promise<Bucket> {
  const bucket = knownBucket(context, ref)
  if (bucket !== undefined) return bucket
  if (await existsAtPrimary(context, ref, relayed)) {
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

async function existsAtPrimary(
  context: NodeContext,
  ref: BucketRef,
  relayed: boolean,
): Promise<boolean> {
  if (recordOf(context).smap.primary === context.id) return false
  if (relayed) throw noPrimary(`${context.label} is not it`)
  const path = `${bucketPath(ref.name)}?${formatQuery(bucketQuery(ref))}`
  const headers = {[RELAY_HEADER]: context.id}
  // Any command would do: what is asked is where the primary is.
  const command = {type: 'await-started'} as const
  const outcome = await putToPrimary(context, command, {method: 'HEAD', path, headers})
  if (outcome.type === 'refused') throw new AisError(outcome.refusal)
  // This gateway has become the primary meanwhile: it knows every bucket.
  if (outcome.type === 'done') return knownBucket(context, ref) !== undefined
  const {statusCode = 0} = outcome.answer.head
  if (statusCode === 200 || statusCode === 404) return statusCode === 200
  throw noPrimary(`it answers ${statusCode}`)
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
