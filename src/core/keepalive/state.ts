/** What a primary knows of each other member, from beats and prepares. Memory of one reign. */

import type {NodeId} from '../../model/ids.ts'
import type {MoveReport, RunMark} from '../../model/peer-messages.ts'
import type {RecordPosition} from '../../model/record.ts'
import {POSITION_NONE} from '../../model/record.ts'

export interface Peer {
  readonly id: NodeId
  /** The run that answered last; null: none in this reign. */
  readonly heard: RunMark | null
  /** When the newest message that it answered was sent: what counts for a majority (R10). */
  readonly contactMs: number
  /** When its newest answer arrived, or the reign began: what silence is counted from. */
  readonly answeredMs: number
  /** When its address last refused a beat; -Infinity: never in this reign. */
  readonly refusedMs: number
  /** Nonce of its newest answer to a beat, and when it arrived. */
  readonly nonce: number
  readonly nonceAtMs: number
  /** Newest position that it has accepted durably. */
  readonly position: RecordPosition
  /** Newest committed position that it holds durably and in use. */
  readonly held: RecordPosition
  readonly stopping: boolean
  /** Its newest word on a rebalance. */
  readonly move: MoveReport | null
  /** Its newest word on what it has removed since. */
  readonly reclaim: MoveReport | null
  /** Up to which record it has cleared away destroyed buckets. */
  readonly cleared: number
  /** The run that was last given a lease, and when the answer came that the lease counts from. */
  readonly leased: {readonly run: RunMark; readonly atMs: number} | null
  /** Answers of a learner that hold the committed record (R14). */
  readonly learnerAcks: number
  readonly beatDueMs: number
  /** Beats under way. */
  readonly beatsOut: number
  readonly prepareOut: boolean
  readonly suspicion: Suspicion
}

/** How sure the primary is that a member is gone (R13). */
export type Suspicion =
  | {readonly phase: 'none'; readonly notBeforeMs: number}
  /** Others were asked to look. */
  | {
      readonly phase: 'checking'
      readonly asked: readonly NodeId[]
      readonly unreachable: readonly NodeId[]
    }
  /** Nobody reaches it. */
  | {readonly phase: 'confirmed'}

/** A member of which nothing is known yet. */
export function newPeer(id: NodeId, nowMs: number): Peer {
  return {
    id,
    heard: null,
    contactMs: -Infinity,
    answeredMs: nowMs,
    refusedMs: -Infinity,
    nonce: 0,
    nonceAtMs: 0,
    position: POSITION_NONE,
    held: POSITION_NONE,
    stopping: false,
    move: null,
    reclaim: null,
    cleared: 0,
    leased: null,
    learnerAcks: 0,
    beatDueMs: nowMs,
    beatsOut: 0,
    prepareOut: false,
    suspicion: {phase: 'none', notBeforeMs: 0},
  }
}
