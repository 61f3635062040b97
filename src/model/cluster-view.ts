/**
 * What a request reads: the committed record and what this node may do under it, as one immutable
 * value. The kernel publishes a new one; workers hold the newest and acknowledge it before the
 * kernel acknowledges the record (DESIGN: threads). Leases change every second and are not in here:
 * they are in memory shared by the threads (`node/threads/ports.ts`).
 */

import type {NodeId} from './ids.ts'
import type {Role} from './node.ts'
import type {ClusterRecord} from './record.ts'

/** What this node knows of the primary, for people; routing goes by the record. */
export interface PrimaryView {
  /** The one that it leads as, or has heard last in this run; null: none. */
  readonly id: NodeId | null
  /** It leads with a majority, or has heard that one within the time that elections wait. */
  readonly live: boolean
  /** Wall clock, ms since 1970, since when it is not live; 0 while it is. */
  readonly silentSinceMs: number
  /** What the node does about it; '' while it is live. */
  readonly waiting: string
}

export interface ClusterView {
  /** `inc`: as recorded; 0 before the node has joined. */
  readonly self: {readonly id: NodeId; readonly role: Role; readonly inc: number}
  /** The newest record known committed; null before the node has joined. */
  readonly record: ClusterRecord | null
  /** Whether this node is the primary and has a majority (R10). */
  readonly leading: boolean
  readonly primary: PrimaryView
  /**
   * `own` entries up to this record index are settled: the new owners may answer (DESIGN: leases).
   */
  readonly settledIndex: number
  /** AIStore's NodeStarted and ClusterStarted. */
  readonly nodeStarted: boolean
  readonly clusterStarted: boolean
  /** Ordered stop under way: nothing new is admitted. */
  readonly stopping: boolean
}

/** Before anything was heard. */
export const PRIMARY_UNKNOWN: PrimaryView = {
  id: null,
  live: false,
  silentSinceMs: 0,
  waiting: 'looks for a primary',
}
