/**
 * When a version of an object was written: `(own, counter)`. `own` is the index of the newest
 * ownership entry that the writer had stored, `counter` comes from the writing target's reserved
 * blocks and is never reused. The higher generation wins everywhere; two equal ones of one key are
 * a defect (R20). AIStore's visible `version` never resolves a conflict.
 */

/** Invariant: own ≥ 0, 0 ≤ counter < 2^64. */
export interface Generation {
  readonly own: number
  readonly counter: bigint
}

/** Below every generation that was ever written. */
export const GENERATION_NONE: Generation = {own: 0, counter: 0n}

/** < 0 when a is older, > 0 when a is newer, 0 when they are the same. */
export function compareGenerations(a: Generation, b: Generation): number {
  if (a.own !== b.own) return a.own - b.own
  return a.counter < b.counter ? -1 : a.counter > b.counter ? 1 : 0
}

/** Text form `own.counter` (`12.1048577`), as footers, frames and headers carry it. */
export function formatGeneration(gen: Generation): string {
  return `${gen.own}.${gen.counter}`
}

/** The inverse of formatGeneration; undefined when the text is not of that form. */
export function parseGeneration(text: string): Generation | undefined {
  const match = /^(\d{1,15})\.(\d{1,20})$/.exec(text)
  return match === null ? undefined : {own: Number(match[1]), counter: BigInt(match[2] ?? '0')}
}
