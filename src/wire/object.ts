/**
 * Objects in headers: what a PUT may ask for, what GET, PUT and HEAD answer, and how clients read
 * it back. Bytes, ranges and where an object lies are the store's business.
 */

import {AisError} from '../base/errors.ts'
import {CUSTOM_BYTES_MAX} from '../model/limits.ts'
import type {BucketRef} from '../model/bucket.ts'
import type {Checksum, ChecksumType, ObjectAttributes} from '../model/object.ts'
import type {HeaderBag, HeaderPair} from './headers.ts'
import {allHeaders, firstHeader, HEADER, isHeaderSafe, sortHeaders, toWire} from './headers.ts'
import {formatHttpDate} from './time.ts'

/** What a PUT asks for besides its bytes. */
export interface PutRequest {
  /** Verified before the object becomes visible; null when the client gave none. */
  readonly checksum: Checksum | null
  readonly custom: Readonly<Record<string, string>>
}

/** Hex digits of each checksum. */
const CHECKSUM_DIGITS: Readonly<Record<ChecksumType, number>> = {
  none: 0,
  xxhash2: 16,
  md5: 32,
  sha256: 64,
  crc32c: 8,
}

/** The type of a checksum's name; `xxhash` is the older name of xxhash2. Undefined when unknown. */
export function parseChecksumType(name: string): ChecksumType | undefined {
  const lower = name.toLowerCase()
  if (lower === 'xxhash') return 'xxhash2'
  return Object.hasOwn(CHECKSUM_DIGITS, lower) ? (lower as ChecksumType) : undefined
}

/**
 * The headers of a PUT.
 * @throws AisError BAD_REQUEST, BAD_CHECKSUM (malformed) or TOO_LARGE (custom metadata)
 */
export function decodePutHeaders(headers: HeaderBag): PutRequest {
  return {checksum: decodeChecksum(headers), custom: decodeCustom(headers)}
}

/** The headers that a client sends with a PUT: the inverse of decodePutHeaders. */
export function encodePutHeaders(request: PutRequest): readonly HeaderPair[] {
  return [...checksumHeaders(request.checksum), ...customHeaders(request.custom)]
}

function decodeChecksum(headers: HeaderBag): Checksum | null {
  const name = firstHeader(headers, HEADER.checksumType) ?? ''
  const value = (firstHeader(headers, HEADER.checksumValue) ?? '').toLowerCase()
  if (name === '' && value === '') return null
  const type = parseChecksumType(name)
  if (type === undefined) {
    throw new AisError({
      code: 'BAD_REQUEST',
      message: `checksum type ${JSON.stringify(name)} is not known`,
      hint: 'use xxhash2, md5, sha256, crc32c or none',
    })
  }
  if (type === 'none' || value === '') return null
  const digits = CHECKSUM_DIGITS[type]
  if (value.length !== digits || !/^[0-9a-f]+$/.test(value)) {
    throw new AisError({
      code: 'BAD_CHECKSUM',
      message: `checksum ${JSON.stringify(value.slice(0, 80))} is not ${digits} digits of ${type}`,
    })
  }
  return {type, value}
}

/** The words of a failed verification, as AIStore says them. @param label `ais://b/o` */
export function badChecksumMessage(wanted: Checksum, found: string, label: string): string {
  const name = wanted.type === 'xxhash2' ? 'xxhash' : wanted.type
  return `BAD DATA CHECKSUM: ${name}(${wanted.value} != ${found}) (context: ${label})`
}

function decodeCustom(headers: HeaderBag): Readonly<Record<string, string>> {
  const pairs = allHeaders(headers, HEADER.custom)
  const bytes = pairs.reduce((sum, pair) => sum + pair.length, 0)
  if (bytes > CUSTOM_BYTES_MAX) {
    throw new AisError({
      code: 'TOO_LARGE',
      message: `custom metadata of ${bytes} bytes exceeds ${CUSTOM_BYTES_MAX}`,
    })
  }
  return Object.fromEntries(pairs.map(customPair))
}

/** `k=v`, split at the first `=`: the rest belongs to the value. */
function customPair(pair: string): readonly [string, string] {
  const equals = pair.indexOf('=')
  if (equals > 0) return [pair.slice(0, equals).trim(), pair.slice(equals + 1)]
  throw new AisError({
    code: 'BAD_REQUEST',
    message: `custom metadata ${JSON.stringify(pair.slice(0, 80))} is not of the form key=value`,
  })
}

/**
 * Checks custom metadata that came in a body (PATCH): it must fit into headers later.
 * @throws AisError BAD_REQUEST or TOO_LARGE
 */
export function checkCustom(custom: Readonly<Record<string, string>>): void {
  let bytes = 0
  for (const [key, value] of Object.entries(custom)) {
    bytes += key.length + value.length + 1
    if (key === '' || key.includes('=') || !isHeaderSafe(key) || !isHeaderSafe(value)) {
      throw new AisError({
        code: 'BAD_REQUEST',
        message: `custom metadata ${JSON.stringify(key.slice(0, 80))} cannot be a header`,
        hint: 'use keys without "=", and no control characters',
      })
    }
  }
  if (bytes > CUSTOM_BYTES_MAX) {
    throw new AisError({
      code: 'TOO_LARGE',
      message: `custom metadata of ${bytes} bytes exceeds ${CUSTOM_BYTES_MAX}`,
    })
  }
}

/** Headers of an object that GET and PUT answer with, by name as AIStore sends them. */
export function encodeObjectHeaders(attributes: ObjectAttributes): readonly HeaderPair[] {
  return sortHeaders(commonHeaders(attributes))
}

function commonHeaders(attributes: ObjectAttributes): readonly HeaderPair[] {
  return [
    [HEADER.atime, String(attributes.atimeNs)],
    ...checksumHeaders(attributes.checksum),
    ...customHeaders(attributes.custom),
    [HEADER.version, String(attributes.version)],
  ]
}

function checksumHeaders(checksum: Checksum | null): readonly HeaderPair[] {
  if (checksum === null || checksum.type === 'none') return []
  return [
    [HEADER.checksumType, checksum.type],
    [HEADER.checksumValue, checksum.value],
  ]
}

function customHeaders(custom: Readonly<Record<string, string>>): readonly HeaderPair[] {
  return Object.keys(custom)
    .sort()
    .map((key) => [HEADER.custom, toWire(`${key}=${custom[key] ?? ''}`)])
}

/** Where an object lies, for HEAD and lists. */
export interface ObjectPlace {
  /** `t[id]`. */
  readonly node: string
  readonly mountpath: string
  readonly label: string
  readonly disks: readonly string[]
  /** Mountpaths with a copy, where there are several; absent: this one alone. */
  readonly copies?: readonly string[]
}

/** `t[id]:mp[/ais/mp1, sda, "label"]`; free text for people. */
export function formatPlace(place: ObjectPlace): string {
  const label = place.label === '' ? [] : [JSON.stringify(place.label)]
  const disks = place.disks.length === 0 ? [] : [place.disks.join(',')]
  return `${place.node}:mp[${[place.mountpath, ...disks, ...label].join(', ')}]`
}

function mirrorHeaders({mountpath, copies = [mountpath]}: ObjectPlace): readonly HeaderPair[] {
  return [
    [HEADER.mirrorCopies, String(copies.length)],
    [HEADER.mirrorPaths, toWire(`[${copies.join(',')}]`)],
  ]
}

/** HEAD without `props`: everything that is known. Content-Length is the object's size. */
export function encodeHeadHeaders(
  ref: BucketRef,
  attributes: ObjectAttributes,
  place: ObjectPlace,
): readonly HeaderPair[] {
  return sortHeaders([
    ...commonHeaders(attributes),
    [HEADER.bucketName, ref.name],
    [HEADER.bucketProvider, ref.provider],
    [HEADER.location, toWire(formatPlace(place))],
    ...mirrorHeaders(place),
    [HEADER.name, toWire(attributes.name)],
    [HEADER.present, 'true'],
    ['Content-Length', String(attributes.sizeBytes)],
  ])
}

/** What HEAD with `props` may ask for. */
export const HEAD_PROPS = [
  'name',
  'size',
  'checksum',
  'atime',
  'version',
  'custom',
  'location',
  'copies',
  'ec',
  'chunked',
  'last-modified',
  'etag',
] as const
export type HeadProp = (typeof HEAD_PROPS)[number]

/**
 * The list of `props`.
 * @throws AisError BAD_REQUEST naming the unknown one
 */
export function parseHeadProps(text: string): readonly HeadProp[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => {
      const prop = HEAD_PROPS.find((known) => known === part)
      if (prop !== undefined) return prop
      throw new AisError({
        code: 'BAD_REQUEST',
        message: `unknown object property ${JSON.stringify(part)}`,
        hint: `use ${HEAD_PROPS.join(', ')}`,
      })
    })
}

/** HEAD with `props`: what was asked for, always with Content-Length and presence. */
export function encodeHeadProps(
  props: readonly HeadProp[],
  attributes: ObjectAttributes,
  place: ObjectPlace,
): readonly HeaderPair[] {
  const parts: Readonly<Record<HeadProp, () => readonly HeaderPair[]>> = {
    'name': () => [[HEADER.name, toWire(attributes.name)]],
    'size': () => [],
    'checksum': () => checksumHeaders(attributes.checksum),
    'atime': () => [[HEADER.atime, String(attributes.atimeNs)]],
    'version': () => [[HEADER.version, String(attributes.version)]],
    'custom': () => customHeaders(attributes.custom),
    'location': () => [[HEADER.location, toWire(formatPlace(place))]],
    'copies': () => mirrorHeaders(place),
    'ec': () => [],
    'chunked': () => [],
    'last-modified': () => [['Last-Modified', formatHttpDate(attributes.mtimeNs)]],
    'etag': () => [['ETag', `"${etagOf(attributes)}"`]],
  }
  return sortHeaders([
    ...[...new Set(props)].flatMap((prop) => parts[prop]()),
    [HEADER.present, 'true'],
    ['Content-Length', String(attributes.sizeBytes)],
  ])
}

/** A tag that differs for any two versions: the MD5 where it is kept, else generation-based. */
export function etagOf(attributes: ObjectAttributes): string {
  return attributes.checksum.type === 'md5'
    ? attributes.checksum.value
    : `${attributes.gen.own}-${attributes.gen.counter}`
}

/** What a client learns of an object from the headers of an answer. */
export interface ObjectProps {
  readonly sizeBytes: number | null
  readonly checksum: Checksum | null
  readonly version: string | null
  readonly atimeNs: bigint | null
  readonly custom: Readonly<Record<string, string>>
  readonly location: string | null
  /** Answered without a lease: possibly not the newest version. */
  readonly stale: boolean
}

/** Reads the headers of GET, PUT and HEAD; what is missing or malformed is null. */
export function decodeObjectHeaders(headers: HeaderBag): ObjectProps {
  const size = firstHeader(headers, 'content-length')
  const type = parseChecksumType(firstHeader(headers, HEADER.checksumType) ?? '')
  const atime = firstHeader(headers, HEADER.atime)
  return {
    sizeBytes: size !== undefined && /^\d{1,15}$/.test(size) ? Number(size) : null,
    checksum:
      type === undefined || type === 'none'
        ? null
        : {type, value: firstHeader(headers, HEADER.checksumValue) ?? ''},
    version: firstHeader(headers, HEADER.version) ?? null,
    atimeNs: atime !== undefined && /^\d{1,19}$/.test(atime) ? BigInt(atime) : null,
    custom: decodeCustom(headers),
    location: firstHeader(headers, HEADER.location) ?? null,
    stale: firstHeader(headers, HEADER.degraded) === 'stale',
  }
}
