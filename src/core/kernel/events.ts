/**
 * The kernel's border: everything that happens to a node's control plane (events, past tense) and
 * everything that it orders (effects). The runtime performs effects with sockets, a disk thread and
 * timers; the simulator performs them in a virtual world. Both speak exactly these types.
 *
 * Object bytes never pass here. Time arrives with every event: `nowMs` is monotonic (same origin for
 * the life of the process), `wallMs` only where people will read it.
 */

import type {Refusal} from '../../base/errors.ts'
import type {Bucket, BucketRef, Durability, JsonObject} from '../../model/bucket.ts'
import type {ClusterView} from '../../model/cluster-view.ts'
import type {ClusterUuid, NodeId} from '../../model/ids.ts'
import type {Endpoint, Member, Role} from '../../model/node.ts'
import type {ClusterRecord, RecordPosition, Voter} from '../../model/record.ts'

/** A record with the very bytes that it was decoded from, and their SHA-256 (hex). */
export interface StoredRecord {
  readonly record: ClusterRecord
  readonly text: string
  readonly sha: string
}

/** What must survive a crash; written whole, in two checksummed slots (R3, R8, R9). */
export interface DurableState {
  readonly format: 1
  /** The only cluster that this node may ever join; '' before it knows. */
  readonly uuid: ClusterUuid | ''
  readonly inc: number
  /** Highest epoch that this node promised or saw. 0 before the first. */
  readonly promisedEpoch: number
  /** Whom it voted for in that epoch; null when it only heard of the epoch. */
  readonly votedFor: NodeId | null
  /** Newest accepted record (not necessarily committed). */
  readonly accepted: StoredRecord | null
  /** Highest index known committed under `accepted.record.epoch` or before. 0: none. */
  readonly committedIndex: number
  /** The committed record, when `accepted` is newer than it. */
  readonly committed: StoredRecord | null
}

/** What the node was started with; from its own file, flags and environment. */
export interface BootFacts {
  readonly self: {
    readonly id: NodeId
    readonly role: Role
    readonly public: Endpoint
    readonly control: Endpoint
    readonly data: Endpoint
    readonly nonElectable: boolean
    readonly speaks: readonly [number, number]
  }
  readonly uuid: ClusterUuid | ''
  /** May form the cluster `uuid` when nobody has state (DESIGN 3.12). */
  readonly bootstrap: boolean
  /** Control endpoints of the configured nodes; founding needs a majority of them to answer. */
  readonly peers: readonly Endpoint[]
  /** AIS_PRIMARY_EP, the primary, discovery and original URLs: where to ask first, in order. */
  readonly askFirst: readonly Endpoint[]
  /** AIS_PRIMARY_ID / AIS_IS_PRIMARY, which choose who may found; they never override state. */
  readonly primaryHint: {readonly id: NodeId | null; readonly isPrimary: boolean | null}
  /** Waits for an administrator's join instead of joining by itself. */
  readonly standby: boolean
  /** Settings of the topology's `config:`, applied at founding only. */
  readonly foundingConfig: JsonObject
}

/** Who sent a message: proven by the connection's handshake and MAC, never by a header. */
export interface PeerIdentity {
  readonly id: NodeId
  readonly inc: number
}

/** Requests between nodes. Each has one answer type of the same `type`. */
export type PeerRequest =
  | {
      readonly type: 'vote'
      readonly uuid: ClusterUuid
      readonly epoch: number
      readonly candidate: Voter
      /** A pre-vote: same test, nothing promised (R5). */
      readonly pre: boolean
    }
  | {
      readonly type: 'prepare'
      readonly uuid: ClusterUuid
      readonly epoch: number
      readonly record: StoredRecord
      /** Position known committed by the sender, so that one message can also commit. */
      readonly committed: RecordPosition
    }
  | {
      readonly type: 'beat'
      readonly uuid: ClusterUuid
      readonly epoch: number
      readonly committed: RecordPosition
      readonly committedSha: string
      /** Nonce of the receiver's last answer, which dates its lease; 0 when none was heard. */
      readonly echo: number
      readonly incOfReceiver: number
    }
  | {readonly type: 'fetch'; readonly uuid: ClusterUuid | ''}
  | {readonly type: 'join'; readonly member: Member; readonly uuid: ClusterUuid | ''; readonly by: 'self' | 'admin'; readonly hasState: boolean}
  | {readonly type: 'leaving'; readonly uuid: ClusterUuid; readonly voter: Voter; readonly kind: 'absent'}
  | {readonly type: 'probe'; readonly uuid: ClusterUuid | ''}

export type PeerAnswer =
  | {
      readonly type: 'vote'
      readonly granted: boolean
      readonly promisedEpoch: number
      readonly accepted: StoredRecord | null
      readonly committedIndex: number
      readonly reason: string
    }
  | {
      readonly type: 'prepare'
      readonly accepted: boolean
      readonly promisedEpoch: number
      readonly position: RecordPosition
      readonly reason: string
    }
  | {
      readonly type: 'beat'
      readonly promisedEpoch: number
      readonly position: RecordPosition
      readonly committedIndex: number
      /** Grows with every answer; dates the lease by the answer's sending (DESIGN 3.5). */
      readonly nonce: number
      readonly inc: number
    }
  | {readonly type: 'fetch'; readonly committed: StoredRecord | null; readonly promisedEpoch: number}
  | {
      readonly type: 'join'
      readonly refusal: Refusal | null
      /** Set when another node is the primary: ask there. */
      readonly primary: Endpoint | null
      readonly committed: StoredRecord | null
    }
  | {readonly type: 'leaving'}
  | {
      readonly type: 'probe'
      readonly id: NodeId
      readonly role: Role
      readonly uuid: ClusterUuid | ''
      readonly hasState: boolean
      readonly position: RecordPosition
      readonly promisedEpoch: number
      readonly primary: {readonly id: NodeId; readonly control: Endpoint} | null
      readonly clusterStarted: boolean
    }

/** What clients ask of the primary's kernel, decoded by `wire/action`. */
export type Command =
  | {readonly type: 'create-bucket'; readonly ref: BucketRef; readonly set: JsonObject; readonly durability: Durability; readonly wallMs: number}
  | {readonly type: 'destroy-bucket'; readonly ref: BucketRef}
  | {readonly type: 'set-bucket-props'; readonly ref: BucketRef; readonly set: JsonObject; readonly durability: Durability | null; readonly reset: boolean}
  | {readonly type: 'set-config'; readonly set: JsonObject; readonly reset: boolean; readonly wallMs: number}
  | {readonly type: 'join-by-admin'; readonly member: Member; readonly wallMs: number}
  | {readonly type: 'await-started'}

/** Outcome of a command: after the commit, never before. */
export type CommandResult =
  | {readonly type: 'done'; readonly position: RecordPosition; readonly bucket?: Bucket}
  | {readonly type: 'refused'; readonly refusal: Refusal}
  /** The primary is elsewhere; the gateway relays the client's request there. */
  | {readonly type: 'elsewhere'; readonly primary: Endpoint}

export type KernelEvent =
  | {readonly type: 'booted'; readonly facts: BootFacts; readonly durable: DurableState | null; readonly seed: number; readonly nowMs: number; readonly wallMs: number}
  | {readonly type: 'tick'; readonly nowMs: number; readonly wallMs: number}
  | {readonly type: 'persisted'; readonly token: number; readonly sha: string; readonly nowMs: number}
  | {readonly type: 'peer-asked'; readonly askId: number; readonly from: PeerIdentity; readonly request: PeerRequest; readonly nowMs: number; readonly wallMs: number}
  | {readonly type: 'peer-answered'; readonly sendId: number; readonly answer: PeerAnswer; readonly from: PeerIdentity; readonly nowMs: number}
  | {readonly type: 'peer-silent'; readonly sendId: number; readonly reason: 'refused' | 'reset' | 'timeout' | 'rejected'; readonly detail: string; readonly nowMs: number}
  | {readonly type: 'commanded'; readonly askId: number; readonly command: Command; readonly nowMs: number; readonly wallMs: number}
  /** Every worker holds the view of this record index. */
  | {readonly type: 'view-held'; readonly index: number; readonly nowMs: number}
  | {readonly type: 'stop-ordered'; readonly nowMs: number; readonly wallMs: number}

export type KernelEffect =
  /** Write whole, fsync file and directory, then `persisted(token)`. In order of tokens. */
  | {readonly type: 'persist'; readonly token: number; readonly state: DurableState}
  | {readonly type: 'send'; readonly sendId: number; readonly to: Endpoint; readonly toId: NodeId | null; readonly request: PeerRequest; readonly timeoutMs: number}
  | {readonly type: 'answer'; readonly askId: number; readonly answer: PeerAnswer}
  | {readonly type: 'reply'; readonly askId: number; readonly result: CommandResult}
  | {readonly type: 'publish'; readonly view: ClusterView}
  /** Until when (monotonic ms of this process) this target may acknowledge writes. 0: no lease. */
  | {readonly type: 'lease'; readonly untilMs: number}
  | {readonly type: 'log'; readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly text: string; readonly facts: Readonly<Record<string, unknown>>}
  /** Ordered stop is complete, or a refusal that no restart mends (78). */
  | {readonly type: 'exit'; readonly status: number; readonly reason: string}
