/** What clients write: contents that say which write they come from, in every byte. */

const UNIT_BYTES = 64

/** The content of a write. */
export function contentOf(key: string, value: number, sizeBytes: number): Buffer {
  return Buffer.alloc(sizeBytes, `${key} ${value} of ${sizeBytes} `.padEnd(UNIT_BYTES, '.'))
}

/** Which write a content comes from; null for one that nobody wrote like this. */
export function valueOf(key: string, content: Buffer): number | null {
  const match = /^(\S+) (\d+) of (\d+) /.exec(content.toString('latin1', 0, UNIT_BYTES))
  if (match === null) return null
  const [value, sizeBytes] = [Number(match[2]), Number(match[3])]
  if (match[1] !== key || sizeBytes !== content.byteLength) return null
  return contentOf(key, value, sizeBytes).equals(content) ? value : null
}
