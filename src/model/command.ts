/**
 * What clients ask of the primary's kernel, and what comes of it. `wire/action` decodes the former.
 */

import type {Refusal} from '../base/errors.ts'
import type {Bucket, BucketRef, Durability, JsonObject} from './bucket.ts'
import type {NodeId} from './ids.ts'
import type {Endpoint, Member} from './node.ts'
import type {OperationAction, RecordPosition} from './record.ts'

/** Values are validated at the edge (`model/config`); the kernel merges them. */
export type Command =
  | {
      readonly type: 'create-bucket'
      readonly ref: BucketRef
      readonly set: JsonObject
      readonly durability: Durability
    }
  /** `purge`: its data is removed at once, and cannot be fetched back. */
  | {readonly type: 'destroy-bucket'; readonly ref: BucketRef; readonly purge?: boolean}
  | {
      readonly type: 'set-bucket-props'
      readonly ref: BucketRef
      readonly set: JsonObject
      /** null: as it is. */
      readonly durability: Durability | null
      /** Forget what was set before. */
      readonly reset: boolean
    }
  | {readonly type: 'set-config'; readonly set: JsonObject; readonly reset: boolean}
  /** The member as the node itself describes it (`what=snode`), asked by the gateway before. */
  | {readonly type: 'join-by-admin'; readonly member: Member}
  /** Takes nodes out, or back in (R28). `done` names the rebalance that it began, if any. */
  | LifecycleCommand
  /**
   * Takes nodes from the map at once: nobody expects them back (R33). What only they hold is lost
   * to the cluster; one that returns comes as an empty one.
   */
  | RemoveCommand
  /** Moves what is not where it belongs, now. */
  | {readonly type: 'start-rebalance'; readonly run?: string}
  | LeaseCommand
  | StopCommand
  /** Hands the office to this member (R16). Done at once when it is the primary already. */
  | {readonly type: 'set-primary'; readonly id: NodeId}
  /**
   * Takes office without a majority (R17), put to the proxy that is to lead: the voters that are
   * not among the survivors become learners. Every survivor has to answer, and none of the others.
   */
  | {readonly type: 'recover'; readonly survivors: readonly NodeId[]}
  /** Answers when the cluster has started. */
  | {readonly type: 'await-started'}

export interface RemoveCommand {
  readonly type: 'remove-from-smap'
  readonly nodes: readonly NodeId[]
  /** The run that it is given by (OperatorLease); absent: by none. As in all that follow. */
  readonly run?: string
}

/** One operator at a time: takes the lease, or renews it; lets it go. */
export type LeaseCommand =
  | {
      readonly type: 'take-lease'
      readonly run: string
      readonly who: string
      readonly from: string
      readonly what: string
      readonly ttlMs: number
    }
  | {readonly type: 'release-lease'; readonly run: string}

/** Stops moving; what is not where it belongs stays served by those who have it. */
export interface StopCommand {
  readonly type: 'stop-rebalance'
  /** This one alone (`rmd.version`); absent: whichever runs. */
  readonly rebalance?: number
  /** Though nodes are being taken out: they stay out, and their data is remembered as not moved. */
  readonly force?: boolean
  readonly run?: string
}

/** AIStore's membership actions. Ids are validated by the kernel, all or nothing. */
export interface LifecycleCommand {
  readonly type: 'lifecycle'
  readonly action: OperationAction | 'stop-maintenance'
  readonly nodes: readonly NodeId[]
  readonly skipRebalance: boolean
  readonly rmUserData: boolean
  readonly keepInitialConfig: boolean
  readonly noShutdown: boolean
  readonly run?: string
}

/** Outcome of a command: after the commit, never before. */
export type CommandResult =
  | {
      readonly type: 'done'
      readonly position: RecordPosition
      readonly bucket?: Bucket
      /** `rmd.version` of the rebalance that goes on after it; absent: none does. */
      readonly rebalance?: number
    }
  | {readonly type: 'refused'; readonly refusal: Refusal}
  /** The primary is elsewhere (control endpoint); the gateway relays the client's request there. */
  | {readonly type: 'elsewhere'; readonly primary: Endpoint}
