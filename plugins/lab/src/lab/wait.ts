/** Waiting for something that ends by itself, with a bound. */

import {setTimeout as sleep} from 'node:timers/promises'
import {POLL_MS} from './limits.ts'

/** Looks until `done` says yes or the time is over; says which of the two it was. */
export async function waitUntil(
  done: () => boolean | Promise<boolean>,
  timeoutMs: number,
): Promise<boolean> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    if (await done()) return true
    if (performance.now() >= deadline) return false
    await sleep(POLL_MS)
  }
}
