/**
 * The objects of one target: looked up, written, deleted, listed by key. Knows mountpaths, files
 * and generations of this node; knows nothing of clusters, ownership or HTTP. One store per node
 * writes: locks and the folder cache are this thread's own.
 */

import {assert} from '../../base/assert.ts'
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
import type {ChecksumType, ObjectAttributes} from '../../model/object.ts'
import type {BlockPool} from './block-pool.ts'
import type {BodyWriter, FinishedBody} from './body-writer.ts'
import {createBodyWriter} from './body-writer.ts'
import type {Committer} from './committer.ts'
import {createCommitter} from './committer.ts'
import type {GenerationCounter} from './counter.ts'
import type {SpaceStat} from './fs.ts'
import type {Hashing} from './hashing.ts'
import {createKeyLocks} from './key-locks.ts'
import type {MissingMountpath, Mountpath, Mountpaths} from './mountpaths.ts'
import {isStillThere} from './mountpaths.ts'
import type {NameIndexes, PlacedEntry} from './name-indexes.ts'
import type {IndexPage} from './name-index.ts'
import type {ObjectFile, Reading, Sink} from './object-file.ts'
import {WHOLE_FILE_BYTES, closeFile, openFile, readObject} from './object-file.ts'
import type {Decide, ObjectKey, WriteDone, Writing} from './object-write.ts'
import {lockName, writeBody, writeMetadata} from './object-write.ts'

export type {Decide, ObjectKey, WriteDone} from './object-write.ts'

/** What is here for a key. */
export type Lookup =
  | {readonly type: 'object'; readonly file: ObjectFile}
  | {readonly type: 'tombstone'; readonly attributes: ObjectAttributes}
  | {readonly type: 'none'}
  /** A mountpath that may hold something newer is away. */
  | {readonly type: 'unsure'; readonly missing: readonly string[]}

/** A PUT in progress. */
export interface OpenWrite {
  readonly mountpath: Mountpath
  readonly body: BodyWriter
}

export interface MountpathStatus {
  readonly path: string
  readonly label: string
  readonly disks: readonly string[]
  /** Why it does not serve; null when it does. */
  readonly disabled: string | null
  readonly space: SpaceStat | null
}

export interface ObjectStore {
  /**
   * Waits, without a promise when there is nothing to wait for, until a key's version is durable.
   */
  readonly whenSettled: (key: ObjectKey, go: () => void) => void
  /** @throws AisError IO_ERROR when what is here cannot be read */
  readonly lookup: (key: ObjectKey, wantContent: boolean) => Lookup
  readonly read: (
    file: ObjectFile,
    range: {readonly start: number; readonly end: number},
    sink: Sink,
    done: (error: Error | null) => void,
  ) => void
  readonly close: (file: ObjectFile) => void
  /** @throws AisError IO_ERROR when no mountpath takes the key */
  readonly beginWrite: (
    key: ObjectKey,
    wanted: readonly ChecksumType[],
    onDrain: () => void,
  ) => OpenWrite
  readonly commitWrite: (
    key: ObjectKey,
    write: OpenWrite,
    body: FinishedBody,
    durable: boolean,
    decide: Decide,
    done: WriteDone,
  ) => void
  /** Empty content; `decide` gives a tombstone. */
  readonly remove: (key: ObjectKey, durable: boolean, decide: Decide, done: WriteDone) => void
  readonly changeMetadata: (
    key: ObjectKey,
    durable: boolean,
    decide: Decide,
    done: WriteDone,
  ) => void
  /**
   * One page over all mountpaths, tombstones included, in byte order; null while indexes are built.
   */
  readonly page: (question: IndexPage) => readonly PlacedEntry[] | null
  readonly nextCounter: () => bigint
  readonly status: () => readonly MountpathStatus[]
  /** Mountpaths that hold objects and are away: lists are incomplete while there is one. */
  readonly missing: () => readonly MissingMountpath[]
  readonly totals: (bid: string) => {readonly objects: number; readonly bytes: number}
  /** Looks for stuck calls; every second or so. */
  readonly check: () => void
  /** Stops; the indexes are kept for the next start. */
  readonly stop: () => void
}

export interface ObjectStoreParts {
  readonly mountpaths: Mountpaths
  readonly history: readonly MountpathSet[]
  /** Keeps a changed history, durably. */
  readonly keepHistory: (history: readonly MountpathSet[]) => void
  readonly hashing: Hashing
  readonly pool: BlockPool
  readonly counter: GenerationCounter
  readonly indexes: NameIndexes
  readonly verifyReads: () => boolean
  readonly nowMs: () => number
}

export function createObjectStore(parts: ObjectStoreParts): ObjectStore {
  const {mountpaths, hashing, pool, counter, indexes} = parts
  const byPath = new Map(mountpaths.used.map((mountpath) => [mountpath.path, mountpath]))
  const committers = new Map(
    mountpaths.used.map((mountpath) => [mountpath, createCommitter(mountpath)] as const),
  )
  const scratch = Buffer.allocUnsafeSlow(WHOLE_FILE_BYTES)
  const reading: Reading = {hashing, pool, scratch, verify: parts.verifyReads}
  let history = parts.history
  let placed: readonly PlacedSet[] = placeHistory(history)
  let enabled = mountpaths.used.length
  let works = 0

  const isHere = (path: string): boolean => {
    const mountpath = byPath.get(path)
    return mountpath !== undefined && mountpath.calls.disabled() === null
  }

  /** After a mountpath was disabled, its share goes to the others; the history says since when. */
  function refresh(): void {
    const paths = [...byPath.keys()].filter(isHere)
    if (paths.length === enabled) return
    enabled = paths.length
    if (paths.length === 0) return
    history = extendHistory(history, paths, counter.peek())
    parts.keepHistory(history)
    placed = placeHistory(history)
  }

  function best(key: ObjectKey, wantContent: boolean): ObjectFile | null {
    let found: ObjectFile | null = null
    for (const path of readMountpaths(placed, key.digest)) {
      const mountpath = byPath.get(path)
      if (mountpath === undefined || mountpath.calls.disabled() !== null) continue
      const file = openFile(
        {
          mountpath,
          path: `${path}/${objectPath(key.bid, key.name)}`,
          bid: key.bid,
          name: key.name,
          wantContent,
        },
        reading,
      )
      if (file === null) {
        if (!isStillThere(mountpath)) mountpath.calls.disable('its filesystem is gone')
        continue
      }
      if (found === null || isNewer(file, found)) {
        if (found !== null) closeFile(found)
        found = file
      } else closeFile(file)
    }
    return found
  }

  function lookup(key: ObjectKey, wantContent: boolean): Lookup {
    const file = best(key, wantContent)
    const known = file === null ? null : file.footer.attributes.gen.counter
    const missing = missingMountpaths(placed, key.digest, known, isHere)
    if (missing.length > 0) {
      if (file !== null) closeFile(file)
      return {type: 'unsure', missing}
    }
    if (file === null) return {type: 'none'}
    if (!file.footer.attributes.tombstone) return {type: 'object', file}
    closeFile(file)
    return {type: 'tombstone', attributes: file.footer.attributes}
  }

  function mountpathFor(key: ObjectKey): Mountpath {
    refresh()
    const path = writeMountpath(placed, key.digest)
    const mountpath = path === undefined ? undefined : byPath.get(path)
    if (mountpath !== undefined && mountpath.calls.disabled() === null) return mountpath
    throw new AisError({
      code: 'IO_ERROR',
      message: 'no mountpath of this target takes writes',
      hint: 'see `aisctl show cluster` and the log for which disks are missing and why',
    })
  }

  const writing: Writing = {
    hashing,
    locks: createKeyLocks(),
    unsettled: new Map(),
    folders: {made: new Set(), durable: new Set()},
    committerOf: (mountpath) => committerOf(committers, mountpath),
    current: (key) => {
      try {
        return best(key, false)
      } catch (error) {
        // A damaged version does not stand in the way of the one that replaces it.
        if (error instanceof AisError) return null
        throw error
      }
    },
    noted: (mountpath, attributes) => indexes.note(mountpath.path, attributes),
    workName: () => `w${process.pid}.${++works}`,
  }

  function remove(key: ObjectKey, durable: boolean, decide: Decide, done: WriteDone): void {
    let mountpath: Mountpath
    try {
      mountpath = mountpathFor(key)
    } catch (error) {
      return done(error as AisError, undefined)
    }
    writeBody(writing, key, {mountpath, durable}, EMPTY_BODY, decide, done)
  }

  return {
    whenSettled: (key, go) => {
      if (writing.unsettled.size === 0) return go()
      const waiting = writing.unsettled.get(lockName(key))
      if (waiting === undefined) go()
      else waiting.push(go)
    },
    lookup,
    read: (file, range, sink, done) => readObject(file, range, reading, sink, done),
    close: closeFile,
    beginWrite: (key, wanted, onDrain) => {
      const mountpath = mountpathFor(key)
      const workName = writing.workName()
      return {
        mountpath,
        body: createBodyWriter({mountpath, hashing, pool, workName, wanted, onDrain}),
      }
    },
    commitWrite: (key, write, body, durable, decide, done) =>
      writeBody(writing, key, {mountpath: write.mountpath, durable}, body, decide, done),
    remove,
    changeMetadata: (key, durable, decide, done) =>
      writeMetadata(writing, key, durable, decide, done),
    page: (question) => indexes.page([...byPath.keys()].filter(isHere), question),
    nextCounter: counter.next,
    status: () => [
      ...mountpaths.used.map(statusOf),
      ...mountpaths.missing.map(({path, why}) => ({
        path,
        label: '',
        disks: [],
        disabled: why,
        space: null,
      })),
    ],
    missing: () => missingNow(placed, byPath, mountpaths.missing),
    totals: (bid) => indexes.totals([...byPath.keys()].filter(isHere), bid),
    check: () => {
      const now = parts.nowMs()
      for (const mountpath of mountpaths.used) mountpath.calls.check(now)
      refresh()
    },
    stop: () => indexes.close(),
  }
}

const EMPTY_BODY: FinishedBody = {
  sizeBytes: 0,
  blocks: new Uint8Array(0),
  checksums: [],
  content: new Uint8Array(0),
  file: null,
}

function isNewer(a: ObjectFile, b: ObjectFile): boolean {
  return compareGenerations(a.footer.attributes.gen, b.footer.attributes.gen) > 0
}

function committerOf(
  committers: ReadonlyMap<Mountpath, Committer>,
  mountpath: Mountpath,
): Committer {
  const committer = committers.get(mountpath)
  assert(committer !== undefined, 'every used mountpath has a committer')
  return committer
}

function missingNow(
  placed: readonly PlacedSet[],
  byPath: ReadonlyMap<string, Mountpath>,
  configured: readonly MissingMountpath[],
): readonly MissingMountpath[] {
  const everUsed = new Set(placed.flatMap((set) => set.candidates.map(({id}) => id)))
  return [...everUsed].flatMap((path) => {
    const mountpath = byPath.get(path)
    if (mountpath === undefined) {
      return [configured.find((item) => item.path === path) ?? {path, why: 'it is not configured'}]
    }
    const why = mountpath.calls.disabled()
    return why === null ? [] : [{path, why}]
  })
}

function statusOf(mountpath: Mountpath): MountpathStatus {
  const {path, label, disks} = mountpath
  const disabled = mountpath.calls.disabled()
  if (disabled !== null) return {path, label, disks, disabled, space: null}
  try {
    return {path, label, disks, disabled: null, space: mountpath.port.space(path)}
  } catch (error) {
    mountpath.calls.note(error)
    return {path, label, disks, disabled: String(error), space: null}
  }
}
