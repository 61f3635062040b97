/** One range of bytes, as `Range` headers name it. Several ranges are not served, as in AIStore. */

export interface ByteRange {
  readonly start: number
  /** Not included. */
  readonly end: number
}

/**
 * @param header the value of `Range`; undefined when there is none
 * @returns null for the whole object; 'unsatisfiable' for 416
 */
export function parseRange(
  header: string | undefined,
  sizeBytes: number,
): ByteRange | null | 'unsatisfiable' {
  if (header === undefined || header === '') return null
  const match = /^bytes=(?:(\d{1,15})-(\d{0,15})|-(\d{1,15}))$/.exec(header.replaceAll(' ', ''))
  if (match === null) return 'unsatisfiable'
  const [, first, last, suffix] = match
  if (suffix !== undefined) {
    const length = Math.min(Number(suffix), sizeBytes)
    return length === 0 ? 'unsatisfiable' : {start: sizeBytes - length, end: sizeBytes}
  }
  const start = Number(first)
  const end = last === undefined || last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes)
  return start >= end ? 'unsatisfiable' : {start, end}
}

/** What AIStore shows of a range that it refuses: `[5000-6000]`. */
export function rangeText(header: string): string {
  return `[${header.replace(/^bytes=/, '')}]`
}
