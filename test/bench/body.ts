/** What the benchmarks store: bytes that do not compress and are the same in every run. */

/** Content that does not compress and is the same in every run. */
export function bodyOf(sizeBytes: number): Uint8Array {
  const body = new Uint8Array(sizeBytes)
  let word = 0x9e3779b9
  for (let at = 0; at < sizeBytes; at += 1) {
    word = (Math.imul(word, 1664525) + 1013904223) >>> 0
    body[at] = word >>> 24
  }
  return body
}
