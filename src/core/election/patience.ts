/**
 * How long a candidate has to be patient (R4): the same measure for the candidate itself and for
 * each voter, each by what it knows. The order of succession makes one candidate the first, so that
 * rounds do not collide; safety never depends on any of this.
 */

import type {NodeId} from '../../model/ids.ts'
import type {Smap} from '../../model/record.ts'
import type {Timers} from '../../model/timers.ts'
import {succession} from '../placement/next-primary.ts'
import type {Evidence} from './evidence.ts'

/** What one node knows of the present primary. */
export interface PrimaryWatch {
  readonly nowMs: number
  /**
   * Since when nothing was heard of a primary that counts: its last beat, or later the start of
   * this process, the end of a pause of this process.
   */
  readonly quietSinceMs: number
  /** Fresh evidence that it is gone; null: none. */
  readonly evidence: Evidence | null
  /** Whom this node gave its vote last, in this run, and when: it is given time to take office. */
  readonly granted: {readonly id: NodeId; readonly atMs: number} | null
  readonly timers: Pick<Timers, 'electMs' | 'rankMs' | 'leaseMs'>
}

/** Place in the order of succession, 0 the first; whom the map does not name comes last. */
export function rankOf(smap: Smap, id: NodeId): number {
  const order = succession(smap)
  const at = order.indexOf(id)
  return at === -1 ? order.length : at
}

/** Milliseconds until this candidate of this rank is acceptable; 0: now. */
export function waitLeft(watch: PrimaryWatch, id: NodeId, rank: number): number {
  const {nowMs, quietSinceMs, evidence, granted, timers} = watch
  const patience = rank * timers.rankMs
  const bySilence = quietSinceMs + timers.electMs + patience
  const byEvidence = evidence === null ? Infinity : evidence.sinceMs + patience
  const yields = granted !== null && granted.id !== id
  const notBefore = yields ? granted.atMs + timers.leaseMs : -Infinity
  return Math.max(0, notBefore - nowMs, Math.min(bySilence, byEvidence) - nowMs)
}
