/**
 * What targets say to each other in a rebalance, over the intra-data listener: an offer of names
 * and its answer, and objects in frames. Between our nodes only.
 *
 * ```
 * frame:  u32 little-endian, length of the footer · footer (`footer.ts`) · content
 * ```
 *
 * The footer is the one of the object's file: a move carries every attribute, the checksum of each
 * block, and fields that this release does not know.
 */

import {AisError} from '../base/errors.ts'
import type {Generation} from '../model/generation.ts'
import {formatGeneration, parseGeneration} from '../model/generation.ts'
import {bool, count, decodeWith, int, list, struct, text, textAs, withDefault} from './decode.ts'
import type {Footer, HashBytes} from './footer.ts'
import {encodeFooter, findFooter} from './footer.ts'
import {canonicalJson, parseJson} from './json.ts'

/** "Do you lack any of these?" */
export const OFFER_PATH = '/v1/ext/offer'
/** Many objects in one body that is signed whole. */
export const OBJECTS_PATH = '/v1/ext/objects'
/** One large object, streamed; its blocks carry their own checksums. */
export const OBJECT_PATH = '/v1/ext/object'

/** One name of an offer. */
export interface OfferedName {
  readonly name: string
  readonly gen: Generation
  readonly tombstone: boolean
  readonly sizeBytes: number
}

export interface Offer {
  readonly rebalance: number
  readonly entry: number
  /** Bucket id. */
  readonly bid: string
  readonly names: readonly OfferedName[]
}

/** Positions in the offer; what is in neither list is held already. */
export interface OfferAnswer {
  readonly wanted: readonly number[]
  readonly failed: readonly Failure[]
  /** Clients are being served there: it takes little at a time. */
  readonly busy: boolean
}

/** Something that the receiver could not take, or not tell. */
export interface Failure {
  readonly at: number
  readonly why: string
}

/** What became of the frames of one request: all that is not named is durable. */
export interface ObjectsAnswer {
  readonly failed: readonly Failure[]
}

const generation = textAs('a generation', parseGeneration)
const offer = struct({
  rebalance: count,
  entry: count,
  bid: text,
  names: list(struct({n: text, g: generation, t: bool, s: count})),
})
const failures = list(struct({at: int, why: text}))
const offerAnswer = struct({
  wanted: list(count),
  failed: failures,
  busy: withDefault(bool, false),
})
const objectsAnswer = struct({failed: failures})

/** The body of an offer. */
export function encodeOffer({names, rebalance, entry, bid}: Offer): string {
  const short = names.map(({name, gen, tombstone, sizeBytes}) => ({
    n: name,
    g: formatGeneration(gen),
    t: tombstone,
    s: sizeBytes,
  }))
  return JSON.stringify({rebalance, entry, bid, names: short})
}

/** The inverse of encodeOffer. @throws AisError BAD_REQUEST */
export function decodeOffer(body: string): Offer {
  const {names, rebalance, entry, bid} = decodeWith(offer, parseJson(body), 'offer')
  const long = names.map(({n, g, t, s}) => ({name: n, gen: g, tombstone: t, sizeBytes: s}))
  return {rebalance, entry, bid, names: long}
}

/** The body of an answer to an offer. */
export function encodeOfferAnswer(answer: OfferAnswer): string {
  return canonicalJson({...answer})
}

/** The inverse of encodeOfferAnswer. @throws AisError BAD_REQUEST */
export function decodeOfferAnswer(body: string): OfferAnswer {
  return decodeWith(offerAnswer, parseJson(body), 'answer to an offer')
}

/** The body of an answer to frames. */
export function encodeObjectsAnswer(answer: ObjectsAnswer): string {
  return canonicalJson(answer)
}

/** The inverse of encodeObjectsAnswer. @throws AisError BAD_REQUEST */
export function decodeObjectsAnswer(body: string): ObjectsAnswer {
  return decodeWith(objectsAnswer, parseJson(body), 'answer to objects')
}

/** Path and query of a request that carries frames. */
export function framesPath(path: string, mark: {rebalance: number; entry: number}): string {
  return `${path}?rebalance=${mark.rebalance}&entry=${mark.entry}`
}

/** The mark of a request that carries frames. @throws AisError BAD_REQUEST */
export function parseMark(query: {readonly get: (key: string) => string | undefined}): {
  rebalance: number
  entry: number
} {
  const [rebalance, entry] = ['rebalance', 'entry'].map((key) => query.get(key) ?? '')
  if (!isCount(rebalance) || !isCount(entry)) throw bad('objects come without their rebalance')
  return {rebalance: Number(rebalance), entry: Number(entry)}
}

function isCount(value: string | undefined): value is string {
  return value !== undefined && /^\d{1,15}$/.test(value)
}

/** Bytes of a frame's length. */
export const FRAME_LENGTH_BYTES = 4

/** What precedes the content in a frame. @param hash XXH64 seed 0 */
export function encodeFrameHead(footer: Footer, hash: HashBytes): Uint8Array {
  const bytes = encodeFooter(footer, hash)
  const head = new Uint8Array(FRAME_LENGTH_BYTES + bytes.byteLength)
  new DataView(head.buffer).setUint32(0, bytes.byteLength, true)
  head.set(bytes, FRAME_LENGTH_BYTES)
  return head
}

/** Length of a frame's footer, from its first bytes. */
export function frameFooterBytes(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, FRAME_LENGTH_BYTES).getUint32(0, true)
}

/** A frame's footer. @throws AisError BAD_REQUEST when it does not verify, INCOMPATIBLE */
export function decodeFrameFooter(bytes: Uint8Array, hash: HashBytes): Footer {
  // It stands for the end of a file of whatever length: the content travels behind it.
  const found = findFooter(bytes, Number.MAX_SAFE_INTEGER - bytes.byteLength, hash)
  if (found.kind === 'newer') {
    const message = `an object comes in format ${found.format}, which this release does not know`
    throw new AisError({code: 'INCOMPATIBLE', message})
  }
  if (found.kind !== 'found') throw bad('a frame has no footer that verifies')
  return found.footer
}

/** An object in a body that is here whole. */
export interface Frame {
  readonly footer: Footer
  readonly content: Uint8Array
}

/** All frames of a body. @throws AisError BAD_REQUEST, INCOMPATIBLE */
export function decodeFrames(body: Uint8Array, hash: HashBytes): readonly Frame[] {
  const frames: Frame[] = []
  for (let at = 0; at < body.byteLength;) {
    if (body.byteLength - at < FRAME_LENGTH_BYTES) throw bad('a frame ends in its length')
    const start = at + FRAME_LENGTH_BYTES
    const middle = start + frameFooterBytes(body.subarray(at))
    if (middle > body.byteLength) throw bad('a frame ends in its footer')
    const footer = decodeFrameFooter(body.subarray(start, middle), hash)
    at = middle + footer.attributes.sizeBytes
    if (at > body.byteLength) throw bad('a frame ends in its content')
    frames.push({footer, content: body.subarray(middle, at)})
  }
  return frames
}

function bad(message: string): AisError {
  return new AisError({code: 'BAD_REQUEST', message})
}
