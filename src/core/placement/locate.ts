/**
 * Which target owns an object: highest random weight over the active targets of the committed
 * record. Compat: aistore core/meta/hrw.go HrwName2T — weight = mix(digest(node) XOR
 * digest(object)); a tie goes to the greater id (the reference iterates an unordered map there).
 */

import {mixWeight, xxh64} from '../../base/xxhash.ts'
import type {BucketRef} from '../../model/bucket.ts'
import {objectUname} from '../../model/bucket.ts'

/** A name that competes, with its digest: a node id, or a mountpath's clean absolute path. */
export interface Candidate<Id extends string = string> {
  readonly id: Id
  /** XXH64 of the id under the placement seed. */
  readonly digest: bigint
}

/** The digest of an object, the same for its target and its mountpath. */
export function objectDigest(ref: BucketRef, objectName: string): bigint {
  return xxh64(objectUname(ref, objectName))
}

/** Prepares ids for placement; do it once per record, not per request. */
export function candidatesOf<Id extends string>(ids: readonly Id[]): readonly Candidate<Id>[] {
  return ids.map((id) => ({id, digest: xxh64(id)}))
}

/** The winner, or undefined when nobody competes. */
export function highestWeight<Id extends string>(
  candidates: readonly Candidate<Id>[],
  digest: bigint,
): Id | undefined {
  let best: Id | undefined
  let bestWeight = -1n
  for (const {id, digest: own} of candidates) {
    const weight = mixWeight(own ^ digest)
    if (weight > bestWeight || (weight === bestWeight && best !== undefined && id > best)) {
      best = id
      bestWeight = weight
    }
  }
  return best
}

/** All candidates, heaviest first (AIStore HrwTargetList). */
export function rankByWeight<Id extends string>(
  candidates: readonly Candidate<Id>[],
  digest: bigint,
): readonly Id[] {
  return candidates
    .map(({id, digest: own}) => ({id, weight: mixWeight(own ^ digest)}))
    .sort((a, b) => (a.weight === b.weight ? (a.id > b.id ? -1 : 1) : a.weight > b.weight ? -1 : 1))
    .map(({id}) => id)
}
