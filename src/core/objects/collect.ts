/**
 * May an owner drop a tombstone (R21)? Only when nothing older of the key can be anywhere: one own
 * entry, settled, under which every member has said that it holds nothing but its own. A second
 * entry ends it at once. Knows nothing of disks: that older copies on this node's own mountpaths go
 * first is the store's part.
 */

import type {ClusterView} from '../../model/cluster-view.ts'
import type {RingEntry} from './ring.ts'
import type {OwnRing} from './ring.ts'
import {newestEntry, ownerUnder} from './ring.ts'
import {onlyEntry} from './reclaim.ts'

/** The entry under which this target may drop tombstones of its keys; null: none. */
export function collectingEntry(view: ClusterView, ring: OwnRing): RingEntry | null {
  const {record, self} = view
  if (record === null || self.role !== 'target' || view.stopping) return null
  const entry = onlyEntry(record)
  const newest = newestEntry(ring)
  if (entry?.swept !== true || newest?.index !== entry.index) return null
  return view.settledIndex >= entry.index ? newest : null
}

/** Whether the tombstone of a key may go from here now. Asked under the key's lock. */
export function mayCollect(view: ClusterView, ring: OwnRing, digest: bigint): boolean {
  const entry = collectingEntry(view, ring)
  return entry !== null && ownerUnder(entry, digest) === view.self.id
}
