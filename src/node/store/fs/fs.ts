/**
 * The narrow port between the store and a filesystem: every system call that the store makes, and
 * nothing else. Calls that only touch the page cache are synchronous, because a trip through
 * libuv's pool costs three times the call itself; calls that wait for a device take a callback. A
 * simulated disk implements the same port, so that crashes between any two calls can be played.
 *
 * Errors are the ones of node:fs, with `code` and `syscall`. No retries, no paths made up here.
 */

import fs from 'node:fs'
import {completedRequests, probeFile} from './fs-probe.ts'

/** An open file. Only meaningful to the Fs that gave it. */
export type Fd = number

export interface FileStat {
  readonly kind: 'file' | 'directory' | 'other'
  readonly sizeBytes: number
  readonly mtimeMs: number
  /** Number of the device that holds it: changes when a disk is gone from its mount point. */
  readonly dev: number
  readonly ino: number
}

export interface DirectoryEntry {
  readonly name: string
  readonly kind: 'file' | 'directory' | 'other'
}

export interface SpaceStat {
  readonly totalBytes: number
  /** What an unprivileged process may still write. */
  readonly availableBytes: number
}

/**
 * `read`: existing file, reading. `update`: existing file, reading and writing. `create`: new file,
 * fails with EEXIST when there is one. `directory`: for fsync of its entries.
 */
export type OpenMode = 'read' | 'update' | 'create' | 'directory'

export type Done = (error: NodeJS.ErrnoException | null) => void
export type DoneCount = (error: NodeJS.ErrnoException | null, count: number) => void

export interface Fs {
  readonly open: (path: string, mode: OpenMode) => Fd
  readonly close: (fd: Fd) => void
  readonly stat: (path: string) => FileStat
  /** Whether a file is there; cheap when it is not, since no error is made. */
  readonly isFile: (path: string) => boolean
  readonly fstat: (fd: Fd) => FileStat
  /** Reads up to `length` bytes at `position`; 0 means the end. */
  readonly read: (fd: Fd, into: Uint8Array, length: number, position: number) => number
  /** Writes all bytes at `position`, or throws. */
  readonly write: (fd: Fd, bytes: Uint8Array, position: number) => void
  readonly truncate: (fd: Fd, sizeBytes: number) => void
  readonly rename: (from: string, to: string) => void
  readonly unlink: (path: string) => void
  readonly mkdir: (path: string) => void
  readonly rmdir: (path: string) => void
  readonly list: (path: string) => readonly DirectoryEntry[]
  readonly space: (path: string) => SpaceStat
  /** UUID of the filesystem with this device number; '' when the host does not say. */
  readonly filesystemUuid: (dev: number) => string
  /** Another path of a directory that means this very directory for the life of the process. */
  readonly pin: (path: string) => string
  /** Gives up such a path: the filesystem may be unmounted then. */
  readonly unpin: (pinned: string) => void
  /** Runs other synchronous work that this filesystem may hold up. */
  readonly within: <T>(work: () => T) => T
  /** Writes, flushes, reads back and removes a small file; never on this thread. */
  readonly probe: (path: string, done: (error: Error | null) => void) => void
  /** Requests that a device has completed; null where nobody counts them. */
  readonly completed: (dev: number) => number | null
  /** Durable when it returns; blocks the thread. */
  readonly syncNow: (fd: Fd) => void
  /** Durable when `done` is called without an error. */
  readonly sync: (fd: Fd, done: Done) => void
  /** Fills as much of `into` as there is at `position`; 0 means the end. */
  readonly readLater: (fd: Fd, into: Uint8Array, position: number, done: DoneCount) => void
  /** Writes all bytes of all buffers at `position`. */
  readonly writeLater: (
    fd: Fd,
    buffers: readonly Uint8Array[],
    position: number,
    done: Done,
  ) => void
}

const FLAGS = {
  read: fs.constants.O_RDONLY,
  update: fs.constants.O_RDWR,
  create: fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL,
  directory: fs.constants.O_RDONLY | fs.constants.O_DIRECTORY,
} as const

/** Files and directories are the daemon's own: nobody else reads objects behind its back. */
const FILE_MODE = 0o640
const DIRECTORY_MODE = 0o750

/** Where an open directory has a name of its own. */
const PINNED = '/proc/self/fd/'

/** The real filesystem. */
export const nodeFs: Fs = {
  open: (path, mode) => fs.openSync(path, FLAGS[mode], FILE_MODE),
  close: (fd) => fs.closeSync(fd),
  stat: (path) => statOf(fs.statSync(path)),
  isFile: (path) => fs.statSync(path, {throwIfNoEntry: false})?.isFile() === true,
  fstat: (fd) => statOf(fs.fstatSync(fd)),
  read: (fd, into, length, position) => fs.readSync(fd, into, 0, length, position),
  write: writeAll,
  truncate: (fd, sizeBytes) => fs.ftruncateSync(fd, sizeBytes),
  rename: (from, to) => fs.renameSync(from, to),
  unlink: (path) => fs.unlinkSync(path),
  mkdir: (path) => fs.mkdirSync(path, {mode: DIRECTORY_MODE, recursive: false}),
  rmdir: (path) => fs.rmdirSync(path),
  list: (path) =>
    fs.readdirSync(path, {withFileTypes: true}).map((entry) => ({
      name: entry.name,
      kind: kindOf(entry),
    })),
  space: (path) => {
    const found = fs.statfsSync(path)
    return {
      totalBytes: found.blocks * found.bsize,
      availableBytes: found.bavail * found.bsize,
    }
  },
  filesystemUuid,
  pin: (path) => `${PINNED}${fs.openSync(path, FLAGS.directory)}`,
  unpin: (pinned) => fs.closeSync(Number(pinned.slice(PINNED.length))),
  within: (work) => work(),
  probe: probeFile,
  completed: completedRequests,
  syncNow: (fd) => fs.fsyncSync(fd),
  sync: (fd, done) => fs.fsync(fd, done),
  readLater: (fd, into, position, done) => fs.read(fd, into, 0, into.byteLength, position, done),
  writeLater,
}

const BY_UUID = '/dev/disk/by-uuid'

/** As udev names it; containers and tmpfs have none. */
function filesystemUuid(dev: number): string {
  try {
    const names = fs.readdirSync(BY_UUID)
    return names.find((name) => fs.statSync(`${BY_UUID}/${name}`).rdev === dev) ?? ''
  } catch (error) {
    if (errnoOf(error) === '') throw error
    return ''
  }
}

function statOf(found: fs.Stats): FileStat {
  return {
    kind: kindOf(found),
    sizeBytes: found.size,
    mtimeMs: found.mtimeMs,
    dev: found.dev,
    ino: found.ino,
  }
}

function kindOf(entry: {isFile(): boolean; isDirectory(): boolean}): FileStat['kind'] {
  return entry.isFile() ? 'file' : entry.isDirectory() ? 'directory' : 'other'
}

function writeAll(fd: Fd, bytes: Uint8Array, position: number): void {
  let at = 0
  while (at < bytes.byteLength) {
    at += fs.writeSync(fd, bytes, at, bytes.byteLength - at, position + at)
  }
}

function writeLater(fd: Fd, buffers: readonly Uint8Array[], position: number, done: Done): void {
  const total = buffers.reduce((sum, buffer) => sum + buffer.byteLength, 0)
  fs.writev(fd, buffers as Uint8Array[], position, (error, written) => {
    if (error !== null || written === total) return done(error)
    // A short write: the rest goes in one more call, as a device that is full says so only then.
    const rest = Buffer.concat(buffers, total).subarray(written)
    writeLater(fd, [rest], position + written, done)
  })
}

/** The error code of a system call (`ENOENT`, `EIO`), or '' when the value is no such error. */
export function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : ''
}

/** Whether something is there. Errors other than ENOENT and ENOTDIR are thrown. */
export function exists(port: Fs, path: string): boolean {
  try {
    port.stat(path)
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return false
    throw error
  }
}

/** Makes the entries of a directory durable. */
export function syncDirectoryNow(port: Fs, path: string): void {
  const fd = port.open(path, 'directory')
  try {
    port.syncNow(fd)
  } finally {
    port.close(fd)
  }
}

/** A whole file; undefined when there is none. For small files of the daemon's own. */
export function readWhole(port: Fs, path: string, bytesMax: number): Buffer | undefined {
  let fd: Fd
  try {
    fd = port.open(path, 'read')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
  try {
    const size = Math.min(port.fstat(fd).sizeBytes, bytesMax)
    const bytes = Buffer.alloc(size)
    let at = 0
    while (at < size) {
      const count = port.read(fd, bytes.subarray(at), size - at, at)
      if (count === 0) break
      at += count
    }
    return bytes.subarray(0, at)
  } finally {
    port.close(fd)
  }
}

/** Replaces a small file: work file, fsync, rename, fsync of the directory. All or nothing. */
export function writeWhole(port: Fs, directory: string, name: string, bytes: Uint8Array): void {
  const work = `${directory}/${name}.new`
  if (exists(port, work)) port.unlink(work)
  const fd = port.open(work, 'create')
  try {
    port.write(fd, bytes, 0)
    port.syncNow(fd)
  } finally {
    port.close(fd)
  }
  port.rename(work, `${directory}/${name}`)
  syncDirectoryNow(port, directory)
}

/** So many bytes from a place, in as many calls as it takes; fewer at the end of the file. */
export function readAt(port: Fs, fd: Fd, length: number, position: number): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  let at = 0
  while (at < length) {
    const count = port.read(fd, bytes.subarray(at), length - at, position + at)
    if (count === 0) break
    at += count
  }
  return bytes.subarray(0, at)
}
