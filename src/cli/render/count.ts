/** Numbers of things, for people: `12,034`. */

export function formatCount(number: number): string {
  return number.toLocaleString('en-US')
}
