/**
 * The name indexes of all mountpaths as one: opened where the last stop was clean, else rebuilt
 * from the files while objects are already served; pages are merged, the highest generation of a
 * name wins.
 */

import {compareGenerations} from '../../model/generation.ts'
import type {ObjectAttributes} from '../../model/object.ts'
import {FOOTER_TAIL_BYTES, findFooter} from '../../wire/footer.ts'
import type {Fs} from './fs.ts'
import {errnoOf, exists, syncDirectoryNow} from './fs.ts'
import type {Hashing} from './hashing.ts'
import {OWN_FOLDER} from './mountpath-mark.ts'
import type {Mountpath} from './mountpaths.ts'
import type {IndexPage, NameIndex} from './name-index.ts'
import {openNameIndex} from './name-index.ts'
import {Unreadable} from './unreadable.ts'
import {walkObjects, type FoundFile} from './walk.ts'

const INDEX_FILE = 'names.sqlite'
/** There while the index of a clean stop is complete; removed, durably, before the first change. */
const CLEAN_MARK = 'names.clean'
/** Files read between two turns of the event loop while rebuilding: about a millisecond. */
const REBUILD_STEP = 32

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
  readonly dropBucket: (bid: string) => void
  /** Files that could not be indexed, and were not replaced since. */
  readonly unreadable: () => readonly string[]
  readonly close: () => void
}

export interface NameIndexesOptions {
  /** False keeps the indexes in memory and rebuilds them always: for disks that are not real. */
  readonly onDisk: boolean
  readonly hashing: Hashing
  /** A file that could not be indexed. */
  readonly onUnreadable: (path: string, why: string) => void
}

export function openNameIndexes(
  mountpaths: readonly Mountpath[],
  options: NameIndexesOptions,
): NameIndexes {
  const indexes = new Map<string, NameIndex>()
  const building = new Set<string>()
  const unreadable = new Unreadable(options.onUnreadable)
  let closed = false
  for (const mountpath of mountpaths) {
    const kept = options.onDisk && takeCleanMark(mountpath) ? openKept(mountpath, options) : null
    indexes.set(mountpath.path, kept ?? openEmpty(mountpath, options.onDisk))
    if (kept === null) rebuild(mountpath)
  }

  function rebuild(mountpath: Mountpath): void {
    const index = indexes.get(mountpath.path)
    if (index === undefined) return
    building.add(mountpath.path)
    const files = walkObjects(mountpath.port, mountpath.pinned)
    const hearing = {...options, onUnreadable: unreadable.hear(mountpath)}
    const note = (path: string): void => noteFile(mountpath, index, path, hearing)
    const step = (): void => {
      if (closed) return
      try {
        if (!noteSome(files, note)) return void setImmediate(step)
        building.delete(mountpath.path)
      } catch (error) {
        // The index stays incomplete, so that lists say so instead of leaving names out.
        options.onUnreadable(mountpath.path, error instanceof Error ? error.message : String(error))
        mountpath.calls.note(error)
      }
    }
    step()
  }

  function merged(
    paths: readonly string[],
    limit: number,
    of: (index: NameIndex) => readonly ObjectAttributes[],
  ): readonly PlacedEntry[] | null {
    if (closed || paths.some((path) => building.has(path))) return null
    const pages = paths.map((path) => {
      const index = indexes.get(path)
      return (index === undefined ? [] : of(index)).map((attributes) => ({attributes, path}))
    })
    const [only] = pages
    if (pages.length === 1 && only !== undefined) return only
    return mergePages(pages, limit)
  }

  return {
    note: (path, attributes) => {
      if (closed) return
      unreadable.replaced(path, attributes)
      indexes.get(path)?.note(attributes)
    },
    forget: (path, attributes) => {
      if (!closed) indexes.get(path)?.forget(attributes)
    },
    page: (paths, question) => merged(paths, question.limit, (index) => index.page(question)),
    tombstones: (paths, question) =>
      merged(paths, question.limit, (index) => index.tombstones(question)),
    totals: (paths, bid) => sumOf(paths.flatMap((path) => indexes.get(path)?.totals(bid) ?? [])),
    dropBucket: (bid) => {
      for (const index of indexes.values()) index.dropBucket(bid)
      unreadable.dropBucket(bid)
    },
    unreadable: () => unreadable.paths(),
    close: () => {
      if (closed) return
      closed = true
      for (const mountpath of mountpaths) {
        indexes.get(mountpath.path)?.close()
        // Without the mark the next start looks at every file again, and finds those too.
        const complete = !building.has(mountpath.path) && !unreadable.isOn(mountpath)
        if (options.onDisk && complete) leaveCleanMark(mountpath)
      }
    },
  }
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

/** Puts what a file's footer says into an index. */
function noteFile(
  mountpath: Mountpath,
  index: NameIndex,
  path: string,
  options: NameIndexesOptions,
): void {
  try {
    const attributes = readAttributes(mountpath.port, path, options.hashing)
    if (attributes !== null) index.note(attributes)
    else options.onUnreadable(path, 'it has no footer that verifies')
  } catch (error) {
    // A bucket that was destroyed meanwhile, or one file that cannot be read: the rest counts.
    if (errnoOf(error) === 'ENOENT') return
    if (errnoOf(error) === '') throw error
    mountpath.calls.note(error)
    options.onUnreadable(path, errnoOf(error))
  }
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

/** The index that a clean stop has left; null when it is damaged: it is but a cache. */
function openKept(mountpath: Mountpath, options: NameIndexesOptions): NameIndex | null {
  const file = indexFile(mountpath)
  try {
    return openNameIndex(file)
  } catch (error) {
    if (errnoOf(error) !== 'ERR_SQLITE_ERROR') throw error
    options.onUnreadable(file, error instanceof Error ? error.message : String(error))
    return null
  }
}

function openEmpty(mountpath: Mountpath, onDisk: boolean): NameIndex {
  if (!onDisk) return openNameIndex(':memory:')
  const file = indexFile(mountpath)
  if (exists(mountpath.port, file)) mountpath.port.unlink(file)
  return openNameIndex(file)
}

function indexFile(mountpath: Mountpath): string {
  return `${mountpath.path}/${OWN_FOLDER}/${INDEX_FILE}`
}

function takeCleanMark(mountpath: Mountpath): boolean {
  const {port, pinned} = mountpath
  const folder = `${pinned}/${OWN_FOLDER}`
  const mark = `${folder}/${CLEAN_MARK}`
  if (!exists(port, mark)) return false
  port.unlink(mark)
  syncDirectoryNow(port, folder)
  return exists(port, `${folder}/${INDEX_FILE}`)
}

function leaveCleanMark(mountpath: Mountpath): void {
  const {port, pinned} = mountpath
  const folder = `${pinned}/${OWN_FOLDER}`
  try {
    const index = port.open(`${folder}/${INDEX_FILE}`, 'update')
    port.syncNow(index)
    port.close(index)
    port.close(port.open(`${folder}/${CLEAN_MARK}`, 'create'))
    syncDirectoryNow(port, folder)
  } catch (error) {
    // Without the mark the next start rebuilds the index: slower, never wrong.
    mountpath.calls.note(error)
  }
}

/** What the footer of a file says; null when none verifies. */
export function readAttributes(port: Fs, path: string, hashing: Hashing): ObjectAttributes | null {
  const fd = port.open(path, 'read')
  try {
    const size = port.fstat(fd).sizeBytes
    let wanted = FOOTER_TAIL_BYTES
    for (;;) {
      const length = Math.min(size, wanted)
      const tail = Buffer.allocUnsafe(length)
      const count = port.read(fd, tail, length, size - length)
      const found = findFooter(tail.subarray(0, count), size - length, hashing.h64)
      if (found.kind === 'found') return found.footer.attributes
      if (found.kind !== 'more') return null
      wanted = found.tailBytes
    }
  } finally {
    port.close(fd)
  }
}
