/**
 * What may be ordered of a running target's mountpaths, and the resilver that follows from it, as
 * one thing for whoever serves them.
 */

import {AisError, refusal} from '../../../base/errors.ts'
import type {MountpathAction} from '../../../core/objects/mountpath-orders.ts'
import type {Disks} from './disks.ts'
import type {OpenedStore} from '../open-store.ts'
import type {ResilverDeps, ResilverJob} from './resilver.ts'
import {createResilver} from './resilver.ts'

export interface MountpathRequest {
  /** `rescan`: the disks of a mountpath are not counted here, so there is nothing to do. */
  readonly verb: MountpathAction | 'rescan' | 'check'
  readonly path: string
  readonly label: string
  readonly resilver: boolean
}

export interface MountpathControl {
  /** @returns false when it is so already @throws AisError */
  readonly follow: (request: MountpathRequest) => boolean
  /** The resilver that runs, or the last since the start. */
  readonly resilver: () => ResilverJob | null
  readonly stop: () => void
}

/** Between two looks at whether there is something to resilver. */
const LOOK_MS = 500

type Opened = Pick<OpenedStore, 'store' | 'disks' | 'history' | 'hashing' | 'checkMountpath'>

/** @param onDefect what no disk explains */
export function createMountpathControl(
  opened: Opened,
  deps: Omit<ResilverDeps, 'store' | 'disks' | 'history' | 'hashing'>,
  onDefect: (error: unknown) => void,
): MountpathControl {
  const {disks, checkMountpath} = opened
  const resilver = createResilver({...opened, ...deps}, onDefect)
  let takeBack = deps.after(LOOK_MS, tick)

  /** Mountpaths fail, and walks end, without an order. */
  function tick(): void {
    resilver.look()
    takeBack = deps.after(LOOK_MS, tick)
  }

  return {
    follow: ({verb, ...order}) => {
      if (verb === 'rescan' || verb === 'check') {
        needed(disks, order.path)
        if (verb === 'check') checkMountpath(order.path)
        return verb === 'check'
      }
      const changed = disks.order({action: verb, ...order})
      if (changed) resilver.look()
      return changed
    },
    resilver: resilver.job,
    stop: () => {
      takeBack()
      resilver.stop()
    },
  }
}

function needed(disks: Disks, path: string): void {
  if (disks.states().some((one) => one.path === path)) return
  const message = `mountpath ${JSON.stringify(path)} does not exist`
  throw new AisError(refusal('MOUNTPATH_NOT_FOUND', message))
}
