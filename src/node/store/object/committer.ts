/**
 * Makes finished files durable and visible: fsync of the file, rename, fsync of its directory.
 * Group commit without a barrier: all that renamed into a directory before its fsync began share
 * that fsync, and the filesystem's journal commits what is in flight together. Nobody waits for a
 * group to fill.
 *
 * The order is the promise: a file is durable before its name is, and the name before the caller is
 * told. After a failed fsync nothing is tried again on that descriptor.
 */

import type {Fd} from '../fs/fs.ts'
import {errnoOf} from '../fs/fs.ts'
import {isStillThere, type Mountpath} from '../mountpath/mountpaths.ts'
import {closeQuietly} from './object-file.ts'
import {isFull} from '../store-error.ts'

export interface Commit {
  /** Open, complete, at `workPath`. Closed by the committer. */
  readonly fd: Fd
  readonly workPath: string
  /** Directories whose entries are fsynced before `done`: the file's own, and new parents. */
  readonly folders: readonly string[]
  readonly path: string
  /** One of many: its folder's flush waits for the others that are on their way, and serves them. */
  readonly patient: boolean
  /** The name now shows the new version, though a power cut may still undo it. */
  readonly onVisible: () => void
  readonly done: (error: Error | null) => void
}

export interface Committer {
  readonly commit: (commit: Commit) => void
  /** The same for a file that is durable itself: only its name is to be. */
  readonly commitSynced: (commit: Commit) => void
  /** Removes a file for good. @param folder its own */
  readonly remove: (path: string, folder: string, done: (error: Error | null) => void) => void
  /** fsync of an open file that keeps its name (an appended footer). */
  readonly sync: (fd: Fd, done: (error: Error | null) => void) => void
  /** fsync of a folder whose entries have changed; shared with those who wait for the same. */
  readonly syncFolder: (folder: string, done: (error: Error | null) => void) => void
  /** Whether the last fsync of a folder failed, so that what was renamed into it may go again. */
  readonly isUnsure: (folder: string) => boolean
  /** Rename without any fsync, for buckets that chose it. Synchronous. */
  readonly commitRelaxed: (commit: Commit) => void
}

/** One per mountpath. */
export function createCommitter(mountpath: Mountpath): Committer {
  const group = new SharedCommit(mountpath)
  return {
    commit: (item) => group.add(item),
    commitSynced: (item) => group.addSynced(item),
    remove: (path, folder, done) => group.remove(path, folder, done),
    sync: (fd, done) => group.sync(fd, done),
    syncFolder: (folder, done) => group.shareFolder(folder, true, done),
    isUnsure: (folder) => group.isUnsure(folder),
    commitRelaxed: (item) => group.addRelaxed(item),
  }
}

type FolderDone = (error: Error | null) => void

class SharedCommit {
  readonly #mountpath: Mountpath
  /** Folders whose fsync has not begun: whoever renames into one meanwhile shares it. */
  readonly #folders = new Map<string, FolderDone[]>()
  /**
   * Folders of which an fsync has failed, with its number: one that began before it and ends well
   * after it says nothing of what this one was to make durable.
   */
  readonly #unsure = new Map<string, number>()
  #begun = 0

  constructor(mountpath: Mountpath) {
    this.#mountpath = mountpath
  }

  add(item: Commit): void {
    this.sync(item.fd, (error) => {
      if (error !== null) return this.#giveUp(item, error)
      this.addSynced(item)
    })
  }

  addSynced(item: Commit): void {
    if (this.#publish(item)) this.#syncFolders(item)
  }

  remove(path: string, folder: string, done: (error: Error | null) => void): void {
    const {calls, port} = this.#mountpath
    try {
      port.unlink(path)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return done(null)
      calls.note(error)
      return done(error as Error)
    }
    this.shareFolder(folder, true, done)
  }

  addRelaxed(item: Commit): void {
    if (this.#publish(item)) item.done(null)
  }

  sync(fd: Fd, done: (error: Error | null) => void): void {
    const {calls, port} = this.#mountpath
    calls.run<void>((back) => port.sync(fd, back), done)
  }

  #syncFolders(item: Commit): void {
    let left = item.folders.length
    let failure: Error | null = null
    if (left === 0) return item.done(null)
    const oneDone = (error: Error | null): void => {
      failure ??= error
      left -= 1
      if (left === 0) item.done(failure)
    }
    for (const folder of item.folders) this.shareFolder(folder, item.patient, oneDone)
  }

  isUnsure(folder: string): boolean {
    return this.#unsure.has(folder)
  }

  shareFolder(folder: string, patient: boolean, done: FolderDone): void {
    const waiting = this.#folders.get(folder)
    if (waiting !== undefined) {
      waiting.push(done)
      return
    }
    const sharers = [done]
    this.#folders.set(folder, sharers)
    const {calls} = this.#mountpath
    const run = patient ? calls.runLast : calls.run
    let number = 0
    run<void>(
      (back) => {
        this.#begun += 1
        number = this.#begun
        // From here on a rename may come too late for this fsync.
        this.#folders.delete(folder)
        this.#syncFolder(folder, back)
      },
      (error) => {
        if (this.#folders.get(folder) === sharers) this.#folders.delete(folder)
        // What is durable is not known any more, here or for anything that comes after. A full
        // device has written nothing of what is waited for, and nobody is told otherwise.
        const isGone = error !== null && this.#isGone(error)
        const isLost = error !== null && !isFull(error) && !isGone
        if (error === null || isGone) this.#flushed(folder, number)
        else this.#unsure.set(folder, Math.max(number, this.#unsure.get(folder) ?? 0))
        if (isLost) calls.disable(`fsync of ${folder} failed: ${error.message}`)
        for (const one of sharers) one(error)
      },
    )
  }

  #flushed(folder: string, number: number): void {
    if (number > (this.#unsure.get(folder) ?? 0)) this.#unsure.delete(folder)
  }

  /** Its bucket was destroyed meanwhile, and has taken the folder along; the disk is fine. */
  #isGone(error: Error): boolean {
    return errnoOf(error) === 'ENOENT' && isStillThere(this.#mountpath)
  }

  #syncFolder(folder: string, done: (error: Error | null) => void): void {
    const {port} = this.#mountpath
    let fd: Fd
    try {
      fd = port.open(folder, 'directory')
    } catch (error) {
      return done(error as Error)
    }
    port.sync(fd, (error) => {
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
