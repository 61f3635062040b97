/**
 * The store's filesystem in virtual time: calls that wait for a device take a while, end with their
 * process, and fail when the disk is in trouble. The system disk is never in trouble here: a target
 * that cannot write its state ends.
 */

import type {Fd, Fs} from '../../../src/node/store/fs/fs.ts'
import type {CrashFs} from '../../helpers/crash-fs.ts'
import type {SimProcess} from '../world/process.ts'
import type {Random} from '../world/random.ts'
import type {ObjectMutant} from './mutants.ts'

/** Folder of the daemon's own state. */
export const STATE = '/state'
/** Filesystems of the data. */
export const MOUNTPATHS: readonly string[] = ['/mp0', '/mp1', '/mp2']
/** A device that is busy: how often, how long on average, at most. */
const STALL_RATIO = 0.03
const STALL_MS = 2000
const STALL_MAX_MS = 13_000

export interface DeviceDeps {
  readonly process: SimProcess
  readonly random: Random
  readonly diskMs: number
  readonly mutant: ObjectMutant | undefined
}

/** A data disk that fails: these calls, counted from now. */
export interface Trouble {
  code: string
  /** The mountpath; '' for whichever is met. */
  path: string
  after: number
  times: number
}

/** A full disk can be read. */
const FULL = 'ENOSPC'

/** The store's view of the disk: waiting calls take virtual time, and none outlives its process. */
export function deviceOf(deps: DeviceDeps, disk: CrashFs, trouble: Trouble): Fs {
  const {process, random, mutant} = deps
  const latency = (): number => {
    const stall = random.chance(STALL_RATIO) ? Math.min(random.exp(STALL_MS), STALL_MAX_MS) : 0
    return deps.diskMs * (0.2 + random.ratio()) + stall
  }
  const folders = new Set<Fd>()
  const paths = new Map<Fd, string>()

  /** The error of this call, if it is one of a data disk that fails. */
  function failure(syscall: string, path: string): NodeJS.ErrnoException | null {
    const {code} = trouble
    if (trouble.times <= 0 || path.startsWith(STATE) || !path.startsWith(trouble.path)) return null
    if (code === FULL && (syscall === 'read' || syscall === 'open')) return null
    if (trouble.after-- > 0) return null
    trouble.times--
    return Object.assign(new Error(`${code}: ${syscall}`), {code, syscall})
  }

  function attempt(syscall: string, path: string): void {
    const error = failure(syscall, path)
    if (error !== null) throw error
  }

  function pathOf(fd: Fd): string {
    return paths.get(fd) ?? ''
  }

  function later(
    {syscall, fd}: {readonly syscall: string; readonly fd: Fd},
    perform: () => void,
    failed: (error: Error) => void,
  ): void {
    process.soon(latency(), () => {
      const error = failure(syscall, pathOf(fd))
      if (error === null) perform()
      else failed(error)
    })
  }

  return {
    ...disk,
    open: (path, mode) => {
      attempt(mode === 'create' ? 'create' : 'open', path)
      const fd = disk.open(path, mode)
      if (mode === 'directory') folders.add(fd)
      paths.set(fd, path)
      return fd
    },
    read: (fd, into, length, position) => {
      attempt('read', pathOf(fd))
      return disk.read(fd, into, length, position)
    },
    write: (fd, bytes, position) => {
      attempt('write', pathOf(fd))
      disk.write(fd, bytes, position)
    },
    rename: (from, to) => {
      attempt('rename', from)
      disk.rename(from, to)
    },
    unlink: (path) => {
      attempt('unlink', path)
      disk.unlink(path)
    },
    mkdir: (path) => {
      attempt('mkdir', path)
      disk.mkdir(path)
    },
    sync: (fd, done) => {
      const skips =
        mutant?.skipsSync === 'all' || (mutant?.skipsSync === 'files' && !folders.has(fd))
      later({syscall: 'fsync', fd}, () => (skips ? done(null) : disk.sync(fd, done)), done)
    },
    readLater: (fd, into, position, done) =>
      later(
        {syscall: 'read', fd},
        () => disk.readLater(fd, into, position, done),
        (error) => done(error, 0),
      ),
    writeLater: (fd, buffers, position, done) =>
      later({syscall: 'write', fd}, () => disk.writeLater(fd, buffers, position, done), done),
  }
}
