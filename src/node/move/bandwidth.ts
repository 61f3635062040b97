/**
 * Keeps to a number of bytes per second, by waiting before each piece is sent. Many senders have
 * one limit: each takes a small piece and comes again, so that nobody waits long, whatever the
 * others send. Over a second or more the limit is kept to, within less it is not.
 */

import {KIB} from '../../base/units.ts'

export interface Bandwidth {
  /** How many of so many bytes may go at a time; all of them without a limit. */
  readonly pieceOf: (bytes: number) => number
  /** How long to wait before so many bytes go. */
  readonly waitMs: (bytes: number) => number
  readonly isLimited: () => boolean
}

/** A piece is what may go in a tenth of a second, but not so small that it costs more than it is. */
const PIECES_PER_SECOND = 10
const PIECE_BYTES_MIN = 64 * KIB

/** @param perSecond asked for each piece; 0: no limit */
export function createBandwidth(perSecond: () => number, nowMs: () => number): Bandwidth {
  let freeMs = Number.NEGATIVE_INFINITY
  return {
    pieceOf: (bytes) => {
      const rate = perSecond()
      if (rate === 0) return bytes
      return Math.min(bytes, Math.max(PIECE_BYTES_MIN, Math.floor(rate / PIECES_PER_SECOND)))
    },
    waitMs: (bytes) => {
      const rate = perSecond()
      if (rate === 0) return 0
      const now = nowMs()
      const beginMs = Math.max(now, freeMs)
      freeMs = beginMs + (bytes * 1000) / rate
      return beginMs - now
    },
    isLimited: () => perSecond() !== 0,
  }
}
