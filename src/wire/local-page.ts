/**
 * One target's page of names, between our own nodes: in UTF-8 byte order, with generations and
 * tombstones, so that the gateway that merges several targets lets the newest of a name win.
 * Canonical JSON; encode and decode are inverse twins.
 */

import {AisError} from '../base/errors.ts'
import type {Generation} from '../model/generation.ts'
import {formatGeneration, parseGeneration} from '../model/generation.ts'
import type {ObjectName} from '../model/ids.ts'
import type {ChecksumType, ObjectAttributes} from '../model/object.ts'
import type {ObjectPlace} from './object.ts'

/** Number of this shape. */
const LOCAL_PAGE_FORMAT = 1

export interface LocalEntry {
  readonly attributes: ObjectAttributes
  readonly place: ObjectPlace
}

export interface LocalPage {
  /** In byte order, tombstones included. */
  readonly entries: readonly LocalEntry[]
  /** Whether there may be names after the last one. */
  readonly more: boolean
  /** What is missing from the page and why: mountpaths that are away. Empty when it is complete. */
  readonly missing: readonly string[]
}

/** The bytes of a page. Places are written once, entries refer to them. */
export function encodeLocalPage(page: LocalPage): string {
  const places: ObjectPlace[] = []
  const numbers = new Map<string, number>()
  const entries = page.entries.map(({attributes, place}) => {
    const known = numbers.get(place.mountpath)
    const number = known ?? places.push(place) - 1
    numbers.set(place.mountpath, number)
    const {checksum} = attributes
    return [
      attributes.name,
      formatGeneration(attributes.gen),
      attributes.tombstone ? 1 : 0,
      attributes.sizeBytes,
      attributes.version,
      String(attributes.atimeNs),
      String(attributes.mtimeNs),
      checksum.type,
      checksum.value,
      attributes.custom,
      attributes.bid,
      number,
    ]
  })
  const {more, missing} = page
  return JSON.stringify({entries, format: LOCAL_PAGE_FORMAT, missing, more, places})
}

/** The page of an answer. @throws AisError INCOMPATIBLE or INTERNAL when it is none */
export function decodeLocalPage(text: string): LocalPage {
  const raw = parse(text)
  if (raw.format !== LOCAL_PAGE_FORMAT) {
    throw new AisError({
      code: 'INCOMPATIBLE',
      message: `a page of names has format ${raw.format}, this release knows ${LOCAL_PAGE_FORMAT}`,
    })
  }
  const entries = raw.entries.map((row) => entryOf(row, raw.places))
  return {entries, more: raw.more, missing: raw.missing}
}

type Row = readonly [
  name: string,
  gen: string,
  tombstone: number,
  size: number,
  version: number,
  atime: string,
  mtime: string,
  checksumType: string,
  checksumValue: string,
  custom: Readonly<Record<string, string>>,
  bid: string,
  place: number,
]

interface RawPage {
  readonly format: number
  readonly entries: readonly Row[]
  readonly places: readonly ObjectPlace[]
  readonly more: boolean
  readonly missing: readonly string[]
}

function parse(text: string): RawPage {
  try {
    const raw: unknown = JSON.parse(text)
    if (typeof raw === 'object' && raw !== null && Object.hasOwn(raw, 'entries')) {
      return raw as RawPage
    }
  } catch (error) {
    throw new AisError({code: 'INTERNAL', message: 'a page of names is not JSON'}, error)
  }
  throw new AisError({code: 'INTERNAL', message: 'a page of names has another shape'})
}

function entryOf(row: Row, places: readonly ObjectPlace[]): LocalEntry {
  const [name, gen, tombstone, sizeBytes, version, atime, mtime, type, value, custom, bid, at] = row
  const place = places[at]
  const generation: Generation | undefined = parseGeneration(gen)
  if (place === undefined || generation === undefined) {
    throw new AisError({code: 'INTERNAL', message: `a page of names is damaged at "${name}"`})
  }
  return {
    attributes: {
      name: name as ObjectName,
      bid,
      sizeBytes,
      gen: generation,
      version,
      atimeNs: BigInt(atime),
      mtimeNs: BigInt(mtime),
      checksum: {type: type as ChecksumType, value},
      custom,
      tombstone: tombstone !== 0,
    },
    place,
  }
}
