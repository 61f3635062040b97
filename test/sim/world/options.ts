/**
 * What one seed's world is like: topology, timers, faults and their strength, and when what goes
 * wrong. A swarm: each seed differs. The plan is data, so that a failing one can be made smaller.
 */

import {FAULT_KINDS, isTrial, TRIAL_MS, type Fault, type FaultKind} from './faults.ts'
import {randomOf, STREAM, type Random} from './random.ts'

export interface WorldOptions {
  readonly seed: number
  readonly proxies: number
  readonly targets: number
  /** So many of the proxies may never lead. */
  readonly nonElectable: number
  /** Nodes that are started in mid-run, and nodes that are stopped for good. */
  readonly late: readonly Appearance[]
  readonly gone: readonly Appearance[]
  /** The cluster's timers, and every time of this plan, are the default ones times this. */
  readonly pace: number
  readonly tickMs: number
  readonly chaosMs: number
  readonly healMs: number
  /** At the end nobody wants anything for this long, and nothing may happen. */
  readonly calmMs: number
  readonly delayMs: number
  readonly lossRatio: number
  readonly duplicateRatio: number
  readonly diskMs: number
  readonly faults: readonly Fault[]
  /** Mean time between two commands of clients. */
  readonly commandEveryMs: number
  /** Mean time between two writes of objects. */
  readonly writeEveryMs: number
  /** Disks of objects may take longer than a lease. */
  readonly slowWrites: boolean
  /** One of this many messages goes through the wire's encoders. */
  readonly encodeOneIn: number
}

export interface Appearance {
  readonly node: number
  readonly atMs: number
}

/** C19: no election follows for so long. */
const CALM_MS = 600_000

/** Proxies and targets, as in the protocol's table; the more usual ones come up more often. */
const TOPOLOGIES = [
  [1, 1],
  [1, 3],
  [2, 0],
  [2, 1],
  [2, 1],
  [2, 3],
  [3, 0],
  [3, 2],
  [3, 4],
  [3, 4],
  [3, 4],
  [3, 4],
  [5, 6],
] as const

/** What a directed world fixes; the rest is drawn from the seed. */
export interface Directed {
  readonly topology?: readonly [proxies: number, targets: number]
  readonly nonElectable?: number
  readonly kinds?: readonly FaultKind[]
  readonly faultEveryMs?: number
  readonly commandEveryMs?: number
  readonly writeEveryMs?: number
  readonly chaosMs?: number
  readonly pace?: number
  readonly calmLinks?: boolean
  readonly slowWrites?: boolean
}

/** The options of a seed. */
export function optionsOf(seed: number, directed: Directed = {}): WorldOptions {
  const random = randomOf(seed, STREAM.options)
  const [proxies, targets] = directed.topology ?? random.pick(TOPOLOGIES)
  const drawnPace = random.pick([1, 1, 5, 10])
  const pace = directed.pace ?? drawnPace
  const lossy = random.chance(0.4)
  const lossRatio = random.ratio() * 0.3
  const doubled = random.chance(0.3)
  const duplicateRatio = random.ratio() * 0.5
  const chaosMs = (directed.chaosMs ?? 60_000 + random.int(0, 60_000)) * pace
  const quiet = random.chance(0.05)
  const everyMs = random.pick([1500, 4000, 10_000]) * pace
  const kinds = FAULT_KINDS.filter(() => random.chance(0.4))
  const isCalm = directed.calmLinks === true
  const drawnNonElectable = random.chance(0.25) ? random.int(1, Math.max(1, proxies - 2)) : 0
  return {
    seed,
    proxies,
    targets,
    nonElectable: directed.nonElectable ?? (proxies < 3 ? 0 : drawnNonElectable),
    ...appearances(random, proxies, targets, chaosMs),
    pace,
    tickMs: random.pick([100, 250, 500, 500]),
    chaosMs,
    healMs: 30_000 * pace,
    calmMs: directed.kinds === undefined ? CALM_MS * random.pick([1, pace]) : 0,
    delayMs: random.pick([0.2, 0.5, 2, 10, 40]),
    lossRatio: lossy && !isCalm ? lossRatio : 0,
    duplicateRatio: doubled && !isCalm ? duplicateRatio : 0,
    diskMs: random.pick([1, 5, 5, 20]),
    faults: planFaults(seed, {
      kinds: directed.kinds ?? kinds,
      everyMs: quiet ? Infinity : (directed.faultEveryMs ?? everyMs),
      chaosMs,
      pace,
    }),
    commandEveryMs: (directed.commandEveryMs ?? random.pick([1000, 4000, 15_000])) * pace,
    writeEveryMs: (directed.writeEveryMs ?? random.pick([500, 3000])) * pace,
    slowWrites: directed.slowWrites === true,
    encodeOneIn: 16,
  }
}

/** Some nodes come late, one may go for good: never so many that the others are no majority. */
function appearances(
  random: Random,
  proxies: number,
  targets: number,
  chaosMs: number,
): Pick<WorldOptions, 'late' | 'gone'> {
  const nodes = proxies + targets
  const comes = random.chance(0.25)
  const goes = random.chance(0.15)
  const lateNode = random.int(1, Math.max(1, nodes - 1))
  const lateAtMs = chaosMs * (0.1 + 0.4 * random.ratio())
  const goneNode = random.int(1, Math.max(1, nodes - 1))
  const goneAtMs = chaosMs * (0.3 + 0.5 * random.ratio())
  const mayGo = nodes >= 5 && proxies >= 2 && goneNode !== lateNode
  return {
    late: comes && nodes >= 4 ? [{node: lateNode, atMs: lateAtMs}] : [],
    gone: goes && mayGo ? [{node: goneNode, atMs: goneAtMs}] : [],
  }
}

/** Strikes at random times; a trial keeps others away. */
function planFaults(
  seed: number,
  plan: {
    readonly kinds: readonly FaultKind[]
    readonly everyMs: number
    readonly chaosMs: number
    readonly pace: number
  },
): readonly Fault[] {
  const {kinds, everyMs, chaosMs, pace} = plan
  if (kinds.length === 0 || everyMs === Infinity) return []
  const random = randomOf(seed, STREAM.schedule)
  const faults: Fault[] = []
  for (let atMs = random.exp(everyMs); atMs < chaosMs; atMs += random.exp(everyMs)) {
    const kind = random.pick(kinds)
    const salt = random.int(0, 0x7fff_ffff)
    if (isTrial(kind) && atMs + TRIAL_MS * pace > chaosMs) continue
    faults.push({atMs: Math.round(atMs), kind, salt})
    if (isTrial(kind)) atMs += TRIAL_MS * pace
  }
  return faults
}
