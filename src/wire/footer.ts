/**
 * What follows an object's bytes in its file: everything that is known of the object, so that one
 * rename makes content and metadata visible together and a file found anywhere says what it is.
 *
 * ```
 * content | footer | footer … ; a footer is, little-endian:
 *   "AISF" · u16 format · u16 flags · u32 length of JSON · u32 number of blocks · u64 content
 * length
 *   u64 XXH64 per block of 1 MiB of content · JSON (name, bid, gen, version, times, checksums,
 * custom)
 *   u64 XXH64 of the footer up to here · u32 length of the whole footer · "FSIA"
 * ```
 *
 * A metadata-only change appends a footer; the last one that verifies wins, so a torn append leaves
 * the one before it in force; what is not torn and does not verify is damage (`footer-rest.ts`).
 * Pure: the hash is passed in, because the daemon has a faster one.
 */

import {assert} from '../base/assert.ts'
import {xxh64Bytes} from '../base/xxhash.ts'
import type {JsonObject, JsonValue} from '../model/bucket.ts'
import {formatGeneration, parseGeneration} from '../model/generation.ts'
import type {ObjectName} from '../model/ids.ts'
import {CHECKSUM_BLOCK_BYTES} from '../model/limits.ts'
import type {Checksum, ChecksumType, ObjectAttributes} from '../model/object.ts'
import {isTornAppend} from './footer-rest.ts'
import {FOOTER_BYTES_MAX, HEAD_BYTES, MAGIC_END, MAGIC_START, TAIL_BYTES} from './footer-shape.ts'

/** Number of this footer's shape. A release reads n and n−1. */
export const FOOTER_FORMAT = 1
/** XXH64 under seed 0 of bytes. */
export type HashBytes = (bytes: Uint8Array) => bigint

/** Bytes read from a file's end at first: holds the footer of an object of a few hundred MiB. */
export const FOOTER_TAIL_BYTES = 4096

const FLAG_TOMBSTONE = 1

export interface Footer {
  readonly attributes: ObjectAttributes
  /** Whole checksums besides `attributes.checksum`: what the client asked for, in addition. */
  readonly moreChecksums: readonly Checksum[]
  /** XXH64 of each block of 1 MiB, 8 bytes little-endian each; the last block may be short. */
  readonly blocks: Uint8Array
  /** Fields of the JSON that this release does not know; written back unchanged. */
  readonly unknown: JsonObject
}

/** Where a footer was found. `start` and `end` are positions in the file. */
export type FoundFooter =
  | {readonly kind: 'found'; readonly footer: Footer; readonly start: number; readonly end: number}
  /** Read this many bytes from the file's end and ask again. */
  | {readonly kind: 'more'; readonly tailBytes: number}
  /** Written by a newer release: not to be touched. */
  | {readonly kind: 'newer'; readonly format: number}
  /** One that was acknowledged does not verify any more; an older one does, and is not in force. */
  | {readonly kind: 'damaged'}
  | {readonly kind: 'none'}

const SEED = 0n
const hashSlowly: HashBytes = (bytes) => xxh64Bytes(bytes, SEED)
const utf8 = new TextEncoder()
const text = new TextDecoder('utf-8', {fatal: true})

/** How many blocks content of a length has. */
export function blockCount(lengthBytes: number): number {
  return Math.ceil(lengthBytes / CHECKSUM_BLOCK_BYTES)
}

/** XXH64 of block `index` as the footer holds it. */
export function blockHash(footer: Footer, index: number): bigint {
  const {buffer, byteOffset} = footer.blocks
  return new DataView(buffer, byteOffset + index * 8, 8).getBigUint64(0, true)
}

/**
 * The bytes of a footer.
 * @param hash XXH64 seed 0; the slow pure one when absent
 */
export function encodeFooter(footer: Footer, hash: HashBytes = hashSlowly): Uint8Array {
  const {attributes, blocks} = footer
  assert(
    blocks.byteLength === 8 * blockCount(attributes.sizeBytes),
    'a footer holds one hash per block of content',
  )
  const json = utf8.encode(JSON.stringify(jsonOf(footer)))
  const total = HEAD_BYTES + blocks.byteLength + json.byteLength + TAIL_BYTES
  assert(total <= FOOTER_BYTES_MAX, 'a footer is within its bound')
  const bytes = new Uint8Array(total)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, MAGIC_START, true)
  view.setUint16(4, FOOTER_FORMAT, true)
  view.setUint16(6, attributes.tombstone ? FLAG_TOMBSTONE : 0, true)
  view.setUint32(8, json.byteLength, true)
  view.setUint32(12, blocks.byteLength / 8, true)
  view.setBigUint64(16, BigInt(attributes.sizeBytes), true)
  bytes.set(blocks, HEAD_BYTES)
  bytes.set(json, HEAD_BYTES + blocks.byteLength)
  const hashed = total - TAIL_BYTES
  view.setBigUint64(hashed, hash(bytes.subarray(0, hashed)), true)
  view.setUint32(total - 8, total, true)
  view.setUint32(total - 4, MAGIC_END, true)
  return bytes
}

/**
 * The footer in force, from the end of a file.
 * @param tail the file's last bytes
 * @param tailStart position of `tail` in the file; 0 when it is the whole file
 * @param hash XXH64 seed 0; the slow pure one when absent
 */
export function findFooter(
  tail: Uint8Array,
  tailStart: number,
  hash: HashBytes = hashSlowly,
): FoundFooter {
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength)
  for (let end = tail.byteLength; end >= HEAD_BYTES + TAIL_BYTES; end--) {
    if (view.getUint32(end - 4, true) !== MAGIC_END) continue
    const length = view.getUint32(end - 8, true)
    const start = end - length
    if (length < HEAD_BYTES + TAIL_BYTES || length > FOOTER_BYTES_MAX) continue
    if (start < 0) {
      if (tailStart + start < 0) continue
      return {kind: 'more', tailBytes: tail.byteLength - start}
    }
    const found = decodeAt({view, tail, tailStart, hash}, start, end)
    if (found === undefined) continue
    const rest = tail.subarray(end)
    const isWhole = found.kind !== 'found' || rest.byteLength === 0
    return isWhole || isTornAppend(rest, tailStart + end) ? found : {kind: 'damaged'}
  }
  if (tailStart === 0 || tail.byteLength >= FOOTER_BYTES_MAX) return {kind: 'none'}
  return {kind: 'more', tailBytes: Math.min(tail.byteLength * 4, FOOTER_BYTES_MAX)}
}

interface Tail {
  readonly view: DataView
  readonly tail: Uint8Array
  readonly tailStart: number
  readonly hash: HashBytes
}

function decodeAt(within: Tail, start: number, end: number): FoundFooter | undefined {
  const {view, tail, tailStart, hash} = within
  if (view.getUint32(start, true) !== MAGIC_START) return undefined
  const hashed = end - TAIL_BYTES
  if (view.getBigUint64(hashed, true) !== hash(tail.subarray(start, hashed))) return undefined
  const format = view.getUint16(start + 4, true)
  if (format > FOOTER_FORMAT) return {kind: 'newer', format}
  const jsonBytes = view.getUint32(start + 8, true)
  const blocksBytes = view.getUint32(start + 12, true) * 8
  const sizeBytes = Number(view.getBigUint64(start + 16, true))
  if (HEAD_BYTES + blocksBytes + jsonBytes + TAIL_BYTES !== end - start) return undefined
  if (blocksBytes !== 8 * blockCount(sizeBytes) || sizeBytes > tailStart + start) return undefined
  const blocksAt = start + HEAD_BYTES
  const json = parseJson(tail.subarray(blocksAt + blocksBytes, hashed))
  if (json === undefined) return undefined
  const flags = view.getUint16(start + 6, true)
  const parts = partsOf(json, sizeBytes, (flags & FLAG_TOMBSTONE) !== 0)
  if (parts === undefined) return undefined
  // A copy: the buffer is the reader's, and holds the next file soon (a Buffer's slice is a view).
  const blocks = new Uint8Array(tail.subarray(blocksAt, blocksAt + blocksBytes))
  return {
    kind: 'found',
    footer: {...parts, blocks},
    start: tailStart + start,
    end: tailStart + end,
  }
}

function jsonOf(footer: Footer): JsonObject {
  const {attributes} = footer
  return {
    name: attributes.name,
    bid: attributes.bid,
    gen: formatGeneration(attributes.gen),
    version: attributes.version,
    atime: String(attributes.atimeNs),
    mtime: String(attributes.mtimeNs),
    checksums: [attributes.checksum, ...footer.moreChecksums].map((sum) => [sum.type, sum.value]),
    custom: attributes.custom,
    ...footer.unknown,
  }
}

function parseJson(bytes: Uint8Array): Record<string, JsonValue> | undefined {
  try {
    const value: unknown = JSON.parse(text.decode(bytes))
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, JsonValue>)
      : undefined
  } catch {
    // Bytes that pass the checksum and are no JSON were not written by encodeFooter.
    return undefined
  }
}

function partsOf(
  json: Record<string, JsonValue>,
  sizeBytes: number,
  tombstone: boolean,
): Omit<Footer, 'blocks'> | undefined {
  const {name, bid, gen, version, atime, mtime, checksums, custom, ...unknown} = json
  const generation = typeof gen === 'string' ? parseGeneration(gen) : undefined
  const sums = Array.isArray(checksums) ? checksumsOf(checksums) : undefined
  const valid =
    typeof name === 'string' &&
    typeof bid === 'string' &&
    typeof version === 'number' &&
    isDigits(atime) &&
    isDigits(mtime) &&
    isTexts(custom)
  if (!valid || generation === undefined || sums === undefined) return undefined
  const [checksum = {type: 'none', value: ''}, ...moreChecksums] = sums
  const attributes = {
    name: name as ObjectName,
    bid,
    sizeBytes,
    gen: generation,
    version,
    atimeNs: BigInt(atime),
    mtimeNs: BigInt(mtime),
    checksum,
    custom,
    tombstone,
  }
  return {attributes, moreChecksums, unknown}
}

function isDigits(value: JsonValue | undefined): value is string {
  return typeof value === 'string' && /^\d{1,20}$/.test(value)
}

function isTexts(value: JsonValue | undefined): value is Record<string, string> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((item) => typeof item === 'string')
  )
}

function checksumsOf(values: readonly JsonValue[]): readonly Checksum[] | undefined {
  const sums: Checksum[] = []
  for (const value of values) {
    if (!Array.isArray(value) || typeof value[0] !== 'string' || typeof value[1] !== 'string') {
      return undefined
    }
    sums.push({type: value[0] as ChecksumType, value: value[1]})
  }
  return sums
}
