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
import {closeQuietly} from './object-file.ts'

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
  const group = new GroupCommit(mountpath)
  return {
    commit: (item) => group.add(item),
    sync: (fd, done) => group.sync(fd, done),
    commitRelaxed: (item) => group.addRelaxed(item),
  }
}

class GroupCommit {
  readonly #mountpath: Mountpath
  readonly #queue: Commit[] = []
  #running = false

  constructor(mountpath: Mountpath) {
    this.#mountpath = mountpath
  }

  add(item: Commit): void {
    this.#queue.push(item)
    if (this.#running) return
    this.#running = true
    // What arrives in this turn of the event loop belongs to the same group.
    setImmediate(() => this.#runGroup())
  }

  addRelaxed(item: Commit): void {
    if (this.#publish(item)) item.done(null)
  }

  sync(fd: Fd, done: (error: Error | null) => void): void {
    const {calls, port} = this.#mountpath
    calls.run<void>((back) => port.sync(fd, back), done)
  }

  #runGroup(): void {
    const group = this.#queue.splice(0, GROUP_MAX)
    if (group.length === 0) {
      this.#running = false
      return
    }
    const visible: Commit[] = []
    let left = group.length
    for (const item of group) {
      this.sync(item.fd, (error) => {
        if (error !== null) this.#giveUp(item, error)
        else if (this.#publish(item)) visible.push(item)
        left -= 1
        if (left === 0) this.#syncFolders(visible)
      })
    }
  }

  #syncFolders(visible: readonly Commit[]): void {
    const folders = [...new Set(visible.flatMap((item) => item.folders))]
    let left = folders.length
    let failure: Error | null = null
    const finish = (): void => {
      for (const item of visible) item.done(failure)
      this.#runGroup()
    }
    if (left === 0) return finish()
    for (const folder of folders) {
      this.#syncFolder(folder, (error) => {
        // What is durable is not known any more, here or for anything that comes after.
        if (error !== null) {
          this.#mountpath.calls.disable(`fsync of ${folder} failed: ${error.message}`)
        }
        failure ??= error
        left -= 1
        if (left === 0) finish()
      })
    }
  }

  #syncFolder(folder: string, done: (error: Error | null) => void): void {
    const {calls, port} = this.#mountpath
    let fd: Fd
    try {
      fd = port.open(folder, 'directory')
    } catch (error) {
      calls.note(error)
      return done(error as Error)
    }
    this.sync(fd, (error) => {
      closeQuietly(this.#mountpath, fd)
      done(error)
    })
  }

  #publish(item: Commit): boolean {
    const {calls, port} = this.#mountpath
    try {
      port.close(item.fd)
      port.rename(item.workPath, item.path)
    } catch (error) {
      calls.note(error)
      this.#removeWork(item)
      item.done(error as Error)
      return false
    }
    item.onVisible()
    return true
  }

  #giveUp(item: Commit, error: Error): void {
    closeQuietly(this.#mountpath, item.fd)
    this.#removeWork(item)
    item.done(error)
  }

  /** A work file that stays goes at the next start; the caller hears of the failure anyway. */
  #removeWork(item: Commit): void {
    try {
      this.#mountpath.port.unlink(item.workPath)
    } catch (error) {
      this.#mountpath.calls.note(error)
    }
  }
}
