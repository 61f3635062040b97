/**
 * Nodes that come and go, as the primary knows it: `GET /v1/cluster?what=operation`. The operation
 * under way, and how far every target is with the rebalance. Ours alone: AIStore has `qryxstats`
 * (job.ts), which knows less.
 */

import {
  MOVE_OUTCOMES,
  OPERATION_ACTIONS,
  OPERATION_PHASES,
  type MoveOutcome,
  type Operation,
} from '../model/record.ts'
import {
  bool,
  count,
  list,
  nullable,
  num,
  struct,
  type Struct,
  text,
  textAs,
  withDefault,
  word,
} from './decode.ts'
import type {Json, JsonMap} from './json.ts'
import {nodeId} from './record.ts'
import {formatRfc3339Nano, parseRfc3339} from './time.ts'

/**
 * What a target last said of the rebalance. `unknown`: nothing of this one yet; `idle`: it takes no
 * part.
 */
export const MOVER_STATES = ['unknown', 'idle', 'waiting', 'walking', 'clean', 'failing'] as const

export type MoverState = (typeof MOVER_STATES)[number]

/** A node that may hold what belongs elsewhere, or is being taken out. */
export interface OperationNode {
  readonly id: string
  readonly role: 'proxy' | 'target'
  /** As in node_status: `maintenance`, `decommission`, `absent`, `lost`; '' when it is online. */
  readonly status: string
  /** Its process is not there, whatever else. */
  readonly away: boolean
  readonly state: MoverState
  /** Moved by it in this rebalance. */
  readonly objects: number
  readonly bytes: number
  /** Received by it, as told by those who sent it. */
  readonly inObjects: number
  readonly inBytes: number
  /** Objects that it has still to move, as far as it has looked; null: not known yet. */
  readonly left: number | null
  /** Its last failure; '' without. */
  readonly problem: string
  /** When the primary heard it last, ms since 1970 by the primary's clock; null: never. */
  readonly heardMs: number | null
  /** Whether it may have what is nowhere else: it must not be lost. */
  readonly holds: boolean
  /** By the last seconds. */
  readonly objectsPerSecond: number
  readonly bytesPerSecond: number
  /** Null: not known. */
  readonly secondsLeft: number | null
}

/** What one target has done in a rebalance. */
export type RebalanceShare = Pick<
  OperationNode,
  'id' | 'objects' | 'bytes' | 'inObjects' | 'inBytes' | 'problem'
>

/** One rebalance, as the record remembers it. */
export interface RebalanceNote {
  /** `g3`. */
  readonly id: string
  readonly state: MoveOutcome
  /** Index of the own entry that data moves to. */
  readonly entry: number
  /** Ms since 1970; `endedMs` null while it runs. */
  readonly beganMs: number
  readonly endedMs: number | null
  readonly nodes: readonly RebalanceShare[]
}

/** After a rebalance: what has moved is removed where it came from. */
export interface ReclaimNote {
  /** Targets that have to say that nothing is left, and those that have. */
  readonly targets: number
  readonly done: number
  /** Removed so far. */
  readonly objects: number
  readonly bytes: number
  readonly problems: readonly {readonly id: string; readonly problem: string}[]
  /** Targets that have not said so and whose process does not answer; `heardMs` as above. */
  readonly silent: readonly Pick<OperationNode, 'id' | 'role' | 'heardMs'>[]
}

export interface OperationAnswer {
  readonly uuid: string
  /** Id of the gateway that answers; whether it leads: only then reports are told. */
  readonly node: string
  readonly live: boolean
  readonly epoch: number
  readonly index: number
  /** The primary's clock. */
  readonly nowMs: number
  readonly op: Operation | null
  /** A rebalance goes on, to this own entry. */
  readonly move: {readonly entry: number} | null
  /** The newest rebalance, `g3`; '' when there never was one. */
  readonly rebalance: string
  /** Index of the oldest own entry: what belongs to it or a newer one is found there. */
  readonly ownFrom: number
  /** Everything is where it belongs. */
  readonly inPlace: boolean
  /** By id. */
  readonly nodes: readonly OperationNode[]
  /** Oldest first. */
  readonly rebalances: readonly RebalanceNote[]
  /** Null: nothing is left to be removed, or something has still to move. */
  readonly reclaim: ReclaimNote | null
}

/** The answer as a JSON value. */
export function encodeOperation(answer: OperationAnswer): JsonMap {
  const {uuid, node, live, epoch, index, op, move, rebalance} = answer
  return {
    uuid,
    node,
    live,
    epoch,
    index,
    now: formatMs(answer.nowMs),
    op: op === null ? null : encodeOp(op),
    move: move === null ? null : {entry: move.entry},
    rebalance,
    own_from: answer.ownFrom,
    in_place: answer.inPlace,
    nodes: answer.nodes.map(encodeNode),
    reclaim: answer.reclaim === null ? null : encodeReclaim(answer.reclaim),
    rebalances: answer.rebalances.map(({id, state, entry, beganMs, endedMs, nodes}) => ({
      id,
      state,
      entry,
      began: formatMs(beganMs),
      ended: endedMs === null ? null : formatMs(endedMs),
      nodes: nodes.map(encodeShare),
    })),
  }
}

function encodeReclaim(note: ReclaimNote): JsonMap {
  const {targets, done, objects, bytes} = note
  return {
    targets,
    done,
    objects,
    bytes,
    problems: note.problems.map(({id, problem}) => ({id, problem})),
    silent: note.silent.map(({id, role, heardMs}) => ({id, role, heard: heardOf(heardMs)})),
  }
}

function encodeOp(op: Operation): JsonMap {
  const {id, action, nodes, phase} = op
  return {
    id,
    action,
    nodes,
    phase,
    rm_user_data: op.rmUserData,
    keep_initial_config: op.keepInitialConfig,
    no_shutdown: op.noShutdown,
  }
}

function encodeShare({id, objects, bytes, inObjects, inBytes, problem}: RebalanceShare): JsonMap {
  return {id, objects, bytes, in_objects: inObjects, in_bytes: inBytes, problem}
}

function encodeNode(node: OperationNode): JsonMap {
  const {role, status, away, state, left, heardMs, holds} = node
  return {
    ...encodeShare(node),
    role,
    status,
    away,
    state,
    left,
    heard: heardOf(heardMs),
    holds,
    objects_per_second: node.objectsPerSecond,
    bytes_per_second: node.bytesPerSecond,
    seconds_left: node.secondsLeft,
  }
}

const NS_PER_MS = 1_000_000n

function formatMs(ms: number): string {
  return formatRfc3339Nano(BigInt(Math.floor(ms)) * NS_PER_MS)
}

function heardOf(heardMs: number | null): string | null {
  return heardMs === null ? null : formatMs(heardMs)
}

const moment = textAs('a time such as "2026-11-21T11:28:12Z"', (found) => {
  const ns = parseRfc3339(found)
  return ns === undefined ? undefined : Number(ns / NS_PER_MS)
})

const SHARE = {
  id: text,
  objects: count,
  bytes: count,
  in_objects: withDefault(count, 0),
  in_bytes: withDefault(count, 0),
  problem: text,
}

const OPERATION = struct({
  uuid: text,
  node: text,
  live: bool,
  epoch: count,
  index: count,
  now: moment,
  op: nullable(
    struct({
      id: text,
      action: word(OPERATION_ACTIONS),
      nodes: list(nodeId),
      phase: word(OPERATION_PHASES),
      rm_user_data: withDefault(bool, false),
      keep_initial_config: withDefault(bool, false),
      no_shutdown: withDefault(bool, false),
    }),
  ),
  move: nullable(struct({entry: count})),
  rebalance: text,
  own_from: count,
  in_place: bool,
  nodes: list(
    struct({
      ...SHARE,
      role: word(['proxy', 'target']),
      status: text,
      away: bool,
      state: word(MOVER_STATES),
      left: nullable(count),
      heard: nullable(moment),
      holds: bool,
      objects_per_second: num,
      bytes_per_second: num,
      seconds_left: nullable(num),
    }),
  ),
  reclaim: withDefault(
    nullable(
      struct({
        targets: count,
        done: count,
        objects: count,
        bytes: count,
        problems: list(struct({id: text, problem: text})),
        silent: withDefault(
          list(struct({id: text, role: word(['proxy', 'target']), heard: nullable(moment)})),
          [],
        ),
      }),
    ),
    null,
  ),
  rebalances: list(
    struct({
      id: text,
      state: word(MOVE_OUTCOMES),
      entry: count,
      began: moment,
      ended: nullable(moment),
      nodes: list(struct(SHARE)),
    }),
  ),
})

/** The inverse of encodeOperation. @throws AisError BAD_REQUEST */
export function decodeOperation(value: Json): OperationAnswer {
  const found = OPERATION(value, 'operation')
  const {now: nowMs, own_from: ownFrom, in_place: inPlace, op, nodes, rebalances, ...rest} = found
  return {
    ...rest,
    reclaim: rest.reclaim === null ? null : reclaimOf(rest.reclaim),
    nowMs,
    ownFrom,
    inPlace,
    op: op === null ? null : opOf(op),
    nodes: nodes.map(({heard: heardMs, ...node}) => ({
      ...shareOf(node),
      role: node.role,
      status: node.status,
      away: node.away,
      state: node.state,
      left: node.left,
      heardMs,
      holds: node.holds,
      objectsPerSecond: node.objects_per_second,
      bytesPerSecond: node.bytes_per_second,
      secondsLeft: node.seconds_left,
    })),
    rebalances: rebalances.map(({began: beganMs, ended: endedMs, ...note}) => ({
      ...note,
      beganMs,
      endedMs,
      nodes: note.nodes.map(shareOf),
    })),
  }
}

function reclaimOf({
  silent,
  ...note
}: NonNullable<ReturnType<typeof OPERATION>['reclaim']>): ReclaimNote {
  return {...note, silent: silent.map(({heard: heardMs, ...node}) => ({...node, heardMs}))}
}

function shareOf(share: Struct<typeof SHARE>): RebalanceShare {
  const {id, objects, bytes, in_objects: inObjects, in_bytes: inBytes, problem} = share
  return {id, objects, bytes, inObjects, inBytes, problem}
}

function opOf(op: NonNullable<ReturnType<typeof OPERATION>['op']>): Operation {
  const {id, action, nodes, phase} = op
  return {
    id,
    action,
    nodes,
    phase,
    rmUserData: op.rm_user_data,
    keepInitialConfig: op.keep_initial_config,
    noShutdown: op.no_shutdown,
  }
}
