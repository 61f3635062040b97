/**
 * The name indexes of all mountpaths as one: opened where the last stop was clean, else rebuilt
 * from the files while objects are already served; pages are merged, the highest generation of a
 * name wins.
 */

import {compareGenerations} from '../../../model/generation.ts'
import type {ObjectAttributes} from '../../../model/object.ts'
import {errnoOf} from '../fs/fs.ts'
import type {Hashing} from '../object/hashing.ts'
import {readAttributes} from '../object/last-footer.ts'
import type {Mountpath} from '../mountpath/mountpaths.ts'
import {indexFile, leaveCleanMark, openEmpty, openKept} from './index-file.ts'
import type {IndexPage, IndexTimer, NameIndex} from './name-index.ts'
import {openNameIndex} from './name-index.ts'
import {Unreadable, type UnreadableFile} from './unreadable.ts'
import {walkObjects, type FoundFile} from '../fs/walk.ts'

/** Files read between two turns of the event loop while rebuilding: about a millisecond. */
const REBUILD_STEP = 32
const NO_FOOTER = 'it has no footer that verifies'

/** An entry of a page and the mountpath that it was found on. */
export interface PlacedEntry {
  readonly attributes: ObjectAttributes
  readonly path: string
}

export interface NameIndexes {
  readonly note: (path: string, attributes: ObjectAttributes) => void
  /** A version is gone from a mountpath. */
  readonly forget: (path: string, attributes: ObjectAttributes) => void
  /** null while one of the indexes is being rebuilt. */
  readonly page: (paths: readonly string[], question: IndexPage) => readonly PlacedEntry[] | null
  /** The same of tombstones alone, each the newest of its kind: an object may be newer. */
  readonly tombstones: (
    paths: readonly string[],
    question: Omit<IndexPage, 'prefix'>,
  ) => readonly PlacedEntry[] | null
  readonly totals: (
    paths: readonly string[],
    bid: string,
  ) => {readonly objects: number; readonly bytes: number}
  /** Bytes of all objects on a mountpath. */
  readonly bytesOn: (path: string) => number
  readonly dropBucket: (bid: string) => void
  /** A mountpath has come. */
  readonly add: (mountpath: Mountpath) => void
  /** A mountpath is gone: its index is left complete where its disk allows it. */
  readonly remove: (mountpath: Mountpath) => void
  /** Files that could not be indexed, and were neither read nor replaced since. */
  readonly unreadable: () => readonly UnreadableFile[]
  /** Reads some of those again: those that are due, or without a time whatever is there. */
  readonly lookAgain: (nowMs?: number) => void
  readonly close: () => void
}

export interface NameIndexesOptions {
  /** False keeps the indexes in memory and rebuilds them always: for disks that are not real. */
  readonly onDisk: boolean
  readonly hashing: Hashing
  readonly after: IndexTimer
  /** A file that could not be indexed. */
  readonly onUnreadable: (path: string, why: string) => void
}

export function openNameIndexes(
  mountpaths: readonly Mountpath[],
  options: NameIndexesOptions,
): NameIndexes {
  const table = new IndexTable(options)
  for (const mountpath of mountpaths) table.add(mountpath)
  return {
    note: (path, attributes) => table.note(path, attributes),
    forget: (path, attributes) => table.forget(path, attributes),
    page: (paths, question) => table.merged(paths, question.limit, (index) => index.page(question)),
    tombstones: (paths, question) =>
      table.merged(paths, question.limit, (index) => index.tombstones(question)),
    totals: (paths, bid) => table.totals(paths, bid),
    bytesOn: (path) => table.bytesOn(path),
    dropBucket: (bid) => table.dropBucket(bid),
    add: (mountpath) => table.add(mountpath),
    remove: (mountpath) => table.remove(mountpath),
    unreadable: () => table.unreadable.files(),
    lookAgain: (nowMs) => table.lookAgain(nowMs),
    close: () => table.close(),
  }
}

interface Indexed {
  readonly mountpath: Mountpath
  index: NameIndex
  /** Not complete yet, or not any more. */
  building: boolean
  /** In memory for want of a file: the next start builds it anew. */
  onDisk: boolean
}

/** Owns the indexes, by path. */
class IndexTable {
  readonly unreadable: Unreadable
  readonly #options: NameIndexesOptions
  readonly #all = new Map<string, Indexed>()
  #closed = false

  constructor(options: NameIndexesOptions) {
    this.#options = options
    this.unreadable = new Unreadable(options.onUnreadable)
  }

  add(mountpath: Mountpath): void {
    if (this.#closed) return
    let one: Indexed
    try {
      one = this.#open(mountpath)
    } catch (error) {
      if (errnoOf(error) === '') throw error
      mountpath.calls.note(error)
      one = this.#inMemory(mountpath)
    }
    this.#all.set(mountpath.path, one)
    if (one.building) this.#rebuild(one)
  }

  #open(mountpath: Mountpath): Indexed {
    const {onDisk, after, onUnreadable} = this.#options
    if (!onDisk) return this.#inMemory(mountpath)
    const {within} = mountpath.port
    const hooks = {within, broken: (error: unknown) => this.#broken(mountpath, error)}
    const parts = {mountpath, after, hooks}
    const kept = openKept(parts, onUnreadable)
    return {mountpath, index: kept ?? openEmpty(parts), building: kept === null, onDisk}
  }

  #inMemory(mountpath: Mountpath): Indexed {
    const index = openNameIndex(':memory:', this.#options.after)
    return {mountpath, index, building: true, onDisk: false}
  }

  /** Its file cannot be written: the disk is full, or fails. Served from memory from here on. */
  #broken(mountpath: Mountpath, error: unknown): void {
    const known = this.#all.get(mountpath.path)
    if (known?.mountpath !== mountpath || this.#closed) return
    mountpath.calls.note(error)
    this.#options.onUnreadable(indexFile(mountpath), reasonOf(error))
    const one = this.#inMemory(mountpath)
    this.#all.set(mountpath.path, one)
    this.#rebuild(one)
  }

  #rebuild(one: Indexed): void {
    const {mountpath} = one
    const files = walkObjects(mountpath.port, mountpath.pinned)
    const note = (path: string): void => {
      const error = this.#noteFile(one, path)
      if (error !== null) mountpath.calls.note(error)
    }
    const step = (): void => {
      if (this.#closed || this.#all.get(mountpath.path) !== one) return
      try {
        if (!noteSome(files, note)) return void setImmediate(step)
        one.building = false
      } catch (error) {
        // The index stays incomplete, so that lists say so instead of leaving names out.
        this.#options.onUnreadable(mountpath.path, reasonOf(error))
        mountpath.calls.note(error)
      }
    }
    step()
  }

  /** Puts what a file's footer says into an index. @returns why it could not be read, or null */
  #noteFile({mountpath, index}: Indexed, path: string): unknown {
    try {
      const attributes = readAttributes(mountpath.port, path, this.#options.hashing)
      if (attributes === null) this.unreadable.note(mountpath, path, NO_FOOTER)
      else {
        index.note(attributes)
        this.unreadable.read(mountpath, path)
      }
    } catch (error) {
      if (errnoOf(error) === '') throw error
      // A bucket that was destroyed meanwhile, or one file that cannot be read: the rest counts.
      const isGone = errnoOf(error) === 'ENOENT'
      if (isGone) this.unreadable.read(mountpath, path)
      else this.unreadable.note(mountpath, path, errnoOf(error))
      return isGone ? null : error
    }
    return null
  }

  /** What fails once more says nothing new of a disk: it does not count against it. */
  lookAgain(nowMs?: number): void {
    const files = nowMs === undefined ? this.unreadable.some() : this.unreadable.due(nowMs)
    for (const {mountpath: root, path} of files) {
      const one = this.#closed ? undefined : this.#all.get(root)
      if (one === undefined || one.building || one.mountpath.calls.disabled() !== null) continue
      this.#noteFile(one, `${one.mountpath.pinned}${path.slice(root.length)}`)
    }
  }

  merged(
    paths: readonly string[],
    limit: number,
    of: (index: NameIndex) => readonly ObjectAttributes[],
  ): readonly PlacedEntry[] | null {
    const isBuilding = (path: string): boolean => this.#all.get(path)?.building === true
    if (this.#closed || paths.some(isBuilding)) return null
    const pages = paths.map((path) => {
      const found = this.#ask(path, of) ?? []
      return found.map((attributes) => ({attributes, path}))
    })
    // The question may have shown that an index is broken.
    if (paths.some(isBuilding)) return null
    const [only] = pages
    if (pages.length === 1 && only !== undefined) return only
    return mergePages(pages, limit)
  }

  #ask<T>(path: string, of: (index: NameIndex) => T): T | undefined {
    const one = this.#all.get(path)
    if (this.#closed || one === undefined) return undefined
    try {
      return one.mountpath.port.within(() => of(one.index))
    } catch (error) {
      if (errnoOf(error) !== 'ERR_SQLITE_ERROR') throw error
      this.#broken(one.mountpath, error)
      return undefined
    }
  }

  note(path: string, attributes: ObjectAttributes): void {
    if (this.#closed) return
    this.unreadable.replaced(path, attributes)
    this.#all.get(path)?.index.note(attributes)
  }

  forget(path: string, attributes: ObjectAttributes): void {
    if (!this.#closed) this.#all.get(path)?.index.forget(attributes)
  }

  totals(paths: readonly string[], bid: string): {objects: number; bytes: number} {
    return sumOf(paths.flatMap((path) => this.#ask(path, (index) => index.totals(bid)) ?? []))
  }

  bytesOn(path: string): number {
    return this.#ask(path, (index) => index.bytes()) ?? 0
  }

  dropBucket(bid: string): void {
    for (const path of this.#all.keys()) this.#ask(path, (index) => index.dropBucket(bid))
    this.unreadable.dropBucket(bid)
  }

  remove(mountpath: Mountpath): void {
    const one = this.#all.get(mountpath.path)
    if (this.#closed || one?.mountpath !== mountpath) return
    this.#all.delete(mountpath.path)
    // A call that has not come back may hold the disk.
    mountpath.calls.whenReturned(() => this.#leave(one))
    this.unreadable.dropMountpath(mountpath.path)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const one of this.#all.values()) this.#leave(one)
  }

  #leave(one: Indexed): void {
    const {mountpath, index, building, onDisk} = one
    try {
      index.close()
    } catch (error) {
      if (errnoOf(error) === '') throw error
      this.#options.onUnreadable(indexFile(mountpath), reasonOf(error))
      return
    }
    // Without the mark the next start looks at every file again, and finds those too.
    const complete = !building && !this.unreadable.isOn(mountpath)
    if (onDisk && complete) leaveCleanMark(mountpath)
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function sumOf(each: readonly {objects: number; bytes: number}[]): {
  objects: number
  bytes: number
} {
  return {
    objects: each.reduce((sum, total) => sum + total.objects, 0),
    bytes: each.reduce((sum, total) => sum + total.bytes, 0),
  }
}

/** Notes as many files as fit between two turns. @returns whether those were the last */
function noteSome(files: Generator<FoundFile>, note: (path: string) => void): boolean {
  for (let count = 0; count < REBUILD_STEP; count++) {
    const next = files.next()
    if (next.done === true) return true
    note(next.value.path)
  }
  return false
}

/** Merges pages that are in byte order; of the same name the highest generation stays. */
export function mergePages(
  pages: readonly (readonly PlacedEntry[])[],
  limit: number,
): readonly PlacedEntry[] {
  const newest = new Map<string, PlacedEntry>()
  for (const entry of pages.flat()) {
    const known = newest.get(entry.attributes.name)
    if (known === undefined || isNewer(entry, known)) newest.set(entry.attributes.name, entry)
  }
  return [...newest.values()]
    .map((entry) => ({entry, bytes: Buffer.from(entry.attributes.name, 'utf8')}))
    .sort((a, b) => Buffer.compare(a.bytes, b.bytes))
    .slice(0, limit)
    .map(({entry}) => entry)
}

function isNewer(a: PlacedEntry, b: PlacedEntry): boolean {
  return compareGenerations(a.attributes.gen, b.attributes.gen) > 0
}
