/** Seeded draws for the virtual world: one mutable stream per concern, all of one seed. */

/** A stream of draws (sfc32). Mutable, because nothing replays a world but its seed. */
export interface Random {
  /** [0, 1). */
  readonly ratio: () => number
  /** Integer in [low, high]. */
  readonly int: (low: number, high: number) => number
  /** Whether something of this probability happens. */
  readonly chance: (probability: number) => boolean
  /** One of a list that is not empty. */
  readonly pick: <T>(list: readonly T[]) => T
  /** Exponentially distributed with this mean. */
  readonly exp: (mean: number) => number
}

/** The streams of a world: taking draws away from one does not shift the others. */
export const STREAM = {
  options: 1,
  ties: 2,
  network: 3,
  disk: 4,
  faults: 5,
  workload: 6,
  process: 7,
  objects: 8,
  times: 9,
  schedule: 10,
  probes: 11,
} as const

/** Streams of links, disks and processes begin here: one each, so that none shifts another. */
const STREAMS_OF_PARTS = {link: 0x1_0000, disk: 0x2_0000, process: 0x3_0000} as const

/** The stream of one link, disk or process. */
export function randomOfPart(
  seed: number,
  kind: keyof typeof STREAMS_OF_PARTS,
  part: number,
): Random {
  return randomOf(seed, STREAMS_OF_PARTS[kind] + part)
}

/** A stream of a seed. */
export function randomOf(seed: number, stream: number): Random {
  let a = seed >>> 0
  let b = Math.floor(seed / 0x1_0000_0000) >>> 0
  let c = stream >>> 0
  let d = 1
  function next(): number {
    const sum = (((a + b) >>> 0) + d) >>> 0
    d = (d + 1) >>> 0
    a = (b ^ (b >>> 9)) >>> 0
    b = (c + (c << 3)) >>> 0
    c = (((c << 21) | (c >>> 11)) + sum) >>> 0
    return sum
  }
  for (let round = 0; round < 15; round++) next()
  const ratio = (): number => next() / 0x1_0000_0000
  const int = (low: number, high: number): number => low + Math.floor(ratio() * (high - low + 1))
  return {
    ratio,
    int,
    chance: (probability) => probability > 0 && ratio() < probability,
    pick: (list) => list[int(0, list.length - 1)] as (typeof list)[number],
    exp: (mean) => -mean * Math.log(1 - ratio()),
  }
}
