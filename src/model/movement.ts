/**
 * How a rebalance stands, read from a record: whether it goes on, is done, or was broken off. And
 * who has something that is not elsewhere. Decides nothing: `core/membership` ends operations.
 */

import type {NodeId} from './ids.ts'
import type {MoveAmount, MoveReport} from './peer-messages.ts'
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

/** What each target has received, by the words of those who sent it. */
export function receivedBy(reports: Iterable<MoveReport>): ReadonlyMap<NodeId, MoveAmount> {
  const received = new Map<NodeId, MoveAmount>()
  for (const {sent} of reports) {
    for (const [id, {objects, bytes}] of Object.entries(sent) as [NodeId, MoveAmount][]) {
      const before = received.get(id) ?? NOTHING_MOVED
      received.set(id, {objects: before.objects + objects, bytes: before.bytes + bytes})
    }
  }
  return received
}

export const NOTHING_MOVED: MoveAmount = {objects: 0, bytes: 0}

/** Beats come every second: who has missed so many is not merely late. */
const SILENT_MS = 5000

/** Whether a node is not heard any more. @param heardMs null: never, by the present primary */
export function isSilent(
  {away, heardMs}: {readonly away: boolean; readonly heardMs: number | null},
  nowMs: number,
): boolean {
  return away || heardMs === null || nowMs - heardMs > SILENT_MS
}
