/**
 * The one replicated record (DESIGN: record): everything that the cluster agrees on, immutable,
 * committed whole, one in flight. Its parts keep their own AIStore version, which grows only when
 * that part changes. Bytes of a record are stored and passed on as received; unknown fields
 * survive, because every decoder keeps what it does not know.
 */

import type {Bucket, JsonObject} from './bucket.ts'
import type {ClusterUuid, NodeId} from './ids.ts'
import type {Member} from './node.ts'

/** Number of this record's shape. A release reads n and n−1; newer: exit 78, nothing touched. */
export const RECORD_FORMAT = 1
/** Feature level that this release writes, and the lowest it still speaks. */
export const LEVEL = 1

/** A vote is counted per (id, incarnation): the same id with a new incarnation is another voter. */
export interface Voter {
  readonly id: NodeId
  readonly inc: number
}

/** A voter of the record before; its electability decides the sole-proposer rule (R2, R8). */
export interface PreviousVoter extends Voter {
  readonly electable: boolean
}

/** The cluster map. Invariant: `primary` is in `nodes` and electable. Keys of `nodes` are ids. */
export interface Smap {
  readonly version: number
  /** Epoch in which this version was made; decides the next one (R7). In every part alike. */
  readonly epoch: number
  /** `YYYY-MM-DD HH:MM:SS`, UTC. */
  readonly created: string
  readonly primary: NodeId
  readonly nodes: Readonly<Record<string, Member>>
  /** The highest incarnation of those that are members no more; absent: nobody ever left. */
  readonly removedInc?: number | undefined
}

/**
 * Buckets by `bucketUname`; a destroyed one (`deletedAt` set) by `~<bid>`, so that its name is free
 * at once. `serial` numbers buckets ever made; the next bid derives from it. 0: there never was an
 * object in this cluster.
 */
export interface Bmd {
  readonly version: number
  readonly epoch: number
  readonly serial: number
  readonly buckets: Readonly<Record<string, Bucket>>
}

/** Rebalance metadata: the number of the last global rebalance (`g<version>`). */
export interface Rmd {
  readonly version: number
  readonly epoch: number
  readonly targetIds: readonly NodeId[]
}

/**
 * Cluster configuration: only what differs from the defaults, by dotted key.
 * Invariant: every key is in `model/config/schema.ts` and its value validates there.
 */
export interface ConfPart {
  readonly version: number
  readonly epoch: number
  /** RFC 3339; empty before the first change. */
  readonly updated: string
  readonly set: JsonObject
  /** URLs that only the primary writes: control URLs of proxies. */
  readonly urls: {readonly primary: string; readonly original: string; readonly discovery: string}
}

/** Revoked tokens. Opaque here. */
export interface TokensPart {
  readonly version: number
  readonly epoch: number
  readonly revoked: readonly string[]
}

/**
 * Who owned keys since when: active targets, sorted by id, from this record's index on. Beyond
 * OWN_ENTRIES_MAX the two oldest become one with the newer's index; `merged` then holds the sets
 * that went into it before, and the owner under each of them is asked as well (DESIGN: own).
 */
export interface OwnEntry {
  readonly index: number
  readonly targets: readonly NodeId[]
  readonly merged?: readonly (readonly NodeId[])[]
  /**
   * Every member has said, under this entry alone, that it holds nothing but its own: tombstones
   * may go (R21). Means nothing beside a second entry.
   */
  readonly swept?: boolean
}

/** What an operation does with its nodes; the names of AIStore's actions. */
export const OPERATION_ACTIONS = [
  'start-maintenance',
  'shutdown-node',
  'decommission-node',
] as const

export type OperationAction = (typeof OPERATION_ACTIONS)[number]

/**
 * How far it is (R28): data moves; it has been verified that all has moved; the nodes do what they
 * were told. Done: there is no operation any more.
 */
export const OPERATION_PHASES = ['moving', 'verified', 'finalizing'] as const

export type OperationPhase = (typeof OPERATION_PHASES)[number]

/** A lifecycle operation in progress (R28). One at most; any primary resumes it. */
export interface Operation {
  /** `m` and the index of the record that began it. */
  readonly id: string
  readonly action: OperationAction
  /** Those that it is not done with. */
  readonly nodes: readonly NodeId[]
  readonly phase: OperationPhase
  /** Decommission: the objects are to be wiped, too. */
  readonly rmUserData: boolean
  readonly keepInitialConfig: boolean
  /** Decommission: the process is to stay. */
  readonly noShutdown: boolean
}

/**
 * The global rebalance `g<rmd.version>` is going on: every target that `own` names moves what is
 * not its own under this entry to the owner under it. Ends when all have reported that nothing is
 * left to move (R27), or when the owners change once more.
 */
export interface Movement {
  /** Index of the own entry that data moves to: the newest. */
  readonly entry: number
}

/**
 * Whether data moves after a change: though the owners may stay as they are, not although they
 * change, or as the owners change.
 */
export type Moves = 'yes' | 'no' | 'with-owners'

/**
 * How a rebalance stands. `overtaken`: the owners have changed once more, and a newer rebalance
 * moves what it had not moved yet.
 */
export const MOVE_OUTCOMES = ['running', 'finished', 'overtaken', 'stopped'] as const

export type MoveOutcome = (typeof MOVE_OUTCOMES)[number]

/** One rebalance, for people and for those who wait for it: nothing is decided by it. */
export interface MoveNote {
  /** `rmd.version`. */
  readonly rebalance: number
  /** The own entry that data moved to. */
  readonly entry: number
  readonly state: MoveOutcome
  /** Wall clock of the primary that recorded it, ms since 1970; `endedMs` null while it runs. */
  readonly beganMs: number
  readonly endedMs: number | null
  /** What each target had moved at its end, as far as the primary had heard; only of late ones. */
  readonly shares: readonly MoveShare[]
}

export interface MoveShare {
  readonly id: NodeId
  readonly objects: number
  readonly bytes: number
  /** What it received. */
  readonly inObjects: number
  readonly inBytes: number
}

/** Why a primary took office. */
export const ELECTION_REASONS = [
  /** The cluster was formed. */
  'founded',
  /** The one before was not heard for the time that elections wait. */
  'silent',
  /** Its process was gone: new connections to it were refused, or it answered that it leads no more. */
  'gone',
  /** It handed its office over (R16). */
  'handed-over',
  /** The same node again, after its restart or after a higher epoch was heard of (R11). */
  'again',
  /** By an operator's command, without a majority (R17). */
  'recovered',
] as const

export type ElectionReason = (typeof ELECTION_REASONS)[number]

/** One change of primary, for people: nothing is decided by it. */
export interface ElectionNote {
  readonly epoch: number
  readonly primary: NodeId
  /** The primary of the adopted record; '' at founding. */
  readonly before: NodeId | ''
  readonly reason: ElectionReason
  /** Who said yes, the candidate included, and how many voters there are. */
  readonly votes: number
  readonly voters: number
  /** From the first question to the office, ms, by the candidate's clock. */
  readonly tookMs: number
  /** Wall clock of the candidate when it took office, ms since 1970. */
  readonly atMs: number
}

/**
 * Who changes the cluster at present: a run of the operator's tool. Others are told to wait. Ends
 * by itself, by the wall clock of the primary that looks at it.
 */
export interface OperatorLease {
  readonly run: string
  readonly who: string
  readonly from: string
  readonly what: string
  readonly sinceMs: number
  readonly expiresMs: number
}

export interface ClusterRecord {
  readonly format: number
  readonly uuid: ClusterUuid
  /** ≥ 1. `(uuid, epoch)` has at most one primary. */
  readonly epoch: number
  /** ≥ 1, grows by exactly one with every proposal. */
  readonly index: number
  /** SHA-256, hex, of the bytes of the record that this one was derived from; '' for the first. */
  readonly parent: string
  /** Voters before this record, while a joint change is under way; else null (R8, R15). */
  readonly pv: readonly PreviousVoter[] | null
  readonly level: number
  readonly smap: Smap
  readonly bmd: Bmd
  readonly rmd: Rmd
  readonly conf: ConfPart
  readonly tokens: TokensPart
  readonly own: readonly OwnEntry[]
  readonly op: Operation | null
  readonly move: Movement | null
  /**
   * Who takes office in `epoch + 1` (R16): storing this record is the vote for it, and its author
   * proposes nothing more. Null in every other record.
   */
  readonly heir: Voter | null
  /** The latest changes of primary, oldest first, at most ELECTIONS_KEPT. */
  readonly elections: readonly ElectionNote[]
  /** The latest rebalances, oldest first, at most REBALANCES_KEPT; the last one may be running. */
  readonly rebalances: readonly MoveNote[]
  /** Absent or null: nobody changes it. */
  readonly lease?: OperatorLease | null | undefined
}

/** Where a record stands: the order of R1 within one uuid. */
export interface RecordPosition {
  readonly epoch: number
  readonly index: number
}

/** < 0 when a is older. By epoch, then index. Meaningless across uuids: check those first. */
export function comparePositions(a: RecordPosition, b: RecordPosition): number {
  return a.epoch !== b.epoch ? a.epoch - b.epoch : a.index - b.index
}

/** Before every record. */
export const POSITION_NONE: RecordPosition = {epoch: 0, index: 0}
