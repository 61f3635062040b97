/**
 * Makes finished files durable and visible: fsync of each file, rename, fsync of each directory
 * once for all that arrived together (group commit). While one group waits for the device the next
 * one collects. Large files are fsynced without waiting for a group's small ones.
 *
 * The order is the promise: a file is durable before its name is, and the name before the caller is
 * told. After a failed fsync nothing is tried again on that descriptor.
 */

import type {Fd} from './fs.ts'
import type {Mountpath} from './mountpaths.ts'

/** Files in one group: bounds the memory of a burst and the wait of its first member. */
const GROUP_MAX = 256

export interface Commit {
  /** Open, complete, at `workPath`. Closed by the committer. */
  readonly fd: Fd
  readonly workPath: string
  /** Directories whose entries are fsynced before `done`: the file's own, and new parents. */
  readonly folders: readonly string[]
  readonly path: string
  /** The name now shows the new version, though a power cut may still undo it. */
  readonly onVisible: () => void
  readonly done: (error: Error | null) => void
}

export interface Committer {
  readonly commit: (commit: Commit) => void
  /** fsync of an open file that keeps its name (an appended footer). */
  readonly sync: (fd: Fd, done: (error: Error | null) => void) => void
  /** Rename without any fsync, for buckets that chose it. Synchronous. */
  readonly commitRelaxed: (commit: Commit) => void
}

/** One per mountpath. */
export function createCommitter(mountpath: Mountpath): Committer {
  const {port, calls} = mountpath
  let queue: Commit[] = []
  let running = false

  function commit(item: Commit): void {
    queue.push(item)
    if (!running) {
      running = true
      // What arrives in this turn of the event loop belongs to the same group.
      setImmediate(runGroup)
    }
  }

  function runGroup(): void {
    const group = queue.slice(0, GROUP_MAX)
    queue = queue.slice(GROUP_MAX)
    if (group.length === 0) {
      running = false
      return
    }
    const visible: Commit[] = []
    let left = group.length
    for (const item of group) {
      sync(item.fd, (error) => {
        if (error === null && publish(item)) visible.push(item)
        else if (error !== null) giveUp(item, error)
        left -= 1
        if (left === 0) syncFolders(visible)
      })
    }
  }

  function syncFolders(visible: readonly Commit[]): void {
    const folders = [...new Set(visible.flatMap((item) => item.folders))]
    let left = folders.length
    let failure: Error | null = null
    if (left === 0) {
      for (const item of visible) item.done(null)
      return runGroup()
    }
    for (const folder of folders) {
      syncFolder(folder, (error) => {
        // What is durable is not known any more, here or for anything that comes after.
        if (error !== null) calls.disable(`fsync of ${folder} failed: ${error.message}`)
        failure ??= error
        left -= 1
        if (left > 0) return
        for (const item of visible) item.done(failure)
        runGroup()
      })
    }
  }

  function publish(item: Commit): boolean {
    try {
      port.close(item.fd)
      port.rename(item.workPath, item.path)
    } catch (error) {
      calls.note(error)
      removeWork(item)
      item.done(error as Error)
      return false
    }
    item.onVisible()
    return true
  }

  function giveUp(item: Commit, error: Error): void {
    try {
      port.close(item.fd)
    } catch (second) {
      calls.note(second)
    }
    removeWork(item)
    item.done(error)
  }

  function removeWork(item: Commit): void {
    try {
      port.unlink(item.workPath)
    } catch (error) {
      // It goes at the next start; the caller already hears of the failure that led here.
      calls.note(error)
    }
  }

  function sync(fd: Fd, done: (error: Error | null) => void): void {
    calls.run<void>((back) => port.sync(fd, back), done)
  }

  function syncFolder(folder: string, done: (error: Error | null) => void): void {
    let fd: Fd
    try {
      fd = port.open(folder, 'directory')
    } catch (error) {
      calls.note(error)
      return done(error as Error)
    }
    sync(fd, (error) => {
      try {
        port.close(fd)
      } catch (second) {
        calls.note(second)
      }
      done(error)
    })
  }

  function commitRelaxed(item: Commit): void {
    if (publish(item)) item.done(null)
  }

  return {commit, sync, commitRelaxed}
}
