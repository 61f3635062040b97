/**
 * The counter half of generations: a number that this target never gives twice (R20).
 * Blocks are reserved ahead with fsync, so that a crash skips numbers and never repeats one. It
 * lives on the system disk: a target that lost it says so and gets a new ownership entry before it
 * writes.
 */

import {AisError} from '../../../base/errors.ts'
import {COUNTER_BLOCK} from '../../../model/limits.ts'
import type {Fs} from '../fs/fs.ts'
import {nodeFs, readWhole, writeWhole} from '../fs/fs.ts'

const COUNTER_FILE = 'counter.json'
const COUNTER_FORMAT = 1
const COUNTER_BYTES_MAX = 4096

export interface GenerationCounter {
  /** A number above all that were ever given. Reserves the next block, durably, when needed. */
  readonly next: () => bigint
  /** What is given from now on is above this number of another target: it came with a move. */
  readonly pass: (counter: bigint) => void
  /** Lowest number that `next` may give. */
  readonly peek: () => bigint
  /** Whether an earlier reservation was found: false on a first start and after losing it. */
  readonly kept: boolean
}

/**
 * Opens the counter of a state directory.
 * @throws AisError INCOMPATIBLE (newer format) or BAD_CONFIG (damaged)
 */
export function openCounter(directory: string, port: Fs = nodeFs): GenerationCounter {
  const found = readReservation(directory, port)
  let next = found ?? 1n
  let reserved = next

  function reserve(): void {
    reserved = next + BigInt(COUNTER_BLOCK)
    const text = `${JSON.stringify({format: COUNTER_FORMAT, reserved: String(reserved)})}\n`
    writeWhole(port, directory, COUNTER_FILE, Buffer.from(text, 'utf8'))
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
    kept: found !== undefined,
  }
}

function readReservation(directory: string, port: Fs): bigint | undefined {
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
      hint: 'remove the whole state directory: the target rejoins as one that has forgotten',
    })
  }
  return BigInt(match[2] ?? '0')
}
