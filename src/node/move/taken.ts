/**
 * What this target has made durable of one rebalance: an offer of it again, as every second walk
 * makes them, costs no look at the file. It forgets with the rebalance: under another one it may
 * have had to remove what it had taken; and with the disk: another one may come in its place.
 * Memory of one process, bounded; what it does not know is looked up.
 */

import {isSameMove, isWanted, type MoveMark} from '../../core/objects/move.ts'
import type {Generation} from '../../model/generation.ts'
import {isStillThere, type Mountpath} from '../store/mountpath/mountpaths.ts'

/** Names that are remembered: some 15 MB. */
const NAMES_MAX = 65_536

/** A version of a name. */
export interface Version {
  readonly bid: string
  readonly name: string
  readonly gen: Generation
}

export interface Taken {
  /** It is durable on these. */
  readonly note: (mark: MoveMark, version: Version, on: readonly Mountpath[]) => void
  /** Whether this version or a newer one was made durable here. False: look. */
  readonly has: (mark: MoveMark, version: Version) => boolean
}

interface Place {
  readonly gen: Generation
  readonly on: readonly Mountpath[]
}

/** A disk that was away for a moment is another mountpath when it is back. */
function isInUse(mountpath: Mountpath): boolean {
  return mountpath.calls.disabled() === null && isStillThere(mountpath)
}

export function createTaken(): Taken {
  const known = new Map<string, Place>()
  let of: MoveMark | null = null
  return {
    note: (mark, {bid, name, gen}, on) => {
      if (!isSameMove(of, mark)) known.clear()
      of = mark
      if (known.size < NAMES_MAX) known.set(`${bid}/${name}`, {gen, on})
    },
    has: (mark, {bid, name, gen}) => {
      const here = isSameMove(of, mark) ? known.get(`${bid}/${name}`) : undefined
      return here !== undefined && !isWanted(here.gen, gen) && here.on.every(isInUse)
    },
  }
}
