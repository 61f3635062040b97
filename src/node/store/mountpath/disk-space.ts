/**
 * Whether mountpaths have room for new objects: above the watermark nothing new is begun there, so
 * that what is on its way, deletes and changes of metadata still find some. Asked of the
 * filesystems once in a while, not per request.
 */

import {AisError} from '../../../base/errors.ts'
import {usedPercent} from '../clearing.ts'
import {errnoOf} from '../fs/fs.ts'
import type {Mountpath} from './mountpaths.ts'

export interface DiskSpace {
  /** @throws AisError NO_SPACE when one of them is too full for new objects */
  readonly check: (mountpaths: readonly Mountpath[]) => void
  /** Percent in use of the fullest mountpath that serves. */
  readonly fullestPercent: () => number
  /** Asks the filesystems. */
  readonly measure: (mountpaths: readonly Mountpath[]) => void
}

/** @param outOfSpace percent in use from which on new objects are refused */
export function createDiskSpace(outOfSpace: () => number): DiskSpace {
  let used = new Map<Mountpath, number>()

  function ask(mountpath: Mountpath): number | undefined {
    if (mountpath.calls.disabled() !== null) return undefined
    try {
      return usedPercent(mountpath.port.space(mountpath.path))
    } catch (error) {
      if (errnoOf(error) === '') throw error
      mountpath.calls.note(error)
      return undefined
    }
  }

  return {
    measure: (mountpaths) => {
      used = new Map(mountpaths.map((mountpath) => [mountpath, ask(mountpath) ?? 0]))
    },
    fullestPercent: () => Math.max(0, ...used.values()),
    check: (mountpaths) => {
      const limit = outOfSpace()
      for (const mountpath of mountpaths) {
        if ((used.get(mountpath) ?? 0) < limit) continue
        // Space may have been made since.
        const percent = ask(mountpath) ?? 0
        used.set(mountpath, percent)
        if (percent >= limit) throw outOfRoom(mountpath, percent, limit)
      }
    },
  }
}

function outOfRoom({node, path}: Mountpath, percent: number, limit: number): AisError {
  const is = `${percent.toFixed(1)} % in use, ${limit} % is the limit (space.out_of_space)`
  return new AisError({
    code: 'NO_SPACE',
    message: `${node}: mountpath ${path} has no room for new objects: ${is}`,
    hint: 'free space there, or add a mountpath or a target',
    details: {mountpath: path},
  })
}
