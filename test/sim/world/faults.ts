/** What goes wrong in the virtual world, and how it is mended. */

import type {PeerRequest} from '../../../src/model/peer-messages.ts'
import type {ClusterUuid, NodeId} from '../../../src/model/ids.ts'
import type {Clock} from './clock.ts'
import type {Network} from './network.ts'
import type {SimProcess} from './process.ts'
import type {Random} from './random.ts'

/** Kinds of fault; each seed enables some of them. */
export const FAULT_KINDS = [
  'kill',
  'power',
  'pause',
  'stop',
  'wipe',
  'rot',
  'isolate',
  'one-way',
  'halves',
  'bridge',
  'clog',
  'stall',
  'wall-jump',
  'rogue',
  'blackout',
] as const

export type FaultKind = (typeof FAULT_KINDS)[number]

export interface Nemesis {
  /** Does one thing, and plans its end. */
  readonly strike: () => void
  /** Ends everything: all nodes run, all links work, all disks are fast. */
  readonly heal: () => void
  /** A node stopped in good order is started again after a while. */
  readonly stopped: (process: SimProcess) => void
  readonly counts: Readonly<Record<string, number>>
}

export interface NemesisDeps {
  readonly options: {readonly faults: readonly FaultKind[]}
  readonly clock: Clock
  readonly random: Random
  readonly network: Network
  readonly processes: readonly SimProcess[]
  readonly wiped: (process: SimProcess) => void
  /** Whether enough disks are left without this node's: losing a majority is not survived. */
  readonly survives: (id: NodeId) => boolean
}

/** How long one fault lasts on average. */
const LASTS_MS = 6000
/** systemd's RestartSec. */
const RESTART_MS = 2000

export function createNemesis(deps: NemesisDeps): Nemesis {
  const {clock, network, options, processes, random} = deps
  const counts: Record<string, number> = {}
  let over = false

  function later(act: () => void, meanMs = LASTS_MS): void {
    clock.after(random.exp(meanMs), () => {
      if (!over) act()
    })
  }

  function down(process: SimProcess, power: boolean): void {
    process.kill(power)
    later(process.start)
  }

  /** The fixed primary keeps its disk: without it this release has nobody to lead. */
  function loseDisk(process: SimProcess, lose: () => void): void {
    if (process.index === 0 || !deps.survives(process.facts.self.id)) return
    process.kill(true)
    lose()
    deps.wiped(process)
    later(process.start)
  }

  function cutBetween(cuts: (from: number, to: number) => boolean): void {
    for (const a of processes) {
      for (const b of processes)
        if (a !== b && cuts(a.index, b.index)) network.cut(a.index, b.index)
    }
    later(network.heal, LASTS_MS * 2)
  }

  function halves(): (index: number) => boolean {
    const side = processes.map(() => random.chance(0.5))
    return (index) => side[index] === true
  }

  const strikes: Readonly<Record<FaultKind, () => void>> = {
    'kill': () => down(random.pick(processes), false),
    'power': () => down(random.pick(processes), true),
    'pause': () => {
      const process = random.pick(processes)
      process.pause()
      later(process.thaw, random.chance(0.3) ? LASTS_MS * 3 : LASTS_MS / 2)
    },
    'stop': () => {
      random.pick(processes).stop()
    },
    'wipe': () => {
      const process = random.pick(processes)
      loseDisk(process, process.disk.wipe)
    },
    'rot': () => {
      const process = random.pick(processes)
      loseDisk(process, process.disk.rot)
    },
    'isolate': () => {
      const {index} = random.pick(processes)
      cutBetween((from, to) => from === index || to === index)
    },
    'one-way': () => {
      const {index} = random.pick(processes)
      const outward = random.chance(0.5)
      cutBetween((from, to) => (outward ? from : to) === index)
    },
    'halves': () => {
      const side = halves()
      cutBetween((from, to) => side(from) !== side(to))
    },
    'bridge': () => {
      const side = halves()
      const {index} = random.pick(processes)
      cutBetween((from, to) => from !== index && to !== index && side(from) !== side(to))
    },
    'clog': () => {
      const {index} = random.pick(processes)
      for (const other of processes) {
        network.slow(index, other.index, 2000)
        if (random.chance(0.5)) network.slow(other.index, index, 2000)
      }
      later(network.heal)
    },
    'stall': () => {
      const {disk} = random.pick(processes)
      disk.stallMs = random.int(50, 3000)
      later(() => {
        disk.stallMs = 0
      })
    },
    'wall-jump': () => random.pick(processes).jumpWall(random.int(-3_600_000, 3_600_000)),
    'rogue': () => {
      const process = random.pick(processes)
      const request = rogueRequest(random)
      if (process.isUp())
        process.peerAsked(random.int(0, processes.length - 1), request, () => undefined)
    },
    'blackout': () => {
      for (const process of processes) {
        process.kill(true)
        later(process.start, LASTS_MS / 3)
      }
    },
  }

  return {
    counts,
    stopped: (process) => {
      clock.after(over ? RESTART_MS : random.exp(LASTS_MS), process.start)
    },
    strike: () => {
      if (over || options.faults.length === 0) return
      const kind = random.pick(options.faults)
      counts[kind] = (counts[kind] ?? 0) + 1
      strikes[kind]()
    },
    heal: () => {
      over = true
      network.heal()
      network.calm()
      for (const process of processes) {
        process.disk.stallMs = 0
        process.thaw()
        process.start()
      }
    },
  }
}

/** A message of somebody who belongs elsewhere, or is out of his mind. */
function rogueRequest(random: Random): PeerRequest {
  const uuid = random.chance(0.5)
    ? ('other-cluster' as ClusterUuid)
    : ('sim-cluster-1' as ClusterUuid)
  const stranger = 'stranger-1' as NodeId
  switch (random.int(0, 3)) {
    case 0:
      return {
        type: 'vote',
        uuid,
        epoch: random.int(0, 1000),
        candidate: {id: stranger, inc: 1},
        pre: random.chance(0.5),
        founding: false,
        led: 0,
        forced: false,
        holds: null,
      }
    case 1:
      return {
        type: 'beat',
        uuid: 'other-cluster' as ClusterUuid,
        epoch: 1_000_000,
        committed: {epoch: 1_000_000, index: 5},
        committedSha: 'x',
        settled: 10,
        started: true,
        to: {inc: 1, run: 1},
        echo: 1,
        leaseMs: 100_000,
      }
    case 2:
      return {type: 'leaving', uuid, voter: {id: stranger, inc: 3}, run: 1}
    default:
      return {type: 'probe', uuid: ''}
  }
}
