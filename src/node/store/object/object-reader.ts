/**
 * Hands the bytes of an open object to a sink, one verified block at a time: the next block is read
 * while the sink still sends the one before. Memory is two blocks, whatever the object's size. A
 * block that cannot be read, or is not what was written, comes from another copy if there is one.
 */

import {assert} from '../../../base/assert.ts'
import {AisError} from '../../../base/errors.ts'
import {CHECKSUM_BLOCK_BYTES} from '../../../model/limits.ts'
import type {Fd} from '../fs/fs.ts'
import type {ObjectFile, Reading} from './object-file.ts'
import {closeFile, verifyBlock} from './object-file.ts'
import {storeError} from '../store-error.ts'

/** Takes verified bytes; calls back when the buffer may be used again. */
export type Sink = (bytes: Buffer, next: (error: Error | null) => void) => void

export interface ReadOrder {
  readonly file: ObjectFile
  /** First byte, and the one after the last. */
  readonly range: {readonly start: number; readonly end: number}
  readonly sink: Sink
  /** Another copy of the same version after one has failed, open; null when there is none. */
  readonly alternative?: (failed: ObjectFile, error: AisError) => ObjectFile | null
}

interface ReadyBlock {
  readonly index: number
  readonly block: Buffer
  readonly bytes: Buffer
}

/** Reads a range of an open object. @param done called once, when the file may be closed */
export function readObject(
  order: ReadOrder,
  reading: Reading,
  done: (error: Error | null) => void,
): void {
  new ObjectReader(order, reading, done).advance()
}

class ObjectReader {
  readonly #order: ReadOrder
  readonly #reading: Reading
  readonly #done: (error: Error | null) => void
  /** The copy that is read: the one that was ordered, until it fails. */
  #file: ObjectFile
  #fd: Fd
  readonly #blocks: number
  #next: number
  #loading = false
  #sending = false
  #ready: ReadyBlock | null = null
  #ended = false
  #outcome: Error | null = null

  constructor(order: ReadOrder, reading: Reading, done: (error: Error | null) => void) {
    const {file, range} = order
    assert(file.fd !== null, 'a large object is open')
    assert(
      range.start <= range.end && range.end <= file.footer.attributes.sizeBytes,
      'a range lies within its object',
    )
    this.#order = order
    this.#reading = reading
    this.#done = (error) => {
      if (this.#file !== order.file) closeFile(this.#file)
      done(error)
    }
    this.#file = file
    this.#fd = file.fd
    this.#next = Math.floor(range.start / CHECKSUM_BLOCK_BYTES)
    this.#blocks = Math.ceil(range.end / CHECKSUM_BLOCK_BYTES)
  }

  advance(): void {
    if (this.#ended) return
    const idle = !this.#loading && this.#ready === null
    if (idle && this.#next < this.#blocks) this.#load(this.#next)
    if (this.#sending) return
    if (this.#ready !== null) this.#send(this.#ready)
    else if (!this.#loading && this.#next >= this.#blocks) this.#end(null)
  }

  #load(index: number): void {
    const file = this.#file
    const at = index * CHECKSUM_BLOCK_BYTES
    const length = Math.min(CHECKSUM_BLOCK_BYTES, file.footer.attributes.sizeBytes - at)
    const block = this.#reading.pool.take()
    const bytes = block.subarray(0, length)
    this.#loading = true
    this.#next = index + 1
    this.#fill(bytes, at, (error) => {
      this.#loading = false
      if (this.#ended) return this.#done(this.#outcome)
      const problem = error ?? this.#damage(index, bytes)
      // A call that was given up may still write into the buffer: it is not used again.
      if (problem !== null) return this.#turnFrom(problem, index)
      this.#ready = {index, block, bytes}
      this.advance()
    })
  }

  /** Goes on with another copy, from the block that could not be had. */
  #turnFrom(problem: Error, index: number): void {
    const failed = this.#file
    const error = storeError(failed.mountpath, 'read', problem)
    const other = this.#order.alternative?.(failed, error) ?? null
    if (other === null || other.fd === null) return this.#end(problem)
    if (failed !== this.#order.file) closeFile(failed)
    this.#file = other
    this.#fd = other.fd
    this.#load(index)
  }

  #fill(bytes: Buffer, position: number, done: (error: Error | null) => void): void {
    const {mountpath, footer} = this.#file
    mountpath.calls.run<number>(
      (back) => mountpath.port.readLater(this.#fd, bytes, position, back),
      (error, count) => {
        if (error !== null) return done(error)
        if (count === bytes.byteLength) return done(null)
        if (count === undefined || count === 0) {
          const message = `${mountpath.path}: ${footer.attributes.name} ends too early`
          return done(new AisError({code: 'IO_ERROR', message}))
        }
        this.#fill(bytes.subarray(count), position + count, done)
      },
    )
  }

  #damage(index: number, bytes: Buffer): Error | null {
    const {mountpath, footer} = this.#file
    if (!this.#reading.verify()) return null
    try {
      const path = `${mountpath.path}: ${footer.attributes.name}`
      verifyBlock({path, footer, index}, bytes, this.#reading.hashing)
      return null
    } catch (error) {
      if (error instanceof AisError) return error
      throw error
    }
  }

  #send(part: ReadyBlock): void {
    const {range, sink} = this.#order
    const at = part.index * CHECKSUM_BLOCK_BYTES
    const from = Math.max(range.start - at, 0)
    const to = Math.min(range.end - at, part.bytes.byteLength)
    this.#ready = null
    this.#sending = true
    sink(part.bytes.subarray(from, to), (error) => {
      this.#sending = false
      // A sink that failed may still hold the buffer.
      if (error !== null) return this.#end(error)
      this.#reading.pool.give(part.block)
      this.advance()
    })
    this.advance()
  }

  /** Ends once; `done` waits for a read in flight, since the caller closes the file then. */
  #end(error: Error | null): void {
    if (this.#ended) return
    this.#ended = true
    this.#outcome = error
    if (this.#ready !== null) this.#reading.pool.give(this.#ready.block)
    if (!this.#loading) this.#done(error)
  }
}
