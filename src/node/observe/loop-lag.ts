/**
 * How late the main thread's own timer was: what a node that is overloaded, frozen or stuck in
 * synchronous work knows of itself. Measured by the clock's ticks, so a standstill shows when it is
 * over.
 */

export interface LoopLag {
  /** A tick came; how much later than it was due, ms. */
  readonly tick: (nowMs: number) => number
  /** The longest delay of the last half minute to minute, ms. */
  readonly longestMs: () => number
}

const WINDOW_MS = 30_000

/** @param everyMs between two ticks */
export function createLoopLag(everyMs: number): LoopLag {
  let lastMs = Infinity
  let windowMs = 0
  let before = 0
  let longest = 0
  return {
    tick: (nowMs) => {
      const lagMs = Math.max(0, nowMs - lastMs - everyMs)
      lastMs = nowMs
      if (nowMs - windowMs >= WINDOW_MS) {
        before = longest
        longest = 0
        windowMs = nowMs
      }
      longest = Math.max(longest, lagMs)
      return lagMs
    },
    longestMs: () => Math.max(before, longest),
  }
}
