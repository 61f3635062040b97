/**
 * What the threads of a node may say to each other, as types; and the one value that they share
 * without saying: until when this target may acknowledge writes. Views are immutable and copied;
 * object bytes and sockets never cross.
 */

import type {Refusal} from '../../base/errors.ts'
import type {Command, CommandResult, DurableState, PeerIdentity} from '../../core/kernel/events.ts'
import type {ClusterView} from '../../model/cluster-view.ts'
import type {NodeId} from '../../model/ids.ts'
import type {MoveReport} from '../../model/peer-messages.ts'
import type {ClusterRecord} from '../../model/record.ts'
import type {NodeConfig} from '../config/load.ts'
import type {StatsSnapshot} from '../observe/stats.ts'
import type {Movement} from '../runtime/movement.ts'
import type {SavedState} from '../store/state/meta-store.ts'
import type {Standing} from '../runtime/standing.ts'

/** What a thread is started with (`workerData`). */
export type ThreadStart = {readonly kind: 'store'; readonly directory: string} | DataThreadStart

export interface DataThreadStart {
  readonly kind: 'data'
  /** 0 also serves the intra-data listener. */
  readonly number: number
  readonly id: NodeId
  readonly config: NodeConfig
  readonly lease: SharedArrayBuffer
  /** Where it says on which disk it is in a call (`disk-cell.ts`). */
  readonly disks: SharedArrayBuffer
  readonly startedNs: bigint
}

export type ToStore = {readonly type: 'save'; readonly token: number; readonly state: SavedState}

export type FromStore =
  | {
      readonly type: 'loaded'
      readonly state: DurableState | null
      readonly amnesia: string | null
      readonly damage: readonly string[]
    }
  | {readonly type: 'saved'; readonly token: number}
  | Fatal

/** A thread cannot go on: the process ends with this status. */
export interface Fatal {
  readonly type: 'fatal'
  readonly refusal: Refusal
  readonly status: number
}

/** What data workers ask of the main thread. */
export type Question =
  | {readonly type: 'command'; readonly command: Command}
  /** Counters of all data workers together, and the main thread's own figures. */
  | {readonly type: 'stats'}
  /** What the kernel has promised and accepted. */
  | {readonly type: 'standing'}
  /** How far the rebalance is, as this node knows it. */
  | {readonly type: 'movement'}

export type Answer =
  | {readonly type: 'command'; readonly result: CommandResult}
  | {
      readonly type: 'stats'
      readonly snapshots: readonly StatsSnapshot[]
      /** How late the main thread was at most, lately. */
      readonly mainLagMs: number
    }
  | {readonly type: 'standing'; readonly standing: Standing}
  | {readonly type: 'movement'; readonly movement: Movement}

export type ToDataWorker =
  /** A record is large and most views hold the one before: it is copied once. */
  | {
      readonly type: 'view'
      readonly serial: number
      readonly view: Omit<ClusterView, 'record'>
      readonly record: ClusterRecord | null | 'same'
    }
  | {readonly type: 'self'; readonly self: PeerIdentity & {readonly uuid: string}}
  | {readonly type: 'answered'; readonly askId: number; readonly answer: Answer}
  | {readonly type: 'report-stats'; readonly reportId: number}
  | {readonly type: 'decommission'; readonly rmUserData: boolean}
  | {readonly type: 'stop'}

export type FromDataWorker =
  /** `problem`: what is wrong with the mountpaths, for the unit's status; '' when nothing is. */
  | {readonly type: 'listening'; readonly problem: string}
  | {readonly type: 'view-held'; readonly serial: number}
  | {readonly type: 'asked'; readonly askId: number; readonly question: Question}
  | {readonly type: 'stats'; readonly reportId: number; readonly snapshot: StatsSnapshot}
  | {readonly type: 'move-reported' | 'reclaim-reported'; readonly report: MoveReport}
  /** Nothing is left of buckets that were destroyed up to this record. */
  | {readonly type: 'cleared-reported'; readonly upTo: number}
  /** `problem`: what could not be removed; '' when all is gone. */
  | {readonly type: 'decommissioned'; readonly problem: string}
  | {readonly type: 'stopped'}
  | Fatal

/** Room for one hrtime instant, in nanoseconds. */
export function createLease(): SharedArrayBuffer {
  return new SharedArrayBuffer(8)
}

export function writeLease(lease: SharedArrayBuffer, untilNs: bigint): void {
  Atomics.store(new BigInt64Array(lease), 0, untilNs)
}

/** Whether the lease still runs, by the monotonic clock that all threads share. */
export function leaseReader(lease: SharedArrayBuffer): () => boolean {
  const cell = new BigInt64Array(lease)
  return () => process.hrtime.bigint() < Atomics.load(cell, 0)
}
