/**
 * The kernel's whole state: one immutable value, of which a recorded list of events gives the same
 * again. What a node is doing stands in `stage`; what it has promised stands in `durable`, and as
 * far as that has reached the disk, in `onDisk`.
 */

import type {Prng} from '../../base/prng.ts'
import type {Bucket} from '../../model/bucket.ts'
import type {ClusterView} from '../../model/cluster-view.ts'
import type {Command, CommandResult, LeaseCommand} from '../../model/command.ts'
import type {NodeId} from '../../model/ids.ts'
import type {Endpoint} from '../../model/node.ts'
import type {JoinRequest, MoveReport} from '../../model/peer-messages.ts'
import type {ElectionReason, RecordPosition, Voter} from '../../model/record.ts'
import type {Timers} from '../../model/timers.ts'
import type {Watch} from '../election/evidence.ts'
import type {Election} from '../election/state.ts'
import type {Peer} from '../keepalive/state.ts'
import type {ActiveNote} from '../keepalive/suspicion.ts'
import type {MemberChange} from '../membership/changes.ts'
import type {Discovery} from '../membership/discovery.ts'
import type {Founding} from '../membership/founding.ts'
import type {MetadataCommand} from '../metasync/metadata.ts'
import type {Metasync} from '../metasync/state.ts'
import type {LeaseState} from '../ownership/lease.ts'
import type {BootFacts, DurableState, KernelEffect} from './events.ts'

export type KernelState = {readonly phase: 'idle'} | NodeState

/** A node between its start and its end. */
export interface NodeState {
  readonly phase: 'running'
  readonly facts: BootFacts
  readonly prng: Prng
  readonly nowMs: number
  readonly wallMs: number
  readonly tickedMs: number
  readonly timers: Timers
  /** Waits for an invitation before it joins anywhere. */
  readonly standby: boolean
  /** How an administrator has asked this run of the node to join; null: it joins by itself. */
  readonly invitation: {readonly nonElectable: boolean} | null
  /** It was a member, as its data disks say, and has forgotten all of it. */
  readonly amnesia: boolean
  /** What this node has decided; newer than `onDisk` while a write is under way. */
  readonly durable: DurableState
  readonly onDisk: DurableState
  /** Writes under way, oldest first, with what must not be heard before each. */
  readonly writes: readonly Write[]
  readonly nextToken: number
  readonly nextSendId: number
  /** Questions under way, by send id. */
  readonly sends: Readonly<Record<string, Purpose>>
  readonly stage: Stage
  /** The primary that was heard last in this run; null: none. */
  readonly followed: Followed | null
  /** Since when this process has run without a pause: what it did not hear before, it could not. */
  readonly awakeMs: number
  /** What it has seen of its primary by looking. */
  readonly watch: Watch
  /** Whom it gave its vote in this run; null: nobody, or a primary was heard since. */
  readonly granted: {readonly id: NodeId; readonly atMs: number} | null
  /** The epoch that this run has led until now; 0: none, or another primary was heard since. */
  readonly led: number
  /** Clients' commands while there is no primary; answered as soon as there is one, or refused. */
  readonly waitingCommands: readonly WaitingCommand[]
  /** Members asking to come in while this node is not yet, or no longer, able to say. */
  readonly waitingJoins: readonly WaitingJoin[]
  readonly lease: LeaseState
  /** Beats that came while a commit was being taken into use: answered then, or after a while. */
  readonly waitingBeats: readonly {readonly askId: number; readonly untilMs: number}[]
  /** The last view that was published, and those whose holding may still be reported. */
  readonly view: ClusterView
  readonly published: readonly RecordPosition[]
  /** Newest committed position that is durable and in use by every worker. */
  readonly held: RecordPosition
  /** How many members were active, for the floor of R13. Memory of this run, whoever led. */
  readonly activeNotes: readonly ActiveNote[]
  readonly clusterStarted: boolean
  readonly stop: Stop | null
  /** How far this target is with the rebalance that goes on; null: it has not said. */
  readonly move: MoveReport | null
  /** And with removing what is not its own; null: it has not said. */
  readonly reclaim: MoveReport | null
  /** Up to which record this target has cleared away destroyed buckets; 0: it has not said. */
  readonly cleared: number
  /** The decommission of this node is being carried out, or has been. */
  readonly leaving: 'no' | 'wiping' | 'wiped'
}

/** One write of the durable state. */
export interface Write {
  readonly token: number
  readonly state: DurableState
  readonly after: readonly Deferred[]
}

/** What follows a write: an effect, or a word to a protocol. */
export type Deferred =
  | {readonly type: 'effect'; readonly effect: KernelEffect}
  | {readonly type: 'ballot-stored'; readonly epoch: number}
  | {readonly type: 'founding-stored'}
  | {readonly type: 'proposal-stored'; readonly position: RecordPosition}
  | {readonly type: 'commit-sealed'; readonly position: RecordPosition}
  /** The record that hands the office over to this node is stored (R16). */
  | {readonly type: 'inheritance-stored'; readonly position: RecordPosition}

/** Why a message was sent, and so what its answer is for. */
export type Purpose =
  | {readonly type: 'beat'; readonly id: NodeId; readonly epoch: number; readonly sentMs: number}
  | {readonly type: 'prepare'; readonly id: NodeId; readonly epoch: number; readonly sentMs: number}
  | {
      readonly type: 'vote'
      readonly id: NodeId
      readonly epoch: number
      readonly pre: boolean
    }
  | {readonly type: 'found'; readonly place: string; readonly pre: boolean}
  | {readonly type: 'join'; readonly place: Endpoint}
  | {readonly type: 'probe'; readonly place: string}
  | {readonly type: 'leaving'}
  /** A helper looks for a subject. */
  | {readonly type: 'check'; readonly helper: NodeId; readonly subject: NodeId}
  /** This node looks for a subject, because the primary asked. */
  | {readonly type: 'look'; readonly askId: number}
  | {readonly type: 'invite'; readonly id: NodeId}
  /** Is the primary there (R4)? */
  | {readonly type: 'watch'; readonly id: NodeId}
  | {readonly type: 'nominate'; readonly id: NodeId}
  /** Is a node there that an operator has given up (R17)? */
  | {readonly type: 'given-up'; readonly id: NodeId}

export type Stage =
  | {readonly stage: 'seeking'; readonly discovery: Discovery}
  | FoundingStage
  | StandingStage
  | {readonly stage: 'following'}
  | LeadingStage

export interface FoundingStage {
  readonly stage: 'founding'
  readonly founding: Founding
  readonly nextAskMs: number
  readonly heardFrom: readonly string[]
  readonly saidAtMs: number
}

export interface StandingStage {
  readonly stage: 'standing'
  readonly election: Election
  readonly reason: ElectionReason
  readonly beganMs: number
  /** Looks for a primary meanwhile: there may be one that this node cannot hear of otherwise. */
  readonly discovery: Discovery
  /** The operator's command behind it, which ends then; null: none (R17). */
  readonly forced: {readonly askId: number; readonly untilMs: number} | null
  /** Next time that those who have not answered yes are asked again. */
  readonly nextAskMs: number
  readonly saidAtMs: number
}

export interface LeadingStage {
  readonly stage: 'leading'
  readonly epoch: number
  readonly self: Voter
  readonly electedAtMs: number
  readonly metasync: Metasync
  /** Whether a record of this epoch is committed: nothing else is proposed before. */
  readonly confirmed: boolean
  readonly peers: Readonly<Record<string, Peer>>
  /** Changes that the next record takes up. */
  readonly queue: readonly Queued[]
  /** Changes in the record that is under way, with what their askers will hear. */
  readonly underWay: readonly UnderWay[]
  /** Committed commands whose clients wait until every active member uses the record. */
  readonly spreading: readonly Spreading[]
  readonly settledIndex: number
  readonly majorityAtMs: number
  /** Configured places that a founding cluster waits for; empty otherwise. */
  readonly awaited: readonly Endpoint[]
  readonly started: boolean
  readonly startWaiters: readonly number[]
  readonly invitations: readonly Invitation[]
  /** The office is being handed over: nothing more is proposed in this epoch (R16). */
  readonly handing: Handing | null
  readonly lastTargetLostMs: number
  readonly brakeSaidAtMs: number
}

export interface Handing {
  readonly heir: Voter
  readonly untilMs: number
  /** Clients that wait for it. */
  readonly askIds: readonly number[]
}

export type Change =
  | MemberChange
  | {readonly type: 'hand-over'; readonly heir: Voter}
  | OperationChange
  | {
      readonly type: 'command'
      readonly command: RecordCommand
      readonly wallMs: number
      /** Up to which entry of `own` shares had passed when it was asked. */
      readonly settledIndex: number
    }

/** How an operation goes on (R28). */
export type OperationChange =
  /** All that take part in the rebalance to this own entry have nothing left to move (R27). */
  | {readonly type: 'moved'; readonly entry: number}
  /** All members hold nothing but their own under this entry (R21). */
  | {readonly type: 'swept'; readonly entry: number}
  /** No target has anything left of buckets that were destroyed up to this record (R32). */
  | {readonly type: 'cleared'; readonly upTo: number}
  /** What was verified is to be carried out by the nodes. */
  | {readonly type: 'finalize'}
  /** A node has done what it was told; `gone`: it may be forgotten. */
  | {readonly type: 'left'; readonly id: NodeId; readonly gone: boolean}

/** Commands that change the record by themselves. */
export type RecordCommand =
  | LeaseCommand
  | MetadataCommand
  | Extract<
      Command,
      {type: 'lifecycle' | 'remove-from-smap' | 'start-rebalance' | 'stop-rebalance'}
    >

/** A change and who waits for it. */
export interface Queued {
  readonly change: Change
  readonly asks: readonly Ask[]
}

/** How somebody who waits is answered. */
export interface Ask {
  readonly kind: 'join' | 'leaving' | 'command'
  readonly askId: number
}

/** A change in the record that is under way; its askers hear after the commit. */
export interface UnderWay extends Queued {
  readonly bucket: Bucket | null
}

/** A reply that waits for the members, for a while. */
export interface Spreading {
  readonly askId: number
  readonly result: CommandResult
  readonly index: number
  readonly untilMs: number
}

export interface WaitingCommand {
  readonly askId: number
  readonly command: Command
  readonly untilMs: number
}

export interface WaitingJoin {
  readonly askId: number
  readonly request: JoinRequest
  readonly untilMs: number
}

/** An administrator waits for this node to come in. */
export interface Invitation {
  readonly id: NodeId
  readonly askId: number
  readonly untilMs: number
}

export interface Followed {
  readonly id: NodeId
  readonly epoch: number
  readonly heardMs: number
  readonly settledIndex: number
  /** The newest committed position that it has named. */
  readonly committed: RecordPosition
}

/** An ordered stop under way. */
export interface Stop {
  readonly untilMs: number
  /** Until when a decommissioned node goes on telling that it is gone. */
  readonly goneMs: number
  readonly announced: boolean
}
