/** Local mirroring as a bucket's properties say it: on how many mountpaths its objects lie. */

import type {Bucket, JsonObject} from './bucket.ts'
import {setting} from './config/config.ts'

/** As in the reference, a mirrored bucket has so many copies at least, and at most. */
export const COPIES_MIN = 2
export const COPIES_MAX = 32

/**
 * Why a bucket cannot be mirrored as its properties say; null when it can.
 * Compat: aistore cmn/config.go MirrorConf.Validate — checked only where mirroring is on.
 * @param config `conf.set` of the record
 */
export function mirrorProblem(bucket: Pick<Bucket, 'set'>, config: JsonObject): string | null {
  const set = {...config, ...bucket.set}
  const copies = setting(set, 'mirror.copies')
  if (!setting(set, 'mirror.enabled') || (copies >= COPIES_MIN && copies <= COPIES_MAX)) return null
  const range = `[${COPIES_MIN}, ${COPIES_MAX}]`
  return `invalid mirror.copies: ${copies} (expected value in range ${range})`
}

/** How many mountpaths a bucket's objects are to lie on. @param config `conf.set` of the record */
export function copiesWanted(bucket: Pick<Bucket, 'set'>, config: JsonObject): number {
  const set = {...config, ...bucket.set}
  return setting(set, 'mirror.enabled') ? setting(set, 'mirror.copies') : 1
}
