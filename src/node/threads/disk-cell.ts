/**
 * Shared memory in which a data worker says on which disk it is in a synchronous call, and the main
 * thread's watch over it. A call that does not come back cannot be ended from outside: the watch
 * says which mountpath it is, and whoever hears that ends the process, so that the next one starts
 * without that disk.
 */

import {readFileSync} from 'node:fs'
import {assert} from '../../base/assert.ts'
import {completedBy} from '../store/fs/fs-probe.ts'
import type {Within} from '../store/fs/watched-fs.ts'

/** Mountpaths that a target has had in one life of its process. */
const SLOTS = 256
const SLOT_BYTES = 260
const HEADER_WORDS = 3
/** Words of the header: a count of calls begun, the slot of the disk (from 1) or 0, slots taken. */
const BEGUN = 0
const INSIDE = 1
const TAKEN = 2

export function createDiskCell(): SharedArrayBuffer {
  return new SharedArrayBuffer(HEADER_WORDS * 4 + SLOTS * SLOT_BYTES)
}

/** The data worker's end: how it runs what may hang, by mountpath. */
export function diskWithin(cell: SharedArrayBuffer): (path: string) => Within {
  const header = new Int32Array(cell, 0, HEADER_WORDS)
  const slots = new Map<string, number>()
  return (path) => {
    const slot = slots.get(path) ?? takeSlot(cell, header, path)
    slots.set(path, slot)
    return (work) => {
      // A call within another one belongs to the same thread: the outer one is restored.
      const outer = header[INSIDE] ?? 0
      Atomics.add(header, BEGUN, 1)
      Atomics.store(header, INSIDE, slot)
      try {
        return work()
      } finally {
        Atomics.store(header, INSIDE, outer)
      }
    }
  }
}

function takeSlot(cell: SharedArrayBuffer, header: Int32Array, path: string): number {
  const slot = Atomics.add(header, TAKEN, 1) + 1
  assert(slot <= SLOTS, 'a target does not have that many mountpaths')
  const bytes = Buffer.from(path, 'utf8')
  assert(bytes.byteLength < SLOT_BYTES - 1, 'the path of a mountpath is at most 255 bytes')
  const room = slotBytes(cell, slot)
  room[0] = bytes.byteLength
  room.set(bytes, 1)
  return slot
}

function slotBytes(cell: SharedArrayBuffer, slot: number): Uint8Array {
  return new Uint8Array(cell, HEADER_WORDS * 4 + (slot - 1) * SLOT_BYTES, SLOT_BYTES)
}

/** A call that has not come back for so long hangs: with the rest, 10 s. */
const STUCK_MS = 8_000
/** A device that has completed requests within so much time is slow and does not hang. */
const IDLE_MS = 5_000
/** A call gets no more than this of a device that is slow. */
const SLOW_MS = 60_000
/** After a longer gap between two looks it was this process that stood still. */
const FROZEN_MS = 5_000

interface WatchedCall {
  readonly begun: number
  readonly sinceMs: number
  /** Requests that the device has completed, and when that was seen to grow. */
  readonly done: number | null
  readonly workedMs: number
}

export interface DiskWatch {
  /** To be called every second or more often. */
  readonly look: (nowMs: number) => void
}

/**
 * @param stuck told once, with the mountpath and how long a call has not come back
 * @param completed requests that a mountpath's device has completed; null where nobody counts them
 */
export function watchDisks(
  cell: SharedArrayBuffer,
  stuck: (path: string, forMs: number) => void,
  completed: (path: string) => number | null = completedAt,
): DiskWatch {
  const header = new Int32Array(cell, 0, HEADER_WORDS)
  let call: WatchedCall | null = null
  let lookedMs: number | null = null

  return {
    look: (nowMs) => {
      const begun = Atomics.load(header, BEGUN)
      const slot = Atomics.load(header, INSIDE)
      const frozen = lookedMs !== null && nowMs - lookedMs > FROZEN_MS
      lookedMs = nowMs
      if (slot === 0) {
        call = null
        return
      }
      const path = pathAt(cell, slot)
      if (call?.begun !== begun || frozen) {
        call = {begun, sinceMs: nowMs, done: completed(path), workedMs: nowMs}
        return
      }
      const done = completed(path)
      if (done !== call.done) call = {...call, done, workedMs: nowMs}
      const forMs = nowMs - call.sinceMs
      const isIdle = nowMs - call.workedMs >= IDLE_MS
      if (forMs >= SLOW_MS || (forMs >= STUCK_MS && isIdle)) stuck(path, forMs)
    },
  }
}

function pathAt(cell: SharedArrayBuffer, slot: number): string {
  const room = slotBytes(cell, slot)
  return Buffer.from(room.slice(1, 1 + (room[0] ?? 0))).toString('utf8')
}

/** By the table of mounts: the disk itself is not asked. */
function completedAt(path: string): number | null {
  const line = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((text) => text.split(' '))
    .findLast((words) => words[4]?.replaceAll('\\040', ' ') === path)
  return completedBy(line?.[2] ?? '')
}
