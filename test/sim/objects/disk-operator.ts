/**
 * An operator of the object world who takes mountpaths out and in while everything runs, emptied
 * first or not. In the end every mountpath is there again, those that had failed, too.
 */

import type {MountpathOrder} from '../../../src/core/objects/mountpath-orders.ts'
import type {Clock} from '../world/clock.ts'
import type {Random} from '../world/random.ts'
import {MOUNTPATHS} from './device.ts'
import type {ObjectNode} from './node.ts'

export interface DiskOperator {
  /** Begins; nothing is ordered before. */
  readonly start: () => void
  /** Brings everything back, and orders nothing more. */
  readonly end: () => void
  readonly counts: Readonly<Record<string, number>>
}

export interface DiskOperatorDeps {
  readonly clock: Clock
  readonly random: Random
  readonly nodes: readonly ObjectNode[]
  /** Mean time between two orders; Infinity: none. */
  readonly everyMs: number
}

/** Between two looks at what is not back yet. */
const AGAIN_MS = 700

export function createDiskOperator(deps: DiskOperatorDeps): DiskOperator {
  const {clock, everyMs, nodes, random} = deps
  const counts: Record<string, number> = {}
  let over = false

  function order(node: ObjectNode, action: MountpathOrder['action'], path: string): void {
    const resilver = action === 'detach' || random.chance(0.5)
    const came = node.order({action, path, label: '', resilver})
    const how = action === 'disable' && !resilver ? ' at once' : ''
    const what = `mountpath ${action}${how} ${came}`
    counts[what] = (counts[what] ?? 0) + 1
  }

  function act(): void {
    const node = random.pick(nodes)
    const path = random.pick(MOUNTPATHS)
    const states = node.disks()
    if (!node.process.isUp() || node.process.isPaused() || states.length === 0) return
    const own = states.find((one) => one.path === path)
    if (own === undefined) return order(node, 'attach', path)
    if (own.state === 'available') return order(node, random.pick(['disable', 'detach']), path)
    order(node, 'enable', path)
  }

  function repeat(): void {
    clock.after(random.exp(everyMs), () => {
      if (over) return
      act()
      repeat()
    })
  }

  function bringBack(): void {
    for (const node of nodes) {
      const states = node.disks()
      if (!node.process.isUp() || states.length === 0) continue
      for (const path of MOUNTPATHS) {
        const own = states.find((one) => one.path === path)
        if (own === undefined) order(node, 'attach', path)
        else if (own.state !== 'available') order(node, 'enable', path)
      }
    }
    clock.after(AGAIN_MS, bringBack)
  }

  return {
    counts,
    start: () => {
      if (everyMs !== Infinity) repeat()
    },
    end: () => {
      over = true
      bringBack()
    },
  }
}
