/**
 * What nodes say to each other about the cluster: one request, one answer of the same `type`. Nouns
 * only: `wire/peer.ts` makes bytes of them, `core/` decides on them. Who speaks is proven by the
 * connection (DESIGN: connections); the fences that a decision needs, (uuid, epoch, index) and the
 * incarnation that is meant, stand in the message itself (R12).
 */

import type {Refusal} from '../base/errors.ts'
import type {ClusterUuid, NodeId} from './ids.ts'
import type {Endpoint, Member, Role} from './node.ts'
import type {ClusterRecord, RecordPosition, Voter} from './record.ts'

/**
 * A record with the very text that it was decoded from. `sha` is the SHA-256 (hex) of the text's
 * UTF-8 bytes; it is '' only for a proposal of this node's own that is not yet on disk: the store
 * reports it with `persisted`.
 */
export interface StoredRecord {
  readonly record: ClusterRecord
  readonly text: string
  readonly sha: string
}

/** Which run of a process: grows with every start, across incarnations (DESIGN: leases). */
export interface RunMark {
  readonly inc: number
  /** Starts of the process since its state was made, this one included. */
  readonly run: number
}

export type PeerRequest =
  | VoteRequest
  | PrepareRequest
  | BeatRequest
  | JoinRequest
  | LeavingRequest
  | ProbeRequest
  | CheckRequest
  | InviteRequest
  | NominateRequest

/** A vote (R3–R6), or with `pre` the same test without a promise (R5). */
export interface VoteRequest {
  readonly type: 'vote'
  readonly uuid: ClusterUuid
  readonly epoch: number
  readonly candidate: Voter
  readonly pre: boolean
  /**
   * To form a cluster that has no record yet (DESIGN: founding); binds a voter without record for
   * good.
   */
  readonly founding: boolean
  /** The epoch that this very run of the candidate has led until now; 0: it comes from elsewhere. */
  readonly led: number
  /** By an operator's command: the quorum is these nodes, whatever the record says (R17). */
  readonly forced: boolean
  /** What the candidate has accepted, so that nobody sends it back; null without any. */
  readonly holds: {readonly position: RecordPosition; readonly sha: string} | null
}

/** Phase one of a commit, or the catching up of one node (R8). */
export interface PrepareRequest {
  readonly type: 'prepare'
  readonly uuid: ClusterUuid
  readonly epoch: number
  readonly record: StoredRecord
  /** Newest position known committed; may be the record's own. Epoch and index 0: none yet. */
  readonly committed: RecordPosition
}

/** From the primary, every T_beat and at once after a commit. */
export interface BeatRequest {
  readonly type: 'beat'
  readonly uuid: ClusterUuid
  readonly epoch: number
  readonly committed: RecordPosition
  readonly committedSha: string
  /** Own entries up to this record index are settled (DESIGN: leases). */
  readonly settled: number
  /** AIStore's ClusterStarted, as the primary sees it. */
  readonly started: boolean
  /**
   * Which run is meant: the incarnation as recorded, and run 0 while the primary has not heard it.
   * Another incarnation joins anew, another run takes no lease.
   */
  readonly to: RunMark
  /** Nonce of the answer that dates the lease; 0: none. */
  readonly echo: number
  /** Length of the lease counted from the sending of the echoed answer; 0: none. */
  readonly leaseMs: number
}

/** "Take me in", or "I am back". */
export interface JoinRequest {
  readonly type: 'join'
  /** As it wants to be recorded; `inc` 0 and `learner` true without state. */
  readonly member: Member
  /** The only cluster that it may join; '' when it does not know one. */
  readonly uuid: ClusterUuid | ''
  readonly by: 'self' | 'admin'
  /** Whether it holds an accepted record: false for a new or a wiped node. */
  readonly hasState: boolean
  readonly run: number
}

/** An ordered stop, announced (DESIGN: states). */
export interface LeavingRequest {
  readonly type: 'leaving'
  readonly uuid: ClusterUuid
  readonly voter: Voter
  readonly run: number
  /** It was decommissioned, and has done what it was told: it may be forgotten. */
  readonly gone: boolean
}

/** Discovery: who are you, and whom do you follow? */
export interface ProbeRequest {
  readonly type: 'probe'
  readonly uuid: ClusterUuid | ''
}

/** Indirect confirmation (R13): can you reach that node? */
export interface CheckRequest {
  readonly type: 'check'
  readonly uuid: ClusterUuid
  readonly subject: NodeId
  readonly control: Endpoint
}

/** To a node that an administrator wants in the cluster: join there. */
export interface InviteRequest {
  readonly type: 'invite'
  readonly uuid: ClusterUuid
  readonly primary: Endpoint
  readonly nonElectable: boolean
}

/** To the next in the order of succession: the primary of that epoch seems to be gone. */
export interface NominateRequest {
  readonly type: 'nominate'
  readonly uuid: ClusterUuid
  readonly epoch: number
  readonly primary: NodeId
}

export type PeerAnswer =
  | VoteAnswer
  | PrepareAnswer
  | BeatAnswer
  | JoinAnswer
  | LeavingAnswer
  | ProbeAnswer
  | CheckAnswer
  | InviteAnswer
  | NominateAnswer

export interface VoteAnswer {
  readonly type: 'vote'
  readonly granted: boolean
  /** Why not; '' when granted. */
  readonly reason: string
  readonly voter: Voter
  readonly promisedEpoch: number
  /** What the voter has accepted: position 0.0 and '' without any. */
  readonly position: RecordPosition
  readonly sha: string
  /** The accepted record; null when it is the one that the candidate named, or none. */
  readonly accepted: StoredRecord | null
  /** Newest position that the voter knows committed. */
  readonly committed: RecordPosition
  /** Its data disks know the cluster and its state does not: there was one already. */
  readonly amnesia: boolean
}

export interface PrepareAnswer {
  readonly type: 'prepare'
  readonly accepted: boolean
  readonly reason: string
  readonly voter: Voter
  readonly promisedEpoch: number
  /** Newest accepted position on disk. */
  readonly position: RecordPosition
}

export interface BeatAnswer {
  readonly type: 'beat'
  readonly accepted: boolean
  readonly reason: string
  readonly voter: Voter
  readonly run: number
  readonly promisedEpoch: number
  /** Newest accepted position on disk. */
  readonly position: RecordPosition
  /** Newest committed position that is on disk and in use by every worker of the node. */
  readonly held: RecordPosition
  /** Grows with every answer of a run; dates the lease by the answer's sending (DESIGN: leases). */
  readonly nonce: number
  /** In an ordered stop: not active again, whatever it answers. */
  readonly stopping: boolean
  /** How far a target is with the rebalance that goes on; null: it takes no part. */
  readonly move: MoveReport | null
  /**
   * The same of what it removes when all has moved (R24); `clean`: it holds nothing that is not its
   * own under the entry, durably.
   */
  readonly reclaim: MoveReport | null
  /**
   * A target: of every bucket that a record up to this index calls destroyed, nothing is left on
   * its disks (R32). 0: it cannot say.
   */
  readonly cleared: number
}

/** Objects on their way, in sum. */
export interface MoveAmount {
  readonly objects: number
  readonly bytes: number
}

/** One target's word on a rebalance (R27). Memory of one run: a restarted one walks again. */
export interface MoveReport {
  /** `rmd.version` of the rebalance, and the own entry that it moves to. */
  readonly rebalance: number
  readonly entry: number
  /**
   * `clean`: a whole walk, after the last move, found nothing that its owner under the entry does
   * not hold durably, and nothing failed in it.
   */
  readonly state: 'waiting' | 'walking' | 'clean' | 'failing'
  readonly objects: number
  readonly bytes: number
  /** The same by who has acknowledged it: what each target has received is told by those who sent. */
  readonly sent: Readonly<Record<NodeId, MoveAmount>>
  /** Objects that are still to be moved, as far as the walk has seen; -1: not known yet. */
  readonly left: number
  /** The last failure, '' without. */
  readonly problem: string
}

export interface JoinAnswer {
  readonly type: 'join'
  readonly refusal: Refusal | null
  /** Another node is the primary: ask there. */
  readonly primary: Endpoint | null
  /** The incarnation under which the cluster has recorded the node; 0 when refused. */
  readonly inc: number
  /** The committed record that holds the node. */
  readonly committed: StoredRecord | null
}

export interface LeavingAnswer {
  readonly type: 'leaving'
  /** Whether the absence is committed; the node stops in either case. */
  readonly recorded: boolean
}

export interface ProbeAnswer {
  readonly type: 'probe'
  readonly id: NodeId
  readonly role: Role
  readonly uuid: ClusterUuid | ''
  readonly hasState: boolean
  readonly position: RecordPosition
  readonly promisedEpoch: number
  readonly primary: {readonly id: NodeId; readonly control: Endpoint} | null
  readonly clusterStarted: boolean
  /** The epoch that it leads now; 0: none. */
  readonly leads: number
}

export interface CheckAnswer {
  readonly type: 'check'
  readonly reachable: boolean
  readonly detail: string
}

export interface InviteAnswer {
  readonly type: 'invite'
  readonly refusal: Refusal | null
}

export interface NominateAnswer {
  readonly type: 'nominate'
  /** Whether it will look for itself: false when it may not stand, or knows better. */
  readonly noted: boolean
}
