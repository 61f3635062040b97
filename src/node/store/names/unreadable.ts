/**
 * Files whose footers could not be read: what they hold is in no index, so nobody may say that an
 * index is all there is. What failed once may be read later: each is looked at again, rarer and
 * rarer, until it can be read, is gone, or was replaced. Reads nothing itself.
 */

import {OBJECTS_FOLDER, nameOfFile, filePathOf} from '../../../core/objects/file-name.ts'
import type {ObjectAttributes} from '../../../model/object.ts'
import type {Mountpath} from '../mountpath/mountpaths.ts'

export type OnUnreadable = (path: string, why: string) => void

/** A file that holds nobody knows what. */
export interface UnreadableFile {
  readonly mountpath: string
  /** Absolute. */
  readonly path: string
  readonly bid: string
  /** Of the object; null where the file's name is a hash, and only its footer could tell. */
  readonly name: string | null
  /** `EIO`, or that no footer verifies. */
  readonly why: string
}

/** First pause before a file is looked at again, and the longest. */
const AGAIN_MS = 1000
const AGAIN_MAX_MS = 60_000
/** Files that are looked at again in one go: some milliseconds of a disk that is well. */
const LOOKED_MAX = 64

interface Known extends UnreadableFile {
  readonly tries: number
  readonly dueMs: number
}

export class Unreadable {
  /** By path; those that were looked at last are at the end. */
  readonly #files = new Map<string, Known>()
  readonly #tell: OnUnreadable

  constructor(tell: OnUnreadable) {
    this.#tell = tell
  }

  /** Remembers what could not be read on a mountpath, and tells of it once. @param path pinned */
  note({path: mountpath, pinned}: Mountpath, path: string, why: string): void {
    const file = `${mountpath}${path.slice(pinned.length)}`
    const known = this.#files.get(file)
    const {tries = 0, dueMs = 0} = known ?? {}
    const [bid = '', , fileName = ''] = file.slice(below(mountpath).length).split('/')
    const name = nameOfFile(fileName) ?? null
    this.#files.delete(file)
    this.#files.set(file, {mountpath, path: file, bid, name, why, tries, dueMs})
    if (known?.why !== why) this.#tell(file, why)
  }

  /** It could be read, or is gone. @param path pinned */
  read({path: mountpath, pinned}: Mountpath, path: string): void {
    if (this.#files.size > 0) this.#files.delete(`${mountpath}${path.slice(pinned.length)}`)
  }

  /** A new version took the place of what could not be read. */
  replaced(root: string, {bid, name}: ObjectAttributes): void {
    if (this.#files.size > 0) this.#files.delete(`${root}/${filePathOf(bid, name)}`)
  }

  /** Those whose time has come, for whoever looks at them now. */
  due(nowMs: number): readonly UnreadableFile[] {
    const files = [...this.#files.values()].filter(({dueMs}) => dueMs <= nowMs)
    for (const file of files.slice(0, LOOKED_MAX)) {
      const tries = file.tries + 1
      const dueMs = nowMs + Math.min(AGAIN_MS * 2 ** file.tries, AGAIN_MAX_MS)
      this.#files.set(file.path, {...file, tries, dueMs})
    }
    return files.slice(0, LOOKED_MAX)
  }

  /** Some of them, whatever their time: those that were not looked at for longest. */
  some(): readonly UnreadableFile[] {
    return this.files().slice(0, LOOKED_MAX)
  }

  dropBucket(bid: string): void {
    for (const file of this.files()) if (file.bid === bid) this.#files.delete(file.path)
  }

  /** A mountpath is gone, and what was unreadable there with it. */
  dropMountpath(root: string): void {
    for (const file of this.files()) if (file.mountpath === root) this.#files.delete(file.path)
  }

  files(): readonly UnreadableFile[] {
    return [...this.#files.values()]
  }

  isOn({path}: Mountpath): boolean {
    return this.files().some(({mountpath}) => mountpath === path)
  }
}

/** Where the folders of buckets begin. */
function below(mountpath: string): string {
  return `${mountpath}/${OBJECTS_FOLDER}/`
}
