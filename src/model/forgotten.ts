/**
 * What is forgotten (R33): what a target got while it was a member before. It follows from the map
 * alone, since a member knows since which record it is one.
 */

import type {NodeId} from './ids.ts'
import type {Member} from './node.ts'
import type {ClusterRecord, OwnEntry, Smap} from './record.ts'

/** Whether what a target got under an own entry, or before it, counts no more. */
export function isForgotten(smap: Pick<Smap, 'nodes'>, id: NodeId, entryIndex: number): boolean {
  const member = smap.nodes[id]
  return member === undefined || sinceOf(member) > entryIndex
}

/** Index of the record that made this id a member, the last time that it was none; 0: the first. */
export function sinceOf(member: Member | undefined): number {
  return member?.since ?? 0
}

/** Targets of an own entry, folded ones too, that are forgotten. */
export function forgottenIn(smap: Pick<Smap, 'nodes'>, entry: OwnEntry): readonly NodeId[] {
  return namedBy(entry).filter((id) => isForgotten(smap, id, entry.index))
}

/** Every target that may still hold what is nowhere else, in whatever state: completion waits. */
export function participantsOf(record: Pick<ClusterRecord, 'own' | 'smap'>): readonly NodeId[] {
  const {own, smap} = record
  const named = new Set<NodeId>()
  for (const entry of own) {
    for (const id of namedBy(entry)) if (!isForgotten(smap, id, entry.index)) named.add(id)
  }
  return [...named]
}

function namedBy({targets, merged}: OwnEntry): readonly NodeId[] {
  return merged === undefined ? targets : [targets, ...merged].flat()
}
