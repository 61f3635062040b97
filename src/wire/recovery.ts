/**
 * What a node tells an operator who has lost a majority, `GET /v1/daemon?what=recovery`, and the
 * order that ends it, action `recover` (R17). Ours alone: AIStore has neither.
 */

import type {Role} from '../model/node.ts'
import {bool, count, list, nullable, struct, text, withDefault, word} from './decode.ts'
import type {Json, JsonMap} from './json.ts'

/** A record by its place and the SHA-256 of its bytes. */
export interface RecordMark {
  readonly epoch: number
  readonly index: number
  readonly sha: string
}

/** A node as the accepted record has it. */
export interface RecoveryMember {
  readonly id: string
  readonly role: Role
  readonly inc: number
  /** `http://host:port` of its listeners. */
  readonly public: string
  readonly control: string
  readonly voter: boolean
  readonly electable: boolean
  readonly away: 'absent' | 'lost' | null
}

/** One node's own knowledge; answered whatever its state. */
export interface RecoveryAnswer {
  readonly uuid: string
  readonly id: string
  readonly role: Role
  readonly inc: number
  readonly promisedEpoch: number
  readonly accepted: RecordMark | null
  readonly committed: RecordMark | null
  /** Whom it follows; null when it knows nobody. */
  readonly primary: {
    readonly id: string
    readonly live: boolean
    /** Since it was last heard; null: not in this run of the process. */
    readonly silentMs: number | null
  } | null
  /** The epoch that it leads now; 0: none. */
  readonly leads: number
  /** What a target stores, as far as it knows; null elsewhere. */
  readonly objects: number | null
  readonly bytes: number | null
  /** Of the accepted record; empty without one. */
  readonly members: readonly RecoveryMember[]
}

/** The answer as a JSON value. */
export function encodeRecovery(answer: RecoveryAnswer): JsonMap {
  const {promisedEpoch, accepted, committed, primary, members, ...rest} = answer
  return {
    ...rest,
    promised_epoch: promisedEpoch,
    accepted: accepted === null ? null : {...accepted},
    committed: committed === null ? null : {...committed},
    primary:
      primary === null ? null : {id: primary.id, live: primary.live, silent_ms: primary.silentMs},
    members: members.map((member) => ({...member})),
  }
}

const role = word(['proxy', 'target'])
const MARK = struct({epoch: count, index: count, sha: text})

const RECOVERY = struct({
  uuid: text,
  id: text,
  role,
  inc: count,
  promised_epoch: count,
  accepted: nullable(MARK),
  committed: nullable(MARK),
  primary: nullable(struct({id: text, live: bool, silent_ms: nullable(count)})),
  leads: count,
  objects: nullable(count),
  bytes: nullable(count),
  members: list(
    struct({
      id: text,
      role,
      inc: count,
      public: text,
      control: text,
      voter: bool,
      electable: bool,
      away: nullable(word(['absent', 'lost'])),
    }),
  ),
})

/** The inverse of encodeRecovery. @throws AisError BAD_REQUEST */
export function decodeRecovery(value: Json): RecoveryAnswer {
  const {promised_epoch: promisedEpoch, primary, ...found} = RECOVERY(value, 'recovery')
  return {
    ...found,
    promisedEpoch,
    primary:
      primary === null ? null : {id: primary.id, live: primary.live, silentMs: primary.silent_ms},
  }
}

/** Value of the action `recover`; its `name` is the uuid of the cluster that is meant. */
export interface RecoverOrder {
  /** All nodes that are to be in the vote afterwards, the new primary included. */
  readonly survivors: readonly string[]
}

/** The order as a JSON value. */
export function encodeRecover({survivors}: RecoverOrder): JsonMap {
  return {survivors}
}

const RECOVER = struct({survivors: withDefault(list(text), [])})

/** The inverse of encodeRecover. @throws AisError BAD_REQUEST */
export function decodeRecover(value: Json): RecoverOrder {
  const {survivors} = RECOVER(value ?? {}, 'value')
  return {survivors}
}
