/**
 * A seeded generator as a value (sfc32): `next` returns the number and the generator that follows.
 * It lives inside protocol state, so that a recorded (seed, events) list replays a run exactly.
 * Not for secrets: identities and keys come from node:crypto at the edge.
 */

/** Four 32-bit words. Immutable: every draw gives a new one. */
export interface Prng {
  readonly a: number
  readonly b: number
  readonly c: number
  readonly d: number
}

/** Rounds after which the seed has reached all four words. */
const MIX_ROUNDS = 15

/**
 * A generator from a seed.
 * @param seed any safe integer; only its low 53 bits matter
 * @param stream distinguishes independent streams of one seed (0 when absent), so that taking draws
 *   away from one stream does not shift the others
 */
export function prngOf(seed: number, stream = 0): Prng {
  let prng: Prng = {a: seed >>> 0, b: Math.floor(seed / 0x1_0000_0000) >>> 0, c: stream >>> 0, d: 1}
  for (let round = 0; round < MIX_ROUNDS; round++) prng = nextU32(prng)[1]
  return prng
}

/** A draw of 32 bits: [0, 2^32). */
export function nextU32(prng: Prng): readonly [value: number, prng: Prng] {
  const sum = (((prng.a + prng.b) >>> 0) + prng.d) >>> 0
  return [
    sum,
    {
      a: (prng.b ^ (prng.b >>> 9)) >>> 0,
      b: (prng.c + (prng.c << 3)) >>> 0,
      c: (((prng.c << 21) | (prng.c >>> 11)) + sum) >>> 0,
      d: (prng.d + 1) >>> 0,
    },
  ]
}

/** A draw in [0, 1). */
export function nextRatio(prng: Prng): readonly [value: number, prng: Prng] {
  const [value, after] = nextU32(prng)
  return [value / 0x1_0000_0000, after]
}

/** An integer in [low, high], both included. The bias is below 2^-20 for spans under 4,096. */
export function nextInt(
  prng: Prng,
  low: number,
  high: number,
): readonly [value: number, prng: Prng] {
  const [ratio, after] = nextRatio(prng)
  return [low + Math.floor(ratio * (high - low + 1)), after]
}
