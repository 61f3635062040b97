/**
 * The replicated record as text and back: canonical JSON of exactly the model's shape. Unknown
 * fields are kept at every level, so that what a newer release wrote travels unchanged. The text
 * that was received is what is stored, hashed and passed on (DESIGN: formats); encoding is for a
 * node's own proposals.
 */

import {AisError} from '../base/errors.ts'
import type {JsonObject} from '../model/bucket.ts'
import {isClusterUuid, isNodeId} from '../model/ids.ts'
import type {ClusterUuid, NodeId} from '../model/ids.ts'
import {RECORD_BYTES_MAX} from '../model/limits.ts'
import type {Endpoint, Member} from '../model/node.ts'
import type {ClusterRecord} from '../model/record.ts'
import {
  ELECTION_REASONS,
  MOVE_OUTCOMES,
  OPERATION_ACTIONS,
  OPERATION_PHASES,
  RECORD_FORMAT,
} from '../model/record.ts'
import type {Decoder} from './decode.ts'
import {
  bool,
  count,
  decodeWith,
  int,
  isJsonMap,
  list,
  map,
  mapOf,
  mismatch,
  nullable,
  optional,
  struct,
  text,
  textAs,
  withDefault,
  word,
} from './decode.ts'
import type {Json} from './json.ts'
import {canonicalJson, parseJson} from './json.ts'

/** The canonical text of a record. */
export function encodeRecord(record: ClusterRecord): string {
  return canonicalJson(record)
}

/**
 * The record of a text.
 * @throws AisError INCOMPATIBLE when a newer release wrote it, BAD_REQUEST when it is none
 */
export function decodeRecord(source: string): ClusterRecord {
  if (source.length > RECORD_BYTES_MAX) {
    throw new AisError({code: 'TOO_LARGE', message: `record of ${source.length} characters`})
  }
  const value = parseJson(source)
  const format = isJsonMap(value) ? value['format'] : undefined
  if (typeof format === 'number' && format > RECORD_FORMAT) {
    throw new AisError({
      code: 'INCOMPATIBLE',
      message: `record of format ${format}: this release reads up to ${RECORD_FORMAT}`,
      hint: 'start the release that wrote it',
    })
  }
  return decodeWith(record, value, 'record') as ClusterRecord
}

/** A node id. */
export const nodeId: Decoder<NodeId> = textAs('a node id', (found) =>
  isNodeId(found) ? found : undefined,
)

/** A node id, or nothing where there is none. */
export const nodeIdOrNone: Decoder<NodeId | ''> = (found, path) =>
  found === '' ? '' : nodeId(found, path)

/** A cluster uuid. */
export const clusterUuid: Decoder<ClusterUuid> = textAs('a cluster uuid', (found) =>
  isClusterUuid(found) ? found : undefined,
)

/** A listener's address. */
export const endpoint: Decoder<Endpoint> = struct({host: text, port: count})

/** (id, incarnation). */
export const voter = struct({id: nodeId, inc: count})

/** (epoch, index). */
export const position = struct({epoch: count, index: count})

/** JSON without integers beyond 2^53: what settings and properties may hold. */
export const plainObject: Decoder<JsonObject> = (value, path) => {
  const found = map(value, path)
  assertPlain(found, path)
  return found as JsonObject
}

function assertPlain(value: Json, path: string): void {
  if (typeof value === 'bigint') mismatch(path, 'a number below 2^53', value)
  if (typeof value !== 'object' || value === null) return
  for (const [key, item] of Object.entries(value)) assertPlain(item, `${path}.${key}`)
}

const speaks: Decoder<readonly [number, number]> = (value, path) => {
  const [low, high, ...rest] = list(int)(value, path)
  return low === undefined || high === undefined || rest.length > 0
    ? mismatch(path, 'two numbers', value)
    : [low, high]
}

const memberFields = struct({
  id: nodeId,
  role: word(['proxy', 'target']),
  public: endpoint,
  control: endpoint,
  data: endpoint,
  flags: count,
  inc: count,
  learner: bool,
  away: nullable(struct({kind: word(['absent', 'lost']), sinceMs: int})),
  since: optional(count),
  speaks,
})

/** A member of the cluster map. */
export const member: Decoder<Member> = memberFields

const bucket = struct({
  ref: struct({
    name: text,
    provider: word(['ais', 'aws', 'gcp', 'azure', 'oci', 'ht']),
    namespace: struct({uuid: text, name: text}),
  }),
  bid: text,
  createdNs: text,
  durability: word(['default', 'relaxed']),
  set: plainObject,
  deletedAt: optional(count),
  purge: optional(bool),
  copiesAt: optional(count),
})

const record = struct({
  format: count,
  uuid: clusterUuid,
  epoch: count,
  index: count,
  parent: text,
  pv: nullable(list(struct({id: nodeId, inc: count, electable: bool}))),
  level: count,
  smap: struct({
    version: count,
    epoch: count,
    created: text,
    primary: nodeId,
    nodes: mapOf(member),
    removedInc: optional(count),
  }),
  bmd: struct({version: count, epoch: count, serial: count, buckets: mapOf(bucket)}),
  rmd: struct({version: count, epoch: count, targetIds: list(nodeId)}),
  conf: struct({
    version: count,
    epoch: count,
    updated: text,
    set: plainObject,
    urls: struct({primary: text, original: text, discovery: text}),
  }),
  tokens: struct({version: count, epoch: count, revoked: list(text)}),
  own: list(
    struct({
      index: count,
      targets: list(nodeId),
      merged: optional(list(list(nodeId))),
      swept: optional(bool),
    }),
  ),
  op: nullable(
    struct({
      id: text,
      action: word(OPERATION_ACTIONS),
      nodes: list(nodeId),
      phase: word(OPERATION_PHASES),
      rmUserData: bool,
      keepInitialConfig: bool,
      noShutdown: bool,
    }),
  ),
  move: nullable(struct({entry: count})),
  heir: nullable(voter),
  elections: list(
    struct({
      epoch: count,
      primary: nodeId,
      before: nodeIdOrNone,
      reason: word(ELECTION_REASONS),
      votes: count,
      voters: count,
      tookMs: count,
      atMs: int,
    }),
  ),
  rebalances: withDefault(
    list(
      struct({
        rebalance: count,
        entry: count,
        state: word(MOVE_OUTCOMES),
        beganMs: int,
        endedMs: nullable(int),
        shares: list(
          struct({
            id: nodeId,
            objects: count,
            bytes: count,
            inObjects: withDefault(count, 0),
            inBytes: withDefault(count, 0),
          }),
        ),
      }),
    ),
    [],
  ),
  lease: optional(
    nullable(struct({run: text, who: text, from: text, what: text, sinceMs: int, expiresMs: int})),
  ),
})
