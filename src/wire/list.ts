/**
 * Lists of objects: the request (`LsoMsg`), and the page as JSON and as the plain object that a
 * MessagePack library packs. Order, merging and tokens are decided elsewhere; here a page is a
 * value.
 */

import type {ObjectAttributes} from '../model/object.ts'
import {LIST_PAGE_MAX} from '../model/limits.ts'
import type {Decoder} from './decode.ts'
import {int, list, looseStruct, strInt, text, withDefault} from './decode.ts'
import type {Json} from './json.ts'
import {encodeJson, parseJson} from './json.ts'
import type {ObjectPlace} from './object.ts'
import {formatPlace} from './object.ts'
import {formatRfc3339Nano, formatRfc822} from './time.ts'

/** Bits of a request's `flags` that are served. */
export const LIST_FLAG = {
  cachedOnly: 1 << 0,
  nameOnly: 1 << 4,
  nameSize: 1 << 5,
  noRecursion: 1 << 11,
  noDirs: 1 << 13,
} as const

/** Bits of an entry's `flags`. */
export const ENTRY_FLAG = {present: 1 << 6, directory: 1 << 8} as const

/** Flags of a page: ours says that targets are missing from it (DESIGN: lists). */
export const PAGE_FLAG = {incomplete: 1 << 30} as const

/** What a client asks for. */
export interface ListRequest {
  /** Id of the walk; '' on the first page. */
  readonly uuid: string
  readonly prefix: string
  /** Names after this one (byte order); '' for all. The larger of token and `start_after`. */
  readonly after: string
  /** Wanted properties, without `name`, in the client's order. */
  readonly props: readonly string[]
  /** 1 to LIST_PAGE_MAX. */
  readonly pageSize: number
  /** Go time layout; '' for RFC 822. */
  readonly timeFormat: string
  /** LIST_FLAG bits. */
  readonly flags: number
}

const LIST_REQUEST = looseStruct({
  uuid: withDefault(text, ''),
  props: withDefault(text, ''),
  time_format: withDefault(text, ''),
  prefix: withDefault(text, ''),
  start_after: withDefault(text, ''),
  continuation_token: withDefault(text, ''),
  flags: withDefault(strInt, 0),
  pagesize: withDefault(int, 0),
})

const DEFAULT_PROPS = ['size', 'cached']

/**
 * Decodes the value of a `list` action; null is not a list of objects (it lists buckets).
 * @throws AisError BAD_REQUEST
 */
export function decodeListRequest(value: Json): ListRequest {
  const found = LIST_REQUEST(value, 'value')
  const wanted = found.props
    .split(',')
    .map((prop) => prop.trim())
    .filter((prop) => prop !== '' && prop !== 'name')
  const {continuation_token: token, start_after: start} = found
  return {
    uuid: found.uuid,
    prefix: found.prefix,
    after: token === '' ? start : token,
    props: propsOf(found.flags, found.props === '' ? DEFAULT_PROPS : wanted),
    pageSize: found.pagesize <= 0 ? LIST_PAGE_MAX : Math.min(found.pagesize, LIST_PAGE_MAX),
    timeFormat: found.time_format,
    flags: found.flags,
  }
}

function propsOf(flags: number, wanted: readonly string[]): readonly string[] {
  if ((flags & LIST_FLAG.nameOnly) !== 0) return []
  return (flags & LIST_FLAG.nameSize) !== 0 ? ['size'] : wanted
}

/** The value of a `list` action: the inverse of decodeListRequest. */
export function encodeListRequest(request: ListRequest): {readonly [key: string]: Json} {
  return {
    uuid: request.uuid,
    props: ['name', ...request.props].join(','),
    time_format: request.timeFormat,
    prefix: request.prefix,
    start_after: '',
    continuation_token: request.after,
    flags: String(request.flags),
    pagesize: request.pageSize,
  }
}

/** One name of a page; what was not asked for is absent. */
export interface ListEntry {
  readonly name: string
  readonly checksum?: string
  readonly atime?: string
  readonly version?: string
  readonly location?: string
  readonly custom?: string
  /** Bytes; 0 is left out on the wire. */
  readonly size?: number
  readonly copies?: number
  /** ENTRY_FLAG bits. */
  readonly flags: number
}

export interface ListPage {
  readonly uuid: string
  /** '' on the last page. */
  readonly token: string
  readonly entries: readonly ListEntry[]
  readonly flags: number
}

/** The entry of an object with the properties that a request wants. */
export function listEntry(
  attributes: ObjectAttributes,
  place: ObjectPlace | null,
  request: Pick<ListRequest, 'props' | 'timeFormat'>,
): ListEntry {
  const wants = (prop: string): boolean => request.props.includes(prop)
  const custom = formatCustom(attributes.custom)
  return {
    name: attributes.name,
    ...(wants('checksum') ? {checksum: attributes.checksum.value} : {}),
    ...(wants('atime') ? {atime: formatAtime(attributes.atimeNs, request.timeFormat)} : {}),
    ...(wants('version') ? {version: String(attributes.version)} : {}),
    ...(wants('location') && place !== null ? {location: formatPlace(place)} : {}),
    ...(wants('custom') && custom !== '' ? {custom} : {}),
    ...(wants('size') ? {size: attributes.sizeBytes} : {}),
    ...(wants('copies') ? {copies: 1} : {}),
    flags: ENTRY_FLAG.present,
  }
}

function formatAtime(ns: bigint, layout: string): string {
  return layout.includes('T15:04:05') ? formatRfc3339Nano(ns) : formatRfc822(ns)
}

// Compat: aistore prints custom metadata as `[k1:v1, k2:v2]`, nothing when there is none.
function formatCustom(custom: Readonly<Record<string, string>>): string {
  const keys = Object.keys(custom).sort()
  return keys.length === 0 ? '' : `[${keys.map((key) => `${key}:${custom[key]}`).join(', ')}]`
}

function encodeListEntry(entry: ListEntry): {readonly [key: string]: Json | undefined} {
  return {
    'name': entry.name,
    'checksum': full(entry.checksum),
    'atime': full(entry.atime),
    'version': full(entry.version),
    'location': full(entry.location),
    'custom-md': full(entry.custom),
    'size': entry.size === undefined || entry.size === 0 ? undefined : String(entry.size),
    'copies': entry.copies,
    'flags': entry.flags === 0 ? undefined : entry.flags,
  }
}

/** The JSON text of a page, with Go's key order and its trailing newline. */
export function encodeListJson(page: ListPage): string {
  const entries = page.entries.map(encodeListEntry)
  const {uuid, token, flags} = page
  return `${encodeJson({uuid, continuation_token: token, entries, flags})}\n`
}

/** The page as MessagePack has it: the object to pack, keys in Go's order. */
export function listPageForMsgpack(page: ListPage): Readonly<Record<string, unknown>> {
  return {
    UUID: page.uuid,
    ContinuationToken: page.token,
    Entries: page.entries.map(entryForMsgpack),
    Flags: page.flags,
  }
}

function entryForMsgpack(entry: ListEntry): Readonly<Record<string, unknown>> {
  const letters: readonly (readonly [string, string | number | undefined])[] = [
    ['n', entry.name],
    ['cs', entry.checksum],
    ['a', entry.atime],
    ['v', entry.version],
    ['t', entry.location],
    ['m', entry.custom],
    ['s', entry.size],
    ['c', entry.copies],
    ['f', entry.flags],
  ]
  return Object.fromEntries(
    letters.filter(([, value]) => value !== undefined && value !== '' && value !== 0),
  )
}

const ENTRY = looseStruct({
  'name': text,
  'checksum': withDefault(text, ''),
  'atime': withDefault(text, ''),
  'version': withDefault(text, ''),
  'location': withDefault(text, ''),
  'custom-md': withDefault(text, ''),
  'size': withDefault(strInt, 0),
  'copies': withDefault(int, 0),
  'flags': withDefault(int, 0),
})

const LIST_ENTRY: Decoder<ListEntry> = (value, path) => {
  const found = ENTRY(value, path)
  return {
    name: found.name,
    ...(found.checksum === '' ? {} : {checksum: found.checksum}),
    ...(found.atime === '' ? {} : {atime: found.atime}),
    ...(found.version === '' ? {} : {version: found.version}),
    ...(found.location === '' ? {} : {location: found.location}),
    ...(found['custom-md'] === '' ? {} : {custom: found['custom-md']}),
    size: found.size,
    ...(found.copies === 0 ? {} : {copies: found.copies}),
    flags: found.flags,
  }
}

const LIST_PAGE = looseStruct({
  uuid: withDefault(text, ''),
  continuation_token: withDefault(text, ''),
  entries: withDefault(list(LIST_ENTRY), []),
  flags: withDefault(int, 0),
})

/** Reads a JSON page. @throws AisError BAD_REQUEST */
export function decodeListJson(body: string): ListPage {
  const found = LIST_PAGE(parseJson(body), 'list page')
  return {
    uuid: found.uuid,
    token: found.continuation_token,
    entries: found.entries,
    flags: found.flags,
  }
}

function full(value: string | undefined): string | undefined {
  return value === '' ? undefined : value
}
