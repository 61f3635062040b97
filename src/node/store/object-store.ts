/**
 * The objects of one target: looked up, written, deleted, listed by key. Knows mountpaths, files
 * and generations of this node; knows nothing of clusters, ownership or HTTP. One store per node
 * writes: locks and the folder cache are this thread's own.
 */

import {defined} from '../../base/assert.ts'
import {AisError} from '../../base/errors.ts'
import type {MountpathSet} from '../../core/objects/mountpath-history.ts'
import type {ChecksumType} from '../../model/object.ts'
import type {BlockPool} from './block-pool.ts'
import type {BodyWriter, FinishedBody} from './body-writer.ts'
import {createBodyWriter} from './body-writer.ts'
import {createCommitter} from './committer.ts'
import type {GenerationCounter} from './counter.ts'
import type {SpaceStat} from './fs.ts'
import {errnoOf} from './fs.ts'
import type {Hashing} from './hashing.ts'
import {createKeyLocks} from './key-locks.ts'
import type {MissingMountpath, Mountpath, Mountpaths} from './mountpaths.ts'
import {isStillThere} from './mountpaths.ts'
import type {IndexPage} from './name-index.ts'
import type {NameIndexes, PlacedEntry} from './name-indexes.ts'
import type {ObjectFile, Reading} from './object-file.ts'
import {WHOLE_FILE_BYTES, closeFile} from './object-file.ts'
import type {Lookup} from './object-lookup.ts'
import {ObjectLookup} from './object-lookup.ts'
import type {ReadOrder} from './object-reader.ts'
import {readObject} from './object-reader.ts'
import type {Change, ObjectKey, WriteDone, Writing} from './object-write.ts'
import {lockName, writeBody, writeMetadata} from './object-write.ts'
import {clearMountpaths} from './decommission.ts'
import {createDiscarding, type Discard, type DiscardDone} from './object-discard.ts'
import {emptyTrash, moveToTrash} from './trash.ts'

export type {Lookup} from './object-lookup.ts'
export type {Change, Decide, ObjectKey, WriteDone} from './object-write.ts'

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
  /** Waits, without a promise when there is nothing to wait for, until a key is durable. */
  readonly whenSettled: (key: ObjectKey, go: () => void) => void
  /** @throws AisError IO_ERROR when what is here cannot be read */
  readonly lookup: (key: ObjectKey, wantContent: boolean) => Lookup
  /** @param done called once; then the file may be closed */
  readonly read: (order: ReadOrder, done: (error: Error | null) => void) => void
  readonly close: (file: ObjectFile) => void
  /** @throws AisError IO_ERROR when no mountpath takes the key */
  readonly beginWrite: (
    key: ObjectKey,
    wanted: readonly ChecksumType[],
    onDrain: () => void,
  ) => OpenWrite
  /** Makes a finished body the next version of a key; the body is used up whatever happens. */
  readonly commitWrite: (
    change: Change,
    written: {readonly write: OpenWrite; readonly body: FinishedBody},
    done: WriteDone,
  ) => void
  /** Empty content; the change's `decide` gives a tombstone. */
  readonly remove: (change: Change, done: WriteDone) => void
  /** The same content under new metadata. */
  readonly changeMetadata: (change: Change, done: WriteDone) => void
  /** Removes all that is here of a key, when it is still what the caller knows. */
  readonly discard: (order: Discard, done: DiscardDone) => void
  /** Makes durable what was discarded by now. */
  readonly flushDiscarded: (done: (error: AisError | null) => void) => void
  /** One page over all mountpaths, tombstones included; null while indexes are built. */
  readonly page: (question: IndexPage) => readonly PlacedEntry[] | null
  /** The same of tombstones; there may be something newer of a name. */
  readonly tombstones: (question: Omit<IndexPage, 'prefix'>) => readonly PlacedEntry[] | null
  readonly nextCounter: () => bigint
  /** Counters given from now on are above this one, which came with a move. */
  readonly passCounter: (counter: bigint) => void
  /** Waits until every write that has been decided by now has ended. */
  readonly whenWritesEnded: (done: () => void) => void
  /** Files that hold nobody knows what: their footers could not be read. */
  readonly unreadable: () => readonly string[]
  readonly status: () => readonly MountpathStatus[]
  /** Mountpaths that may hold objects and are away: lists are incomplete while there is one. */
  readonly missing: () => readonly MissingMountpath[]
  readonly totals: (bid: string) => {readonly objects: number; readonly bytes: number}
  /** Looks for stuck calls and for disks that are gone; every second or so. */
  readonly check: () => void
  /** Moves the data of destroyed buckets aside, and removes what has waited there long enough. */
  readonly discardBuckets: (destroyed: ReadonlySet<string>, wallMs: number) => void
  /** Removes what belongs to the cluster from all mountpaths. @throws AisError naming what stays */
  readonly decommission: (rmUserData: boolean) => Promise<void>
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
  const scratch = Buffer.allocUnsafeSlow(WHOLE_FILE_BYTES)
  const reading: Reading = {hashing, pool, scratch, verify: parts.verifyReads}
  const lookups = new ObjectLookup({...parts, reading, nextCounter: counter.peek})
  const writing = createWriting(parts, lookups)
  const discarding = createDiscarding({
    used: () => mountpaths.used,
    missing: () => lookups.missing(),
    locks: writing.locks,
    hashing,
    committerOf: writing.committerOf,
    forget: indexes.forget,
  })
  const moved = new Set<string>()
  return {
    whenSettled: (key, go) => {
      const waiting =
        writing.unsettled.size === 0 ? undefined : writing.unsettled.get(lockName(key))
      if (waiting === undefined) go()
      else waiting.push(go)
    },
    lookup: (key, wantContent) => lookups.lookup(key, wantContent),
    read: (order, done) => readObject(order, reading, done),
    close: closeFile,
    beginWrite: (key, wanted, onDrain) => {
      const mountpath = lookups.mountpathFor(key)
      const workName = writing.workName()
      const body = createBodyWriter({mountpath, hashing, pool, workName, wanted, onDrain})
      return {mountpath, body}
    },
    commitWrite: (change, {write, body}, done) =>
      writeBody(writing, change, {mountpath: write.mountpath, body}, done),
    remove: (change, done) => {
      try {
        const mountpath = lookups.mountpathFor(change.key)
        writeBody(writing, change, {mountpath, body: EMPTY_BODY}, done)
      } catch (error) {
        if (!(error instanceof AisError)) throw error
        done(error, undefined)
      }
    },
    changeMetadata: (change, done) => writeMetadata(writing, change, done),
    discard: discarding.discard,
    flushDiscarded: discarding.flush,
    page: (question) => indexes.page(lookups.enabledPaths(), question),
    tombstones: (question) => indexes.tombstones(lookups.enabledPaths(), question),
    nextCounter: counter.next,
    passCounter: counter.pass,
    whenWritesEnded: writing.locks.drain,
    unreadable: indexes.unreadable,
    status: () => [
      ...mountpaths.used.map(statusOf),
      ...mountpaths.missing.map(({path, why}) => statusWithout(path, why)),
    ],
    missing: () => lookups.missing(),
    totals: (bid) => indexes.totals(lookups.enabledPaths(), bid),
    check: () => {
      const now = parts.nowMs()
      for (const mountpath of mountpaths.used) {
        mountpath.calls.check(now)
        if (!isStillThere(mountpath)) mountpath.calls.disable('its filesystem is gone')
      }
      lookups.refresh()
    },
    discardBuckets: (destroyed, wallMs) => {
      discardBuckets(parts, {destroyed, moved}, wallMs)
    },
    decommission: async (rmUserData) => {
      indexes.close()
      await clearMountpaths(mountpaths, rmUserData)
    },
    stop: () => indexes.close(),
  }
}

function discardBuckets(
  {mountpaths, indexes}: ObjectStoreParts,
  buckets: {readonly destroyed: ReadonlySet<string>; readonly moved: Set<string>},
  wallMs: number,
): void {
  const {destroyed, moved} = buckets
  const fresh = [...destroyed].filter((bid) => !moved.has(bid))
  for (const mountpath of mountpaths.used) {
    if (mountpath.calls.disabled() !== null) continue
    try {
      for (const bid of fresh) {
        if (moveToTrash(mountpath, bid, wallMs)) indexes.dropBucket(bid)
        moved.add(bid)
      }
      emptyTrash(mountpath, destroyed, wallMs)
    } catch (error) {
      // What is left waits for the next turn.
      if (errnoOf(error) === '') throw error
      mountpath.calls.note(error)
    }
  }
}

const EMPTY_BODY: FinishedBody = {
  sizeBytes: 0,
  blocks: new Uint8Array(0),
  checksums: [],
  content: new Uint8Array(0),
  file: null,
}

function createWriting(parts: ObjectStoreParts, lookups: ObjectLookup): Writing {
  const committers = new Map(
    parts.mountpaths.used.map((mountpath) => [mountpath, createCommitter(mountpath)] as const),
  )
  let works = 0
  return {
    hashing: parts.hashing,
    locks: createKeyLocks(),
    unsettled: new Map(),
    folders: {made: new Set(), durable: new Set()},
    committerOf: (mountpath) =>
      defined(committers.get(mountpath), 'every used mountpath has a committer'),
    current: (key) => lookups.newest(key, false),
    previous: (key) => {
      try {
        return lookups.previous(key)
      } catch (error) {
        // A version that cannot be read does not stand in the way of the one that replaces it.
        if (error instanceof AisError || errnoOf(error) !== '') return null
        throw error
      }
    },
    noted: (mountpath, attributes) => parts.indexes.note(mountpath.path, attributes),
    workName: () => `w${++works}`,
  }
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

function statusWithout(path: string, why: string): MountpathStatus {
  return {path, label: '', disks: [], disabled: why, space: null}
}
