/**
 * The kernel's border: everything that happens to a node's control plane (events, past tense) and
 * everything that it orders (effects). The runtime performs effects with sockets, a disk thread and
 * timers; the simulator performs them in a virtual world. Both speak exactly these types.
 *
 * Object bytes never pass here. Time arrives with every event: `nowMs` is monotonic (same origin
 * for the life of the process), `wallMs` only where people will read it.
 */

import type {JsonObject} from '../../model/bucket.ts'
import type {ClusterView} from '../../model/cluster-view.ts'
import type {Command, CommandResult} from '../../model/command.ts'
import type {ClusterUuid, NodeId} from '../../model/ids.ts'
import type {Endpoint, Role} from '../../model/node.ts'
import type {MoveReport, PeerAnswer, PeerRequest, StoredRecord} from '../../model/peer-messages.ts'
import type {Voter} from '../../model/record.ts'

export type {Command, CommandResult} from '../../model/command.ts'
export type {PeerAnswer, PeerRequest, StoredRecord} from '../../model/peer-messages.ts'

/** Exit status of a refusal that no restart mends. */
export const EXIT_CONFIGURATION = 78

/** What must survive a crash; written whole, in two checksummed slots (R3, R8, R9). */
export interface DurableState {
  readonly format: 1
  /** The only cluster that this node may ever join; '' before it knows. */
  readonly uuid: ClusterUuid | ''
  /** Incarnation under which the cluster records this node; 0 before it was told. */
  readonly inc: number
  /** Starts of the process, the present one included. */
  readonly run: number
  /** Highest epoch that this node promised or saw. 0 before the first. */
  readonly promisedEpoch: number
  /** Whom it voted for in that epoch; null when it only heard of the epoch. */
  readonly votedFor: Voter | null
  /** Newest accepted record, committed or not. Invariant: its epoch ≤ promisedEpoch. */
  readonly accepted: StoredRecord | null
  /** Newest record known committed: often the very value of `accepted` (store it once). */
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
    readonly speaks: readonly [low: number, high: number]
  }
  readonly uuid: ClusterUuid | ''
  /** May form the cluster `uuid` when nobody has state (DESIGN: founding). */
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
  /** Of the handshake; decisions take the incarnation from the message. */
  readonly inc: number
}

export type KernelEvent =
  | {
      readonly type: 'booted'
      readonly facts: BootFacts
      readonly durable: DurableState | null
      /** Why stored state could not be read; '' when there was none. Forbids founding (R9). */
      readonly amnesia: string
      /** Its data disks are those of a member, and its state knows nothing. Absent: no. */
      readonly diskKnows?: boolean
      /**
       * What it had to remove for a decommission is gone from here, and the cluster may not know it
       * yet: it tells, and joins nobody. Absent: no.
       */
      readonly leaving?: boolean
      readonly seed: number
      readonly nowMs: number
      readonly wallMs: number
    }
  /** Every TICK_MS (100 ms). */
  | {readonly type: 'tick'; readonly nowMs: number; readonly wallMs: number}
  /** `sha`: SHA-256 of the UTF-8 bytes of the written state's `accepted.text`; '' without. */
  | {
      readonly type: 'persisted'
      readonly token: number
      readonly sha: string
      readonly nowMs: number
    }
  | {
      readonly type: 'peer-asked'
      readonly askId: number
      readonly from: PeerIdentity
      readonly request: PeerRequest
      readonly nowMs: number
      readonly wallMs: number
    }
  | {
      readonly type: 'peer-answered'
      readonly sendId: number
      readonly from: PeerIdentity
      readonly answer: PeerAnswer
      readonly nowMs: number
      readonly wallMs: number
    }
  /** `rejected`: it answered, but not as a node of this cluster does (401, 409, undecodable). */
  | {
      readonly type: 'peer-silent'
      readonly sendId: number
      readonly reason: 'refused' | 'reset' | 'timeout' | 'rejected'
      readonly detail: string
      readonly nowMs: number
      readonly wallMs: number
    }
  | {
      readonly type: 'commanded'
      readonly askId: number
      readonly command: Command
      readonly nowMs: number
      readonly wallMs: number
    }
  /**
   * The last connection that this member had opened to this node has ended without having been
   * idle: its process may be gone. A reason to look, and no evidence by itself.
   */
  | {readonly type: 'connection-lost'; readonly from: NodeId; readonly nowMs: number}
  /** Every worker holds the view of this record index (of the committed record, so unique). */
  | {readonly type: 'view-held'; readonly index: number; readonly nowMs: number}
  /** This target's own word on the rebalance that the view in use speaks of. */
  | {readonly type: 'move-reported'; readonly report: MoveReport; readonly nowMs: number}
  /** The same on what it removes when all has moved. */
  | {readonly type: 'reclaim-reported'; readonly report: MoveReport; readonly nowMs: number}
  /** Nothing is left here of buckets that were destroyed up to this record. */
  | {readonly type: 'cleared-reported'; readonly upTo: number; readonly nowMs: number}
  /** The decommission that was ordered has been carried out here. */
  | {readonly type: 'decommissioned'; readonly nowMs: number}
  | {readonly type: 'stop-ordered'; readonly nowMs: number; readonly wallMs: number}

export type KernelEffect =
  /**
   * Write whole, fsync file and directory, then `persisted(token)`. In order of tokens; of several
   * waiting ones the newest alone may be written, all are then reported. A failure ends the
   * process.
   */
  | {readonly type: 'persist'; readonly token: number; readonly state: DurableState}
  /** Exactly one `peer-answered` or `peer-silent` follows, within `timeoutMs`. */
  | {
      readonly type: 'send'
      readonly sendId: number
      readonly to: Endpoint
      /** null: whoever answers there (discovery). Else an answer of another id is `rejected`. */
      readonly toId: NodeId | null
      readonly request: PeerRequest
      readonly timeoutMs: number
      /** Over a connection of its own, made now: what is refused then is evidence (R4). */
      readonly fresh: boolean
    }
  | {readonly type: 'answer'; readonly askId: number; readonly answer: PeerAnswer}
  | {readonly type: 'reply'; readonly askId: number; readonly result: CommandResult}
  | {readonly type: 'publish'; readonly view: ClusterView}
  /** Remove what belongs to the cluster from this node, then `decommissioned`. */
  | {
      readonly type: 'decommission'
      readonly op: string
      readonly rmUserData: boolean
      readonly keepInitialConfig: boolean
    }
  /** Until when (monotonic ms of this process) this target may acknowledge writes. 0: no lease. */
  | {readonly type: 'lease'; readonly untilMs: number}
  | {
      readonly type: 'log'
      readonly level: 'debug' | 'info' | 'warn' | 'error'
      readonly text: string
      readonly facts: Readonly<Record<string, unknown>>
    }
  /**
   * Ordered stop is complete, or a refusal that no restart mends (78). `left`: the cluster has
   * recorded that this node is none of its members any more.
   */
  | {
      readonly type: 'exit'
      readonly status: number
      readonly reason: string
      readonly left: boolean
    }
