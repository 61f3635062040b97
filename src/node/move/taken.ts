/**
 * What this target has made durable of one rebalance: an offer of it again, as every second walk
 * makes them, costs no look at the file. It forgets with the rebalance: under another one it may
 * have had to remove what it had taken. Memory of one process, bounded; what it does not know is
 * looked up.
 */

import {isSameMove, isWanted, type MoveMark} from '../../core/objects/move.ts'
import type {Generation} from '../../model/generation.ts'

/** Names that are remembered: some 15 MB. */
const NAMES_MAX = 65_536

/** A version of a name. */
export interface Version {
  readonly bid: string
  readonly name: string
  readonly gen: Generation
}

export interface Taken {
  /** It is durable here. */
  readonly note: (mark: MoveMark, version: Version) => void
  /** Whether this version or a newer one was made durable here. False: look. */
  readonly has: (mark: MoveMark, version: Version) => boolean
}

export function createTaken(): Taken {
  const known = new Map<string, Generation>()
  let of: MoveMark | null = null
  return {
    note: (mark, {bid, name, gen}) => {
      if (!isSameMove(of, mark)) known.clear()
      of = mark
      if (known.size < NAMES_MAX) known.set(`${bid}/${name}`, gen)
    },
    has: (mark, {bid, name, gen}) => {
      const here = isSameMove(of, mark) ? known.get(`${bid}/${name}`) : undefined
      return here !== undefined && !isWanted(here, gen)
    },
  }
}
