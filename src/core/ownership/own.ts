/**
 * The list of owners since the last verified completion (DESIGN: own), as the next record has it.
 */

import {OWN_ENTRIES_MAX} from '../../model/limits.ts'
import {ownsKeys} from '../../model/node.ts'
import type {NodeId} from '../../model/ids.ts'
import type {ClusterRecord, OwnEntry, Smap} from '../../model/record.ts'

/** Targets that own keys under a map, sorted by id. */
export function activeTargets(smap: Smap): readonly NodeId[] {
  return Object.values(smap.nodes)
    .filter(ownsKeys)
    .map(({id}) => id)
    .sort()
}

/**
 * `own` of a record that follows: a change of active targets appends an entry under the record's
 * index. While there never was a bucket there is nothing that an older owner could hold, and one
 * entry says all.
 */
export function nextOwn(
  draft: Pick<ClusterRecord, 'smap' | 'bmd' | 'own'>,
  index: number,
): readonly OwnEntry[] {
  const targets = activeTargets(draft.smap)
  const newest = draft.own.at(-1)
  if (newest !== undefined && sameIds(newest.targets, targets)) return draft.own
  const entry = {index, targets}
  return draft.bmd.serial === 0 ? [entry] : bounded([...draft.own, entry])
}

/** Joins the two oldest entries of a list that has grown too long: both owners are asked then. */
function bounded(own: readonly OwnEntry[]): readonly OwnEntry[] {
  const [oldest, second, ...rest] = own
  if (own.length <= OWN_ENTRIES_MAX || oldest === undefined || second === undefined) return own
  const merged = [...(oldest.merged ?? []), oldest.targets, ...(second.merged ?? [])]
  return [{...second, merged}, ...rest]
}

function sameIds(a: readonly NodeId[], b: readonly NodeId[]): boolean {
  return a.length === b.length && a.every((id, at) => id === b[at])
}
