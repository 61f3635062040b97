/**
 * Files whose footers could not be read: what they hold is in no index, so nobody may say that an
 * index is all there is.
 */

import {OBJECTS_FOLDER, objectPath} from '../../../core/objects/file-name.ts'
import type {ObjectAttributes} from '../../../model/object.ts'
import type {Mountpath} from '../mountpath/mountpaths.ts'

export type OnUnreadable = (path: string, why: string) => void

export class Unreadable {
  readonly #files = new Set<string>()
  readonly #tell: OnUnreadable

  constructor(tell: OnUnreadable) {
    this.#tell = tell
  }

  /** Remembers what is found on a mountpath, and passes it on. */
  hear({path: root, pinned}: Mountpath): OnUnreadable {
    return (path, why) => {
      const file = path.startsWith(pinned) ? `${root}${path.slice(pinned.length)}` : path
      this.#files.add(file)
      this.#tell(file, why)
    }
  }

  /** A new version took the place of what could not be read. */
  replaced(root: string, {bid, name}: ObjectAttributes): void {
    if (this.#files.size > 0) this.#files.delete(`${root}/${objectPath(bid, name)}`)
  }

  dropBucket(bid: string): void {
    for (const file of this.#files) {
      if (file.includes(`/${OBJECTS_FOLDER}/${bid}/`)) this.#files.delete(file)
    }
  }

  /** A mountpath is gone, and what was unreadable there with it. */
  dropMountpath(root: string): void {
    for (const file of this.#files) if (file.startsWith(`${root}/`)) this.#files.delete(file)
  }

  paths(): readonly string[] {
    return [...this.#files]
  }

  isOn({path}: Mountpath): boolean {
    return this.paths().some((file) => file.startsWith(`${path}/`))
  }
}
