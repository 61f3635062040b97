/**
 * What a gateway asks a target for its part of a list (`local-page.ts` is the answer). Between our
 * nodes only.
 */

import type {BucketRef} from '../model/bucket.ts'
import {bucketRef, encodeBucketRef} from './bmd.ts'
import {bool, count, decodeWith, struct, text} from './decode.ts'
import {canonicalJson, parseJson} from './json.ts'

/** Where a gateway asks, on the intra-data listener. */
export const LOCAL_LIST_PATH = '/v1/ext/list'

export interface LocalQuery {
  readonly ref: BucketRef
  /** The gateway's record index; a target that is behind waits for it or refuses. */
  readonly recordIndex: number
  /** Indexes of its oldest and its newest own entry: under others the page may lack names. */
  readonly own: {readonly from: number; readonly to: number}
  readonly prefix: string
  /** Names after this one, in byte order; '' for all. */
  readonly after: string
  readonly limit: number
  /** Answer although mountpaths are away. */
  readonly partial: boolean
}

const LOCAL_QUERY = struct({
  ref: bucketRef,
  recordIndex: count,
  own: struct({from: count, to: count}),
  prefix: text,
  after: text,
  limit: count,
  partial: bool,
})

/** The body of the question: the inverse of decodeLocalQuery. */
export function encodeLocalQuery(query: LocalQuery): string {
  return canonicalJson({...query, ref: encodeBucketRef(query.ref)})
}

/** @throws AisError BAD_REQUEST */
export function decodeLocalQuery(body: string): LocalQuery {
  const {ref, recordIndex, own, prefix, after, limit, partial} = decodeWith(
    LOCAL_QUERY,
    parseJson(body),
    'local list',
  )
  return {ref, recordIndex, own: {from: own.from, to: own.to}, prefix, after, limit, partial}
}
