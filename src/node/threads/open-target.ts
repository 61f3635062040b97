/** A target's store and object path, opened once, and looked after while the node runs. */

import {AisError} from '../../base/errors.ts'
import {setting} from '../../model/config/config.ts'
import type {Bucket} from '../../model/bucket.ts'
import type {ClusterView} from '../../model/cluster-view.ts'
import {sinceOf} from '../../model/forgotten.ts'
import type {ChecksumType} from '../../model/object.ts'
import type {MoveReport} from '../../model/peer-messages.ts'
import type {OwnRing} from '../../core/objects/ring.ts'
import type {DiskState} from '../store/disks.ts'
import {createTargetObjects, type TargetObjects} from '../objects/dispatch.ts'
import type {MoveDeps} from '../move/context.ts'
import {createMover} from '../move/mover.ts'
import {createMoveReceiver, type MoveReceiver} from '../move/receive.ts'
import {createTraffic} from '../move/traffic.ts'
import type {Log} from '../observe/log.ts'
import type {Stats} from '../observe/stats.ts'
import type {AskTarget} from '../peer/data-client.ts'
import {openObjectStore} from '../store/open-store.ts'
import {openWalkCursor} from '../store/walk-cursor.ts'
import {renewEmpty} from '../store/quarantine.ts'
import type {DataThreadStart} from './ports.ts'

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
  const sinceNow = (): number => sinceOf(view().record?.smap.nodes[start.id])
  let since = sinceNow()
  const {store, disks, hashing} = await openObjectStore({
    stateDirectory: file.state,
    mountpaths: configured,
    uuid: file.uuid,
    target: start.id,
    since: sinceNow,
    allowSharedFilesystem: file.allowSharedFilesystem ?? false,
    verifyReads: () => setting(settings(), 'checksum.validate_warm_get'),
    warn: log.warn,
    nowMs,
  })
  // One that was disabled can be enabled again: the node waits for that.
  if (disks.states().every(({state}) => state === 'missing')) {
    const whys = disks.missing.map(({path, why}) => `${path}: ${why}`).join('; ')
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
    cursor: openWalkCursor(file.state),
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
    since: () => since,
    renew: (to) => {
      const isEmpty = renewEmpty(disks.used, to)
      if (isEmpty) since = to
      return isEmpty
    },
    ended: () => new Promise((resolve) => store.whenWritesEnded(resolve)),
    mountpaths: disks.states,
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

function checksumOf(bucket: Bucket, settings: Parameters<typeof setting>[0]): ChecksumType {
  const own = bucket.set['checksum.type']
  const type = typeof own === 'string' ? own : setting(settings, 'checksum.type')
  return type as ChecksumType
}
