/** What one seed's object world is like: as the kernels' world, smaller, with disks in trouble. */

import type {StrikeKind} from '../world/faults.ts'
import {optionsOf, type WorldOptions} from '../world/options.ts'
import {randomOf} from '../world/random.ts'

export interface ObjectWorldOptions extends WorldOptions {
  /** Mean time between two faults; Infinity: none. */
  readonly faultEveryMs: number
  readonly kinds: readonly StrikeKind[]
  readonly keys: number
  readonly clients: number
  /** Mean time between two things that one client does. */
  readonly pauseMs: number
  /** How often a client follows a redirect that is out of date. */
  readonly staleRatio: number
  /** Mean time between two long absences of targets; Infinity: none. */
  readonly outageEveryMs: number
  /** Mean time between two troubles of a data disk; Infinity: none. */
  readonly troubleEveryMs: number
  /** Mean time between two orders of an operator; Infinity: none. */
  readonly orderEveryMs: number
  /** On how many mountpaths of its owner each object is to lie. */
  readonly copies: number
  /** Mean time between two bits that flip in one of several copies; Infinity: none. */
  readonly rotEveryMs: number
  /** Mean time between two orders about mountpaths; Infinity: none. */
  readonly diskOrderEveryMs: number
  /** Mean time between two lists. */
  readonly listEveryMs: number
  /** How long a target is away that is away for long. */
  readonly awayMs: readonly [fewest: number, most: number]
}

/** Streams of a seed that the kernels' world does not use. */
export const OBJECT_STREAM = {
  options: 21,
  clients: 22,
  disks: 23,
  links: 24,
  troubles: 25,
  operator: 26,
  span: 27,
  diskOperator: 28,
  rot: 29,
  lists: 30,
} as const

/** Faults that say something about data. */
const KINDS: readonly StrikeKind[] = [
  'kill',
  'power',
  'power',
  'pause',
  'pause',
  'stop',
  'wipe',
  'isolate',
  'one-way',
  'halves',
  'clog',
  'stall',
  'blackout',
]

const TOPOLOGIES = [
  [1, 2],
  [1, 3],
  [2, 2],
  [2, 3],
  [3, 4],
] as const

/** Most worlds are short, so that many are seen; what takes long is seen in the others. */
const LONG_RATIO = 0.15

type Span = Pick<
  ObjectWorldOptions,
  'chaosMs' | 'healMs' | 'awayMs' | 'diskOrderEveryMs' | 'copies' | 'rotEveryMs'
>

/** How long things take in the world of a seed, and what is drawn since. */
function spanOf(seed: number, longMs: number): Span {
  const random = randomOf(seed, OBJECT_STREAM.span)
  const isLong = random.chance(LONG_RATIO)
  const shortMs = random.int(8000, 30_000)
  const diskOrderEveryMs = random.pick([Infinity, 6000, 2500, 1000])
  const copies = random.pick([1, 1, 1, 2])
  const more = {diskOrderEveryMs, copies, rotEveryMs: copies === 1 ? Infinity : 1500}
  return isLong
    ? {chaosMs: longMs, healMs: 30_000, awayMs: [12_000, 40_000], ...more}
    : {chaosMs: shortMs, healMs: 5000, awayMs: [5000, 20_000], ...more}
}

/** The options of a seed. */
export function objectOptionsOf(seed: number): ObjectWorldOptions {
  const random = randomOf(seed, OBJECT_STREAM.options)
  const [proxies, targets] = random.pick(TOPOLOGIES)
  const kinds = KINDS.filter(() => random.chance(0.6))
  return {
    ...optionsOf(seed),
    proxies,
    targets,
    nonElectable: 0,
    late: [],
    gone: [],
    pace: 1,
    tickMs: 100,
    ...spanOf(seed, 60_000 + random.int(0, 40_000)),
    calmMs: 0,
    delayMs: random.pick([0.2, 0.5, 2, 10]),
    diskMs: random.pick([1, 5, 20]),
    faultEveryMs: random.pick([1500, 4000, 12_000, Infinity]),
    faults: [],
    kinds: kinds.length === 0 ? ['kill', 'pause'] : kinds,
    commandEveryMs: 3000,
    writeEveryMs: Infinity,
    slowWrites: false,
    encodeOneIn: 64,
    keys: random.int(2, 5),
    clients: random.int(3, 8),
    pauseMs: random.pick([20, 100, 300]),
    staleRatio: random.pick([0.02, 0.1, 0.4]),
    outageEveryMs: random.pick([Infinity, 8000, 15_000, 15_000]),
    troubleEveryMs: random.pick([Infinity, Infinity, 8000]),
    orderEveryMs: random.pick([Infinity, 2500, 6000, 6000]),
    listEveryMs: 800,
  }
}
