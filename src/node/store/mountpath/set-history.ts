/**
 * The history of this target's sets of mountpaths while it runs: which set takes writes, which may
 * hold older copies. Every change is durable before it is in force. What follows from a history is
 * decided in `core/objects/mountpath-history.ts`; which mountpaths may be used, elsewhere here.
 */

import type {MountpathSet, PlacedSet} from '../../../core/objects/mountpath-history.ts'
import {
  extendHistory,
  forgetPath,
  placeHistory,
  verifiedHistory,
} from '../../../core/objects/mountpath-history.ts'
import {foldHistory} from './mountpath-state.ts'

export interface SetHistory {
  /** Ready for placement, oldest first; the last one takes writes. */
  readonly placed: () => readonly PlacedSet[]
  readonly sets: () => readonly MountpathSet[]
  /** These mountpaths take writes from now on; nothing happens when they do already. */
  readonly change: (paths: readonly string[]) => void
  /** Every key has been seen where the newest set has it: the older sets mean nothing any more. */
  readonly cut: () => void
  /** What lay on a mountpath is given up: no set speaks of it any more. */
  readonly forget: (path: string) => void
}

export interface SetHistoryParts {
  readonly sets: readonly MountpathSet[]
  /** Durable when it returns. */
  readonly keep: (sets: readonly MountpathSet[]) => void
  /** Lowest counter value that the next write may get. */
  readonly nextCounter: () => bigint
}

export function createSetHistory(parts: SetHistoryParts): SetHistory {
  let sets = parts.sets
  let placed = placeHistory(sets)

  function become(changed: readonly MountpathSet[]): void {
    if (changed === sets) return
    const folded = foldHistory(changed)
    parts.keep(folded)
    sets = folded
    placed = placeHistory(folded)
  }

  return {
    placed: () => placed,
    sets: () => sets,
    change: (paths) => become(extendHistory(sets, paths, parts.nextCounter())),
    cut: () => become(verifiedHistory(sets)),
    forget: (path) => become(forgetPath(sets, path)),
  }
}
