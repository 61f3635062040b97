/**
 * What goes wrong in the object world besides the kernels' faults: targets that are away for long
 * enough to be lost, and return; data disks that fail for some calls.
 */

import type {Clock} from '../world/clock.ts'
import type {Network} from '../world/network.ts'
import type {Random} from '../world/random.ts'
import {MOUNTPATHS} from './device.ts'
import type {ObjectNode} from './node.ts'

export interface Troubles {
  /** Begins; nothing goes wrong before. */
  readonly start: () => void
  /** Everything that began here ends; disks are well again. */
  readonly end: () => void
  readonly counts: Readonly<Record<string, number>>
}

export interface TroubleDeps {
  readonly clock: Clock
  readonly random: Random
  readonly network: Network
  readonly nodes: readonly ObjectNode[]
  /** Nodes of all roles: a target that is cut off hears none of them. */
  readonly places: number
  /** Mean times; Infinity: never. */
  readonly outageEveryMs: number
  readonly diskEveryMs: number
  readonly rotEveryMs: number
  /** A bit of a copy flips somewhere on a target. */
  readonly rot: (node: ObjectNode) => void
  /** How long a target is away. */
  readonly awayMs: readonly [fewest: number, most: number]
}

const OUTAGES = ['kill', 'power', 'pause', 'cut', 'cut', 'deaf'] as const
/** Some disks are full, or dying, until somebody sees to it. */
const LASTING_RATIO = 0.3
const CODES = ['EIO', 'ENOSPC', 'EROFS'] as const

export function createTroubles(deps: TroubleDeps): Troubles {
  const {clock, network, nodes, random} = deps
  const counts: Record<string, number> = {}
  const mends = new Set<() => void>()
  let over = false

  function count(name: string): void {
    counts[name] = (counts[name] ?? 0) + 1
  }

  function repeat(everyMs: number, act: () => void): void {
    if (everyMs === Infinity) return
    clock.after(random.exp(everyMs), () => {
      if (over) return
      act()
      repeat(everyMs, act)
    })
  }

  function until(mend: () => void): void {
    mends.add(mend)
    clock.after(random.int(...deps.awayMs), () => {
      if (mends.delete(mend)) mend()
    })
  }

  function outage(): void {
    const {process} = random.pick(nodes)
    const kind = random.pick(OUTAGES)
    count(`long ${kind}`)
    if (kind === 'pause') {
      process.pause()
      return until(process.thaw)
    }
    if (kind === 'cut' || kind === 'deaf') {
      for (let place = 0; place < deps.places; place++) {
        if (place === process.index) continue
        network.cut(place, process.index)
        if (kind === 'cut') network.cut(process.index, place)
      }
      return until(network.heal)
    }
    process.kill(kind === 'power')
    until(process.start)
  }

  function diskTrouble(): void {
    const node = random.pick(nodes)
    const code = random.pick(CODES)
    const lasts = random.chance(LASTING_RATIO)
    const path = random.pick(MOUNTPATHS)
    if (!node.process.isUp()) return
    count(lasts ? `disk ${code} for long` : `disk ${code}`)
    if (!lasts) return node.trouble(code, random.pick([1, 1, 2, 10]), '')
    node.trouble(code, Infinity, path)
    until(() => node.trouble('', 0, ''))
  }

  return {
    counts,
    start: () => {
      repeat(deps.outageEveryMs, outage)
      repeat(deps.diskEveryMs, diskTrouble)
      repeat(deps.rotEveryMs, () => deps.rot(random.pick(nodes)))
    },
    end: () => {
      over = true
      for (const mend of mends) mend()
      mends.clear()
      for (const node of nodes) node.trouble('', 0, '')
    },
  }
}
