/** How many of something, for people to read at a glance; sizes and durations are base/units.ts. */

/** `12,034`. */
export function formatCount(number: number): string {
  return number.toLocaleString('en-US')
}
