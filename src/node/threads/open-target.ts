/** A target's store and object path, opened once, and looked after while the node runs. */

import {AisError} from '../../base/errors.ts'
import {setting} from '../../model/config/config.ts'
import type {Bucket} from '../../model/bucket.ts'
import type {ClusterView} from '../../model/cluster-view.ts'
import type {ChecksumType} from '../../model/object.ts'
import type {OwnRing} from '../../core/objects/ring.ts'
import type {MountpathState} from '../http/capacity.ts'
import {createTargetObjects, type TargetObjects} from '../objects/dispatch.ts'
import type {Log} from '../observe/log.ts'
import type {AskTarget} from '../peer/data-client.ts'
import {openObjectStore} from '../store/open-store.ts'
import type {DataThreadStart} from './ports.ts'

export interface Target {
  readonly objects: TargetObjects
  readonly mountpaths: () => readonly MountpathState[]
  /** After the last request: keeps the indexes for the next start. */
  readonly close: () => void
}

export interface TargetDeps {
  readonly start: DataThreadStart
  readonly view: () => ClusterView
  readonly ring: () => OwnRing
  readonly leaseValid: () => boolean
  readonly askTarget: AskTarget
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
  const {store, missing} = await openObjectStore({
    stateDirectory: file.state,
    mountpaths: configured,
    uuid: file.uuid,
    target: start.id,
    allowSharedFilesystem: file.allowSharedFilesystem ?? false,
    verifyReads: () => setting(settings(), 'checksum.validate_warm_get'),
    warn: log.warn,
    nowMs: () => performance.now(),
  })
  if (missing.length === configured.length) {
    const whys = missing.map(({path, why}) => `${path}: ${why}`).join('; ')
    throw new AisError({
      code: 'BAD_CONFIG',
      message: `no mountpath can be used: ${whys}`,
      hint: 'mount the disks, or correct mountpaths in the node file',
    })
  }
  const objects = createTargetObjects({
    view,
    ring: deps.ring,
    leaseValid: deps.leaseValid,
    store,
    askTarget: deps.askTarget,
    settings: (bucket: Bucket) => ({checksumType: checksumOf(bucket, settings())}),
    now: () => ({ns: BigInt(Date.now()) * 1_000_000n}),
    log,
  })
  const timer = setInterval(() => objects.tend(), CHECK_MS)
  const mountpaths = (): readonly MountpathState[] => {
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
  return {
    objects,
    mountpaths,
    close: () => {
      clearInterval(timer)
      store.stop()
    },
  }
}

function checksumOf(bucket: Bucket, settings: Parameters<typeof setting>[0]): ChecksumType {
  const own = bucket.set['checksum.type']
  const type = typeof own === 'string' ? own : setting(settings, 'checksum.type')
  return type as ChecksumType
}
