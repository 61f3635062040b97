/**
 * XXH64, the hash behind every placement (AIStore: OneOfOne/xxhash, which is the standard one), and
 * the mixer that turns a node's digest and an object's digest into a weight (AIStore:
 * cmn/xoshiro256). For names: tens of bytes, about a microsecond. Object bytes are hashed by a
 * WebAssembly build of the same function in `node/store`.
 */

import {rotateLeft64, wrapU64} from './u64.ts'

/** Seed of all placement hashes (`MLCG32`). */
export const PLACEMENT_SEED = 1103515245n

const P1 = 0x9e3779b185ebca87n
const P2 = 0xc2b2ae3d27d4eb4fn
const P3 = 0x165667b19e3779f9n
const P4 = 0x85ebca77c2b2ae63n
const P5 = 0x27d4eb2f165667c5n

const utf8 = new TextEncoder()

/** XXH64 of the UTF-8 bytes of a text. @param seed u64; the placement seed when absent */
export function xxh64(text: string, seed: bigint = PLACEMENT_SEED): bigint {
  return xxh64Bytes(utf8.encode(text), seed)
}

/** XXH64 of bytes. @param seed u64 */
export function xxh64Bytes(bytes: Uint8Array, seed: bigint): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const length = bytes.byteLength
  let at = 0
  let hash: bigint
  if (length >= 32) {
    const lanes = [seed + P1 + P2, seed + P2, seed, seed - P1]
    for (; at + 32 <= length; at += 32) {
      for (let lane = 0; lane < 4; lane++) {
        lanes[lane] = round(lanes[lane] ?? 0n, view.getBigUint64(at + lane * 8, true))
      }
    }
    hash = mergeLanes(lanes)
  } else {
    hash = seed + P5
  }
  return avalanche(tail(view, at, wrapU64(hash + BigInt(length))))
}

function round(lane: bigint, input: bigint): bigint {
  return wrapU64(rotateLeft64(wrapU64(lane + input * P2), 31n) * P1)
}

function mergeLanes(lanes: readonly bigint[]): bigint {
  const rotations = [1n, 7n, 12n, 18n]
  let hash = 0n
  lanes.forEach((lane, index) => {
    hash += rotateLeft64(wrapU64(lane), rotations[index] ?? 0n)
  })
  for (const lane of lanes) hash = wrapU64((wrapU64(hash) ^ round(0n, wrapU64(lane))) * P1 + P4)
  return hash
}

function tail(view: DataView, start: number, initial: bigint): bigint {
  let at = start
  let hash = initial
  for (; at + 8 <= view.byteLength; at += 8) {
    hash = wrapU64(rotateLeft64(hash ^ round(0n, view.getBigUint64(at, true)), 27n) * P1 + P4)
  }
  if (at + 4 <= view.byteLength) {
    hash ^= wrapU64(BigInt(view.getUint32(at, true)) * P1)
    hash = wrapU64(rotateLeft64(hash, 23n) * P2 + P3)
    at += 4
  }
  for (; at < view.byteLength; at++) {
    hash ^= wrapU64(BigInt(view.getUint8(at)) * P5)
    hash = wrapU64(rotateLeft64(hash, 11n) * P1)
  }
  return hash
}

function avalanche(value: bigint): bigint {
  let hash = value
  hash = wrapU64((hash ^ (hash >> 33n)) * P2)
  hash = wrapU64((hash ^ (hash >> 29n)) * P3)
  return hash ^ (hash >> 32n)
}

const GOLDEN = 0x9e3779b97f4a7c15n
const MIX_1 = 0xbf58476d1ce4e5b9n
const MIX_2 = 0x94d049bb133111ebn

/**
 * AIStore's weight mixer. Two rounds of splitmix64, then the xoshiro256** output step.
 * Known answers: mix(4573842) = 5026071747115404967, mix(0) = 1905207664160064169.
 * @param value u64 @returns u64
 */
export function mixWeight(value: bigint): bigint {
  let z = splitmix(wrapU64(value + GOLDEN))
  z = splitmix(wrapU64(z + GOLDEN))
  return wrapU64(rotateLeft64(wrapU64(z * 5n), 7n) * 9n)
}

function splitmix(value: bigint): bigint {
  let z = wrapU64((value ^ (value >> 30n)) * MIX_1)
  z = wrapU64((z ^ (z >> 27n)) * MIX_2)
  return z ^ (z >> 31n)
}
