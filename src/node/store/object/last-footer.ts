/**
 * The footer of an object's file, read from its end: what is in force, or why there is none. Reads
 * no content; whoever serves an object reads both at once (`object-file.ts`).
 */

import type {ObjectAttributes} from '../../../model/object.ts'
import {FOOTER_TAIL_BYTES, findFooter, type FoundFooter} from '../../../wire/footer.ts'
import type {Fd, Fs} from '../fs/fs.ts'
import {readAt} from '../fs/fs.ts'
import type {Hashing} from './hashing.ts'

/** The footer in force of an open file. */
export function findLastFooter(port: Fs, fd: Fd, hashing: Hashing): FoundFooter {
  const size = port.fstat(fd).sizeBytes
  let wanted = FOOTER_TAIL_BYTES
  for (;;) {
    const length = Math.min(size, wanted)
    const tail = readAt(port, fd, length, size - length)
    const found = findFooter(tail, size - length, hashing.h64)
    if (found.kind !== 'more' || tail.byteLength < length) return found
    wanted = found.tailBytes
  }
}

/** What the footer of a file says; null when none verifies. */
export function readAttributes(port: Fs, path: string, hashing: Hashing): ObjectAttributes | null {
  const fd = port.open(path, 'read')
  try {
    const found = findLastFooter(port, fd, hashing)
    return found.kind === 'found' ? found.footer.attributes : null
  } finally {
    port.close(fd)
  }
}
