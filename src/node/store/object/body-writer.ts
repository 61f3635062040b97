/**
 * An object's bytes on their way to disk: collected in blocks of 1 MiB, hashed as they fill,
 * written with one block in flight and one filling, so that memory does not grow with the object.
 * What fits into one block stays in memory until it is committed and is written together with its
 * footer. A mirrored object goes to all its mountpaths at once, from the same block. Nothing
 * becomes visible here; `object-write.ts` does that.
 */

import {assert} from '../../../base/assert.ts'
import type {AisError} from '../../../base/errors.ts'
import {CHECKSUM_BLOCK_BYTES} from '../../../model/limits.ts'
import type {Checksum, ChecksumType} from '../../../model/object.ts'
import type {BlockPool} from './block-pool.ts'
import type {Fd} from '../fs/fs.ts'
import type {Hashing, RunningChecksum} from './hashing.ts'
import {hex64} from './hashing.ts'
import type {Mountpath} from '../mountpath/mountpaths.ts'
import {WORK_FOLDER} from '../mountpath/mountpaths.ts'
import {closeQuietly} from './object-file.ts'
import {storeError} from '../store-error.ts'

/** An open work file. */
export interface WorkFile {
  readonly mountpath: Mountpath
  readonly fd: Fd
  readonly path: string
}

/** Content that is complete and not yet visible. */
export interface FinishedBody {
  readonly sizeBytes: number
  /** XXH64 per block, 8 bytes little-endian each. */
  readonly blocks: Uint8Array
  /** XXH64 of the whole, unless it is not wanted; then what was asked for in addition. */
  readonly checksums: readonly Checksum[]
  /** All of the content when it is not in a file yet. */
  readonly content: Uint8Array | null
  /** The work files that hold the content, one per mountpath; none while it is only in memory. */
  readonly files: readonly WorkFile[]
}

export type FinishedDone = (error: AisError | null, body: FinishedBody | undefined) => void

export interface BodyWriter {
  /** Takes bytes. @returns false when no more should come before `onDrain` is called */
  readonly push: (bytes: Uint8Array) => boolean
  /** No more bytes. `done` is called once. */
  readonly finish: (done: FinishedDone) => void
  /** Gives everything up; the work files go. */
  readonly abort: () => void
}

export interface BodyWriterOptions {
  /** One, or all that get a copy. */
  readonly mountpaths: readonly Mountpath[]
  readonly hashing: Hashing
  readonly pool: BlockPool
  /** Name of the work file, unique on each mountpath. */
  readonly workName: string
  /** Checksums besides XXH64. */
  readonly wanted: readonly ChecksumType[]
  /** Room again after `push` returned false. */
  readonly onDrain: () => void
  readonly manner?: WriteManner | undefined
}

/** How a body that comes from another target is written. */
export interface WriteManner {
  readonly calm: Calm
  /** The checksum of the whole is known already: those of the blocks tell whether it is right. */
  readonly blocksOnly: boolean
}

/**
 * For bodies that can wait while others are served: each block is made durable by itself, so that
 * no long flush stands in anybody's way, and a rest follows it.
 */
export interface Calm {
  /** Asked after each block. */
  readonly isWanted: () => boolean
  readonly rest: (go: () => void) => void
}

/** Up to here the pieces are kept as they came: most objects need no block of their own. */
const SMALL_BYTES = 128 * 1024

/** Starts a body. */
export function createBodyWriter(options: BodyWriterOptions): BodyWriter {
  const writer = new FileBody(options)
  return {
    push: (bytes) => writer.push(bytes),
    finish: (done) => writer.finish(done),
    abort: () => writer.abort(),
  }
}

class FileBody {
  readonly #options: BodyWriterOptions
  readonly #hashes: bigint[] = []
  readonly #others: readonly RunningChecksum[]
  /** The pieces of a small body; null once there is a block. */
  #small: Uint8Array[] | null = []
  #smallBytes = 0
  #whole: RunningChecksum | null = null
  #files: WorkFile[] = []
  #block: Buffer | null = null
  #filled = 0
  #written = 0
  #writing = false
  #backlog: Uint8Array | null = null
  #failure: AisError | null = null
  #ended = false
  #closed = false
  #finished: FinishedDone | null = null

  constructor(options: BodyWriterOptions) {
    const {hashing, wanted} = options
    this.#options = options
    this.#others = wanted.filter((type) => type !== 'xxhash2').map(hashing.start)
  }

  push(bytes: Uint8Array): boolean {
    assert(!this.#ended, 'a body takes no bytes after its end')
    if (this.#failure !== null || this.#closed) return true
    for (const sum of this.#others) sum.update(bytes)
    if (this.#small === null) {
      this.#backlog = this.#backlog === null ? bytes : Buffer.concat([this.#backlog, bytes])
    } else {
      this.#small.push(bytes)
      this.#smallBytes += bytes.byteLength
      if (this.#smallBytes <= SMALL_BYTES) return true
      this.#backlog = Buffer.concat(this.#small, this.#smallBytes)
      this.#small = null
    }
    this.#pump()
    return this.#backlog === null
  }

  finish(done: FinishedDone): void {
    this.#ended = true
    this.#finished = done
    this.#conclude()
  }

  abort(): void {
    if (this.#closed) return
    this.#closed = true
    if (!this.#writing) this.#discard()
  }

  /** Moves waiting bytes into the block; writes it when it is full and more is to come. */
  #pump(): void {
    while (this.#backlog !== null && this.#failure === null && !this.#closed) {
      this.#block ??= this.#options.pool.take()
      if (this.#filled === CHECKSUM_BLOCK_BYTES) {
        if (this.#writing) return
        this.#flush(this.#block)
        continue
      }
      const room = CHECKSUM_BLOCK_BYTES - this.#filled
      const all = this.#backlog
      const part = all.byteLength <= room ? all : all.subarray(0, room)
      this.#block.set(part, this.#filled)
      this.#filled += part.byteLength
      this.#backlog = part === all ? null : all.subarray(room)
    }
  }

  #flush(full: Buffer): void {
    const bytes = full.subarray(0, this.#filled)
    this.#hash(bytes)
    this.#block = null
    this.#filled = 0
    this.#writing = true
    const failure = this.#files.length === 0 ? this.#createFiles() : null
    if (failure !== null) return this.#settle(full, failure)
    const at = this.#written
    this.#written += bytes.byteLength
    let left = this.#files.length
    let failed: AisError | null = null
    for (const {mountpath, fd} of this.#files) {
      mountpath.calls.run<void>(
        (back) => mountpath.port.writeLater(fd, [bytes], at, back),
        (error) => {
          if (error !== null) failed ??= storeError(mountpath, 'write', error)
          left -= 1
          if (left === 0) this.#rest(failed, (after) => this.#settle(full, after))
        },
      )
    }
  }

  #createFiles(): AisError | null {
    for (const mountpath of this.#options.mountpaths) {
      const path = `${mountpath.pinned}/${WORK_FOLDER}/${this.#options.workName}`
      try {
        this.#files.push({mountpath, fd: mountpath.port.open(path, 'create'), path})
      } catch (error) {
        mountpath.calls.note(error)
        return storeError(mountpath, 'write', error)
      }
    }
    return null
  }

  #rest(failed: AisError | null, go: (error: AisError | null) => void): void {
    const calm = this.#options.manner?.calm
    if (calm?.isWanted() !== true || failed !== null || this.#closed) return go(failed)
    let left = this.#files.length
    let failure: AisError | null = null
    for (const {mountpath, fd} of this.#files) {
      mountpath.calls.run<void>(
        (back) => mountpath.port.sync(fd, back),
        (error) => {
          if (error !== null) failure ??= storeError(mountpath, 'write', error)
          left -= 1
          if (left === 0) calm.rest(() => go(failure))
        },
      )
    }
  }

  #settle(full: Buffer, error: AisError | null): void {
    this.#writing = false
    // After a failure the device may still hold the buffer: it is not used again.
    if (error === null) this.#options.pool.give(full)
    this.#failure ??= error
    if (this.#closed) return this.#discard()
    const stalled = this.#backlog !== null
    this.#pump()
    if (this.#ended) this.#conclude()
    else if (stalled && (this.#backlog === null || this.#failure !== null)) this.#options.onDrain()
  }

  #hash(bytes: Uint8Array): void {
    const {hashing} = this.#options
    this.#hashes.push(hashing.h64(bytes))
    if (this.#options.manner?.blocksOnly === true) return
    this.#whole ??= hashing.start('xxhash2')
    this.#whole.update(bytes)
  }

  /** Ends when nothing is in flight; the last block is written only if others were. */
  #conclude(): void {
    const done = this.#finished
    if (this.#writing || done === null) return
    this.#pump()
    if (this.#writing) return
    const rest = this.#block
    if (this.#failure === null && this.#files.length > 0 && rest !== null && this.#filled > 0) {
      return this.#flush(rest)
    }
    this.#finished = null
    if (this.#failure === null) return done(null, this.#body())
    this.abort()
    done(this.#failure, undefined)
  }

  #body(): FinishedBody {
    const content = this.#files.length === 0 ? this.#takeContent() : null
    const whole = content === null ? this.#wholeDigest() : this.#hashOne(content)
    const others = this.#others.map((sum) => ({type: sum.type, value: sum.digest()}))
    return {
      sizeBytes: content === null ? this.#written : content.byteLength,
      blocks: packHashes(this.#hashes),
      checksums: whole === null ? others : [{type: 'xxhash2', value: whole}, ...others],
      content,
      files: this.#files,
    }
  }

  #wholeDigest(): string | null {
    if (this.#options.manner?.blocksOnly === true) return null
    assert(this.#whole !== null, 'content in a file was hashed')
    return this.#whole.digest()
  }

  /** Of content in one block the whole's hash is the block's. */
  #hashOne(content: Uint8Array): string {
    const hash = this.#options.hashing.h64(content)
    if (content.byteLength > 0) this.#hashes.push(hash)
    return hex64(hash)
  }

  #takeContent(): Uint8Array {
    const [only] = this.#small ?? []
    if (this.#small?.length === 1 && only !== undefined) return only
    if (this.#small !== null) return Buffer.concat(this.#small, this.#smallBytes)
    if (this.#block === null) return new Uint8Array(0)
    const content = new Uint8Array(this.#block.subarray(0, this.#filled))
    this.#options.pool.give(this.#block)
    this.#block = null
    return content
  }

  #discard(): void {
    if (this.#block !== null) this.#options.pool.give(this.#block)
    this.#block = null
    for (const file of this.#files) discardFile(file)
    this.#files = []
  }
}

/**
 * Closes and removes a work file; a failure is the mountpath's, the file goes at the next start.
 * On a disabled mountpath it stays open until no call is left: a write that was given up may still
 * be waiting, and would go into whatever file got the same descriptor next.
 */
export function discardFile({mountpath, fd, path}: WorkFile): void {
  if (mountpath.calls.disabled() !== null) {
    return mountpath.calls.whenReturned(() => closeQuietly(mountpath, fd))
  }
  try {
    mountpath.port.close(fd)
    mountpath.port.unlink(path)
  } catch (error) {
    mountpath.calls.note(error)
  }
}

function packHashes(hashes: readonly bigint[]): Uint8Array {
  const bytes = new Uint8Array(hashes.length * 8)
  const view = new DataView(bytes.buffer)
  hashes.forEach((hash, at) => view.setBigUint64(at * 8, hash, true))
  return bytes
}
