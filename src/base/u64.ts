/**
 * Unsigned 64-bit numbers as bigint. Go writes them as bare JSON digits (`id_digest`) or as strings
 * (`bid`, `access`); a JavaScript number would lose the low bits above 2^53.
 */

/** 2^64 − 1. */
export const U64_MAX = 0xffff_ffff_ffff_ffffn

/**
 * The value modulo 2^64. V8 compiles `asUintN(64, …)` to machine arithmetic; masking with `&` it
 * does not.
 */
export function wrapU64(value: bigint): bigint {
  return BigInt.asUintN(64, value)
}

/** Rotation to the left by `bits` (0..63). */
export function rotateLeft64(value: bigint, bits: bigint): bigint {
  return BigInt.asUintN(64, (value << bits) | (value >> (64n - bits)))
}

/**
 * Parses decimal digits.
 * @returns undefined unless the text is 1 to 20 digits and at most 2^64 − 1
 */
export function parseU64(text: string): bigint | undefined {
  if (!/^\d{1,20}$/.test(text)) return undefined
  const value = BigInt(text)
  return value <= U64_MAX ? value : undefined
}
