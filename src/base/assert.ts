/**
 * What may not happen. A failed assertion is a defect of this program, never an operator's mistake:
 * the daemon logs its last events and exits, the CLI asks for a report.
 */

/** A broken invariant. Carries the invariant in words; never shown to clients as an answer. */
export class BugError extends Error {
  override readonly name = 'BugError'
}

/**
 * Asserts an invariant.
 * @param condition what must hold
 * @param invariant the invariant in words, as a full statement (`match < next`)
 * @throws BugError when the condition is false
 */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new BugError(invariant)
}

/**
 * Ends a `switch` over a union: the compiler refuses a missing case, and a value from outside the
 * type system fails loudly.
 * @throws BugError always
 */
export function unreachable(value: never): never {
  throw new BugError(`unreachable case: ${JSON.stringify(value)}`)
}

/**
 * Narrows away `undefined` and `null` where an invariant says that the value is there.
 * @param value the value
 * @param invariant why it must be there
 * @throws BugError when it is absent
 */
export function defined<T>(value: T | undefined | null, invariant: string): T {
  if (value === undefined || value === null) throw new BugError(invariant)
  return value
}
