/** Carries out the plan of what goes wrong, and mends it. */

import type {NodeId} from '../../../src/model/ids.ts'
import type {Clock} from './clock.ts'
import {isTrial, TRIAL_MS, type Fault, type StrikeKind, type TrialKind} from './faults.ts'
import type {Network} from './network.ts'
import type {SimProcess} from './process.ts'
import {randomOf, STREAM, type Random} from './random.ts'
import {rogueRequest} from './rogue.ts'

export interface Nemesis {
  /** Does one thing, and plans its end. */
  readonly strike: (fault: Fault) => void
  /** Ends what goes on now: all nodes run, all links work, all disks are fast. */
  readonly quell: () => void
  /** Ends everything for good. */
  readonly heal: () => void
  /** A node that ended by itself is started again after a while. */
  readonly ended: (process: SimProcess) => void
  /** This node never comes back; or it did not exist before, and is started now. */
  readonly bury: (process: SimProcess) => void
  readonly appear: (process: SimProcess) => void
  readonly isGone: (process: SimProcess) => boolean
  readonly counts: Readonly<Record<string, number>>
}

export interface NemesisDeps {
  readonly clock: Clock
  readonly network: Network
  readonly processes: readonly SimProcess[]
  /** Nodes that are not there from the beginning. */
  readonly late: readonly number[]
  readonly pace: number
  readonly lossRatio: number
  readonly duplicateRatio: number
  /** False: clocks on the wall do not jump; nothing else may differ then (C23). */
  readonly wallJumps: boolean
  readonly wiped: (process: SimProcess) => void
  /** Whether enough disks are left without these nodes': losing a majority is not survived. */
  readonly survives: (lost: readonly NodeId[]) => boolean
  readonly tryOut: (kind: TrialKind, random: Random) => void
  readonly handOver: (random: Random) => void
}

/** How long one fault lasts on average. */
const LASTS_MS = 6000
/** systemd's RestartSec. */
const RESTART_MS = 2000
const FLAPS = 12
/** Restarts in one storm. */
const STORM_STARTS = 3

export function createNemesis(deps: NemesisDeps): Nemesis {
  const {clock, network, pace, processes} = deps
  const counts: Record<string, number> = {}
  const gone = new Set<number>(deps.late)
  const buried = new Set<number>()
  let over = false
  /** Grows when everything is mended: what was planned before then does not happen any more. */
  let spell = 0
  let busyUntilMs = 0

  function later(random: Random, act: () => void, meanMs = LASTS_MS): void {
    const now = spell
    clock.after(random.exp(meanMs * pace), () => {
      if (now === spell) act()
    })
  }

  /** A trial wants the cluster for itself. */
  function whenFree(act: () => void): void {
    clock.after(Math.max(0, busyUntilMs - clock.nowMs()), act)
  }

  function start(process: SimProcess): void {
    if (!gone.has(process.index)) process.start()
  }

  function down(random: Random, process: SimProcess, power: boolean): void {
    process.kill(power)
    later(random, () => start(process), LASTS_MS * (random.chance(0.3) ? 0.2 : 1))
  }

  function primary(): SimProcess | undefined {
    return processes.find((process) => process.node()?.stage.stage === 'leading')
  }

  function someone(random: Random): SimProcess {
    return random.chance(0.3) ? (primary() ?? random.pick(processes)) : random.pick(processes)
  }

  function survivesWithout(process: SimProcess): boolean {
    if (mayFoundAgain(process)) return false
    const lost = processes.filter(({index}) => buried.has(index) || index === process.index)
    return deps.survives(lost.map(({facts}) => facts.self.id))
  }

  /**
   * A founder without its disk would form the cluster anew with those that have no state yet, when
   * they are a majority of the configured nodes with it (DESIGN: founding).
   */
  function mayFoundAgain(founder: SimProcess): boolean {
    if (!founder.facts.bootstrap) return false
    const blank = processes.filter(
      (process) => process !== founder && process.disk.durable()?.accepted == null,
    )
    return (blank.length + 1) * 2 > founder.facts.peers.length
  }

  function loseDisk(random: Random, lose: (process: SimProcess) => void): void {
    const process = random.pick(processes)
    if (!survivesWithout(process)) return
    process.kill(true)
    lose(process)
    deps.wiped(process)
    later(random, () => start(process))
  }

  function cutWhere(random: Random, cuts: (from: number, to: number) => boolean): void {
    const links = pairs().filter(([from, to]) => cuts(from, to))
    for (const [from, to] of links) network.cut(from, to)
    later(
      random,
      () => {
        for (const [from, to] of links) network.mend(from, to)
      },
      LASTS_MS * (random.chance(0.3) ? 3 : 1),
    )
  }

  function pairs(): readonly (readonly [number, number])[] {
    return processes.flatMap((a) =>
      processes.filter((b) => b !== a).map((b) => [a.index, b.index] as const),
    )
  }

  function sides(random: Random): (index: number) => boolean {
    const side = processes.map(() => random.chance(0.5))
    return (index) => side[index] === true
  }

  /** One node's links are cut and mended, over and over. */
  function flap(random: Random, index: number, left: number): void {
    const links = pairs().filter(([from, to]) => from === index || to === index)
    for (const [from, to] of links) network.cut(from, to)
    later(
      random,
      () => {
        for (const [from, to] of links) network.mend(from, to)
        if (left > 0) later(random, () => flap(random, index, left - 1), 1500)
      },
      1500,
    )
  }

  /** One after the other stops receiving, and in another order they receive again. */
  function swizzle(random: Random): void {
    for (const {index} of processes.filter(() => random.chance(0.5))) {
      later(
        random,
        () => {
          for (const other of processes) network.clog(other.index, index)
          later(random, () => {
            for (const other of processes) network.release(other.index, index)
          })
        },
        LASTS_MS / 3,
      )
    }
  }

  function storm(random: Random, process: SimProcess, left: number): void {
    process.kill(random.chance(0.3))
    later(
      random,
      () => {
        start(process)
        if (left > 0) later(random, () => storm(random, process, left - 1), LASTS_MS / 3)
      },
      RESTART_MS,
    )
  }

  const strikes: Readonly<Record<StrikeKind, (random: Random) => void>> = {
    'kill': (random) => down(random, someone(random), false),
    'power': (random) => down(random, someone(random), true),
    'crash': (random) => {
      const process = someone(random)
      process.dieAtEffect(random.int(0, 12), random.chance(0.5))
      later(random, () => start(process))
    },
    'pause': (random) => {
      const process = someone(random)
      process.pause()
      later(random, process.thaw, random.chance(0.3) ? LASTS_MS * 3 : LASTS_MS / 2)
    },
    'stop': (random) => someone(random).stop(),
    'storm': (random) => {
      for (const process of processes) {
        if (random.chance(0.5)) storm(random, process, STORM_STARTS)
      }
    },
    'blackout': (random) => {
      for (const process of processes) {
        process.kill(true)
        later(random, () => start(process), LASTS_MS / 3)
      }
    },
    'wipe': (random) => loseDisk(random, (process) => process.disk.wipe()),
    'rot': (random) => loseDisk(random, (process) => process.disk.rot('both')),
    'rot-one': (random) => {
      const process = random.pick(processes)
      process.kill(true)
      process.disk.rot('one')
      later(random, () => start(process))
    },
    'flush-fails': (random) => {
      someone(random).disk.failNext = true
    },
    'torn': (random) => {
      const process = processes.find(({disk}) => disk.isWriting()) ?? someone(random)
      down(random, process, true)
    },
    'stall': (random) => {
      const {disk} = someone(random)
      disk.stallMs = random.int(50, 3000)
      later(random, () => {
        disk.stallMs = 0
      })
    },
    'isolate': (random) => {
      const {index} = random.pick(processes)
      cutWhere(random, (from, to) => from === index || to === index)
    },
    'isolate-primary': (random) => {
      const index = primary()?.index
      cutWhere(random, (from, to) => from === index || to === index)
    },
    'one-way': (random) => {
      const {index} = someone(random)
      const outward = random.chance(0.5)
      cutWhere(random, (from, to) => (outward ? from : to) === index)
    },
    'halves': (random) => {
      const side = sides(random)
      cutWhere(random, (from, to) => side(from) !== side(to))
    },
    'bridge': (random) => {
      const side = sides(random)
      const {index} = random.pick(processes)
      cutWhere(random, (from, to) => from !== index && to !== index && side(from) !== side(to))
    },
    /** Everybody sees a majority, and no two the same one. */
    'ring': (random) => {
      const order = processes.map(({index}) => ({index, at: random.ratio()}))
      order.sort((a, b) => a.at - b.at)
      const place = new Map(order.map(({index}, at) => [index, at]))
      const reach = Math.ceil(processes.length / 4)
      cutWhere(random, (from, to) => {
        const apart = Math.abs((place.get(from) ?? 0) - (place.get(to) ?? 0))
        return Math.min(apart, processes.length - apart) > reach
      })
    },
    'flap': (random) => flap(random, someone(random).index, FLAPS),
    'clog': (random) => {
      const {index} = someone(random)
      const links = pairs().filter(
        ([from, to]) => from === index || (to === index && random.chance(0.5)),
      )
      for (const [from, to] of links) network.clog(from, to)
      later(random, () => {
        for (const [from, to] of links) network.release(from, to)
      })
    },
    'swizzle': swizzle,
    'slow': (random) => {
      const {index} = someone(random)
      const links = pairs().filter(
        ([from, to]) => from === index || (to === index && random.chance(0.5)),
      )
      for (const [from, to] of links) network.slow(from, to, 2000)
      later(random, () => {
        for (const [from, to] of links) network.slow(from, to, 0)
      })
    },
    'wall-jump': (random) => {
      const process = random.pick(processes)
      const byMs = random.int(-3_600_000, 3_600_000)
      if (deps.wallJumps) process.jumpWall(byMs)
    },
    'rogue': (random) => {
      const process = random.pick(processes)
      const request = rogueRequest(random)
      const from = random.int(0, processes.length - 1)
      if (process.isUp()) process.peerAsked(from, request, () => undefined)
    },
    'handover': deps.handOver,
  }

  function quell(): void {
    spell++
    network.heal()
    network.disturb(0, 0)
    for (const process of processes) {
      process.disk.stallMs = 0
      process.disk.failNext = false
      process.dieAtEffect(Infinity, false)
      process.thaw()
      start(process)
    }
  }

  return {
    counts,
    isGone: (process) => gone.has(process.index),
    bury: (process) =>
      whenFree(() => {
        if (!survivesWithout(process)) return
        gone.add(process.index)
        buried.add(process.index)
        process.kill(true)
      }),
    appear: (process) =>
      whenFree(() => {
        gone.delete(process.index)
        start(process)
      }),
    ended: (process) => {
      clock.after(RESTART_MS, () => start(process))
    },
    strike: ({kind, salt}) => {
      if (over || processes.length === 0) return
      const random = randomOf(salt, STREAM.faults)
      counts[kind] = (counts[kind] ?? 0) + 1
      if (isTrial(kind)) {
        quell()
        busyUntilMs = clock.nowMs() + TRIAL_MS * pace
        deps.tryOut(kind, random)
        return
      }
      network.disturb(deps.lossRatio, deps.duplicateRatio)
      strikes[kind](random)
    },
    quell,
    heal: () => {
      over = true
      quell()
    },
  }
}
