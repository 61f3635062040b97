/**
 * Opens a target's store: its counter, its mountpaths with their history, the indexes. The order is
 * of consequence: the history is durable before the first write under a new set of mountpaths.
 */

import {extendHistory} from '../../core/objects/mountpath-history.ts'
import type {MountpathSet} from '../../core/objects/mountpath-history.ts'
import {createBlockPool} from './block-pool.ts'
import {openCounter} from './counter.ts'
import type {Fs} from './fs.ts'
import {nodeFs} from './fs.ts'
import type {Hashing} from './hashing.ts'
import {loadHashing} from './hashing.ts'
import {foldHistory, readHistory, unknownHistory, writeHistory} from './mountpath-state.ts'
import type {MissingMountpath, MountpathConfig, Mountpaths} from './mountpaths.ts'
import {openMountpaths} from './mountpaths.ts'
import {openNameIndexes} from './name-indexes.ts'
import type {ObjectStore} from './object-store.ts'
import {createObjectStore} from './object-store.ts'

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
  readonly fs?: Fs
  /** False for disks that are not real: indexes stay in memory. */
  readonly indexOnDisk?: boolean
}

export interface OpenedStore {
  readonly store: ObjectStore
  readonly hashing: Hashing
  /** Mountpaths that are not used, with reasons. */
  readonly missing: readonly MissingMountpath[]
  /** False on a first start and when the state directory was lost. */
  readonly counterKept: boolean
}

/** @throws AisError when state or marks are damaged, foreign or of a newer format */
export async function openObjectStore(options: StoreOptions): Promise<OpenedStore> {
  const port = options.fs ?? nodeFs
  const hashing = await loadHashing()
  const counter = openCounter(options.stateDirectory, port)
  const kept = readHistory(options.stateDirectory, port)
  const known = new Set((kept ?? []).flatMap((set) => set.paths))
  const {warn} = options
  const mountpaths = openMountpaths(
    {
      configured: options.mountpaths,
      uuid: options.uuid,
      target: options.target,
      known,
      allowSharedFilesystem: options.allowSharedFilesystem,
      nowMs: options.nowMs,
      onDisabled: (path, why) => warn('mountpath disabled', {path, why}),
    },
    port,
  )
  for (const {path, why} of mountpaths.missing) warn('mountpath not used', {path, why})
  const history = historyNow(kept, counter.kept, mountpaths, counter.peek())
  if (history !== kept) writeHistory(options.stateDirectory, history, port)
  const indexes = openNameIndexes(mountpaths.used, {
    onDisk: options.indexOnDisk ?? true,
    hashing,
    onUnreadable: (path, why) => warn('object file not indexed', {path, why}),
  })
  const store = createObjectStore({
    mountpaths,
    history,
    keepHistory: (changed) => writeHistory(options.stateDirectory, foldHistory(changed), port),
    hashing,
    pool: createBlockPool(),
    counter,
    indexes,
    verifyReads: options.verifyReads,
    nowMs: options.nowMs,
  })
  return {store, hashing, missing: mountpaths.missing, counterKept: counter.kept}
}

function historyNow(
  kept: readonly MountpathSet[] | undefined,
  counterKept: boolean,
  mountpaths: Mountpaths,
  nextCounter: bigint,
): readonly MountpathSet[] {
  const paths = mountpaths.used.map(({path}) => path)
  const before = kept === undefined || !counterKept ? unknownBefore(mountpaths) : kept
  return paths.length === 0 ? before : foldHistory(extendHistory(before, paths, nextCounter))
}

/**
 * Without a history or a counter nothing is known of what the disks hold, except on a first start,
 * when every mountpath was marked just now.
 */
function unknownBefore(mountpaths: Mountpaths): readonly MountpathSet[] {
  const older = mountpaths.used.filter(({fresh}) => !fresh)
  if (older.length === 0) return []
  return unknownHistory([...older, ...mountpaths.missing].map(({path}) => path))
}
