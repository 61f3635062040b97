/**
 * Virtual time: a heap of things to do, ordered by time. Things of one time are done in an order
 * that a stream of its own draws, so that every order is seen by some seed.
 */

import type {Random} from './random.ts'

interface Entry {
  readonly atMs: number
  readonly tie: number
  readonly act: () => void
}

export interface Clock {
  readonly nowMs: () => number
  readonly after: (delayMs: number, act: () => void) => void
  /** Does everything up to a time; returns how many things were done. */
  readonly runUntil: (endMs: number) => number
}

export function createClock(ties: Random): Clock {
  const heap: Entry[] = []
  let nowMs = 0

  function before(a: Entry, b: Entry): boolean {
    return a.atMs !== b.atMs ? a.atMs < b.atMs : a.tie < b.tie
  }

  function push(entry: Entry): void {
    let at = heap.length
    heap.push(entry)
    while (at > 0) {
      const up = (at - 1) >> 1
      const parent = heap[up] as Entry
      if (!before(entry, parent)) break
      heap[at] = parent
      at = up
    }
    heap[at] = entry
  }

  function pop(): Entry {
    const top = heap[0] as Entry
    const last = heap.pop() as Entry
    if (heap.length > 0) sink(last)
    return top
  }

  function sink(entry: Entry): void {
    let at = 0
    for (;;) {
      let down = at * 2 + 1
      if (down >= heap.length) break
      if (down + 1 < heap.length && before(heap[down + 1] as Entry, heap[down] as Entry)) down++
      if (!before(heap[down] as Entry, entry)) break
      heap[at] = heap[down] as Entry
      at = down
    }
    heap[at] = entry
  }

  return {
    nowMs: () => nowMs,
    after: (delayMs, act) => push({atMs: nowMs + Math.max(0, delayMs), tie: ties.ratio(), act}),
    runUntil: (endMs) => {
      let count = 0
      while (heap.length > 0 && (heap[0] as Entry).atMs <= endMs) {
        const entry = pop()
        nowMs = entry.atMs
        entry.act()
        count++
      }
      nowMs = endMs
      return count
    },
  }
}
