/**
 * The system disk of one node: two slots, written one after the other, each through a page cache
 * and a flush. A write is durable when it is reported. A process that is killed may leave its last
 * write in the page cache, where its next run reads it; a power cut takes what was not flushed, or
 * half of it. A flush may fail, and then nobody knows what is on the platter. What has been quiet
 * for a while stands in both slots.
 */

import type {DurableState} from '../../../src/core/kernel/events.ts'
import type {Clock} from './clock.ts'
import type {Random} from './random.ts'

interface Slot {
  readonly sequence: number
  /** null: torn or rotten. */
  readonly state: DurableState | null
  /** What a power cut may bring back; undefined when this slot is on the platter. */
  readonly under?: Slot | null
}

interface Write {
  readonly token: number
  readonly state: DurableState
  readonly done: () => void
  /** The flush failed: the process has to end. */
  readonly failed: () => void
}

export interface Disk {
  readonly write: (write: Write) => void
  /**
   * The newest state that reads back, flushed before anything is written over the other slot;
   * amnesia when slots exist and none reads.
   */
  readonly load: () => {
    readonly state: DurableState | null
    readonly amnesia: string
    readonly torn: boolean
  }
  /** The process ends. `power`: what was not flushed may be gone or torn. */
  readonly crash: (power: boolean) => void
  /** Everything is gone, as with a new disk. */
  readonly wipe: () => void
  /** Both slots become unreadable, or one: the older, when only one holds what is newest. */
  readonly rot: (which?: 'both' | 'one') => void
  /** What is durable now, for checkers. */
  readonly durable: () => DurableState | null
  readonly isWriting: () => boolean
  /** Writes take this much longer until told otherwise. */
  stallMs: number
  /** The next flush fails, once. */
  failNext: boolean
}

export interface DiskOptions {
  readonly clock: Clock
  readonly random: Random
  readonly latencyMs: number
  /** Alters what reaches the platter: a mutant's disk. */
  readonly onPlatter?:
    ((state: DurableState, before: DurableState | null) => DurableState) | undefined
}

/** What was not written for this long is written once more, into the other slot. */
const REPEATED_MS = 1000

export function createDisk(options: DiskOptions): Disk {
  const {clock, random, latencyMs} = options
  let slots: readonly [Slot | null, Slot | null] = [null, null]
  let sequence = 0
  let queue: Write[] = []
  let epoch = 0
  let quietSinceMs = Infinity

  /** The newest state stands in both slots, if nothing was written for long enough. */
  function repeat(): void {
    const isQuiet = clock.nowMs() - quietSinceMs > REPEATED_MS + latencyMs * 2 + disk.stallMs
    if (!isQuiet || queue.length > 0) return
    const best = newestOf(slots)
    quietSinceMs = Infinity
    if (best !== null && best.under === undefined) put(best.state, true)
  }

  /** Puts a write where the newest state is not. `flushed` false: it is in the page cache only. */
  function put(state: DurableState | null, flushed: boolean): void {
    sequence++
    const [a, b] = slots
    const best = newestOf(slots)
    const content = state === null ? null : altered(state)
    const old = best !== null && best === a ? b : a
    const under = old === null ? null : platterOf(old)
    const slot = flushed ? {sequence, state: content} : {sequence, state: content, under}
    slots = best !== null && best === a ? [a, slot] : [slot, b]
  }

  function altered(state: DurableState): DurableState {
    return options.onPlatter?.(state, newestOf(slots)?.state ?? null) ?? state
  }

  function begin(): void {
    const now = epoch
    clock.after(latencyMs * (0.5 + random.ratio()) + disk.stallMs, () => {
      if (now !== epoch) return
      const write = queue[0] as Write
      if (disk.failNext) return fail(write)
      put(write.state, true)
      queue.shift()
      quietSinceMs = clock.nowMs()
      if (queue.length > 0) begin()
      write.done()
    })
  }

  /** The kernel has thrown the pages away, or not: the next flush would succeed all the same. */
  function fail(write: Write): void {
    disk.failNext = false
    queue = []
    epoch++
    if (random.chance(0.6)) put(random.chance(0.3) ? null : write.state, false)
    write.failed()
  }

  /** Every slot that was not flushed is there, is the old one again, or is torn. */
  function losePower(): void {
    const settle = (slot: Slot | null): Slot | null => {
      if (slot === null || slot.under === undefined) return slot
      const draw = random.ratio()
      if (draw < 0.4) return {sequence: slot.sequence, state: slot.state}
      return draw < 0.7 ? slot.under : {sequence: slot.sequence, state: null}
    }
    const [a, b] = slots
    slots = [settle(a), settle(b)]
  }

  function losesFirst(a: Slot | null, b: Slot | null): boolean {
    if (a?.state === b?.state) return random.chance(0.5)
    return newestOf(slots) === b
  }

  const disk: Disk = {
    stallMs: 0,
    failNext: false,
    write: (write) => {
      repeat()
      quietSinceMs = Infinity
      queue.push(write)
      if (queue.length === 1) begin()
    },
    load: () => {
      const best = newestOf(slots)
      const found = slots.some((slot) => slot !== null)
      const torn = slots.some((slot) => slot !== null && slot.state === null)
      if (best === null) return {state: null, amnesia: found ? 'no slot verifies' : '', torn}
      const [a, b] = slots
      const flushed = {sequence: best.sequence, state: best.state}
      slots = best === a ? [flushed, b] : [a, flushed]
      return {state: best.state, amnesia: '', torn}
    },
    crash: (power) => {
      repeat()
      quietSinceMs = Infinity
      epoch++
      const [last] = queue
      queue = []
      if (last !== undefined && !random.chance(0.4)) {
        put(power && random.chance(0.5) ? null : last.state, power)
      }
      if (power) losePower()
    },
    wipe: () => {
      epoch++
      queue = []
      slots = [null, null]
    },
    rot: (which = 'both') => {
      epoch++
      queue = []
      const [a, b] = slots
      const rotten = (slot: Slot | null): Slot | null =>
        slot === null ? null : {sequence: slot.sequence, state: null}
      if (which === 'both') slots = [rotten(a), rotten(b)]
      else if (losesFirst(a, b)) slots = [rotten(a), b]
      else slots = [a, rotten(b)]
    },
    durable: () => newestOf([platterOf(slots[0]), platterOf(slots[1])])?.state ?? null,
    isWriting: () => queue.length > 0,
  }
  return disk
}

function platterOf(slot: Slot | null): Slot | null {
  return slot === null || slot.under === undefined ? slot : slot.under
}

function newestOf(slots: readonly [Slot | null, Slot | null]): Slot | null {
  const [a, b] = slots
  if (a === null || a.state === null) return b === null || b.state === null ? null : b
  if (b === null || b.state === null) return a
  return a.sequence > b.sequence ? a : b
}
