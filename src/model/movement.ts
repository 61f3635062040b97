/**
 * How a rebalance stands, read from a record: whether it goes on, is done, or was broken off. And
 * who has something that is not elsewhere. Decides nothing: `core/membership` ends operations.
 */

import type {ClusterRecord, MoveOutcome, OwnEntry} from './record.ts'

/** A rebalance: its number, and the own entry that it moves to. */
export interface MoveId {
  readonly rebalance: number
  readonly entry: number
}

/** What became of a rebalance, by the newest record. */
export function moveOutcome(
  {own, move, rmd}: Pick<ClusterRecord, 'own' | 'move' | 'rmd'>,
  {rebalance, entry}: MoveId,
): MoveOutcome {
  if (move?.entry === entry && rmd.version === rebalance) return 'running'
  if (isMovedTo(own, entry)) return 'finished'
  return move === null ? 'stopped' : 'overtaken'
}

/** Whether nothing is older than this own entry: all has moved there, or on to a newer one. */
export function isMovedTo(own: readonly OwnEntry[], entry: number): boolean {
  const [oldest] = own
  return oldest !== undefined && oldest.index >= entry && (oldest.merged ?? []).length === 0
}
