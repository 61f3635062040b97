/**
 * A target's part in a rebalance (R24–R27), as decisions: does it take part, who should have a key,
 * does a receiver want what it is offered, when has a walk shown that nothing is left, and how much
 * room is given to clients meanwhile. Reads no disk, sends nothing; nothing is ever deleted here.
 */

import {bucketUname, type Bucket} from '../../model/bucket.ts'
import type {ClusterView} from '../../model/cluster-view.ts'
import type {Generation} from '../../model/generation.ts'
import {compareGenerations} from '../../model/generation.ts'
import type {NodeId} from '../../model/ids.ts'
import type {MoveAmount, MoveReport} from '../../model/peer-messages.ts'
import type {Voter} from '../../model/record.ts'
import type {OwnRing, RingEntry} from './ring.ts'
import {newestEntry, ownerUnder} from './ring.ts'

/** The rebalance that a move belongs to: a receiver refuses moves of any other. */
export interface MoveMark {
  /** `rmd.version`. */
  readonly rebalance: number
  /** Index of the own entry that data moves to. */
  readonly entry: number
  /** Who moves, as the connection has proved it; absent before it is asked. */
  readonly from?: Voter | undefined
}

/** What this target has to do for the rebalance that its record speaks of. */
export interface MoveTask extends MoveMark {
  readonly ring: RingEntry
  /** Why it may not begin yet; '' when it may. */
  readonly waits: string
}

/**
 * This target's task under a view; null when there is none. Every target that an own entry names
 * takes part, in whatever state it is; it begins when the new owners may answer (R26).
 */
export function moveTask(view: ClusterView, ring: OwnRing): MoveTask | null {
  const {record, self} = view
  const move = record?.move ?? null
  if (record === null || move === null || self.role !== 'target') return null
  const newest = newestEntry(ring)
  const named = record.own.some(({targets, merged = []}) =>
    [targets, ...merged].some((ids) => ids.includes(self.id)),
  )
  if (!named || newest === undefined || newest.index !== move.entry) return null
  const settled = view.settledIndex >= move.entry
  const waits = view.stopping ? 'this node is stopping' : settled ? '' : 'ownership is passing'
  return {rebalance: record.rmd.version, entry: move.entry, ring: newest, waits}
}

/** Whether two tasks are the same rebalance. */
export function isSameMove(a: MoveMark | null, b: MoveMark | null): boolean {
  return a?.entry === b?.entry && a?.rebalance === b?.rebalance
}

/** Who should have a key that lies here, when that is another target; null: it is in its place. */
export function destinationOf(task: MoveTask, self: NodeId, digest: bigint): NodeId | null {
  const owner = ownerUnder(task.ring, digest)
  return owner === undefined || owner === self ? null : owner
}

/**
 * Why this target takes no move of that rebalance now; null when it does. The sender tries again:
 * one of the two has an older record (R26), or the rebalance is over and its moves come too late
 * (R21).
 */
export function whyNotTaken(view: ClusterView, ring: OwnRing, mark: MoveMark): string | null {
  const {from} = mark
  // What a removed target sends, or has sent, must not come back behind those who do without (R33).
  if (from !== undefined && view.record?.smap.nodes[from.id]?.inc !== from.inc) {
    return `t[${from.id}] is no member here as incarnation ${from.inc}`
  }
  const task = moveTask(view, ring)
  if (task === null) return 'no rebalance goes on here'
  if (!isSameMove(task, mark)) {
    return `here g${task.rebalance} to entry ${task.entry} goes on, not g${mark.rebalance} to ${mark.entry}`
  }
  return task.waits === '' ? null : task.waits
}

/** The bucket that an id means; undefined when there is none or it is being destroyed. */
export function bucketOfId(view: ClusterView, bid: string): Bucket | undefined {
  return moveBuckets(view).find((bucket) => bucket.bid === bid)
}

/** The buckets whose objects move, in the order of their ids; destroyed ones do not. */
export function moveBuckets(view: ClusterView): readonly Bucket[] {
  const buckets = Object.values(view.record?.bmd.buckets ?? {})
  return buckets
    .filter(({deletedAt}) => deletedAt === undefined)
    .sort((a, b) => (a.bid < b.bid ? -1 : 1))
}

/**
 * How far a walk has come: what lies before has been dealt with. A hint for the next start; a walk
 * that begins there proves nothing.
 */
export interface WalkCursor extends Pick<MoveMark, 'rebalance' | 'entry'> {
  /** Bucket id, and the last name in it. */
  readonly bid: string
  readonly after: string
}

/** Where a walk of this rebalance begins. @param kept the last cursor, of whatever rebalance */
export function walkBegins(
  mark: MoveMark,
  kept: WalkCursor | null,
): Pick<WalkCursor, 'bid' | 'after'> | null {
  return kept !== null && isSameMove(mark, kept) ? {bid: kept.bid, after: kept.after} : null
}

/** Whether a bucket is still to be moved under a view. */
export function stillMoves(view: ClusterView, bucket: Bucket): boolean {
  const now = view.record?.bmd.buckets[bucketUname(bucket.ref)]
  return now !== undefined && now.bid === bucket.bid && now.deletedAt === undefined
}

/**
 * Whether what is offered would be news to its owner. The same generation is the same version
 * (R20); a higher one was written meanwhile, and wins.
 */
export function isWanted(held: Generation | null, offered: Generation): boolean {
  return held === null || compareGenerations(held, offered) < 0
}

/** What a walk over everything here has come to. Counts of keys, tombstones included. */
export interface WalkTally {
  /** Counted ahead of the walk, for people; less than there is until the count has ended. */
  readonly found: number
  /** Their owners have said whether they lack them. */
  readonly offered: number
  /** Their owners lack them, or have not said. */
  readonly wanted: number
  /** Of those, their owners have acknowledged. */
  readonly moved: number
  readonly failed: number
  /** What may hold keys that the walk did not see. */
  readonly unseen: number
}

export const NO_TALLY: WalkTally = {
  found: 0,
  offered: 0,
  wanted: 0,
  moved: 0,
  failed: 0,
  unseen: 0,
}

/**
 * What follows from a walk. Only one that began at the first name, found nothing to move, and
 * failed at nothing, proves that all is where it belongs (R27).
 */
export function walkVerdict(tally: WalkTally, isWhole: boolean): 'clean' | 'again' | 'failing' {
  if (tally.failed > 0 || tally.unseen > 0 || tally.moved !== tally.wanted) return 'failing'
  return isWhole && tally.wanted === 0 ? 'clean' : 'again'
}

/** First pause after a walk that failed, and the longest. */
export const WALK_AGAIN_MS = 500
export const WALK_AGAIN_MAX_MS = 30_000

/** How long to wait before walking again. @param failures walks in a row that have failed */
export function walkAgainMs(failures: number): number {
  return failures === 0 ? 0 : Math.min(WALK_AGAIN_MS * 2 ** (failures - 1), WALK_AGAIN_MAX_MS)
}

/** Names in one offer and bytes in one request: what a receiver answers within some 100 ms. */
export const OFFER_NAMES_MAX = 1024
export const BATCH_BYTES_MAX = 2 * 1024 * 1024
/** From here on an object streams by itself; below, it is held whole and signed. */
export const STREAMED_BYTES_MIN = 8 * 1024 * 1024
/** While clients are served: a burst that they hardly notice. */
export const CALM_BATCH_BYTES_MAX = 1024 * 1024

/**
 * Sizes cut into requests: each holds up to `bytesMax`, a larger object goes by itself.
 * @returns how many of the sizes, in their order, each request takes
 */
export function cutBatches(sizes: readonly number[], bytesMax: number): readonly number[] {
  const batches: number[] = []
  let count = 0
  let bytes = 0
  for (const size of sizes) {
    if (count > 0 && bytes + size > bytesMax) {
      batches.push(count)
      count = 0
      bytes = 0
    }
    count += 1
    bytes += size
  }
  return count === 0 ? batches : [...batches, count]
}

/** Clients were here within this time: the next is likely. */
export const CLIENTS_RECENT_MS = 250
/** With clients about, moving takes one part of the time and leaves so many: a third. */
const REST_SHARE = 2
/** The longest rest: some progress is always made. */
export const REST_MAX_MS = 400

/** What is known of the requests of clients at a target. */
export interface ClientTraffic {
  readonly inFlight: number
  /** Since the last one began or ended. */
  readonly quietMs: number
}

/** Whether clients are being served. */
export function isBusy(traffic: ClientTraffic): boolean {
  return traffic.inFlight > 0 || traffic.quietMs < CLIENTS_RECENT_MS
}

/** How long moving rests after a piece of work, so that clients are served. */
export function restMs(traffic: ClientTraffic, workMs: number): number {
  return isBusy(traffic) ? Math.min(workMs * REST_SHARE, REST_MAX_MS) : 0
}

/** What is summed up over all walks of one rebalance. */
export interface MoveTotals extends MoveAmount {
  /** By who has acknowledged it. */
  readonly sent: Readonly<Record<NodeId, MoveAmount>>
  /** The last failure, '' without. */
  readonly problem: string
}

export const NO_TOTALS: MoveTotals = {objects: 0, bytes: 0, sent: {}, problem: ''}

/** The totals after an owner has acknowledged more. */
export function withSent(totals: MoveTotals, to: NodeId, more: MoveAmount): MoveTotals {
  const before = totals.sent[to] ?? {objects: 0, bytes: 0}
  return {...totals, ...sumOf(totals, more), sent: {...totals.sent, [to]: sumOf(before, more)}}
}

function sumOf(a: MoveAmount, b: MoveAmount): MoveAmount {
  return {objects: a.objects + b.objects, bytes: a.bytes + b.bytes}
}

/** What is still to be moved, as far as it is known. */
function leftOf({found, offered, wanted, moved, unseen}: WalkTally): number {
  return Math.max(0, found - offered) + wanted - moved + unseen
}

/** This target's word on the rebalance (R27). @param walk null before the first has found anything */
export function moveReport(
  mark: MoveMark,
  state: MoveReport['state'],
  totals: MoveTotals,
  walk: WalkTally | null,
): MoveReport {
  const left = walk === null ? -1 : leftOf(walk)
  const problem = state === 'clean' ? '' : totals.problem
  const {rebalance, entry} = mark
  const {objects, bytes, sent} = totals
  return {rebalance, entry, state, objects, bytes, sent, left, problem}
}
