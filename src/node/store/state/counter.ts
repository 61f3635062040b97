/**
 * The counter half of generations: a number that this target never gives twice (R20).
 * Blocks are reserved ahead with fsync, so that a crash skips numbers and never repeats one. It
 * lives on the system disk, and each reservation stands on the data disks, too, so that a counter
 * that was set back is known by them. What a target does that has lost it: `lost-counter.ts`.
 */

import {AisError} from '../../../base/errors.ts'
import {COUNTER_BLOCK} from '../../../model/limits.ts'
import type {Fs} from '../fs/fs.ts'
import {nodeFs, readWhole, writeWhole} from '../fs/fs.ts'

/** Of the state directory, and of each mountpath's own folder. */
export const COUNTER_FILE = 'counter.json'
const COUNTER_FORMAT = 1
const COUNTER_BYTES_MAX = 4096

export interface GenerationCounter {
  /** A number above all that were ever given. Reserves the next block, durably, when needed. */
  readonly next: () => bigint
  /** What is given from now on is above this number of another target: it came with a move. */
  readonly pass: (counter: bigint) => void
  /** Lowest number that `next` may give. */
  readonly peek: () => bigint
  /** Up to which, exclusive, numbers are reserved. */
  readonly reserved: () => bigint
  /** From now on it is known of this state directory that its target has a counter. */
  readonly ensure: () => void
  /** Whether an earlier reservation was found: false on a first start and after losing it. */
  readonly kept: boolean
}

/**
 * Opens the counter of a state directory.
 * @param onReserved told of each reservation, when it is durable and before a number of it is given
 * @throws AisError INCOMPATIBLE (newer format) or BAD_CONFIG (damaged)
 */
export function openCounter(
  directory: string,
  port: Fs = nodeFs,
  onReserved: (reserved: bigint) => void = () => undefined,
): GenerationCounter {
  const found = readReservation(directory, port)
  let next = found ?? 1n
  let reserved = next

  function reserve(): void {
    reserved = next + BigInt(COUNTER_BLOCK)
    writeReservation(directory, reserved, port)
    onReserved(reserved)
  }

  return {
    next: () => {
      if (next >= reserved) reserve()
      const given = next
      next += 1n
      return given
    },
    pass: (counter) => {
      if (counter < next) return
      next = counter + 1n
      if (next > reserved) reserve()
    },
    peek: () => next,
    reserved: () => reserved,
    ensure: () => {
      if (found === undefined && reserved === next) reserve()
    },
    kept: found !== undefined,
  }
}

/** Keeps a reservation. Durable when it returns. */
export function writeReservation(directory: string, reserved: bigint, port: Fs): void {
  const text = `${JSON.stringify({format: COUNTER_FORMAT, reserved: String(reserved)})}\n`
  writeWhole(port, directory, COUNTER_FILE, Buffer.from(text, 'utf8'))
}

/** What is reserved; undefined when nothing is. @throws AisError INCOMPATIBLE or BAD_CONFIG */
export function readReservation(directory: string, port: Fs): bigint | undefined {
  const path = `${directory}/${COUNTER_FILE}`
  const bytes = readWhole(port, path, COUNTER_BYTES_MAX)
  if (bytes === undefined) return undefined
  const match = /^\{"format":(\d+),"reserved":"(\d{1,20})"\}\n$/.exec(bytes.toString('utf8'))
  if (match !== null && Number(match[1]) > COUNTER_FORMAT) {
    throw new AisError({
      code: 'INCOMPATIBLE',
      message: `${path} has format ${match[1]}, this release knows up to ${COUNTER_FORMAT}`,
      hint: 'start the release that wrote it; nothing was changed',
    })
  }
  if (match === null) {
    throw new AisError({
      code: 'BAD_CONFIG',
      message: `${path} is damaged: which generations were given is not known`,
      hint: 'remove it: the target rejoins as one that has forgotten',
    })
  }
  return BigInt(match[2] ?? '0')
}
