/**
 * The same rules within a node as between nodes: which mountpath holds a key's newest copy when
 * disks come and go. The history lists, oldest first, which mountpaths were in use since which
 * value of the target's counter; a copy is the newest if the mountpath that got writes under every
 * later set is here to be looked at. Knows nothing of directories.
 */

import type {Candidate} from '../placement/locate.ts'
import {candidatesOf, highestWeight} from '../placement/locate.ts'

/** A set of mountpaths that took writes. Placement is by path, as AIStore does. */
export interface MountpathSet {
  /** Lowest counter value that was given under this set. */
  readonly sinceCounter: bigint
  /** Clean absolute paths, sorted. */
  readonly paths: readonly string[]
  /** How many more there were that have been given up since; none when absent. */
  readonly givenUp?: number
  /**
   * The counter was lost since, or the set is folded from several: a copy's counter says nothing of
   * what was first. True for all that follow, too, until a resilver has seen everything.
   */
  readonly unknown?: true
}

/** A set, ready for placement. */
export interface PlacedSet {
  readonly sinceCounter: bigint
  readonly candidates: readonly Candidate[]
  /** So many of its mountpaths were given up: a copy of each key may have been there. */
  readonly givenUp: number
  /** No copy closes it, whatever its counter. */
  readonly unknown: boolean
}

/**
 * The history after a start with these mountpaths: unchanged when the set is the same.
 * @param nextCounter the first counter value that this start will give
 */
export function extendHistory(
  history: readonly MountpathSet[],
  paths: readonly string[],
  nextCounter: bigint,
): readonly MountpathSet[] {
  const sorted = [...paths].sort()
  const last = history.at(-1)
  if (last !== undefined && last.paths.join('\0') === sorted.join('\0')) return history
  const set = {sinceCounter: nextCounter, paths: sorted}
  return [...history, last?.unknown === true ? {...set, unknown: true} : set]
}

/** The history after every key has been seen where the newest set has it (R34). */
export function verifiedHistory(history: readonly MountpathSet[]): readonly MountpathSet[] {
  const newest = history.at(-1)
  if (newest === undefined || (history.length === 1 && newest.givenUp === undefined)) return history
  return [{sinceCounter: newest.sinceCounter, paths: newest.paths}]
}

/**
 * The history when what lay on a mountpath is given up: its disk is lost for good, and the operator
 * has said so. The newest version that is left of a key stands. Sets that were that mountpath alone
 * go; the newest set stays, since it takes writes.
 */
export function forgetPath(
  history: readonly MountpathSet[],
  path: string,
): readonly MountpathSet[] {
  if (history.every((set) => !set.paths.includes(path))) return history
  return history
    .map((set) => {
      if (!set.paths.includes(path)) return set
      const paths = set.paths.filter((one) => one !== path)
      return {...set, paths, givenUp: (set.givenUp ?? 0) + 1}
    })
    .filter((set) => set.paths.length > 0)
}

/** Prepares a history for placement. */
export function placeHistory(history: readonly MountpathSet[]): readonly PlacedSet[] {
  return history.map((set) => ({
    sinceCounter: set.sinceCounter,
    candidates: candidatesOf(set.paths),
    givenUp: set.givenUp ?? 0,
    unknown: set.unknown === true,
  }))
}

/** Mountpaths on which a key's copies may lie, the one that takes writes first. */
export function readMountpaths(history: readonly PlacedSet[], digest: bigint): readonly string[] {
  const paths = new Set<string>()
  for (const set of history.toReversed()) {
    const path = highestWeight(set.candidates, digest)
    if (path !== undefined) paths.add(path)
  }
  return [...paths]
}

/**
 * Mountpaths that are away and may hold something newer than what was found here.
 * @param counter counter of the newest copy found; null when none was
 */
export function missingMountpaths(
  history: readonly PlacedSet[],
  digest: bigint,
  counter: bigint | null,
  present: (path: string) => boolean,
): readonly string[] {
  const missing = new Set<string>()
  history.forEach((set, at) => {
    const following = history[at + 1]
    const ended = following !== undefined && counter !== null && following.sinceCounter <= counter
    if (ended && !set.unknown) return
    const path = highestWeight(set.candidates, digest)
    if (path !== undefined && !present(path)) missing.add(path)
  })
  return [...missing]
}
