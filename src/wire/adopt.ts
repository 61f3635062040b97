/**
 * What a target that was removed by force and came back has kept aside, taken up again: one call of
 * `PUT /v1/daemon` with the action `adopt-data`, and what came of it. Ours alone.
 */

import {bool, count, looseStruct, struct, text, withDefault} from './decode.ts'
import type {Json, JsonMap} from './json.ts'

export const ADOPT_ACTION = 'adopt-data'

export interface AdoptOrder {
  /** Where the call before this one ended; '' for the first. */
  readonly after: string
  /** What the cluster does not need is removed: names that it has, deletes, buckets that are gone. */
  readonly discard: boolean
}

export interface Adopted {
  /** Stored anew, under the owner of each key. */
  readonly adopted: number
  readonly bytes: number
  /** The cluster has an object of that name. */
  readonly present: number
  /** A delete, or of a bucket that is gone. */
  readonly obsolete: number
  /** They stay aside. */
  readonly failed: number
  /** The last failure; '' without. */
  readonly problem: string
  /** Where to go on; '' when all was looked at. */
  readonly next: string
}

const ORDER = looseStruct({after: withDefault(text, ''), discard: withDefault(bool, false)})

/** @throws AisError BAD_REQUEST */
export function decodeAdoptOrder(value: Json): AdoptOrder {
  return ORDER(value ?? {}, 'value')
}

/** The inverse of decodeAdoptOrder. */
export function encodeAdoptOrder({after, discard}: AdoptOrder): JsonMap {
  return {after, discard}
}

const ADOPTED = struct({
  adopted: count,
  bytes: count,
  present: count,
  obsolete: count,
  failed: count,
  problem: text,
  next: text,
})

/** @throws AisError BAD_REQUEST */
export function decodeAdopted(value: Json): Adopted {
  return ADOPTED(value, 'adopted')
}

/** The inverse of decodeAdopted. */
export function encodeAdopted(adopted: Adopted): JsonMap {
  const {adopted: objects, bytes, present, obsolete, failed, problem, next} = adopted
  return {adopted: objects, bytes, present, obsolete, failed, problem, next}
}
