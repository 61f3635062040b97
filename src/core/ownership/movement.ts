/** When a change of the record makes data move (R26), as the next record has it. */

import type {ClusterRecord, Moves} from '../../model/record.ts'

/**
 * The draft with the rebalance that follows from it. Other owners make data move, but not those
 * that a loss made: there is nothing to copy from whom nobody reaches, and it may be back in a
 * moment. @param parts with `own` as the next record has it
 */
export function withMovement(
  parts: ClusterRecord,
  old: ClusterRecord,
  moves: Moves,
): ClusterRecord {
  const newest = parts.own.at(-1)
  const passed = newest !== undefined && newest.index !== old.own.at(-1)?.index
  if (newest === undefined || (!passed && moves !== 'yes')) return parts
  if (!begins(parts, old, moves)) {
    return passed && parts.move !== null ? {...parts, move: null} : parts
  }
  return {...parts, move: {entry: newest.index}, rmd: {...parts.rmd}}
}

function begins(parts: ClusterRecord, old: ClusterRecord, moves: Moves): boolean {
  if (parts.bmd.serial === 0) return false
  // What nodes are taken out for goes on to the newest owners, whoever was lost on the way.
  if (moves === 'yes' || parts.op?.phase === 'moving') return true
  const enabled = parts.conf.set['rebalance.enabled'] !== false && moves !== 'no'
  return enabled && parts.own.length > 1 && !isLossOnly(parts, old)
}

function isLossOnly(parts: ClusterRecord, old: ClusterRecord): boolean {
  const now = parts.own.at(-1)?.targets ?? []
  const before = old.own.at(-1)?.targets ?? []
  const added = now.some((id) => !before.includes(id))
  const gone = before.filter((id) => !now.includes(id))
  return !added && gone.every((id) => parts.smap.nodes[id]?.away?.kind === 'lost')
}
