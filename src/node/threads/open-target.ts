/** A target's store and object path, opened once, and looked after while the node runs. */

import {AisError} from '../../base/errors.ts'
import {setting} from '../../model/config/config.ts'
import type {Bucket} from '../../model/bucket.ts'
import type {ClusterView} from '../../model/cluster-view.ts'
import {sinceOf} from '../../model/forgotten.ts'
import type {ChecksumType} from '../../model/object.ts'
import type {MoveReport} from '../../model/peer-messages.ts'
import type {OwnRing} from '../../core/objects/ring.ts'
import type {Disks, DiskState} from '../store/mountpath/disks.ts'
import {createTargetObjects, type TargetObjects} from '../objects/dispatch.ts'
import type {MoveDeps} from '../move/context.ts'
import {createMover} from '../move/mover.ts'
import {createMoveReceiver, type MoveReceiver} from '../move/receive.ts'
import {createTraffic, type TrafficWatch} from '../move/traffic.ts'
import type {CopiesShare} from '../../wire/copies-job.ts'
import {createCopiesWanted} from '../mirror/wanted.ts'
import {tellDamage} from '../mirror/tell.ts'
import type {Log} from '../observe/log.ts'
import type {Stats} from '../observe/stats.ts'
import type {AskTarget} from '../peer/data-client.ts'
import type {MountpathControl} from '../store/mountpath/mountpath-control.ts'
import {createMountpathControl} from '../store/mountpath/mountpath-control.ts'
import type {ObjectStore} from '../store/object-store.ts'
import {openObjectStore, type OpenedStore} from '../store/open-store.ts'
import {openWalkCursor} from '../store/state/walk-cursor.ts'
import {renewEmpty} from '../store/mountpath/quarantine.ts'
import {diskWithin} from './disk-cell.ts'
import type {DataThreadStart} from './ports.ts'
import {createUpkeep} from './upkeep.ts'

export interface Target {
  readonly objects: TargetObjects
  readonly moves: MoveReceiver
  /** After each new view. */
  readonly look: () => void
  /** Index of the record since which what lies on the mountpaths is the cluster's (R33). */
  readonly since: () => number
  /** Nothing lies there, so it is of any membership. False: it has to be opened anew. */
  readonly renew: (since: number) => boolean
  /** When every write that has been decided has ended. */
  readonly ended: () => Promise<void>
  readonly mountpaths: () => readonly DiskState[]
  readonly mountpathControl: MountpathControl
  readonly health: ObjectStore['health']
  /** How far the copies of mirrored buckets are. */
  readonly copies: () => readonly CopiesShare[]
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
  /** Nothing is left of buckets that were destroyed up to this record. */
  readonly cleared: (upTo: number) => void
  readonly defect: (error: unknown) => void
  readonly log: Log
}

/** @throws AisError when the state is damaged or no mountpath can be used */
export async function openTarget(deps: TargetDeps): Promise<Target> {
  const {start, view, log} = deps
  const {file} = start.config
  const settings = (): Readonly<Parameters<typeof setting>[0]> => view().record?.conf.set ?? {}
  const nowMs = (): number => performance.now()
  const sinceNow = (): number => sinceOf(view().record?.smap.nodes[start.id])
  const since = sinceNow()
  const opened = await openStore(deps, {settings, nowMs, sinceNow})
  const {store, disks, hashing} = opened
  checkUsable(disks)
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
    cursor: openWalkCursor(file.state),
    nowMs,
    after,
    log,
  }
  const mover = createMover(moving, deps.defect)
  const control = controlOf(deps, opened, {traffic, settings, nowMs})
  const {cleared, defect} = deps
  const upkeep = createUpkeep({view, store, traffic, nowMs, after, log, cleared, defect})
  return {
    objects,
    moves: createMoveReceiver(moving),
    look: mover.look,
    ...membershipSince(since, disks),
    ended: () => new Promise((resolve) => store.whenWritesEnded(resolve)),
    mountpaths: disks.states,
    mountpathControl: control,
    copies: upkeep.copies,
    health: store.health,
    decommission: async (rmUserData) => {
      mover.stop()
      control.stop()
      upkeep.stop()
      await store.decommission(rmUserData)
    },
    close: () => {
      mover.stop()
      control.stop()
      upkeep.stop()
      store.stop()
    },
  }
}

/** @param since when it was opened */
function membershipSince(since: number, disks: Disks): Pick<Target, 'since' | 'renew'> {
  let settled = since
  return {
    since: () => settled,
    renew: (to) => {
      const isEmpty = renewEmpty(disks.used, to)
      if (isEmpty) settled = to
      return isEmpty
    },
  }
}

/** @throws AisError when no mountpath can be used */
function checkUsable(disks: Disks): void {
  // One that was disabled can be enabled again: the node waits for that.
  if (disks.states().some(({state}) => state !== 'missing')) return
  const whys = disks.missing.map(({path, why}) => `${path}: ${why}`).join('; ')
  throw new AisError({
    code: 'BAD_CONFIG',
    message: `no mountpath can be used: ${whys}`,
    hint: 'mount the disks, or correct mountpaths in the node file',
  })
}

interface StoreQuestions extends Pick<Watches, 'settings' | 'nowMs'> {
  readonly sinceNow: () => number
}

function openStore(
  {start, view, stats, log}: TargetDeps,
  {settings, nowMs, sinceNow}: StoreQuestions,
): Promise<OpenedStore> {
  const {file} = start.config
  return openObjectStore({
    stateDirectory: file.state,
    mountpaths: file.mountpaths ?? [],
    uuid: file.uuid,
    target: start.id,
    since: sinceNow,
    allowSharedFilesystem: file.allowSharedFilesystem ?? false,
    verifyReads: () => setting(settings(), 'checksum.validate_warm_get'),
    copiesWanted: createCopiesWanted(view),
    outOfSpace: () => setting(settings(), 'space.out_of_space'),
    ...tellDamage(stats, log),
    within: diskWithin(start.disks),
    health: () => ({
      isEnabled: setting(settings(), 'fshc.enabled'),
      failedChecks: setting(settings(), 'fshc.error_limit'),
      failures: setting(settings(), 'fshc.io_err_limit'),
      withinMs: setting(settings(), 'fshc.io_err_time'),
    }),
    warn: log.warn,
    nowMs,
  })
}

interface Watches {
  readonly traffic: TrafficWatch
  readonly settings: () => Readonly<Parameters<typeof setting>[0]>
  readonly nowMs: () => number
}

function controlOf(
  {view, log, defect}: TargetDeps,
  opened: OpenedStore,
  {traffic, settings, nowMs}: Watches,
): MountpathControl {
  const isEnabled = (): boolean => view().record !== null && setting(settings(), 'resilver.enabled')
  const wallMs = (): number => Date.now()
  const resilvering = {bucketOf: bucketOf(view), isEnabled, traffic: traffic.now}
  return createMountpathControl(
    opened,
    {...resilvering, nowMs, wallMs, after, info: log.info},
    defect,
  )
}

/** Destroyed ones too, while the record speaks of them. */
function bucketOf(view: () => ClusterView): (bid: string) => Bucket | undefined {
  let known: {readonly bmd: unknown; readonly byId: ReadonlyMap<string, Bucket>} | null = null
  return (bid) => {
    const bmd = view().record?.bmd
    if (known === null || known.bmd !== bmd) {
      const all = Object.values(bmd?.buckets ?? {})
      known = {bmd, byId: new Map(all.map((bucket) => [bucket.bid, bucket]))}
    }
    return known.byId.get(bid)
  }
}

function after(ms: number, act: () => void): () => void {
  const timer = setTimeout(act, ms)
  return () => clearTimeout(timer)
}

function checksumOf(bucket: Bucket, settings: Parameters<typeof setting>[0]): ChecksumType {
  const own = bucket.set['checksum.type']
  const type = typeof own === 'string' ? own : setting(settings, 'checksum.type')
  return type as ChecksumType
}
