/**
 * JSON with 64-bit integers. Go writes `id_digest` and times as bare digits beyond 2^53, which a
 * plain `JSON.parse` rounds; here they become bigint and go out as bare digits again. A duplicate
 * key is refused, because two readers could disagree about which one counts; so is the key
 * `__proto__`.
 *
 * Not a validator: what a value must look like is `decode.ts`'s business.
 */

import {BugError} from '../base/assert.ts'
import {AisError} from '../base/errors.ts'

export {canonicalJson} from '../base/canonical-json.ts'

/** What the parser gives. Integers within ±(2^53 − 1) are numbers, beyond they are bigint. */
export type Json =
  null | boolean | number | bigint | string | readonly Json[] | {readonly [key: string]: Json}

/** A JSON object as the parser gives it. */
export type JsonMap = {readonly [key: string]: Json}

/** Nesting that no legitimate message reaches; keeps a hostile body off the stack. */
export const JSON_DEPTH_MAX = 64

/**
 * Parses one JSON text.
 * @throws AisError BAD_REQUEST with the offset of what is wrong
 */
export function parseJson(text: string): Json {
  const cursor: Cursor = {text, at: 0}
  const value = parseValue(cursor, 0)
  skipSpace(cursor)
  if (cursor.at < text.length) return fail(cursor, 'text after the end of the value')
  return value
}

/**
 * The text of a value, keys in the order of insertion; bigint as bare digits, undefined left out.
 */
export function encodeJson(value: unknown): string {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new BugError('numbers in JSON are finite')
    return JSON.stringify(value)
  }
  if (value === null || typeof value !== 'object') return encodeScalar(value)
  if (Array.isArray(value)) return `[${value.map((item) => encodeJson(item)).join(',')}]`
  const parts: string[] = []
  for (const [key, item] of Object.entries(value as Record<string, unknown>)) {
    if (item !== undefined) parts.push(`${JSON.stringify(key)}:${encodeJson(item)}`)
  }
  return `{${parts.join(',')}}`
}

function encodeScalar(value: unknown): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') {
    return JSON.stringify(value)
  }
  throw new BugError(`a value of type ${typeof value} is not JSON`)
}

interface Cursor {
  readonly text: string
  at: number
}

function fail(cursor: Cursor, wrong: string): never {
  throw new AisError({
    code: 'BAD_REQUEST',
    message: `invalid JSON at offset ${cursor.at}: ${wrong}`,
  })
}

const SPACE = /[ \t\n\r]*/y
const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y
// A string up to its closing quote when nothing in it needs unescaping or is a control character.
const PLAIN = /[^"\\\u0000-\u001f]*/y

function match(pattern: RegExp, cursor: Cursor): RegExpExecArray | null {
  pattern.lastIndex = cursor.at
  const found = pattern.exec(cursor.text)
  if (found !== null) cursor.at = pattern.lastIndex
  return found
}

function skipSpace(cursor: Cursor): void {
  match(SPACE, cursor)
}

function parseValue(cursor: Cursor, depth: number): Json {
  if (depth > JSON_DEPTH_MAX) return fail(cursor, `nested deeper than ${JSON_DEPTH_MAX}`)
  skipSpace(cursor)
  switch (cursor.text[cursor.at]) {
    case '{':
      return parseObject(cursor, depth)
    case '[':
      return parseArray(cursor, depth)
    case '"':
      return parseString(cursor)
    case 't':
      return parseWord(cursor, 'true', true)
    case 'f':
      return parseWord(cursor, 'false', false)
    case 'n':
      return parseWord(cursor, 'null', null)
    case undefined:
      return fail(cursor, 'the text ends too early')
    default:
      return parseNumber(cursor)
  }
}

function parseWord<T extends Json>(cursor: Cursor, word: string, value: T): T {
  if (!cursor.text.startsWith(word, cursor.at)) return fail(cursor, `expected ${word}`)
  cursor.at += word.length
  return value
}

function parseNumber(cursor: Cursor): number | bigint {
  const found = match(NUMBER, cursor)
  if (found === null) return fail(cursor, 'expected a value')
  const value = Number(found[0])
  if (!Number.isFinite(value)) return fail(cursor, `number ${found[0].slice(0, 40)} is too large`)
  const integral = found[1] === undefined && found[2] === undefined
  return integral && !Number.isSafeInteger(value) ? BigInt(found[0]) : value
}

function parseString(cursor: Cursor): string {
  const start = cursor.at
  cursor.at++
  match(PLAIN, cursor)
  if (cursor.text[cursor.at] === '"') {
    cursor.at++
    return cursor.text.slice(start + 1, cursor.at - 1)
  }
  if (cursor.text[cursor.at] === '\\') cursor.at = closingQuote(cursor.text, cursor.at)
  if (cursor.text[cursor.at] !== '"') return fail(cursor, 'a string is not closed')
  cursor.at++
  return unescape(cursor, cursor.text.slice(start, cursor.at))
}

// From quote to quote: a record inside a string has a hundred thousand escaped ones.
function closingQuote(text: string, from: number): number {
  for (let at = text.indexOf('"', from); at >= 0; at = text.indexOf('"', at + 1)) {
    let first = at
    while (text[first - 1] === '\\') first -= 1
    if ((at - first) % 2 === 0) return at
  }
  return text.length
}

// The language's own parser knows the escapes; it sees exactly one string literal.
function unescape(cursor: Cursor, literal: string): string {
  try {
    return JSON.parse(literal) as string
  } catch {
    return fail(cursor, 'a string has an unknown escape')
  }
}

function parseArray(cursor: Cursor, depth: number): readonly Json[] {
  const items: Json[] = []
  cursor.at++
  skipSpace(cursor)
  if (cursor.text[cursor.at] === ']') {
    cursor.at++
    return items
  }
  for (;;) {
    items.push(parseValue(cursor, depth + 1))
    if (closes(cursor, ']')) return items
  }
}

function parseObject(cursor: Cursor, depth: number): JsonMap {
  const object: Record<string, Json> = {}
  cursor.at++
  skipSpace(cursor)
  if (cursor.text[cursor.at] === '}') {
    cursor.at++
    return object
  }
  for (;;) {
    const key = parseKey(cursor, object)
    object[key] = parseValue(cursor, depth + 1)
    if (closes(cursor, '}')) return object
  }
}

function parseKey(cursor: Cursor, object: Readonly<Record<string, Json>>): string {
  skipSpace(cursor)
  if (cursor.text[cursor.at] !== '"') return fail(cursor, 'expected a key')
  const key = parseString(cursor)
  if (key === '__proto__') return fail(cursor, 'the key __proto__ is not allowed')
  if (Object.hasOwn(object, key)) return fail(cursor, `the key ${JSON.stringify(key)} comes twice`)
  skipSpace(cursor)
  if (cursor.text[cursor.at] !== ':') return fail(cursor, 'expected ":"')
  cursor.at++
  return key
}

function closes(cursor: Cursor, end: ']' | '}'): boolean {
  skipSpace(cursor)
  const next = cursor.text[cursor.at]
  if (next !== ',' && next !== end) return fail(cursor, `expected "," or "${end}"`)
  cursor.at++
  return next === end
}
