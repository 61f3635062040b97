/**
 * Local mirroring: on how many mountpaths of its target a bucket's objects lie, and which of them
 * can say what a key's newest version is. A write is on all its mountpaths before it is answered,
 * so any one of them that was there can speak for the time; the time is cut into segments, in each
 * of which the set of mountpaths and the number of copies stayed the same. Decides; knows no files.
 */

import type {Candidate} from '../placement/locate.ts'
import {highestWeight, rankByWeight} from '../placement/locate.ts'
import type {PlacedSet} from './mountpath-history.ts'

/** From this counter on, a bucket's writes went to so many mountpaths. */
export interface CopiesChange {
  readonly sinceCounter: bigint
  readonly copies: number
}

/** What a target remembers of one bucket's copies. */
export interface BucketCopies {
  /**
   * Whatever was written before this counter has been seen where the segment that it falls into
   * says: segments that ended before it do not matter any more. 0: nothing has been looked at.
   */
  readonly settledCounter: bigint
  /** Oldest first; one copy before the first. */
  readonly changes: readonly CopiesChange[]
}

/** A time in which neither the set of mountpaths nor the number of copies changed. */
export interface Segment {
  /** Lowest counter value that was given in it. */
  readonly sinceCounter: bigint
  readonly candidates: readonly Candidate[]
  readonly copies: number
  /** No version closes it, whatever its counter: the counter was lost since. */
  readonly unknown: boolean
}

/** Changes remembered per bucket; of older ones the lowest number counts, which is the safe one. */
export const COPIES_CHANGES_MAX = 16

/** The number of copies that writes get now. */
export function copiesNow(known: BucketCopies | undefined): number {
  return known?.changes.at(-1)?.copies ?? 1
}

/**
 * After a change of the number; the same when there is none.
 * @param nextCounter the first counter value that will be given under it
 */
export function changeCopies(
  known: BucketCopies | undefined,
  copies: number,
  nextCounter: bigint,
): BucketCopies {
  const {settledCounter = 0n, changes = []} = known ?? {}
  if (known !== undefined && copiesNow(known) === copies) return known
  return {settledCounter, changes: fold([...changes, {sinceCounter: nextCounter, copies}])}
}

function fold(changes: readonly CopiesChange[]): readonly CopiesChange[] {
  const [first, second, ...others] = changes
  if (changes.length <= COPIES_CHANGES_MAX || first === undefined || second === undefined) {
    return changes
  }
  const copies = Math.min(first.copies, second.copies)
  return [{sinceCounter: first.sinceCounter, copies}, ...others]
}

/**
 * After every key has been seen where it belongs now.
 * @param counter a value that was given, and is in no object: later segments begin above it
 */
export function settleCopies(known: BucketCopies, counter: bigint): BucketCopies {
  return {settledCounter: counter, changes: [{sinceCounter: 0n, copies: copiesNow(known)}]}
}

/** The segments that still matter, oldest first. @param sets the history of mountpaths */
export function segmentsOf(
  sets: readonly PlacedSet[],
  known: BucketCopies | undefined,
): readonly Segment[] {
  const {settledCounter = 0n, changes = []} = known ?? {}
  const all = sets.flatMap((set, at) => splitSet(set, sets[at + 1]?.sinceCounter, changes))
  return all.filter(({unknown}, at) => {
    const following = all[at + 1]
    return unknown || following === undefined || following.sinceCounter > settledCounter
  })
}

function splitSet(
  {sinceCounter, candidates, givenUp, unknown}: PlacedSet,
  end: bigint | undefined,
  changes: readonly CopiesChange[],
): readonly Segment[] {
  const before = changes.findLast((change) => change.sinceCounter <= sinceCounter)
  const within = changes.filter(
    (change) =>
      change.sinceCounter > sinceCounter && (end === undefined || change.sinceCounter < end),
  )
  return [{sinceCounter, copies: before?.copies ?? 1}, ...within].map((change) => ({
    sinceCounter: change.sinceCounter,
    candidates,
    unknown,
    // Of what was on a mountpath that was given up, so many copies less can speak.
    copies: Math.max(1, change.copies - givenUp),
  }))
}

/** The mountpaths that a write of a key went to in a segment, the first of them first. */
export function placesIn(segment: Segment, digest: bigint): readonly string[] {
  if (segment.copies > 1) return rankByWeight(segment.candidates, digest).slice(0, segment.copies)
  const path = highestWeight(segment.candidates, digest)
  return path === undefined ? [] : [path]
}

/**
 * The segments in which something newer may have been written than a version that was found in one
 * that followed. @param counter of that version; null when nothing was found
 */
export function openSegments(
  segments: readonly Segment[],
  counter: bigint | null,
): readonly Segment[] {
  return segments.filter(({unknown}, at) => {
    const following = segments[at + 1]
    if (unknown || following === undefined || counter === null) return true
    return following.sinceCounter > counter
  })
}

/** Whether for every key, in every segment, a mountpath is here that can speak for it. */
export function isAllCovered(
  segments: readonly Segment[],
  present: (path: string) => boolean,
): boolean {
  return segments.every(({candidates, copies}) => {
    const missing = candidates.filter(({id}) => !present(id)).length
    return missing < Math.min(copies, candidates.length)
  })
}
