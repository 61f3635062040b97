/**
 * Virtual time for code that was not written for it: the shipped object path uses streams,
 * promises and `setImmediate`. One thing is done, everything that follows from it comes to rest,
 * and only then does time go on. What is done at one time is done in an order that a stream of its
 * own draws.
 */

import type {Clock} from '../world/clock.ts'
import type {Random} from '../world/random.ts'
import type {Rest} from './rest.ts'

interface Entry {
  readonly atMs: number
  readonly tie: number
  readonly act: () => void
}

export interface RestingClock extends Clock {
  /** Does everything up to a time, one thing after the other's end. */
  readonly restUntil: (endMs: number) => Promise<void>
}

export function createRestingClock(ties: Random, rest: Rest): RestingClock {
  const heap: Entry[] = []
  let nowMs = 0

  function push(entry: Entry): void {
    let at = heap.length
    heap.push(entry)
    while (at > 0) {
      const up = (at - 1) >> 1
      if (!before(entry, entryAt(up))) break
      heap[at] = entryAt(up)
      at = up
    }
    heap[at] = entry
  }

  function pop(): Entry {
    const top = entryAt(0)
    const last = heap.pop()
    if (last !== undefined && heap.length > 0) sink(last)
    return top
  }

  function sink(entry: Entry): void {
    let at = 0
    for (;;) {
      let down = at * 2 + 1
      if (down >= heap.length) break
      if (down + 1 < heap.length && before(entryAt(down + 1), entryAt(down))) down++
      if (!before(entryAt(down), entry)) break
      heap[at] = entryAt(down)
      at = down
    }
    heap[at] = entry
  }

  function entryAt(at: number): Entry {
    const entry = heap[at]
    if (entry === undefined) throw new Error('the heap is shorter than that')
    return entry
  }

  /** Does the next thing, if it is due. */
  function advance(endMs: number): boolean {
    if (heap.length === 0 || entryAt(0).atMs > endMs) return false
    const entry = pop()
    nowMs = entry.atMs
    entry.act()
    return true
  }

  return {
    nowMs: () => nowMs,
    after: (delayMs, act) => push({atMs: nowMs + Math.max(0, delayMs), tie: ties.ratio(), act}),
    runUntil: (endMs) => {
      let count = 0
      while (advance(endMs)) count++
      nowMs = endMs
      return count
    },
    restUntil: async (endMs) => {
      while (advance(endMs)) if (rest.isStirred()) await rest.settle()
      nowMs = endMs
    },
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.atMs !== b.atMs ? a.atMs < b.atMs : a.tie < b.tie
}
