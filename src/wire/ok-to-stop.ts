/**
 * Whether nodes may be off now: `GET /v1/cluster?what=ok_to_stop&node=ID&node=ID…` at any gateway.
 * Ours alone: AIStore has nothing like it. What the answer means: `model/ok-to-stop.ts`.
 */

import {AisError, refusal} from '../base/errors.ts'
import {MEMBERS_MAX} from '../model/limits.ts'
import type {OkToStop} from '../model/ok-to-stop.ts'
import type {Resilience} from '../model/resilience.ts'
import {bool, count, int, list, nullable, struct, text, word} from './decode.ts'
import type {Json, JsonMap} from './json.ts'
import {nodeId} from './record.ts'
import {allOf, formatQuery, QUERY} from './query.ts'

/** Its name among the questions to a cluster. */
export const OK_TO_STOP = 'ok_to_stop'

const NODE = 'node'

/** The query string of the question, the name of the question included. */
export function okToStopQuery(ids: readonly string[]): string {
  return [
    formatQuery({[QUERY.what]: OK_TO_STOP}),
    ...ids.map((id) => formatQuery({[NODE]: id})),
  ].join('&')
}

/** Ids of the nodes that a query string asks about. @throws AisError BAD_REQUEST */
export function decodeOkToStopQuery(raw: string): readonly string[] {
  const ids = [...new Set(allOf(raw, NODE))]
  if (ids.length > 0 && ids.length <= MEMBERS_MAX) return ids
  throw new AisError(
    refusal(
      'BAD_REQUEST',
      `${OK_TO_STOP}: ${ids.length} nodes are named, 1 to ${MEMBERS_MAX} may be`,
    ),
  )
}

/** The answer as a JSON value. */
export function encodeOkToStop(verdict: OkToStop): JsonMap {
  const {safe, reasons, unknown, nodes, quorum, toMove, moveTime, room, restart} = verdict
  return {
    safe,
    reasons,
    unknown,
    nodes: nodes.map(({id, role, down, isPrimary, only, serves}) => {
      const alone = only === null ? null : {objects: only.objects, bytes: only.bytes}
      return {id, role, down, is_primary: isPrimary, only: alone, serves}
    }),
    quorum: {
      holds: quorum.holds,
      now: encodeResilience(quorum.now),
      without: encodeResilience(quorum.without),
    },
    to_move: {objects: toMove.objects, bytes: toMove.bytes},
    move_time: moveTime === null ? null : {...moveTime},
    room: {targets: room.targets, available_bytes: room.availableBytes},
    restart: {safe: restart.safe, reasons: restart.reasons, heir: restart.heir},
  }
}

function encodeResilience({electableUp, dataSpare, ...rest}: Resilience): JsonMap {
  return {...rest, electable_up: electableUp, data_spare: dataSpare}
}

const STORED = struct({objects: count, bytes: count})

const RESILIENCE = struct({
  voters: count,
  needed: count,
  up: count,
  spare: int,
  electable: count,
  electable_up: count,
  failover: bool,
  sole: nullable(nodeId),
  data_spare: int,
})

const VERDICT = struct({
  safe: bool,
  reasons: list(text),
  unknown: list(text),
  nodes: list(
    struct({
      id: text,
      role: word(['proxy', 'target']),
      down: bool,
      is_primary: bool,
      only: nullable(STORED),
      serves: bool,
    }),
  ),
  quorum: struct({holds: bool, now: RESILIENCE, without: RESILIENCE}),
  to_move: STORED,
  move_time: nullable(struct({seconds: count, rebalance: text})),
  room: struct({targets: count, available_bytes: nullable(count)}),
  restart: struct({safe: bool, reasons: list(text), heir: nullable(text)}),
})

/** The inverse of encodeOkToStop. @throws AisError BAD_REQUEST */
export function decodeOkToStop(value: Json): OkToStop {
  const {to_move: toMove, move_time: moveTime, ...found} = VERDICT(value, OK_TO_STOP)
  const {room, quorum} = found
  return {
    ...found,
    nodes: found.nodes.map(({is_primary: isPrimary, ...node}) => ({...node, isPrimary})),
    quorum: {...quorum, now: decoded(quorum.now), without: decoded(quorum.without)},
    toMove,
    moveTime,
    room: {targets: room.targets, availableBytes: room.available_bytes},
  }
}

function decoded({
  electable_up: electableUp,
  data_spare: dataSpare,
  ...rest
}: ReturnType<typeof RESILIENCE>): Resilience {
  return {...rest, electableUp, dataSpare}
}
