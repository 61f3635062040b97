/**
 * Where an object's file lies below a mountpath: `b/<bid>/<2 hex>/<file name>`. The file name is
 * the object's name percent-encoded, so that `a` and `a/b` live side by side; where that would
 * exceed what a directory entry holds, a readable start and 128 bits of hash. The footer in the
 * file holds the full name and is checked on every access, so two long names that met would be
 * refused, never mixed. Knows nothing of disks.
 */

import {xxh64, xxh64Bytes} from '../../base/xxhash.ts'
import {FILE_NAME_BYTES_MAX} from '../../model/limits.ts'

/** Root of all objects below a mountpath. */
export const OBJECTS_FOLDER = 'b'
/** Seeds of the two halves of the hash of a long name, and of the folder; part of the format. */
const SEED_HIGH = 0x6e616d65n
const SEED_LOW = 0x66696c65n
const SEED_FOLDER = 0x666f6c64n
const LONG_MARK = '~'
const HASH_LETTERS = 32
/** Bytes of the encoded name that stay readable in front of the hash. */
const READABLE_BYTES = FILE_NAME_BYTES_MAX - HASH_LETTERS - LONG_MARK.length

/**
 * What stands for itself. `~` marks a hashed name and is therefore always encoded in a plain one.
 */
const ENCODED = /[\u0000-\u001f\u007f%/~]|^\./g
const utf8 = new TextEncoder()

/** Path below the mountpath: folder and file name. */
export function filePathOf(bid: string, name: string): string {
  return `${OBJECTS_FOLDER}/${bid}/${folderOf(name)}/${fileNameOf(name)}`
}

/** The two hex digits that spread a bucket's objects over 256 directories. */
export function folderOf(name: string): string {
  return Number(xxh64(name, SEED_FOLDER) & 0xffn)
    .toString(16)
    .padStart(2, '0')
}

/** The file name of an object: at most 255 bytes, never `.` or `..`, without `/` and NUL. */
export function fileNameOf(name: string): string {
  const plain = name.replace(ENCODED, percent)
  if (plain.length * 3 <= FILE_NAME_BYTES_MAX) return plain
  if (utf8.encode(plain).byteLength <= FILE_NAME_BYTES_MAX) return plain
  const bytes = utf8.encode(name)
  const hash = hex16(xxh64Bytes(bytes, SEED_HIGH)) + hex16(xxh64Bytes(bytes, SEED_LOW))
  return `${readableStart(plain)}${LONG_MARK}${hash}`
}

/**
 * The inverse: the object's name, or undefined when the file name is a hashed one (the footer holds
 * it) or not one that `fileNameOf` gives.
 */
export function nameOfFile(fileName: string): string | undefined {
  if (fileName.includes(LONG_MARK)) return undefined
  const name = fileName.replace(/%([0-9A-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
  return fileNameOf(name) === fileName ? name : undefined
}

function percent(letter: string): string {
  return `%${letter.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
}

function hex16(value: bigint): string {
  return value.toString(16).padStart(16, '0')
}

/** As many whole letters as fit, and no half of an escape. */
function readableStart(plain: string): string {
  let start = ''
  let bytes = 0
  for (const letter of plain) {
    bytes += utf8.encode(letter).byteLength
    if (bytes > READABLE_BYTES) break
    start += letter
  }
  return start.replace(/%[0-9A-F]?$/, '')
}
