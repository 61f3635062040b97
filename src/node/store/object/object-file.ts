/**
 * One object's file, opened for reading: the footer that is in force and the content under it.
 * Small objects come with one system call and are verified at once; large ones are read block by
 * block, each verified before it is handed on (`object-reader.ts`). An open file keeps its version:
 * an overwrite or delete meanwhile replaces the name, not the bytes that are being sent.
 */

import {AisError} from '../../../base/errors.ts'
import type {Footer, FoundFooter} from '../../../wire/footer.ts'
import {FOOTER_TAIL_BYTES, blockHash, findFooter} from '../../../wire/footer.ts'
import type {BlockPool} from './block-pool.ts'
import type {Fd, Fs} from '../fs/fs.ts'
import {errnoOf} from '../fs/fs.ts'
import type {Hashing} from './hashing.ts'
import type {Mountpath} from '../mountpath/mountpaths.ts'

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
  /** What places its key. */
  readonly digest: bigint
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
  readonly digest: bigint
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
    if (!keep) closeQuietly(mountpath, fd)
  }
}

export function closeFile(file: ObjectFile): void {
  if (file.fd !== null) closeQuietly(file.mountpath, file.fd)
}

/** Closes what was only read or is already durable: a failure then concerns the device alone. */
export function closeQuietly(mountpath: Mountpath, fd: Fd): void {
  try {
    mountpath.port.close(fd)
  } catch (error) {
    mountpath.calls.note(error)
  }
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
  const {mountpath, digest} = question
  const opened = {footer: found.footer, digest, mountpath, footerEnd: found.end}
  if (!whole) return {...opened, content: null, fd}
  if (!question.wantContent) return {...opened, content: null, fd: null}
  const content = scratch.subarray(0, attributes.sizeBytes)
  const block = {path: question.path, footer: found.footer, index: 0}
  if (reading.verify()) verifyBlock(block, content, hashing)
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

/** Throws when a block's bytes are not those that were written. @param path for the message */
export function verifyBlock(
  block: {readonly path: string; readonly footer: Footer; readonly index: number},
  bytes: Uint8Array,
  hashing: Hashing,
): void {
  const {path, index} = block
  if (bytes.byteLength === 0 || hashing.h64(bytes) === blockHash(block.footer, index)) return
  throw new AisError({
    code: 'IO_ERROR',
    message: `${path}: block ${index} is damaged, its checksum does not match`,
    hint: 'run `aisnode fsck` on this mountpath and restore the object from its source',
    details: {path, block: index},
  })
}

function footerError(path: string, found: Exclude<FoundFooter, {kind: 'found'}>): AisError {
  const what =
    found.kind === 'newer'
      ? `was written by a newer release (format ${found.format})`
      : found.kind === 'damaged'
        ? 'is damaged: its last footer does not verify, and the one before it is older'
        : 'is damaged: it has no footer that verifies'
  return new AisError({code: 'IO_ERROR', message: `${path} ${what}`, details: {path}})
}

function readError(path: string, error: unknown): AisError {
  const code = errnoOf(error)
  const message = `${path} cannot be read: ${code === '' ? String(error) : code}`
  return new AisError({code: 'IO_ERROR', message}, error)
}
