/**
 * Time for the control plane: monotonic milliseconds that every thread of the process can compare,
 * and wall time for people. The monotonic clock is the process's `hrtime`, so that a lease can be
 * read by another thread in nanoseconds.
 */

export interface Clock {
  /** Monotonic, ms. */
  readonly nowMs: () => number
  /** Since 1970, ms. */
  readonly wallMs: () => number
  /** The monotonic instant as hrtime nanoseconds; 0 stays 0 ("never"). */
  readonly toNs: (ms: number) => bigint
}

export const TICK_MS = 100

export function createClock(): Clock {
  return {
    nowMs: () => Number(process.hrtime.bigint()) / 1e6,
    wallMs: () => Date.now(),
    toNs: (ms) => (ms <= 0 ? 0n : BigInt(Math.floor(ms * 1e6))),
  }
}
