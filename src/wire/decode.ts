/**
 * Small decoders of parsed JSON that combine into larger ones. A mismatch names its path
 * (`smap.tmap.t1.flags: expected an integer, found "x"`). A struct keeps the fields that it does
 * not know, so that what a newer release wrote survives a round trip through an older one.
 */

import {AisError} from '../base/errors.ts'
import {parseU64} from '../base/u64.ts'
import {parseDuration, parseSize} from '../base/units.ts'
import type {Json, JsonMap} from './json.ts'

/** Turns a JSON value into a T, or throws AisError BAD_REQUEST naming the path. */
export type Decoder<T> = (value: Json, path: string) => T

/** A field of a struct: a decoder that also says what an absent key means. */
export interface Field<T> {
  readonly decode: Decoder<T>
  /** Gives the value of an absent key. */
  readonly absent: () => T
}

type Fields = Readonly<Record<string, Decoder<unknown> | Field<unknown>>>
type FieldValue<F> = F extends Decoder<infer T> ? T : F extends Field<infer T> ? T : never
/** What `struct(fields)` gives. */
export type Struct<F extends Fields> = {readonly [K in keyof F]: FieldValue<F[K]>}

/**
 * Runs a decoder over a whole message.
 * @param what how the message is named in a refusal (`action message`)
 * @throws AisError BAD_REQUEST
 */
export function decodeWith<T>(decoder: Decoder<T>, value: Json, what: string): T {
  return decoder(value, what)
}

/** Refuses a value. @throws AisError BAD_REQUEST always */
export function mismatch(path: string, expected: string, found: Json): never {
  throw new AisError({
    code: 'BAD_REQUEST',
    message: `${path}: expected ${expected}, found ${describeJson(found)}`,
    details: {path},
  })
}

/** A short name of a value for messages. */
export function describeJson(value: Json): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'an object'
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 60)) : String(value)
}

/** Whether a JSON value is an object. */
export function isJsonMap(value: Json | undefined): value is JsonMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Any text. */
export const text: Decoder<string> = (value, path) =>
  typeof value === 'string' ? value : mismatch(path, 'a text', value)

/** true or false. */
export const bool: Decoder<boolean> = (value, path) =>
  typeof value === 'boolean' ? value : mismatch(path, 'true or false', value)

/** A whole number within ±(2^53 − 1). */
export const int: Decoder<number> = (value, path) =>
  typeof value === 'number' && Number.isSafeInteger(value)
    ? value
    : mismatch(path, 'a whole number', value)

/** A whole number ≥ 0. */
export const count: Decoder<number> = (value, path) => {
  const found = int(value, path)
  return found >= 0 ? found : mismatch(path, 'a number that is not negative', value)
}

/** Any finite number. */
export const num: Decoder<number> = (value, path) =>
  typeof value === 'number' ? value : mismatch(path, 'a number', value)

/** A 64-bit unsigned integer as bare digits. */
export const u64: Decoder<bigint> = (value, path) => {
  const digits = typeof value === 'number' || typeof value === 'bigint' ? String(value) : ''
  return parseU64(digits) ?? mismatch(path, 'a 64-bit unsigned integer', value)
}

/** A 64-bit unsigned integer in quotes, as Go's `,string`; bare digits are accepted, too. */
export const strU64: Decoder<bigint> = (value, path) =>
  typeof value === 'string'
    ? (parseU64(value) ?? mismatch(path, 'a 64-bit unsigned integer in quotes', value))
    : u64(value, path)

/** A whole number ≥ 0 in quotes; bare digits are accepted, too. */
export const strInt: Decoder<number> = (value, path) => {
  const found = strU64(value, path)
  return found <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(found)
    : mismatch(path, 'a number below 2^53', value)
}

/** Milliseconds from a Go duration (`"1m30s"`). */
export const duration: Decoder<number> = (value, path) =>
  (typeof value === 'string' ? parseDuration(value) : undefined) ??
  mismatch(path, 'a duration such as "10s"', value)

/** Bytes from an IEC size (`"64MiB"`) or a bare number. */
export const size: Decoder<number> = (value, path) =>
  (typeof value === 'string' ? parseSize(value) : typeof value === 'number' ? value : undefined) ??
  mismatch(path, 'a size such as "64MiB"', value)

/** The value as it is. */
export const json: Decoder<Json> = (value) => value

/** An object, as it is. */
export const map: Decoder<JsonMap> = (value, path) =>
  isJsonMap(value) ? value : mismatch(path, 'an object', value)

/** One of some words. */
export function word<const W extends string>(words: readonly W[]): Decoder<W> {
  return (value, path) =>
    words.find((candidate) => candidate === value) ??
    mismatch(path, words.map((one) => JSON.stringify(one)).join(' or '), value)
}

/** A text that a parser accepts; the parser gives undefined for what it does not. */
export function textAs<T>(form: string, parse: (text: string) => T | undefined): Decoder<T> {
  return (value, path) =>
    (typeof value === 'string' ? parse(value) : undefined) ?? mismatch(path, form, value)
}

/** A list; null counts as an empty one, as in Go. */
export function list<T>(item: Decoder<T>): Decoder<readonly T[]> {
  return (value, path) => {
    if (value === null) return []
    if (!Array.isArray(value)) return mismatch(path, 'a list', value)
    return (value as readonly Json[]).map((one, index) => item(one, `${path}[${index}]`))
  }
}

/** An object whose keys are data; null counts as an empty one, as in Go. */
export function mapOf<T>(item: Decoder<T>): Decoder<Readonly<Record<string, T>>> {
  return (value, path) => {
    const pairs = Object.entries(value === null ? {} : map(value, path))
    return Object.fromEntries(pairs.map(([key, one]) => [key, item(one, `${path}.${key}`)]))
  }
}

/** A value or null. */
export function nullable<T>(item: Decoder<T>): Decoder<T | null> {
  return (value, path) => (value === null ? null : item(value, path))
}

/** A field that takes `fallback` when the key is absent or null. */
export function withDefault<T>(decode: Decoder<T>, fallback: T): Field<T> {
  return {
    decode: (value, path) => (value === null ? fallback : decode(value, path)),
    absent: () => fallback,
  }
}

/** A field that may be absent or null: undefined then. */
export function optional<T>(decode: Decoder<T>): Field<T | undefined> {
  return withDefault<T | undefined>(decode, undefined)
}

/**
 * An object with these fields. Unknown fields are kept as they are.
 * Fields that decode to undefined are left out of the result.
 */
export function struct<F extends Fields>(fields: F): Decoder<Struct<F>> {
  return (value, path) => {
    const source = map(value, path)
    const result: Record<string, unknown> = {...source}
    for (const [key, field] of Object.entries(fields)) {
      const decoded = decodeField(field, Object.hasOwn(source, key) ? source[key] : undefined, {
        key,
        path,
      })
      if (decoded === undefined) delete result[key]
      else result[key] = decoded
    }
    return result as Struct<F>
  }
}

/**
 * The same for request bodies of Go and Python clients: keys match whatever their case, the first
 * of several that differ in case only counts, unknown fields are dropped.
 */
export function looseStruct<F extends Fields>(fields: F): Decoder<Struct<F>> {
  return (value, path) => {
    const lower = new Map<string, Json>()
    for (const [key, item] of Object.entries(map(value, path))) {
      const name = key.toLowerCase()
      if (!lower.has(name)) lower.set(name, item)
    }
    const result: Record<string, unknown> = {}
    for (const [key, field] of Object.entries(fields)) {
      const decoded = decodeField(field, lower.get(key.toLowerCase()), {key, path})
      if (decoded !== undefined) result[key] = decoded
    }
    return result as Struct<F>
  }
}

function decodeField(
  field: Decoder<unknown> | Field<unknown>,
  value: Json | undefined,
  at: {readonly key: string; readonly path: string},
): unknown {
  const path = at.path === '' ? at.key : `${at.path}.${at.key}`
  if (typeof field === 'function') {
    if (value === undefined) return missing(path)
    return field(value, path)
  }
  if (value !== undefined) return field.decode(value, path)
  return field.absent()
}

function missing(path: string): never {
  throw new AisError({code: 'BAD_REQUEST', message: `${path}: is missing`, details: {path}})
}
