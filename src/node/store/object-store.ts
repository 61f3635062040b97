/**
 * The objects of one target: looked up, written, deleted, listed by key. Knows mountpaths, files
 * and generations of this node; knows nothing of clusters, ownership or HTTP. One store per node
 * writes: locks and the folder cache are this thread's own.
 */

import {AisError} from '../../base/errors.ts'
import type {ChecksumType} from '../../model/object.ts'
import type {BlockPool} from './object/block-pool.ts'
import type {BodyWriter, FinishedBody, WriteManner} from './object/body-writer.ts'
import {createBodyWriter} from './object/body-writer.ts'
import type {Committer} from './object/committer.ts'
import {createCommitter} from './object/committer.ts'
import type {GenerationCounter} from './state/counter.ts'
import type {SpaceStat} from './fs/fs.ts'
import {errnoOf} from './fs/fs.ts'
import type {Hashing} from './object/hashing.ts'
import {createKeyLocks} from './object/key-locks.ts'
import type {MissingMountpath, Mountpath, Mountpaths} from './mountpath/mountpaths.ts'
import {isStillThere} from './mountpath/mountpaths.ts'
import type {IndexPage} from './names/name-index.ts'
import type {NameIndexes, PlacedEntry} from './names/name-indexes.ts'
import type {UnreadableFile} from './names/unreadable.ts'
import type {ObjectFile, Reading} from './object/object-file.ts'
import {WHOLE_FILE_BYTES, closeFile} from './object/object-file.ts'
import {ObjectLookup} from './object/object-lookup.ts'
import type {ReadOrder} from './object/object-reader.ts'
import {readObject} from './object/object-reader.ts'
import type {CopiesLog} from './object/bucket-copies.ts'
import {writeBody, writeMetadata} from './object/object-write.ts'
import {placeKey, type PlaceDone} from './object/place-key.ts'
import {createDamages, type Damages} from './object/damages.ts'
import {createDiskSpace, type DiskSpace} from './mountpath/disk-space.ts'
import {createRepairs, type Repair} from './object/repairs.ts'
import type {Change, Lookup, ObjectKey, WriteDone, Writing} from './object/writing.ts'
import {lockName} from './object/writing.ts'
import {clearUserData} from './decommission.ts'
import {createDiscarding, type Discard, type DiscardDone} from './object/object-discard.ts'
import type {SetHistory} from './mountpath/set-history.ts'
import {createClearing, type ClearOrder, type Cleared} from './clearing.ts'

export type {Change, Decide, Lookup, ObjectKey, WriteDone} from './object/writing.ts'

/** A PUT in progress. */
export interface OpenWrite {
  readonly mountpaths: readonly Mountpath[]
  readonly body: BodyWriter
  /** Of the places, when they were chosen. */
  readonly version: number
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
  readonly read: (
    order: Omit<ReadOrder, 'alternative'>,
    done: (error: Error | null) => void,
  ) => void
  readonly close: (file: ObjectFile) => void
  /** Mountpaths with the same version, of a bucket that has copies; none of others. */
  readonly copiesOf: (file: ObjectFile) => readonly string[]
  /** @throws AisError IO_ERROR when no mountpath takes the key */
  readonly beginWrite: (
    key: ObjectKey,
    wanted: readonly ChecksumType[],
    onDrain: () => void,
    manner?: WriteManner,
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
  /**
   * Waits until what is visible of a key is durable, whatever became of the write that made it so:
   * for those who would do something because of it.
   */
  readonly whenDurable: (key: ObjectKey, done: (error: AisError | null) => void) => void
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
  readonly unreadable: () => readonly UnreadableFile[]
  /** Reads some of them again, and not only when their time has come. */
  readonly lookAgain: () => void
  readonly status: () => readonly MountpathStatus[]
  /** Mountpaths that may hold objects and are away: lists are incomplete while there is one. */
  readonly missing: () => readonly MissingMountpath[]
  /** Whether every key lies where it belongs, and nowhere else, and no mountpath is away. */
  readonly isResilvered: () => boolean
  readonly totals: (bid: string) => {readonly objects: number; readonly bytes: number}
  /** Brings a key to where it belongs; waits for its lock. */
  readonly place: (key: ObjectKey, done: PlaceDone) => void
  /** On how many mountpaths the objects of each bucket lie. */
  readonly copies: CopiesLog
  /** Whether every key of a bucket can be found without the mountpaths that are away. */
  readonly isCovered: (bid: string) => boolean
  /** Looks for stuck calls and for disks that are gone; every second or so. */
  readonly check: () => void
  /** Percent in use of the fullest mountpath that serves; objects with a damaged copy. */
  readonly health: () => {readonly fullestPercent: number; readonly damaged: number}
  /** Mountpaths came or went: shares change hands. */
  readonly mountpathsChanged: () => void
  /** A mountpath that is disabled is let go, so that it can be unmounted. */
  readonly release: (mountpath: Mountpath) => void
  /** Moves the data of destroyed buckets aside, and removes some of what is due. */
  readonly clearBuckets: (order: ClearOrder) => Cleared
  /** Removes what belongs to the cluster from all mountpaths. @throws AisError naming what stays */
  readonly decommission: (rmUserData: boolean) => Promise<void>
  /** Stops; the indexes are kept for the next start. */
  readonly stop: () => void
}

export interface ObjectStoreParts {
  readonly mountpaths: Mountpaths
  readonly history: SetHistory
  readonly copies: CopiesLog
  /** A copy did not verify, or could not be read: before anything is done about it. */
  readonly onDamage: (error: AisError) => void
  readonly onRepaired: (repair: Repair) => void
  readonly hashing: Hashing
  readonly pool: BlockPool
  readonly counter: GenerationCounter
  readonly indexes: NameIndexes
  readonly verifyReads: () => boolean
  /** Percent of a mountpath in use from which on no new objects are begun there. */
  readonly outOfSpace: () => number
  readonly nowMs: () => number
}

export function createObjectStore(parts: ObjectStoreParts): ObjectStore {
  const {mountpaths, hashing, pool, counter, indexes} = parts
  const scratch = Buffer.allocUnsafeSlow(WHOLE_FILE_BYTES)
  const reading: Reading = {hashing, pool, scratch, verify: parts.verifyReads}
  const damages = createDamages()
  const damaged = (key: ObjectKey, error: AisError): void => {
    damages.add(key)
    parts.onDamage(error)
    if (parts.copies.has(key.bid)) repairs.add(key)
  }
  const onRepaired = (repair: Repair): void => {
    if (repair.error === null) damages.mended(repair.key)
    parts.onRepaired(repair)
  }
  const lookups = new ObjectLookup({...parts, reading, onDamage: damaged})
  const repairs = createRepairs(() => writing, onRepaired)
  const writing = createWriting(parts, lookups, reading, {
    repair: repairs.add,
    mended: damages.mended,
  })
  const space = createDiskSpace(parts.outOfSpace)
  const shared = {parts, lookups, writing, space, reading, damages, damaged}
  return {
    ...readingPart(shared),
    ...writingPart(shared),
    ...mountpathPart(shared),
    nextCounter: counter.next,
    passCounter: counter.pass,
    whenWritesEnded: writing.locks.drain,
    unreadable: indexes.unreadable,
    lookAgain: () => indexes.lookAgain(),
    decommission: async (rmUserData) => {
      indexes.close()
      if (rmUserData) await clearUserData(mountpaths)
    },
    place: (key, done) => placeKey(writing, key, false, done),
    copies: parts.copies,
    stop: () => {
      repairs.stop()
      parts.copies.stop()
      indexes.close()
    },
  }
}

/** What the parts of one store share. */
interface Shared {
  readonly parts: ObjectStoreParts
  readonly lookups: ObjectLookup
  readonly writing: Writing
  readonly space: DiskSpace
  readonly reading: Reading
  readonly damages: Damages
  readonly damaged: (key: ObjectKey, error: AisError) => void
}

type ReadingPart =
  'whenSettled' | 'lookup' | 'read' | 'close' | 'copiesOf' | 'page' | 'tombstones' | 'totals'

function readingPart(shared: Shared): Pick<ObjectStore, ReadingPart> {
  const {parts, lookups, writing, reading, damaged} = shared
  const {indexes} = parts
  return {
    whenSettled: (key, go) => {
      const waiting =
        writing.unsettled.size === 0 ? undefined : writing.unsettled.get(lockName(key))
      if (waiting === undefined) go()
      else waiting.push(go)
    },
    lookup: (key, wantContent) => {
      try {
        return lookups.lookup(key, wantContent)
      } catch (error) {
        if (error instanceof AisError && !parts.copies.has(key.bid)) damaged(key, error)
        throw error
      }
    },
    read: (order, done) => {
      const {bid, name} = order.file.footer.attributes
      const key = {bid, name, digest: order.file.digest}
      const tried = new Set<string>()
      const alternative = (file: ObjectFile, error: AisError): ObjectFile | null => {
        tried.add(file.mountpath.path)
        damaged(key, error)
        return lookups.alternative(key, file, tried)
      }
      readObject({...order, alternative}, reading, done)
    },
    close: closeFile,
    page: (question) => indexes.page(lookups.enabledPaths(), question),
    tombstones: (question) => indexes.tombstones(lookups.enabledPaths(), question),
    copiesOf: (file) => {
      const {bid} = file.footer.attributes
      return parts.copies.has(bid) ? lookups.pathsOf(file) : []
    },
    totals: (bid) => {
      const paths = lookups.enabledPaths()
      const {objects, bytes} = indexes.totals(paths, bid)
      // Each mountpath counts its own: what lies on several is one object all the same.
      const copies = Math.min(parts.copies.now(bid), Math.max(paths.length, 1))
      return {objects: Math.ceil(objects / copies), bytes}
    },
  }
}

type WritingPart =
  | 'beginWrite'
  | 'commitWrite'
  | 'remove'
  | 'changeMetadata'
  | 'discard'
  | 'whenDurable'
  | 'flushDiscarded'

function writingPart({parts, lookups, writing, space}: Shared): Pick<ObjectStore, WritingPart> {
  const {mountpaths: all, hashing, pool, indexes} = parts
  const discarding = createDiscarding({
    used: () => all.used,
    missing: () => lookups.missing(),
    locks: writing.locks,
    hashing,
    committerOf: writing.committerOf,
    forget: indexes.forget,
  })
  return {
    beginWrite: (key, wanted, onDrain, manner) => {
      const mountpaths = lookups.mountpathsFor(key)
      space.check(mountpaths)
      const workName = writing.workName()
      const body = createBodyWriter({mountpaths, hashing, pool, workName, wanted, onDrain, manner})
      return {mountpaths, body, version: writing.placesVersion()}
    },
    commitWrite: (change, {write, body}, done) =>
      writeBody(writing, change, {...write, body}, done),
    remove: (change, done) => {
      try {
        const mountpaths = lookups.mountpathsFor(change.key)
        const version = writing.placesVersion()
        writeBody(writing, change, {mountpaths, body: EMPTY_BODY, version}, done)
      } catch (error) {
        if (!(error instanceof AisError)) throw error
        done(error, undefined)
      }
    },
    changeMetadata: (change, done) => writeMetadata(writing, change, done),
    discard: discarding.discard,
    whenDurable: discarding.flushKey,
    flushDiscarded: discarding.flush,
  }
}

type MountpathPart =
  | 'status'
  | 'missing'
  | 'isResilvered'
  | 'isCovered'
  | 'check'
  | 'health'
  | 'mountpathsChanged'
  | 'release'
  | 'clearBuckets'

function mountpathPart({
  parts,
  lookups,
  writing,
  space,
  damages,
}: Shared): Pick<ObjectStore, MountpathPart> {
  const {mountpaths} = parts
  const clearing = createClearing({
    ...parts,
    isAnyAway: () => lookups.missing().length > 0,
    dropped: damages.dropBucket,
  })
  return {
    status: () => [
      ...mountpaths.used.map(statusOf),
      ...mountpaths.missing.map(({path, why}) => statusWithout(path, why)),
    ],
    missing: () => lookups.missing(),
    isResilvered: () => parts.history.sets().length <= 1 && lookups.missing().length === 0,
    check: () => {
      const now = parts.nowMs()
      for (const mountpath of mountpaths.used) {
        if (mountpath.calls.disabled() !== null) continue
        mountpath.calls.check(now)
        if (!isStillThere(mountpath)) mountpath.calls.disable('its filesystem is gone')
      }
      parts.indexes.lookAgain(now)
      space.measure(mountpaths.used)
      lookups.refresh()
    },
    health: () => ({fullestPercent: space.fullestPercent(), damaged: damages.count()}),
    mountpathsChanged: () => {
      clearing.again()
      lookups.refresh()
    },
    release: createRelease(parts, writing),
    clearBuckets: clearing.clear,
    isCovered: (bid) => {
      const paths = lookups.enabledPaths()
      return parts.copies.isCovered(bid, (path) => paths.includes(path))
    },
  }
}

/** Lets go of each mountpath once: a descriptor's number is another file's soon. */
function createRelease({indexes}: ObjectStoreParts, writing: Writing): ObjectStore['release'] {
  const released = new WeakSet<Mountpath>()
  return (mountpath) => {
    if (released.has(mountpath)) return
    released.add(mountpath)
    indexes.remove(mountpath)
    writing.locks.drain(() => {
      const {made, durable} = writing.folders
      for (const folders of [made, durable]) {
        for (const path of folders)
          if (path.startsWith(`${mountpath.pinned}/`)) folders.delete(path)
      }
      // A call that has not come back may still follow the path.
      mountpath.calls.whenReturned(() => mountpath.port.unpin(mountpath.pinned))
    })
  }
}

const EMPTY_BODY: FinishedBody = {
  sizeBytes: 0,
  blocks: new Uint8Array(0),
  checksums: [],
  content: new Uint8Array(0),
  files: [],
}

function createWriting(
  parts: ObjectStoreParts,
  lookups: ObjectLookup,
  reading: Reading,
  {repair, mended}: {readonly repair: (key: ObjectKey) => void; readonly mended: Damages['mended']},
): Writing {
  const committers = new WeakMap<Mountpath, Committer>()
  let works = 0
  return {
    hashing: parts.hashing,
    reading,
    repair,
    locks: createKeyLocks(),
    unsettled: new Map(),
    folders: {made: new Set(), durable: new Set()},
    committerOf: (mountpath) => {
      const committer = committers.get(mountpath) ?? createCommitter(mountpath)
      committers.set(mountpath, committer)
      return committer
    },
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
    placesOf: (key) => lookups.mountpathsFor(key),
    refreshCopies: ({bid}) => parts.copies.refresh(bid),
    placesVersion: parts.copies.version,
    lookup: (key) => lookups.lookup(key, false),
    everyCopy: (key) => lookups.everyCopy(key),
    openVerified: (mountpath, key) => lookups.openVerified(mountpath, key),
    forgotten: (mountpath, attributes) => parts.indexes.forget(mountpath.path, attributes),
    noted: (mountpath, attributes) => {
      mended(attributes)
      parts.indexes.note(mountpath.path, attributes)
    },
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
