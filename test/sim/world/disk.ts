/**
 * The system disk of one node: two slots, each whole or torn, one write at a time. A write is
 * durable when it is reported. A process that is killed may leave its last write done or not; a
 * power cut may leave it torn, and then the other slot counts.
 */

import type {DurableState} from '../../../src/core/kernel/events.ts'
import type {Clock} from './clock.ts'
import type {Random} from './random.ts'

interface Slot {
  readonly sequence: number
  /** null: torn or rotten. */
  readonly state: DurableState | null
}

interface Write {
  readonly token: number
  readonly state: DurableState
  readonly done: () => void
}

export interface Disk {
  readonly write: (write: Write) => void
  /** The newest state that reads back; amnesia when slots exist and none does. */
  readonly load: () => {
    readonly state: DurableState | null
    readonly amnesia: string
    readonly torn: boolean
  }
  /** The process ends. `power`: what was not durable may be torn. */
  readonly crash: (power: boolean) => void
  /** Everything is gone, as with a new disk. */
  readonly wipe: () => void
  /** Both slots become unreadable. */
  readonly rot: () => void
  /** What is durable now, for checkers. */
  readonly durable: () => DurableState | null
  /** Writes take this much longer until told otherwise. */
  stallMs: number
}

export interface DiskOptions {
  readonly clock: Clock
  readonly random: Random
  readonly latencyMs: number
  /** Alters what reaches the platter: a mutant's disk. */
  readonly onPlatter?: ((state: DurableState) => DurableState) | undefined
}

export function createDisk(options: DiskOptions): Disk {
  const {clock, random, latencyMs} = options
  let slots: readonly [Slot | null, Slot | null] = [null, null]
  let sequence = 0
  let queue: Write[] = []
  let epoch = 0

  function newest(): Slot | null {
    return slots.reduce<Slot | null>(
      (best, slot) =>
        slot !== null && slot.state !== null && (best === null || slot.sequence > best.sequence)
          ? slot
          : best,
      null,
    )
  }

  function put(state: DurableState | null): void {
    sequence++
    const [a, b] = slots
    const best = newest()
    const slot = {sequence, state: state === null ? null : (options.onPlatter ?? same)(state)}
    slots = best !== null && best === a ? [a, slot] : [slot, b]
  }

  function begin(): void {
    const [write] = queue
    if (write === undefined) return
    const now = epoch
    clock.after(latencyMs * (0.5 + random.ratio()) + disk.stallMs, () => {
      if (now !== epoch) return
      put(write.state)
      queue.shift()
      if (queue.length > 0) begin()
      write.done()
    })
  }

  const disk: Disk = {
    stallMs: 0,
    write: (write) => {
      queue.push(write)
      if (queue.length === 1) begin()
    },
    load: () => {
      const best = newest()
      const found = slots.some((slot) => slot !== null)
      const torn = slots.some((slot) => slot !== null && slot.state === null)
      if (best !== null) return {state: best.state, amnesia: '', torn}
      return {state: null, amnesia: found ? 'no slot verifies' : '', torn}
    },
    crash: (power) => {
      epoch++
      const [last] = queue
      queue = []
      if (last === undefined || random.chance(0.4)) return
      put(power && random.chance(0.5) ? null : last.state)
    },
    wipe: () => {
      epoch++
      queue = []
      slots = [null, null]
    },
    rot: () => {
      epoch++
      queue = []
      slots = [
        {sequence: 1, state: null},
        {sequence: 2, state: null},
      ]
    },
    durable: () => newest()?.state ?? null,
  }
  return disk
}

function same(state: DurableState): DurableState {
  return state
}
