/**
 * What follows a verified rebalance, as decisions (R24): may a target remove what lies at it and is
 * another's, may the owner be believed that says it holds the key, and has everybody said that
 * nothing is left outside its owner. Then, and only then, owners need their tombstones no more
 * (`collect.ts`). Reads no disk, sends nothing.
 */

import type {ClusterView} from '../../model/cluster-view.ts'
import type {NodeId} from '../../model/ids.ts'
import {NODE_FLAG} from '../../model/node.ts'
import type {MoveReport} from '../../model/peer-messages.ts'
import type {ClusterRecord, OwnEntry} from '../../model/record.ts'
import {destinationOf, isSameMove, type MoveMark, type MoveTask} from './move.ts'
import type {OwnRing, RingEntry} from './ring.ts'
import {newestEntry} from './ring.ts'

/**
 * The one own entry of a record in which everything has moved to its owner; undefined while an
 * older one may still hold something.
 */
export function onlyEntry(record: Pick<ClusterRecord, 'own' | 'move'>): OwnEntry | undefined {
  const [entry] = record.own
  const single = record.own.length === 1 && (entry?.merged ?? []).length === 0
  return single && record.move === null ? entry : undefined
}

/**
 * The entry under which targets remove what is not theirs; undefined when there is none, or when
 * all have done so. Before the first bucket there is nothing.
 */
export function entryToSweep(
  record: Pick<ClusterRecord, 'own' | 'move' | 'bmd'>,
): OwnEntry | undefined {
  const entry = onlyEntry(record)
  return record.bmd.serial === 0 || entry?.swept === true ? undefined : entry
}

/**
 * This target's task under a view; null when there is none. Every member takes part, in whatever
 * state it is; but what a decommission leaves on the disks stays there.
 */
export function reclaimTask(view: ClusterView, ring: OwnRing): MoveTask | null {
  const {record, self} = view
  if (record === null || self.role !== 'target') return null
  const member = record.smap.nodes[self.id]
  if (member === undefined || (member.flags & NODE_FLAG.decommission) !== 0) return null
  const entry = entryToSweep(record)
  const newest = newestEntry(ring)
  if (entry === undefined || newest?.index !== entry.index) return null
  const waits = view.stopping ? 'this node is stopping' : whyUnsettled(view, entry.index)
  return {rebalance: record.rmd.version, entry: entry.index, ring: newest, waits}
}

/** Somebody may still serve under an older entry, and ask for what lies here. */
function whyUnsettled(view: ClusterView, entry: number): string {
  return view.settledIndex >= entry ? '' : 'ownership is passing'
}

/**
 * The owners in whose name this target may say that it holds a key; or why it may not. Only under
 * that very entry: under any other the two could each name the other as the owner.
 */
export function confirmingEntry(
  view: ClusterView,
  ring: OwnRing,
  entry: number,
): RingEntry | string {
  const {record} = view
  const newest = newestEntry(ring)
  if (record === null || newest === undefined) return 'this node has not joined a cluster yet'
  const only = onlyEntry(record)
  if (only === undefined) return 'data moves, or is still to be moved'
  if (only.index !== entry || newest.index !== entry) {
    return `here own entry ${only.index} holds, not ${entry}`
  }
  if (view.stopping) return 'this node is stopping'
  const why = whyUnsettled(view, entry)
  return why === '' ? newest : why
}

/** Whether a key that its owner has confirmed may go from here now. Asked under the key's lock. */
export function mayReclaim(
  view: ClusterView,
  ring: OwnRing,
  {mark, digest}: {readonly mark: MoveMark; readonly digest: bigint},
): boolean {
  const task = reclaimTask(view, ring)
  if (task === null || task.waits !== '' || !isSameMove(task, mark)) return false
  return destinationOf(task, view.self.id, digest) !== null
}

/**
 * The entry under which every target has said that it holds nothing but its own: to be committed as
 * swept. Every member counts, in whatever state, and one that is away has not said it.
 * @param said what a target has last said in this reign
 */
export function sweptEntry(
  record: ClusterRecord,
  said: (id: NodeId) => MoveReport | null | undefined,
): OwnEntry | undefined {
  const entry = entryToSweep(record)
  if (entry === undefined) return undefined
  const targets = Object.values(record.smap.nodes).filter(({role}) => role === 'target')
  const isDone = targets.every(({id, away}) => {
    const report = said(id)
    return (
      away === null &&
      report?.state === 'clean' &&
      report.entry === entry.index &&
      report.rebalance === record.rmd.version
    )
  })
  return isDone ? entry : undefined
}

/** The parts of a record in which this entry is swept; the same when that is not true any more. */
export function withSwept<Parts extends Pick<ClusterRecord, 'own' | 'move' | 'bmd'>>(
  parts: Parts,
  index: number,
): Parts {
  const entry = entryToSweep(parts)
  return entry?.index === index ? {...parts, own: [{...entry, swept: true}]} : parts
}
