/**
 * Opens a target's store: its counter, its mountpaths with their history, the indexes. The order is
 * of consequence: the history is durable before the first write under a new set of mountpaths.
 */

import {extendHistory} from '../../core/objects/mountpath-history.ts'
import type {MountpathSet} from '../../core/objects/mountpath-history.ts'
import type {AisError} from '../../base/errors.ts'
import {createCopiesLog} from './object/bucket-copies.ts'
import {createBlockPool} from './object/block-pool.ts'
import {NO_COPIES, readCopies, writeCopies} from './state/copies-state.ts'
import {openCounter, type GenerationCounter} from './state/counter.ts'
import {dropOlderCounter} from './state/lost-counter.ts'
import {bringUpWitnesses, highestWitness, tellWitnesses} from './mountpath/counter-witness.ts'
import type {Disks, OpenDisks} from './mountpath/disks.ts'
import {openDisks} from './mountpath/disks.ts'
import type {Fs} from './fs/fs.ts'
import {nodeFs} from './fs/fs.ts'
import type {Hashing} from './object/hashing.ts'
import {loadHashing} from './object/hashing.ts'
import {USUAL_HEALTH, type HealthSettings} from './mountpath/health-settings.ts'
import type {DiskCheck} from './mountpath/disk-check.ts'
import {createDiskCheck} from './mountpath/disk-check.ts'
import {readOverrides, writeOverrides} from './mountpath/mountpath-overrides.ts'
import {
  foldHistory,
  readHistory,
  unknownHistory,
  writeHistory,
} from './mountpath/mountpath-state.ts'
import type {
  MissingMountpath,
  Mountpath,
  MountpathConfig,
  Mountpaths,
} from './mountpath/mountpaths.ts'
import {mountpathAt, takesWrites} from './mountpath/mountpaths.ts'
import {openNameIndexes} from './names/name-indexes.ts'
import type {ObjectStore} from './object-store.ts'
import {createObjectStore} from './object-store.ts'
import type {Repair} from './object/repairs.ts'
import type {SetHistory} from './mountpath/set-history.ts'
import {createSetHistory} from './mountpath/set-history.ts'
import type {Within} from './fs/watched-fs.ts'
import {watchedFs} from './fs/watched-fs.ts'

export interface StoreOptions {
  /** Of the node, on the system disk; must exist. */
  readonly stateDirectory: string
  readonly mountpaths: readonly MountpathConfig[]
  readonly uuid: string
  readonly target: string
  readonly allowSharedFilesystem: boolean
  readonly verifyReads: () => boolean
  /** Something an operator should know: a disk that is missing, a file that does not verify. */
  readonly warn: (text: string, facts: Readonly<Record<string, unknown>>) => void
  readonly nowMs: () => number
  /** What becomes of disks that fail or are slow; the usual when absent. */
  readonly health?: () => HealthSettings
  /** Runs something later, once; the result takes it back. The host's timers when absent. */
  readonly after?: (ms: number, act: () => void) => () => void
  /** On how many mountpaths a bucket's objects are to lie; null: as before. One when absent. */
  readonly copiesWanted?: (bid: string) => number | null
  /** Index of the record since which this target is a member (R33). */
  readonly since?: (() => number) | undefined
  /** Percent of a mountpath in use from which on it takes no new objects; 100 when absent. */
  readonly outOfSpace?: () => number
  readonly onDamage?: (error: AisError) => void
  readonly onRepaired?: (repair: Repair) => void
  readonly fs?: Fs
  /** Loaded anew when absent. */
  readonly hashing?: Hashing
  /** A name that nothing else has, for a new mountpath; random when absent. */
  readonly newId?: () => string
  /** How synchronous calls on a mountpath are run, so that others see one that hangs. */
  readonly within?: (path: string) => Within
  /** False for disks that are not real: indexes stay in memory. */
  readonly indexOnDisk?: boolean
}

export interface OpenedStore {
  readonly store: ObjectStore
  readonly disks: Disks
  readonly history: SetHistory
  readonly hashing: Hashing
  /** Has a mountpath looked at. */
  readonly checkMountpath: (path: string) => void
  /** Mountpaths that could not be used at the start, with reasons. */
  readonly missing: readonly MissingMountpath[]
}

/** @throws AisError when state or marks are damaged, foreign, set back or of a newer format */
export async function openObjectStore(options: StoreOptions): Promise<OpenedStore> {
  const port = options.fs ?? nodeFs
  const hashing = options.hashing ?? (await loadHashing())
  const counter = openCounter(options.stateDirectory, port, (reserved) =>
    tellWitnesses(disks.used, reserved),
  )
  const kept = readHistory(options.stateDirectory, port)
  const {warn} = options
  const {disks, diskCheck, knownFrom} = openMountpaths(options, port, {
    kept: kept ?? [],
    complete: counter.kept,
  })
  const sets = openHistory(options, port, {kept, counter, disks})
  const indexes = openNameIndexes(disks.used, {
    onDisk: options.indexOnDisk ?? true,
    hashing,
    after: options.after ?? afterMs,
    onUnreadable: (path, why) => warn('object file not indexed', {path, why}),
  })
  const isKnown = knownFrom(sets)
  const store = createObjectStore({
    mountpaths: disks,
    history: sets,
    copies: createCopiesLog({
      state: counter.kept ? readCopies(options.stateDirectory, port) : NO_COPIES,
      keep: (state) => writeCopies(options.stateDirectory, state, port),
      history: sets,
      wanted: options.copiesWanted ?? (() => 1),
      nextCounter: counter.peek,
    }),
    onDamage: options.onDamage ?? (() => undefined),
    onRepaired: options.onRepaired ?? (() => undefined),
    hashing,
    pool: createBlockPool(),
    counter,
    indexes,
    verifyReads: options.verifyReads,
    outOfSpace: options.outOfSpace ?? (() => 100),
    nowMs: options.nowMs,
  })
  disks.use({
    mayHold: isKnown,
    usedBytes: indexes.bytesOn,
    opened: (mountpath) => {
      indexes.add(mountpath)
      beginCounting(counter, highestWitness([mountpath]), [mountpath])
    },
    closed: store.release,
    givenUp: sets.forget,
    changed: store.mountpathsChanged,
  })
  const stop = (): void => {
    diskCheck.stop()
    store.stop()
  }
  return {
    store: {...store, stop},
    disks,
    history: sets,
    hashing,
    checkMountpath: diskCheck.check,
    missing: disks.missing,
  }
}

interface OpenMountpaths {
  readonly disks: OpenDisks
  readonly diskCheck: DiskCheck
  /** What may hold objects follows from this history from now on. */
  readonly knownFrom: (history: SetHistory) => (path: string) => boolean
}

/** @param found the history, and whether it speaks of all that may lie here */
function openMountpaths(
  options: StoreOptions,
  port: Fs,
  {kept, complete}: {readonly kept: readonly MountpathSet[]; readonly complete: boolean},
): OpenMountpaths {
  const {warn, stateDirectory, uuid, target, allowSharedFilesystem, nowMs, within} = options
  let setsNow = (): readonly MountpathSet[] => kept
  const isKnown = (path: string): boolean => setsNow().some(({paths}) => paths.includes(path))
  const diskCheck = createDiskCheck({
    mountpathAt: (path) => mountpathAt(disks, path),
    settings: options.health ?? (() => USUAL_HEALTH),
    after: options.after ?? afterMs,
    warn,
  })
  const onSuspect = diskCheck.suspect
  const disks: OpenDisks = openDisks({
    file: options.mountpaths,
    overrides: readOverrides(stateDirectory, port),
    keep: (overrides) => writeOverrides(stateDirectory, overrides, port),
    question: {
      uuid,
      target,
      isKnown,
      mustBeEmpty: (path) => complete && setsNow().length > 0 && !isKnown(path),
      allowSharedFilesystem,
      nowMs,
      health: options.health,
      onSuspect,
      since: options.since,
      newId: options.newId,
      onQuarantined: (path, aside) =>
        warn('removed by force and back: what was held is moved aside', {path, aside}),
    },
    portOf: (path) => (within === undefined ? port : watchedFs(port, within(path))),
    warn,
  })
  for (const {path, why} of disks.missing) warn('mountpath not used', {path, why})
  const knownFrom = ({sets}: SetHistory): typeof isKnown => {
    setsNow = sets
    return isKnown
  }
  return {disks, diskCheck, knownFrom}
}

function afterMs(ms: number, act: () => void): () => void {
  const timer = setTimeout(act, ms).unref()
  return () => clearTimeout(timer)
}

interface Begun {
  readonly kept: readonly MountpathSet[] | undefined
  readonly counter: GenerationCounter
  readonly disks: Mountpaths
}

/** The history of the mountpaths as they are now, and the counter going on under it. */
function openHistory(
  {stateDirectory}: StoreOptions,
  port: Fs,
  {kept, counter, disks}: Begun,
): SetHistory {
  const known = highestWitness(disks.used)
  const found = counter.peek()
  if (counter.kept && known > found) dropOlderCounter(stateDirectory, {found, known}, port)
  const next = known > found ? known : found
  const history = historyNow(kept, {kept: counter.kept, next}, disks)
  if (history !== kept) writeHistory(stateDirectory, history, port)
  beginCounting(counter, next, disks.used)
  return createSetHistory({
    sets: history,
    keep: (changed) => writeHistory(stateDirectory, changed, port),
    nextCounter: counter.peek,
  })
}

/** Only when the history is kept: without a counter it is known that it may be wrong. */
function beginCounting(
  counter: GenerationCounter,
  from: bigint,
  mountpaths: readonly Mountpath[],
): void {
  counter.pass(from - 1n)
  counter.ensure()
  bringUpWitnesses(mountpaths, counter.reserved())
}

function historyNow(
  kept: readonly MountpathSet[] | undefined,
  counter: {readonly kept: boolean; readonly next: bigint},
  mountpaths: Mountpaths,
): readonly MountpathSet[] {
  const paths = mountpaths.used.filter(takesWrites).map(({path}) => path)
  const isKnown = kept !== undefined && counter.kept
  const before = isKnown ? kept : unknownBefore(kept ?? [], mountpaths)
  return paths.length === 0 ? before : foldHistory(extendHistory(before, paths, counter.next))
}

/**
 * Without a history or a counter nothing is known of what the disks hold, except on a first start,
 * when every mountpath was marked just now. What an older history names may hold something, too.
 */
function unknownBefore(
  kept: readonly MountpathSet[],
  mountpaths: Mountpaths,
): readonly MountpathSet[] {
  const older = mountpaths.used.filter(({fresh}) => !fresh)
  const named = kept.flatMap(({paths}) => paths)
  if (older.length === 0 && named.length === 0) return []
  const paths = [...older, ...mountpaths.missing].map(({path}) => path)
  return unknownHistory([...new Set([...paths, ...named])])
}
