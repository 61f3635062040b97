/**
 * Finds what this node holds of a key, and the mountpath that takes its next version, while disks
 * come and go: the highest generation over the mountpaths on which the key may lie, and "unsure"
 * where one that may hold something newer is away.
 */

import {AisError} from '../../base/errors.ts'
import {objectPath} from '../../core/objects/file-name.ts'
import type {MountpathSet, PlacedSet} from '../../core/objects/mountpath-history.ts'
import {
  extendHistory,
  missingMountpaths,
  placeHistory,
  readMountpaths,
  writeMountpath,
} from '../../core/objects/mountpath-history.ts'
import {compareGenerations} from '../../model/generation.ts'
import type {ObjectAttributes} from '../../model/object.ts'
import type {MissingMountpath, Mountpath, Mountpaths} from './mountpaths.ts'
import {isStillThere} from './mountpaths.ts'
import type {ObjectFile, Reading} from './object-file.ts'
import {closeFile, openFile} from './object-file.ts'
import type {ObjectKey} from './object-write.ts'

/** What is here for a key. */
export type Lookup =
  | {readonly type: 'object'; readonly file: ObjectFile}
  | {readonly type: 'tombstone'; readonly attributes: ObjectAttributes}
  | {readonly type: 'none'}
  /** A mountpath that may hold something newer is away. */
  | {readonly type: 'unsure'; readonly missing: readonly string[]}

export interface LookupParts {
  readonly mountpaths: Mountpaths
  readonly history: readonly MountpathSet[]
  /** Keeps a changed history, durably. */
  readonly keepHistory: (history: readonly MountpathSet[]) => void
  readonly reading: Reading
  /** Lowest counter value that the next write may get. */
  readonly nextCounter: () => bigint
}

export class ObjectLookup {
  readonly #parts: LookupParts
  readonly #byPath: ReadonlyMap<string, Mountpath>
  #history: readonly MountpathSet[]
  #placed: readonly PlacedSet[]
  #enabled: number

  constructor(parts: LookupParts) {
    this.#parts = parts
    this.#byPath = new Map(parts.mountpaths.used.map((one) => [one.path, one]))
    this.#history = parts.history
    this.#placed = placeHistory(parts.history)
    this.#enabled = this.#byPath.size
  }

  /** Paths that serve now. */
  enabledPaths(): readonly string[] {
    return [...this.#byPath.keys()].filter((path) => this.#isHere(path))
  }

  /** After a mountpath was disabled, its share goes to the others; the history says since when. */
  refresh(): void {
    const paths = this.enabledPaths()
    if (paths.length === this.#enabled) return
    this.#enabled = paths.length
    if (paths.length === 0) return
    this.#history = extendHistory(this.#history, paths, this.#parts.nextCounter())
    this.#parts.keepHistory(this.#history)
    this.#placed = placeHistory(this.#history)
  }

  /** The newest file of a key; null when no mountpath here has one. Throws when one is damaged. */
  newest(key: ObjectKey, wantContent: boolean): ObjectFile | null {
    let found: ObjectFile | null = null
    for (const path of readMountpaths(this.#placed, key.digest)) {
      const file = this.#open(path, key, wantContent)
      if (file === null) continue
      if (found !== null && !isNewer(file, found)) {
        closeFile(file)
        continue
      }
      if (found !== null) closeFile(found)
      found = file
    }
    return found
  }

  /** The attributes in force for a key that is about to be replaced; usually there are none. */
  previous(key: ObjectKey): ObjectAttributes | null {
    const path = objectPath(key.bid, key.name)
    const isNew = [...readMountpaths(this.#placed, key.digest)].every((root) => {
      const mountpath = this.#byPath.get(root)
      return mountpath === undefined || !this.#isFile(mountpath, `${root}/${path}`)
    })
    if (isNew) return null
    const file = this.newest(key, false)
    if (file !== null) closeFile(file)
    return file === null ? null : file.footer.attributes
  }

  lookup(key: ObjectKey, wantContent: boolean): Lookup {
    const file = this.newest(key, wantContent)
    const known = file === null ? null : file.footer.attributes.gen.counter
    const isHere = (path: string): boolean => this.#isHere(path)
    const missing = missingMountpaths(this.#placed, key.digest, known, isHere)
    if (missing.length > 0) {
      if (file !== null) closeFile(file)
      return {type: 'unsure', missing}
    }
    if (file === null) return {type: 'none'}
    if (!file.footer.attributes.tombstone) return {type: 'object', file}
    closeFile(file)
    return {type: 'tombstone', attributes: file.footer.attributes}
  }

  /** Where the next version of a key goes. @throws AisError IO_ERROR when nothing takes writes */
  mountpathFor(key: ObjectKey): Mountpath {
    this.refresh()
    const path = writeMountpath(this.#placed, key.digest)
    const mountpath = path === undefined ? undefined : this.#byPath.get(path)
    if (mountpath !== undefined && mountpath.calls.disabled() === null) return mountpath
    throw new AisError({
      code: 'IO_ERROR',
      message: 'no mountpath of this target takes writes',
      hint: 'see `aisctl show cluster` and the log for which disks are missing and why',
    })
  }

  /** Mountpaths that were used, may hold objects, and are away. */
  missing(): readonly MissingMountpath[] {
    const everUsed = new Set(this.#placed.flatMap((set) => set.candidates.map(({id}) => id)))
    return [...everUsed].flatMap((path) => {
      const mountpath = this.#byPath.get(path)
      if (mountpath === undefined) return [this.#neverOpened(path)]
      const why = mountpath.calls.disabled()
      return why === null ? [] : [{path, why}]
    })
  }

  #isFile(mountpath: Mountpath, path: string): boolean {
    try {
      return mountpath.port.isFile(path)
    } catch (error) {
      mountpath.calls.note(error)
      return false
    }
  }

  #neverOpened(path: string): MissingMountpath {
    const configured = this.#parts.mountpaths.missing.find((one) => one.path === path)
    return configured ?? {path, why: 'it is not configured any more'}
  }

  #isHere(path: string): boolean {
    return this.#byPath.get(path)?.calls.disabled() === null
  }

  #open(path: string, key: ObjectKey, wantContent: boolean): ObjectFile | null {
    const mountpath = this.#byPath.get(path)
    if (mountpath === undefined || mountpath.calls.disabled() !== null) return null
    const {bid, name} = key
    const file = `${path}/${objectPath(bid, name)}`
    const opened = openFile({mountpath, path: file, bid, name, wantContent}, this.#parts.reading)
    if (opened === null && !isStillThere(mountpath)) {
      mountpath.calls.disable('its filesystem is gone')
    }
    return opened
  }
}

function isNewer(a: ObjectFile, b: ObjectFile): boolean {
  return compareGenerations(a.footer.attributes.gen, b.footer.attributes.gen) > 0
}
