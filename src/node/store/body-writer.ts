/**
 * An object's bytes on their way to disk: collected in blocks of 1 MiB, hashed as they fill,
 * written with one block in flight and one filling, so that memory does not grow with the object.
 * What fits into one block stays in memory until it is committed and is written together with its
 * footer. Nothing becomes visible here; `object-commit.ts` does that.
 */

import {assert} from '../../base/assert.ts'
import {CHECKSUM_BLOCK_BYTES} from '../../model/limits.ts'
import type {Checksum, ChecksumType} from '../../model/object.ts'
import type {BlockPool} from './block-pool.ts'
import type {Fd} from './fs.ts'
import type {Hashing, RunningChecksum} from './hashing.ts'
import {hex64} from './hashing.ts'
import type {Mountpath} from './mountpaths.ts'
import {WORK_FOLDER} from './mountpaths.ts'

/** Content that is complete and not yet visible. */
export interface FinishedBody {
  readonly sizeBytes: number
  /** XXH64 per block, 8 bytes little-endian each. */
  readonly blocks: Uint8Array
  /** XXH64 of the whole, then what was asked for in addition. */
  readonly checksums: readonly Checksum[]
  /** All of the content when it is not in a file yet. */
  readonly content: Uint8Array | null
  /** The work file that holds the content, open; null while it is only in memory. */
  readonly file: {readonly fd: Fd; readonly path: string} | null
}

export interface BodyWriter {
  /** Takes bytes. @returns false when no more should come before `onDrain` is called */
  readonly push: (bytes: Uint8Array) => boolean
  /** No more bytes. `done` is called once. */
  readonly finish: (done: (error: Error | null, body: FinishedBody | undefined) => void) => void
  /** Gives everything up; the work file goes. */
  readonly abort: () => void
}

export interface BodyWriterOptions {
  readonly mountpath: Mountpath
  readonly hashing: Hashing
  readonly pool: BlockPool
  /** Name of the work file, unique on the mountpath. */
  readonly workName: string
  /** Checksums besides XXH64. */
  readonly wanted: readonly ChecksumType[]
  /** Room again after `push` returned false. */
  readonly onDrain: () => void
}

/** Up to here the pieces are kept as they came: most objects need no block of their own. */
const SMALL_BYTES = 128 * 1024

/** Starts a body. */
export function createBodyWriter(options: BodyWriterOptions): BodyWriter {
  const {mountpath, hashing, pool} = options
  const {port} = mountpath
  const path = `${mountpath.pinned}/${WORK_FOLDER}/${options.workName}`
  const hashes: bigint[] = []
  const others = options.wanted.filter((type) => type !== 'xxhash2').map(hashing.start)
  let small: Uint8Array[] | null = []
  let smallBytes = 0
  let whole: RunningChecksum | null = null
  let fd: Fd | null = null
  let block: Buffer | null = null
  let filled = 0
  let written = 0
  let writing = false
  let backlog: Uint8Array | null = null
  let failure: Error | null = null
  let ended = false
  let closed = false
  let finished: ((error: Error | null, body: FinishedBody | undefined) => void) | null = null

  function push(bytes: Uint8Array): boolean {
    assert(!ended, 'a body takes no bytes after its end')
    if (failure !== null || closed) return true
    for (const sum of others) sum.update(bytes)
    if (small !== null) {
      small.push(bytes)
      smallBytes += bytes.byteLength
      if (smallBytes <= SMALL_BYTES) return true
      backlog = Buffer.concat(small, smallBytes)
      small = null
    } else {
      backlog = backlog === null ? bytes : Buffer.concat([backlog, bytes])
    }
    pump()
    return backlog === null
  }

  /** Moves waiting bytes into the block; writes it when it is full and more is to come. */
  function pump(): void {
    while (backlog !== null && failure === null && !closed) {
      block ??= pool.take()
      if (filled === CHECKSUM_BLOCK_BYTES) {
        if (writing) return
        flush()
        continue
      }
      const room = CHECKSUM_BLOCK_BYTES - filled
      const part = backlog.byteLength <= room ? backlog : backlog.subarray(0, room)
      block.set(part, filled)
      filled += part.byteLength
      backlog = part === backlog ? null : backlog.subarray(room)
    }
  }

  function flush(): void {
    const full = block
    if (full === null || filled === 0) return
    const bytes = full.subarray(0, filled)
    hash(bytes)
    writing = true
    block = null
    filled = 0
    try {
      fd ??= port.open(path, 'create')
    } catch (error) {
      mountpath.calls.note(error)
      return settle(full, error as Error)
    }
    const file = fd
    const at = written
    written += bytes.byteLength
    mountpath.calls.run<void>(
      (back) => port.writeLater(file, [bytes], at, back),
      (error) => settle(full, error),
    )
  }

  function settle(full: Buffer, error: Error | null): void {
    writing = false
    // After a failure the device may still hold the buffer: it is not used again.
    if (error === null) pool.give(full)
    failure ??= error
    if (closed) return discard()
    const stalled = backlog !== null
    pump()
    if (ended) conclude()
    else if (stalled && backlog === null) options.onDrain()
  }

  function hash(bytes: Uint8Array): void {
    hashes.push(hashing.h64(bytes))
    whole ??= hashing.start('xxhash2')
    whole.update(bytes)
  }

  function finish(done: (error: Error | null, body: FinishedBody | undefined) => void): void {
    ended = true
    finished = done
    conclude()
  }

  /** Ends when nothing is in flight; the last block is written only if others were. */
  function conclude(): void {
    if (writing || finished === null) return
    pump()
    if (writing) return
    if (failure === null && fd !== null && filled > 0) return flush()
    const done = finished
    finished = null
    if (failure !== null) {
      const error = failure
      abort()
      return done(error, undefined)
    }
    done(null, fd === null ? inMemory() : inFile(fd))
  }

  function inMemory(): FinishedBody {
    const content = takeContent()
    const h64 = hashing.h64(content)
    if (content.byteLength > 0) hashes.push(h64)
    const checksums: Checksum[] = [{type: 'xxhash2', value: hex64(h64)}, ...digests()]
    const blocks = packHashes(hashes)
    return {sizeBytes: content.byteLength, blocks, checksums, content, file: null}
  }

  function takeContent(): Uint8Array {
    const [only] = small ?? []
    if (small?.length === 1 && only !== undefined) return only
    if (small !== null) return Buffer.concat(small, smallBytes)
    const content = block === null ? new Uint8Array(0) : new Uint8Array(block.subarray(0, filled))
    if (block !== null) pool.give(block)
    block = null
    return content
  }

  function inFile(file: Fd): FinishedBody {
    assert(whole !== null, 'content in a file was hashed')
    const checksums: Checksum[] = [{type: 'xxhash2', value: whole.digest()}, ...digests()]
    return {
      sizeBytes: written,
      blocks: packHashes(hashes),
      checksums,
      content: null,
      file: {fd: file, path},
    }
  }

  function digests(): readonly Checksum[] {
    return others.map((sum) => ({type: sum.type, value: sum.digest()}))
  }

  function abort(): void {
    if (closed) return
    closed = true
    if (!writing) discard()
  }

  function discard(): void {
    if (block !== null) pool.give(block)
    block = null
    if (fd !== null) discardFile(mountpath, {fd, path})
    fd = null
  }

  return {push, finish, abort}
}

/**
 * Closes and removes a work file; a failure is the mountpath's, the file goes at the next start.
 */
export function discardFile(mountpath: Mountpath, file: {fd: Fd; path: string}): void {
  try {
    mountpath.port.close(file.fd)
    mountpath.port.unlink(file.path)
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
