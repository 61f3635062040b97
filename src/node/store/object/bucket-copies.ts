/**
 * On how many mountpaths each bucket's objects lie, while the target runs: what the record wants is
 * taken into use with the next write, and remembered durably before it. What follows from that for
 * a key is decided in `core/objects/copies.ts`.
 */

import type {BucketCopies, Segment} from '../../../core/objects/copies.ts'
import {
  changeCopies,
  copiesNow,
  isAllCovered,
  placesIn,
  segmentsOf,
  settleCopies,
} from '../../../core/objects/copies.ts'
import type {CopiesState} from '../state/copies-state.ts'
import type {SetHistory} from '../mountpath/set-history.ts'

export interface CopiesLog {
  /** Whether a bucket has, or had, more than one copy: of the others nothing is remembered. */
  readonly has: (bid: string) => boolean
  /** How many copies writes get. */
  readonly now: (bid: string) => number
  /** The times in which something of a bucket may have been written, oldest first. */
  readonly segments: (bid: string) => readonly Segment[]
  /** Paths that the next version of a key goes to, the one that is read first at the front. */
  readonly placesOf: (key: {readonly bid: string; readonly digest: bigint}) => readonly string[]
  /** Takes the wanted number of copies into use. */
  readonly refresh: (bid: string) => void
  /** Another number when keys may belong elsewhere than before. */
  readonly version: () => number
  /** Buckets of which not every key has been seen where it belongs. */
  readonly unsettled: () => readonly string[]
  /** Whether every key of a bucket can be found while only these mountpaths are here. */
  readonly isCovered: (bid: string, present: (path: string) => boolean) => boolean
  /** Every key of a bucket has been seen where it belongs. @param counter burnt for this */
  readonly settle: (bid: string, counter: bigint) => void
  /** Forgets a bucket that is no more. */
  readonly drop: (bid: string) => void
  /** Nothing is being written any more. */
  readonly stop: () => void
}

export interface CopiesLogParts {
  readonly state: CopiesState
  /** Durable when it returns. */
  readonly keep: (state: CopiesState) => void
  readonly history: SetHistory
  /** Null where nobody knows, so that nothing changes. */
  readonly wanted: (bid: string) => number | null
  /** Lowest counter value that the next write may get. */
  readonly nextCounter: () => bigint
}

export function createCopiesLog(parts: CopiesLogParts): CopiesLog {
  const {history, wanted, nextCounter} = parts
  const buckets = new Map(parts.state.buckets)
  /** After a crash one copy may be ahead of the others: such buckets are looked through once. */
  const doubtful = new Set(parts.state.clean ? [] : buckets.keys())
  const segmentsByBid = new Map<string, readonly Segment[]>()
  let placed = history.placed()
  let version = 0
  if (parts.state.clean && buckets.size > 0) parts.keep({buckets, clean: false})

  function look(): void {
    if (placed === history.placed()) return
    placed = history.placed()
    changed()
  }

  function changed(): void {
    segmentsByBid.clear()
    version += 1
  }

  function keep(bid: string, copies: BucketCopies): void {
    parts.keep({buckets: new Map(buckets).set(bid, copies), clean: false})
    buckets.set(bid, copies)
    changed()
  }

  function segments(bid: string): readonly Segment[] {
    look()
    const made = segmentsByBid.get(bid) ?? segmentsOf(placed, buckets.get(bid))
    segmentsByBid.set(bid, made)
    return made
  }

  return {
    has: (bid) => buckets.has(bid),
    now: (bid) => copiesNow(buckets.get(bid)),
    segments,
    placesOf: ({bid, digest}) => {
      const newest = history.placed().at(-1)
      return newest === undefined
        ? []
        : placesIn({...newest, copies: copiesNow(buckets.get(bid))}, digest)
    },
    refresh: (bid) => {
      const known = buckets.get(bid)
      const copies = wanted(bid)
      if (copies === null || copies === copiesNow(known)) return
      keep(bid, changeCopies(known, copies, nextCounter()))
    },
    version: () => {
      look()
      return version
    },
    unsettled: () =>
      [...buckets.keys()].filter((bid) => segments(bid).length > 1 || doubtful.has(bid)),
    isCovered: (bid, present) => isAllCovered(segments(bid), present),
    settle: (bid, counter) => {
      const known = buckets.get(bid)
      if (known === undefined) return
      keep(bid, settleCopies(known, counter))
      doubtful.delete(bid)
    },
    drop: (bid) => {
      if (!buckets.delete(bid)) return
      segmentsByBid.delete(bid)
      doubtful.delete(bid)
      parts.keep({buckets, clean: false})
    },
    stop: () => {
      // What is doubtful now is looked through after the next start.
      if (buckets.size > 0) parts.keep({buckets, clean: doubtful.size === 0})
    },
  }
}
