/**
 * Finds what this node holds of a key, and the mountpaths that take its next version, while disks
 * come and go: the highest generation over the mountpaths on which the key may lie, and "unsure"
 * where one that may hold something newer is away. Of a mirrored key any mountpath that got all
 * writes of a time speaks for it: the first that is here is read, another when it cannot be.
 */

import {AisError} from '../../../base/errors.ts'
import {placesIn} from '../../../core/objects/copies.ts'
import {filePathOf} from '../../../core/objects/file-name.ts'
import {missingMountpaths, readMountpaths} from '../../../core/objects/mountpath-history.ts'
import {highestWeight} from '../../../core/placement/locate.ts'
import {compareGenerations} from '../../../model/generation.ts'
import type {ObjectAttributes} from '../../../model/object.ts'
import type {CopiesLog} from './bucket-copies.ts'
import {searchCopies, type Search} from './copies-search.ts'
import type {MissingMountpath, Mountpath, Mountpaths} from '../mountpath/mountpaths.ts'
import {isStillThere, mountpathAt, takesWrites} from '../mountpath/mountpaths.ts'
import type {ObjectFile, Reading} from './object-file.ts'
import {closeFile, openFile} from './object-file.ts'
import type {SetHistory} from '../mountpath/set-history.ts'
import type {Lookup, ObjectKey} from './writing.ts'

export interface LookupParts {
  readonly mountpaths: Mountpaths
  readonly history: SetHistory
  readonly copies: CopiesLog
  readonly reading: Reading
  /** A copy that cannot be read, of a key that may have another. */
  readonly onDamage: (key: ObjectKey, error: AisError) => void
}

const NONE: readonly string[] = []
const NOTHING: Pick<Search, 'file' | 'missing'> = {file: null, missing: NONE}

export class ObjectLookup {
  readonly #parts: LookupParts
  /** Those that took writes when it was last looked. */
  #writable: readonly Mountpath[] = []

  constructor(parts: LookupParts) {
    this.#parts = parts
  }

  /** Paths that can be read now. */
  enabledPaths(): readonly string[] {
    const {used} = this.#parts.mountpaths
    return used.filter(({calls}) => calls.disabled() === null).map(({path}) => path)
  }

  /** After a mountpath came or went, shares change hands; the history says since when. */
  refresh(): void {
    const {mountpaths, history} = this.#parts
    const writable = mountpaths.used.filter(takesWrites)
    if (isSameList(writable, this.#writable)) return
    this.#writable = writable
    // Without any, the last set keeps its share: it is known then what may lie where.
    if (writable.length > 0) history.change(writable.map(({path}) => path))
  }

  /** The newest file of a key; null when no mountpath here has one. Throws when one is damaged. */
  newest(key: ObjectKey, wantContent: boolean): ObjectFile | null {
    return this.#search(key, wantContent).file
  }

  /** Another copy of a version, open; null when none can be read. @param tried paths */
  alternative(key: ObjectKey, than: ObjectFile, tried: ReadonlySet<string>): ObjectFile | null {
    for (const path of this.enabledPaths()) {
      if (tried.has(path)) continue
      const file = this.#tryOpen(path, key, false)
      if (file === null || file instanceof AisError) continue
      if (!isNewer(file, than) && !isNewer(than, file) && file.fd !== null) return file
      closeFile(file)
    }
    return null
  }

  /** Mountpaths that have the version of an open file. */
  pathsOf({footer, digest}: ObjectFile): readonly string[] {
    const {bid, name, gen} = footer.attributes
    const paths: string[] = []
    for (const [mountpath, copy] of this.everyCopy({bid, name, digest})) {
      if (copy instanceof AisError) continue
      if (compareGenerations(copy.footer.attributes.gen, gen) === 0) paths.push(mountpath.path)
      closeFile(copy)
    }
    return paths
  }

  /** What every mountpath that serves has of a key, or why it cannot be told. */
  everyCopy(key: ObjectKey): ReadonlyMap<Mountpath, ObjectFile | AisError> {
    const copies = new Map<Mountpath, ObjectFile | AisError>()
    for (const mountpath of this.#parts.mountpaths.used) {
      const file = this.#tryOpen(mountpath.path, key, false)
      if (file !== null) copies.set(mountpath, file)
    }
    return copies
  }

  /** A copy with its content, verified whatever reads are told to do. */
  openVerified(mountpath: Mountpath, key: ObjectKey): ObjectFile | null | AisError {
    return this.#tryOpen(mountpath.path, key, true, {...this.#parts.reading, verify: () => true})
  }

  #search(key: ObjectKey, wantContent: boolean): Pick<Search, 'file' | 'missing'> {
    const {copies} = this.#parts
    if (!copies.has(key.bid)) return this.#searchSingle(key, wantContent)
    const isHere = (path: string): boolean => this.#isHere(path)
    const open = (path: string): ObjectFile | null | AisError =>
      this.#tryOpen(path, key, wantContent)
    const segments = copies.segments(key.bid)
    const found = searchCopies({segments, digest: key.digest, isHere, open})
    for (const damage of found.damages) this.#parts.onDamage(key, damage)
    if (found.damage === null || found.missing.length > 0) return found
    if (found.file !== null) closeFile(found.file)
    throw found.damage
  }

  #searchSingle(key: ObjectKey, wantContent: boolean): Pick<Search, 'file' | 'missing'> {
    const placed = this.#parts.history.placed()
    const [only] = placed
    if (placed.length !== 1 || only === undefined) {
      const file = this.#newestSingle(key, wantContent)
      const known = file === null ? null : file.footer.attributes.gen.counter
      const isHere = (path: string): boolean => this.#isHere(path)
      return {file, missing: missingMountpaths(placed, key.digest, known, isHere)}
    }
    // The usual case: one mountpath can have it, and it is weighed once.
    const path = highestWeight(only.candidates, key.digest)
    if (path === undefined) return NOTHING
    const file = this.#open(path, key, wantContent)
    return {file, missing: this.#isHere(path) ? NONE : [path]}
  }

  #tryOpen(
    path: string,
    key: ObjectKey,
    wantContent: boolean,
    reading = this.#parts.reading,
  ): ObjectFile | null | AisError {
    try {
      return this.#open(path, key, wantContent, reading)
    } catch (error) {
      if (error instanceof AisError) return error
      throw error
    }
  }

  #newestSingle(key: ObjectKey, wantContent: boolean): ObjectFile | null {
    let found: ObjectFile | null = null
    for (const path of readMountpaths(this.#parts.history.placed(), key.digest)) {
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
    const path = filePathOf(key.bid, key.name)
    const isNew = this.#mayLieOn(key).every((root) => {
      const mountpath = mountpathAt(this.#parts.mountpaths, root)
      return mountpath === undefined || !this.#isFile(mountpath, `${root}/${path}`)
    })
    if (isNew) return null
    const file = this.newest(key, false)
    if (file !== null) closeFile(file)
    return file === null ? null : file.footer.attributes
  }

  lookup(key: ObjectKey, wantContent: boolean): Lookup {
    const {file, missing} = this.#search(key, wantContent)
    if (missing.length > 0) {
      if (file !== null) closeFile(file)
      return {type: 'unsure', missing}
    }
    if (file === null) return {type: 'none'}
    if (!file.footer.attributes.tombstone) return {type: 'object', file}
    closeFile(file)
    return {type: 'tombstone', attributes: file.footer.attributes}
  }

  /**
   * Where the next version of a key goes, the mountpath that is read first at the front.
   * @throws AisError NOT_READY when nothing takes writes
   */
  mountpathsFor(key: ObjectKey): readonly Mountpath[] {
    this.refresh()
    this.#parts.copies.refresh(key.bid)
    const paths = this.#parts.copies.placesOf(key)
    const mountpaths = paths.flatMap((path) => mountpathAt(this.#parts.mountpaths, path) ?? [])
    if (mountpaths.length > 0 && mountpaths.every(takesWrites)) return mountpaths
    throw new AisError({
      code: 'NOT_READY',
      message: 'no mountpath of this target takes writes',
      hint: 'see `aisctl storage mountpath show` for which disks are missing and why',
    })
  }

  /** Mountpaths that may have a file of the key, here or away. */
  #mayLieOn({bid, digest}: ObjectKey): readonly string[] {
    const {copies, history} = this.#parts
    if (!copies.has(bid)) return readMountpaths(history.placed(), digest)
    return copies.segments(bid).flatMap((segment) => placesIn(segment, digest))
  }

  /** Mountpaths that were used, may hold objects, and are away. */
  missing(): readonly MissingMountpath[] {
    const everUsed = new Set(this.#parts.history.sets().flatMap(({paths}) => paths))
    return [...everUsed].flatMap((path) => {
      const mountpath = mountpathAt(this.#parts.mountpaths, path)
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
    return mountpathAt(this.#parts.mountpaths, path)?.calls.disabled() === null
  }

  #open(
    path: string,
    key: ObjectKey,
    wantContent: boolean,
    reading = this.#parts.reading,
  ): ObjectFile | null {
    const mountpath = mountpathAt(this.#parts.mountpaths, path)
    if (mountpath === undefined || mountpath.calls.disabled() !== null) return null
    const file = `${path}/${filePathOf(key.bid, key.name)}`
    const opened = openFile({mountpath, path: file, ...key, wantContent}, reading)
    if (opened === null && !isStillThere(mountpath)) {
      mountpath.calls.disable('its filesystem is gone')
    }
    return opened
  }
}

function isNewer(a: ObjectFile, b: ObjectFile): boolean {
  return compareGenerations(a.footer.attributes.gen, b.footer.attributes.gen) > 0
}

function isSameList(a: readonly Mountpath[], b: readonly Mountpath[]): boolean {
  return a.length === b.length && a.every((one, at) => one === b[at])
}
