/**
 * One object's file, opened for reading: the footer that is in force and the content under it.
 * Small objects come with one system call and are verified at once; large ones are read block by
 * block, each verified before it is handed on. An open file keeps its version: an overwrite or
 * delete meanwhile replaces the name, not the bytes that are being sent.
 */

import {assert} from '../../base/assert.ts'
import {AisError} from '../../base/errors.ts'
import {CHECKSUM_BLOCK_BYTES} from '../../model/limits.ts'
import type {Footer} from '../../wire/footer.ts'
import {FOOTER_TAIL_BYTES, blockHash, findFooter} from '../../wire/footer.ts'
import type {BlockPool} from './block-pool.ts'
import type {Fd, Fs} from './fs.ts'
import {errnoOf} from './fs.ts'
import type {Hashing} from './hashing.ts'
import type {Mountpath} from './mountpaths.ts'

/** Files up to this size are read whole, footer included, by the first call. */
export const WHOLE_FILE_BYTES = 64 * 1024

/** What reading needs; one per thread. */
export interface Reading {
  readonly hashing: Hashing
  readonly pool: BlockPool
  /** Room for a small file; overwritten by every open. */
  readonly scratch: Buffer
  /** Whether content is verified before it is handed on. */
  readonly verify: () => boolean
}

export interface ObjectFile {
  readonly footer: Footer
  readonly mountpath: Mountpath
  /** The verified content of a small object; null when it is to be read with `readObject`. */
  readonly content: Buffer | null
  /** Where the footer in force ends; what follows is a torn append. */
  readonly footerEnd: number
  /** Open until `closeFile`; null for a small object. */
  readonly fd: Fd | null
}

export interface OpenQuestion {
  readonly mountpath: Mountpath
  /** Absolute path of the file. */
  readonly path: string
  readonly bid: string
  readonly name: string
  /** False for HEAD: the content of a small object is not needed. */
  readonly wantContent: boolean
}

/**
 * Opens an object's file.
 * @returns null when there is none
 * @throws AisError IO_ERROR when it cannot be read or does not verify
 */
export function openFile(question: OpenQuestion, reading: Reading): ObjectFile | null {
  const {mountpath, path} = question
  const {port} = mountpath
  let fd: Fd
  try {
    fd = port.open(path, 'read')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null
    mountpath.calls.note(error)
    throw readError(path, error)
  }
  let keep = false
  try {
    const file = read(question, reading, port, fd)
    keep = file.fd !== null
    return file
  } catch (error) {
    mountpath.calls.note(error)
    throw error instanceof AisError ? error : readError(path, error)
  } finally {
    if (!keep) port.close(fd)
  }
}

export function closeFile(file: ObjectFile): void {
  if (file.fd !== null) file.mountpath.port.close(file.fd)
}

function read(question: OpenQuestion, reading: Reading, port: Fs, fd: Fd): ObjectFile {
  const {scratch, hashing} = reading
  const count = port.read(fd, scratch, WHOLE_FILE_BYTES, 0)
  const whole = count < WHOLE_FILE_BYTES
  const tail = whole ? scratch.subarray(0, count) : readTail(port, fd, FOOTER_TAIL_BYTES)
  let start = whole ? 0 : port.fstat(fd).sizeBytes - tail.byteLength
  let found = findFooter(tail, Math.max(start, 0), hashing.h64)
  while (found.kind === 'more') {
    const more = readTail(port, fd, found.tailBytes)
    start = port.fstat(fd).sizeBytes - more.byteLength
    found = findFooter(more, Math.max(start, 0), hashing.h64)
  }
  if (found.kind !== 'found') throw footerError(question.path, found)
  const {attributes} = found.footer
  if (attributes.name !== question.name || attributes.bid !== question.bid) {
    throw new AisError({
      code: 'IO_ERROR',
      message: `${question.path} holds another object (${JSON.stringify(attributes.name)})`,
      hint: 'run `aisnode fsck` on this mountpath',
    })
  }
  const opened = {footer: found.footer, mountpath: question.mountpath, footerEnd: found.end}
  if (!whole) return {...opened, content: null, fd}
  if (!question.wantContent) return {...opened, content: null, fd: null}
  const content = scratch.subarray(0, attributes.sizeBytes)
  if (reading.verify()) verifyBlock(question.path, found.footer, 0, content, hashing)
  return {...opened, content: Buffer.from(content), fd: null}
}

function readTail(port: Fs, fd: Fd, wanted: number): Buffer {
  const size = port.fstat(fd).sizeBytes
  const length = Math.min(size, wanted)
  const bytes = Buffer.allocUnsafe(length)
  let at = 0
  while (at < length) {
    const count = port.read(fd, bytes.subarray(at), length - at, size - length + at)
    if (count === 0) break
    at += count
  }
  return bytes.subarray(0, at)
}

/** Throws when a block's bytes are not those that were written. */
function verifyBlock(
  path: string,
  footer: Footer,
  index: number,
  bytes: Uint8Array,
  hashing: Hashing,
): void {
  if (bytes.byteLength === 0 || hashing.h64(bytes) === blockHash(footer, index)) return
  throw new AisError({
    code: 'IO_ERROR',
    message: `${path}: block ${index} is damaged, its checksum does not match`,
    hint: 'run `aisnode fsck` on this mountpath and restore the object from its source',
    details: {path, block: index},
  })
}

function footerError(
  path: string,
  found: {kind: 'none'} | {kind: 'newer'; format: number} | {kind: 'more'},
): AisError {
  const what =
    found.kind === 'newer'
      ? `was written by a newer release (format ${found.format})`
      : 'is damaged: it has no footer that verifies'
  return new AisError({code: 'IO_ERROR', message: `${path} ${what}`, details: {path}})
}

function readError(path: string, error: unknown): AisError {
  const code = errnoOf(error)
  const message = `${path} cannot be read: ${code === '' ? String(error) : code}`
  return new AisError({code: 'IO_ERROR', message}, error)
}

/** Takes verified bytes; calls back when the buffer may be used again. */
export type Sink = (bytes: Buffer, next: (error: Error | null) => void) => void

/**
 * Hands the bytes [start, end) of an open object to a sink, one verified block at a time, reading
 * the next block while the sink still sends the one before.
 */
export function readObject(
  file: ObjectFile,
  range: {readonly start: number; readonly end: number},
  reading: Reading,
  sink: Sink,
  done: (error: Error | null) => void,
): void {
  const {fd, mountpath, footer} = file
  assert(fd !== null, 'a large object is open')
  assert(range.start <= range.end && range.end <= footer.attributes.sizeBytes, 'range in object')
  const last = Math.ceil(range.end / CHECKSUM_BLOCK_BYTES)
  let next = Math.floor(range.start / CHECKSUM_BLOCK_BYTES)
  let reader = false
  let ready: {index: number; block: Buffer; bytes: Buffer} | null = null
  let sending = false
  let ended = false
  let outcome: Error | null = null

  /** Ends once; `done` waits for a read in flight, since the caller closes the file then. */
  function end(error: Error | null): void {
    if (ended) return
    ended = true
    outcome = error
    if (ready !== null) reading.pool.give(ready.block)
    if (!reader) done(outcome)
  }

  function advance(): void {
    if (ended) return
    if (!reader && ready === null && next < last) load(next)
    if (!sending && ready !== null) send(ready)
    else if (!sending && !reader && ready === null && next >= last) end(null)
  }

  function load(index: number): void {
    reader = true
    next = index + 1
    const block = reading.pool.take()
    const at = index * CHECKSUM_BLOCK_BYTES
    const length = Math.min(CHECKSUM_BLOCK_BYTES, footer.attributes.sizeBytes - at)
    readFully(file, block, length, at, (error) => {
      reader = false
      if (ended) return done(outcome)
      if (error !== null) return end(error)
      const bytes = block.subarray(0, length)
      try {
        const path = `${mountpath.path}: ${footer.attributes.name}`
        if (reading.verify()) verifyBlock(path, footer, index, bytes, reading.hashing)
      } catch (damage) {
        reading.pool.give(block)
        return end(damage as Error)
      }
      ready = {index, block, bytes}
      advance()
    })
  }

  function send(part: {index: number; block: Buffer; bytes: Buffer}): void {
    ready = null
    sending = true
    const at = part.index * CHECKSUM_BLOCK_BYTES
    const from = Math.max(range.start - at, 0)
    const to = Math.min(range.end - at, part.bytes.byteLength)
    sink(part.bytes.subarray(from, to), (error) => {
      sending = false
      // A sink that failed may still hold the buffer.
      if (error !== null) return end(error)
      reading.pool.give(part.block)
      advance()
    })
    advance()
  }

  advance()
}

function readFully(
  file: ObjectFile,
  into: Buffer,
  length: number,
  position: number,
  done: (error: Error | null) => void,
): void {
  const {fd, mountpath} = file
  assert(fd !== null, 'a large object is open')
  let at = 0
  const step = (): void => {
    mountpath.calls.run<number>(
      (back) => mountpath.port.readLater(fd, into.subarray(at), length - at, position + at, back),
      (error, count) => {
        if (error !== null) return done(error)
        at += count ?? 0
        if (at >= length) return done(null)
        if (count === 0) {
          const message = `${mountpath.path}: ${file.footer.attributes.name} ends too early`
          return done(new AisError({code: 'IO_ERROR', message}))
        }
        step()
      },
    )
  }
  step()
}
