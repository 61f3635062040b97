/**
 * What follows the last footer of a file that verifies: the rest of a change that a crash has
 * interrupted, and that nobody was told of, or a footer that was acknowledged and has rotted since.
 * Behind the first the older footer is in force; behind the second it would be old news.
 *
 * A change appends a footer with one write at the end of the file, flushed before it is
 * acknowledged. A crash leaves it shorter, or without some of its sectors, which read as zeros
 * then; whatever is there is as it was written. A whole footer has no sector of zeros. Rot changes
 * bytes of a whole one.
 */

import {FOOTER_BYTES_MAX, HEAD_BYTES, MAGIC_END, MAGIC_START, TAIL_BYTES} from './footer-shape.ts'

/** Devices write no less at a time; filesystems place files at multiples of it. */
const SECTOR_BYTES = 512

/**
 * Whether a crash can have left these bytes.
 * @param rest all bytes behind the footer that verifies
 * @param position of `rest` in the file
 */
export function isTornAppend(rest: Uint8Array, position: number): boolean {
  const {byteLength} = rest
  if (byteLength < HEAD_BYTES + TAIL_BYTES) return true
  const announced = announcedBytes(rest)
  if (announced > byteLength && !endsWhole(rest)) return true
  // More may have been appended later, when this one still verified.
  return lacksSector(rest.subarray(0, Math.min(announced, byteLength)), position)
}

/** Length of the footer by its head; of all that is there when it has none. */
function announcedBytes(rest: Uint8Array): number {
  const view = new DataView(rest.buffer, rest.byteOffset, HEAD_BYTES)
  if (view.getUint32(0, true) !== MAGIC_START) return rest.byteLength
  const bytes = HEAD_BYTES + 8 * view.getUint32(12, true) + view.getUint32(8, true) + TAIL_BYTES
  return bytes > FOOTER_BYTES_MAX ? rest.byteLength : bytes
}

/** Whether its end says that it is as long as it is. */
function endsWhole(rest: Uint8Array): boolean {
  const view = new DataView(rest.buffer, rest.byteOffset + rest.byteLength - 8, 8)
  return view.getUint32(4, true) === MAGIC_END && view.getUint32(0, true) === rest.byteLength
}

function lacksSector(bytes: Uint8Array, position: number): boolean {
  let at = 0
  while (at < bytes.byteLength) {
    const end = at + SECTOR_BYTES - ((position + at) % SECTOR_BYTES)
    if (bytes.subarray(at, end).every((byte) => byte === 0)) return true
    at = end
  }
  return false
}
