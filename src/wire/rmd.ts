/** Rebalance metadata as AIStore shows it, and the name of a rebalance. */

import type {Rmd} from '../model/record.ts'
import {count, list, looseStruct, text, withDefault} from './decode.ts'
import type {Json, JsonMap} from './json.ts'

/** The metadata as a JSON value; unlike the other parts its version is a bare number. */
export function encodeRmd(uuid: string, rmd: Rmd): JsonMap {
  return {
    cluster_id: uuid,
    ...(rmd.targetIds.length === 0 ? {} : {target_ids: rmd.targetIds}),
    version: rmd.version,
  }
}

const RMD = looseStruct({
  cluster_id: withDefault(text, ''),
  target_ids: withDefault(list(text), []),
  version: withDefault(count, 0),
})

/** @throws AisError BAD_REQUEST */
export function decodeRmd(value: Json): {
  readonly uuid: string
  readonly version: number
  readonly targetIds: readonly string[]
} {
  const found = RMD(value, 'rmd')
  return {uuid: found.cluster_id, version: found.version, targetIds: found.target_ids}
}

/** Id of a rebalance: `g47`. */
export function rebalanceId(version: number): string {
  return `g${version}`
}

/** The number in such an id; undefined: it is none. */
export function rebalanceNumber(id: string): number | undefined {
  const match = /^g(\d{1,15})$/.exec(id)
  return match === null ? undefined : Number(match[1])
}
