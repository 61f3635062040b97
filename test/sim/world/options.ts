/**
 * What one seed's world is like: topology, faults and their strength. A swarm: each seed differs.
 */

import {FAULT_KINDS, type FaultKind} from './faults.ts'
import {randomOf, STREAM} from './random.ts'

export interface WorldOptions {
  readonly seed: number
  readonly proxies: number
  readonly targets: number
  readonly chaosMs: number
  readonly healMs: number
  readonly delayMs: number
  readonly lossRatio: number
  readonly duplicateRatio: number
  readonly diskMs: number
  /** Mean time between two faults; Infinity: none. */
  readonly faultEveryMs: number
  readonly faults: readonly FaultKind[]
  /** Mean time between two commands of clients. */
  readonly commandEveryMs: number
  /** Mean time between two writes of objects. */
  readonly writeEveryMs: number
  /** One of this many messages goes through the wire's encoders. */
  readonly encodeOneIn: number
}

const TOPOLOGIES = [
  [1, 1],
  [1, 3],
  [2, 1],
  [2, 3],
  [3, 0],
  [3, 2],
  [3, 4],
  [3, 4],
  [3, 4],
  [5, 6],
] as const

/** The options of a seed. */
export function optionsOf(seed: number): WorldOptions {
  const random = randomOf(seed, STREAM.options)
  const [proxies, targets] = random.pick(TOPOLOGIES)
  const lossy = random.chance(0.5)
  const quiet = random.chance(0.05)
  return {
    seed,
    proxies,
    targets,
    chaosMs: 60_000 + random.int(0, 60_000),
    healMs: 30_000,
    delayMs: random.pick([0.2, 0.5, 2, 10]),
    lossRatio: lossy ? random.ratio() * 0.15 : 0,
    duplicateRatio: random.chance(0.3) ? random.ratio() * 0.2 : 0,
    diskMs: random.pick([1, 5, 5, 20]),
    faultEveryMs: quiet ? Infinity : random.pick([1500, 4000, 10_000]),
    faults: FAULT_KINDS.filter(() => random.chance(0.5)),
    commandEveryMs: random.pick([300, 1000, 3000]),
    writeEveryMs: random.pick([200, 1000]),
    encodeOneIn: 16,
  }
}
