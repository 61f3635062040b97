/**
 * A strict check of a parsed JSON value against a table of keys: unknown keys, missing keys and
 * wrong forms are refused by name, with the form that was expected. For files that people write;
 * bodies on the wire are read by the lenient combinators of `wire/decode.ts`.
 */

import type {Refusal} from '../../base/errors.ts'
import {refusal} from '../../base/errors.ts'
import {nearest} from './nearest.ts'

/** What one key must hold. `form` is how a person is told (`"host:port"`). */
export interface Check {
  readonly form: string
  /** The problem below this key, as `[path suffix, what is wrong]`; undefined when it is fine. */
  readonly problem: (value: unknown) => readonly [path: string, wrong: string] | undefined
  readonly optional: boolean
}

/** A check of one value by a predicate. */
export function check(form: string, holds: (value: unknown) => boolean): Check {
  const problem = (value: unknown): readonly [string, string] | undefined =>
    holds(value) ? undefined : ['', `expected ${form}, found ${describe(value)}`]
  return {form, optional: false, problem}
}

/** The same check, of a key that may be left out. */
export function optional(inner: Check): Check {
  return {...inner, optional: true}
}

/** A list of values that each pass. @param min fewest entries */
export function listOf(inner: Check, min = 0): Check {
  return {
    form: `a list of ${inner.form}`,
    optional: false,
    problem: (value) => {
      if (!Array.isArray(value)) return ['', `expected a list of ${inner.form}`]
      if (value.length < min) return ['', `expected at least ${min} of ${inner.form}`]
      for (const [index, item] of value.entries()) {
        const found = inner.problem(item)
        if (found !== undefined) return [`[${index}]${joint(found[0])}`, found[1]]
      }
      return undefined
    },
  }
}

/** An object with exactly these keys. */
export function objectOf(keys: Readonly<Record<string, Check>>): Check {
  return {
    form: 'an object',
    optional: false,
    problem: (value) => {
      if (!isPlainObject(value)) return ['', `expected an object, found ${describe(value)}`]
      return unknownKey(value, keys) ?? wrongKey(value, keys)
    },
  }
}

/**
 * Runs a check over a whole document.
 * @param what how the document is named in the refusal (`node file`)
 */
export function checkDocument(what: string, value: unknown, rule: Check): Refusal | undefined {
  const found = rule.problem(value)
  if (found === undefined) return undefined
  const [path, wrong] = found
  return refusal('BAD_CONFIG', path === '' ? `${what}: ${wrong}` : `${what}: ${path}: ${wrong}`, {
    details: {key: path},
  })
}

/** Whether the value is a JSON object. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function unknownKey(
  value: Readonly<Record<string, unknown>>,
  keys: Readonly<Record<string, Check>>,
): readonly [string, string] | undefined {
  const unknown = Object.keys(value).find((key) => !Object.hasOwn(keys, key))
  if (unknown === undefined) return undefined
  const close = nearest(unknown, Object.keys(keys))
  const known =
    close === undefined ? `known: ${Object.keys(keys).join(', ')}` : `did you mean "${close}"?`
  return [unknown, `unknown key (${known})`]
}

function wrongKey(
  value: Readonly<Record<string, unknown>>,
  keys: Readonly<Record<string, Check>>,
): readonly [string, string] | undefined {
  for (const [key, rule] of Object.entries(keys)) {
    const item = Object.hasOwn(value, key) ? value[key] : undefined
    if (item === undefined) {
      if (!rule.optional) return [key, `missing; expected ${rule.form}`]
      continue
    }
    const found = rule.problem(item)
    if (found !== undefined) return [`${key}${joint(found[0])}`, found[1]]
  }
  return undefined
}

function joint(path: string): string {
  return path === '' || path.startsWith('[') ? path : `.${path}`
}

function describe(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 60))
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return `a value of type ${typeof value}`
}
