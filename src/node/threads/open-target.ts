/** A target's store and object path, opened once, and looked after while the node runs. */

import {AisError} from '../../base/errors.ts'
import {setting} from '../../model/config/config.ts'
import type {Bucket} from '../../model/bucket.ts'
import type {ClusterView} from '../../model/cluster-view.ts'
import type {ChecksumType} from '../../model/object.ts'
import type {MoveReport} from '../../model/peer-messages.ts'
import type {OwnRing} from '../../core/objects/ring.ts'
import type {MountpathState} from '../http/capacity.ts'
import {createTargetObjects, type TargetObjects} from '../objects/dispatch.ts'
import type {MoveDeps} from '../move/context.ts'
import {createMover} from '../move/mover.ts'
import {createMoveReceiver, type MoveReceiver} from '../move/receive.ts'
import {createTraffic} from '../move/traffic.ts'
import type {Log} from '../observe/log.ts'
import type {Stats} from '../observe/stats.ts'
import type {AskTarget} from '../peer/data-client.ts'
import type {MissingMountpath} from '../store/mountpaths.ts'
import type {ObjectStore} from '../store/object-store.ts'
import {openObjectStore} from '../store/open-store.ts'
import type {DataThreadStart} from './ports.ts'

export interface Target {
  readonly objects: TargetObjects
  readonly moves: MoveReceiver
  /** After each new view. */
  readonly look: () => void
  readonly mountpaths: () => readonly MountpathState[]
  /** Removes what belongs to the cluster from the disks. @throws AisError naming what stays */
  readonly decommission: (rmUserData: boolean) => Promise<void>
  /** After the last request: keeps the indexes for the next start. */
  readonly close: () => void
}

export interface TargetDeps {
  readonly start: DataThreadStart
  readonly view: () => ClusterView
  readonly ring: () => OwnRing
  readonly leaseValid: () => boolean
  readonly askTarget: AskTarget
  readonly stats: Stats
  /** This target's word on a rebalance. */
  readonly moved: (report: MoveReport) => void
  /** And on what it removes when all has moved. */
  readonly reclaimed: (report: MoveReport) => void
  readonly defect: (error: unknown) => void
  readonly log: Log
}

/** How often disks are looked at for calls that hang. */
const CHECK_MS = 1000

/** @throws AisError when the state is damaged or no mountpath can be used */
export async function openTarget(deps: TargetDeps): Promise<Target> {
  const {start, view, log} = deps
  const {file} = start.config
  const configured = file.mountpaths ?? []
  const settings = (): Readonly<Parameters<typeof setting>[0]> => view().record?.conf.set ?? {}
  const nowMs = (): number => performance.now()
  const {store, hashing, missing} = await openObjectStore({
    stateDirectory: file.state,
    mountpaths: configured,
    uuid: file.uuid,
    target: start.id,
    allowSharedFilesystem: file.allowSharedFilesystem ?? false,
    verifyReads: () => setting(settings(), 'checksum.validate_warm_get'),
    warn: log.warn,
    nowMs,
  })
  if (missing.length === configured.length) {
    const whys = missing.map(({path, why}) => `${path}: ${why}`).join('; ')
    throw new AisError({
      code: 'BAD_CONFIG',
      message: `no mountpath can be used: ${whys}`,
      hint: 'mount the disks, or correct mountpaths in the node file',
    })
  }
  const traffic = createTraffic(nowMs)
  const objects = createTargetObjects({
    view,
    ring: deps.ring,
    leaseValid: deps.leaseValid,
    store,
    askTarget: deps.askTarget,
    traffic,
    settings: (bucket: Bucket) => ({checksumType: checksumOf(bucket, settings())}),
    now: () => ({ns: BigInt(Date.now()) * 1_000_000n}),
    log,
  })
  const {ring, askTarget, stats} = deps
  const moving: MoveDeps = {
    view,
    ring,
    store,
    hash: hashing.h64,
    askTarget,
    traffic,
    stats,
    report: deps.moved,
    reclaimed: deps.reclaimed,
    nowMs,
    after,
    log,
  }
  const mover = createMover(moving, deps.defect)
  const timer = setInterval(() => objects.tend(), CHECK_MS)
  return {
    objects,
    moves: createMoveReceiver(moving),
    look: mover.look,
    mountpaths: () => mountpathStates(store, missing),
    decommission: async (rmUserData) => {
      mover.stop()
      await store.decommission(rmUserData)
    },
    close: () => {
      mover.stop()
      clearInterval(timer)
      store.stop()
    },
  }
}

function after(ms: number, act: () => void): () => void {
  const timer = setTimeout(act, ms)
  return () => clearTimeout(timer)
}

function mountpathStates(
  store: ObjectStore,
  missing: readonly MissingMountpath[],
): readonly MountpathState[] {
  const states = store.status().map(({path, label, disks, disabled}): MountpathState => {
    const state = disabled === null ? 'available' : 'disabled'
    return {path, label, disks, state, why: disabled ?? ''}
  })
  const shown = new Set(states.map(({path}) => path))
  const away = missing
    .filter(({path}) => !shown.has(path))
    .map(({path, why}): MountpathState => ({path, label: '', disks: [], state: 'missing', why}))
  return [...states, ...away]
}

function checksumOf(bucket: Bucket, settings: Parameters<typeof setting>[0]): ChecksumType {
  const own = bucket.set['checksum.type']
  const type = typeof own === 'string' ? own : setting(settings, 'checksum.type')
  return type as ChecksumType
}
