/**
 * Keeps to a number of bytes per second, by waiting before each piece is sent. A piece goes whole:
 * over a second or more the limit is kept to, within less it is not.
 */

export interface Bandwidth {
  /** How long to wait before so many bytes go. */
  readonly waitMs: (bytes: number) => number
}

/** @param perSecond asked for each piece; 0: no limit */
export function createBandwidth(perSecond: () => number, nowMs: () => number): Bandwidth {
  let freeMs = Number.NEGATIVE_INFINITY
  return {
    waitMs: (bytes) => {
      const rate = perSecond()
      if (rate === 0) return 0
      const now = nowMs()
      const beginMs = Math.max(now, freeMs)
      freeMs = beginMs + (bytes * 1000) / rate
      return beginMs - now
    },
  }
}
