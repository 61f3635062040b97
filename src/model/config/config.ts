/**
 * Settings as values: parsed from what people and tools write, checked against the table, looked up
 * with their defaults. A set of settings holds only what differs, by dotted key, in the table's
 * units. Nobody's file is read and nothing is applied here.
 */

import {assert} from '../../base/assert.ts'
import type {Refusal} from '../../base/errors.ts'
import {refusal} from '../../base/errors.ts'
import {parseU64} from '../../base/u64.ts'
import {formatDuration, GIB, KIB, MIB, parseDuration, parseSize, TIB} from '../../base/units.ts'
import type {JsonObject, JsonValue} from '../bucket.ts'
import {isRefusal} from '../ids.ts'
import {timersOf} from '../timers.ts'
import {nearest} from './nearest.ts'
import type {Knob, SettingKey, SettingValue} from './schema.ts'
import {
  isBucketSetting,
  isNodeSetting,
  isSettingKey,
  knobOf,
  SCHEMA,
  SETTING_KEYS,
} from './schema.ts'

/** Who sets something: not everything may be set for a node or a bucket. */
export type SettingScope = 'cluster' | 'node' | 'bucket'

/** Names of AIStore 4.x that still arrive. */
const OLDER_NAMES: ReadonlyMap<string, SettingKey> = new Map([
  ['auth.enabled', 'auth.client_auth_required'],
])

/** Nesting of settings; the table has three levels. */
const DEPTH_MAX = 8

/**
 * Parses settings, nested (`{log: {level: "4"}}`) or dotted (`{"log.level": "4"}`), with values as
 * people write them (`"10s"`, `"64MiB"`, `"true"`) or as JSON has them. null means unchanged.
 * @returns dotted keys with values in the table's units, or why not
 */
export function parseSettings(
  raw: JsonObject,
  scope: SettingScope = 'cluster',
): JsonObject | Refusal {
  const result: Record<string, JsonValue> = {}
  for (const [name, value] of flattenSettings(raw)) {
    const key = OLDER_NAMES.get(name) ?? name
    const parsed = parseSetting(key, value, scope)
    if (isRefusal(parsed)) return parsed
    result[key] = parsed
  }
  return result
}

/** One setting. @returns the value in the table's unit, or why not */
export function parseSetting(
  key: string,
  raw: JsonValue,
  scope: SettingScope = 'cluster',
): boolean | number | string | Refusal {
  if (!isSettingKey(key)) return unknownKey(key)
  if (scope === 'node' && !isNodeSetting(key)) {
    return refusal('BAD_CONFIG', `${key} can only be set for the whole cluster`, {
      hint: `aisctl config cluster ${key}=…`,
      details: {key},
    })
  }
  if (scope === 'bucket' && !isBucketSetting(key)) {
    return refusal('BAD_CONFIG', `${key} is not a property of buckets`, {details: {key}})
  }
  const knob = knobOf(key)
  const value = PARSERS[knob.type](raw, knob)
  if (value === undefined || !inRange(knob, value)) return badValue(key, knob, raw)
  return value
}

/** Parses `key=value`. */
export function parseAssignment(
  text: string,
): {readonly key: SettingKey; readonly value: boolean | number | string} | Refusal {
  const equals = text.indexOf('=')
  if (equals <= 0) {
    return refusal('USAGE', `${JSON.stringify(text)} is not of the form KEY=VALUE`)
  }
  const key = text.slice(0, equals)
  const value = parseSetting(key, text.slice(equals + 1))
  if (isRefusal(value)) return value
  assert(isSettingKey(key), 'a key whose value parsed is in the table')
  return {key, value}
}

/**
 * Checks a set in the table's units, as records hold it: every key known, every value of its type
 * and range, and what several settings say together.
 */
export function checkSettings(set: JsonObject): Refusal | undefined {
  for (const [key, value] of Object.entries(set)) {
    if (!isSettingKey(key)) return unknownKey(key)
    const knob = knobOf(key)
    if (typeof value !== typeof knob.initial || !inRange(knob, value as number)) {
      return badValue(key, knob, value)
    }
  }
  return checkTogether(set)
}

/** The value that counts: the set one, else the default. */
export function setting<K extends SettingKey>(set: JsonObject, key: K): SettingValue<K> {
  const value = Object.hasOwn(set, key) ? set[key] : undefined
  return (value ?? SCHEMA[key].initial) as SettingValue<K>
}

/** Every setting with the value that counts, in the table's order. */
export function effectiveSettings(set: JsonObject): Readonly<Record<string, JsonValue>> {
  return Object.fromEntries(SETTING_KEYS.map((key) => [key, setting(set, key)]))
}

/** Nested settings as (dotted key, value); null leaves are left out, dotted keys stay. */
export function flattenSettings(
  raw: JsonObject,
  prefix = '',
  depth = 0,
): readonly (readonly [string, JsonValue])[] {
  return Object.entries(raw).flatMap(([key, value]): readonly (readonly [string, JsonValue])[] => {
    const path = prefix === '' ? key : `${prefix}.${key}`
    if (value === null) return []
    if (typeof value !== 'object' || Array.isArray(value) || depth >= DEPTH_MAX) {
      return [[path, value]]
    }
    return flattenSettings(value as JsonObject, path, depth + 1)
  })
}

/** A value as people write it: `10s`, `64MiB`, `true`. The inverse of parsing it. */
export function formatSetting(key: SettingKey, value: JsonValue): string {
  return formatValue(knobOf(key), value)
}

/** What settings must say together, whichever of them was changed. */
export function checkTogether(set: JsonObject): Refusal | undefined {
  const timers = timersOf(set)
  const rules: readonly (readonly [holds: boolean, rule: string])[] = [
    [timers.leaseMs >= 2 * timers.beatMs, 'ext.timers.lease must be at least 2 × ext.timers.beat'],
    [timers.electMs > timers.leaseMs, 'ext.timers.elect must be above ext.timers.lease'],
    [timers.ownMs >= 2 * timers.leaseMs, 'ext.timers.own must be at least 2 × ext.timers.lease'],
    [
      setting(set, 'timeout.max_keepalive') >= 2 * setting(set, 'timeout.cplane_operation'),
      'timeout.max_keepalive must be at least 2 × timeout.cplane_operation',
    ],
    [
      setting(set, 'space.lowwm') <= setting(set, 'space.highwm') &&
        setting(set, 'space.highwm') <= setting(set, 'space.out_of_space'),
      'space.lowwm ≤ space.highwm ≤ space.out_of_space',
    ],
    [
      setting(set, 'timeout.join_startup_time') === 0 ||
        setting(set, 'timeout.join_startup_time') >= 2 * setting(set, 'timeout.startup_time'),
      'timeout.join_startup_time must be 0 or at least 2 × timeout.startup_time',
    ],
  ]
  const broken = rules.find(([holds]) => !holds)
  return broken === undefined ? undefined : refusal('BAD_CONFIG', `invalid settings: ${broken[1]}`)
}

type Parser = (raw: JsonValue, knob: Knob) => boolean | number | string | undefined

const PARSERS: Readonly<Record<Knob['type'], Parser>> = {
  bool: (raw) => (typeof raw === 'boolean' ? raw : parseWordBool(raw)),
  int: (raw) => parseInteger(raw),
  duration: (raw) => (typeof raw === 'string' ? parseDuration(raw) : raw === 0 ? 0 : undefined),
  size: (raw) => (typeof raw === 'string' ? parseSize(raw) : parseInteger(raw)),
  bytes: (raw) => (typeof raw === 'string' ? parseSize(raw) : parseInteger(raw)),
  word: (raw, knob) => (knob.words ?? []).find((known) => known === raw),
  text: (raw) =>
    typeof raw === 'number' ? String(raw) : typeof raw === 'string' ? raw : undefined,
  u64: (raw) =>
    typeof raw === 'string' || typeof raw === 'number'
      ? parseU64(String(raw))?.toString()
      : undefined,
}

function parseWordBool(raw: JsonValue): boolean | undefined {
  const lower = typeof raw === 'string' ? raw.toLowerCase() : ''
  if (['true', 't', 'y', 'yes', 'on', '1'].includes(lower)) return true
  return ['false', 'f', 'n', 'no', 'off', '0'].includes(lower) ? false : undefined
}

function parseInteger(raw: JsonValue): number | undefined {
  const value = typeof raw === 'string' && /^-?\d{1,15}$/.test(raw) ? Number(raw) : raw
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined
}

function inRange(knob: Knob, value: boolean | number | string): boolean {
  if (typeof value === 'string') return knob.words === undefined || knob.words.includes(value)
  if (typeof value === 'boolean' || (value === 0 && knob.zero === true)) return true
  return value >= (knob.min ?? -Infinity) && value <= (knob.max ?? Infinity)
}

function badValue(key: SettingKey, knob: Knob, raw: JsonValue): Refusal {
  const given = inWords(raw)
  return refusal('BAD_CONFIG', `invalid ${key}=${given} (expected ${expectedForm(knob)})`, {
    details: {key},
  })
}

/** A value as a message shows it: short, and any that a client can send, 64-bit numbers included. */
function inWords(raw: JsonValue): string {
  if (typeof raw === 'string') return raw.slice(0, 60)
  if (typeof raw === 'object' && raw !== null) return Array.isArray(raw) ? 'a list' : 'an object'
  return String(raw)
}

/** What a setting accepts, in words: `a duration from 1s to 1m, or 0`. */
export function expectedForm(knob: Knob): string {
  const names: Readonly<Record<Knob['type'], string>> = {
    bool: 'true or false',
    int: 'a whole number',
    duration: 'a duration such as "10s"',
    size: 'a size such as "64MiB"',
    bytes: 'a size such as "64MiB" or a number of bytes',
    word: (knob.words ?? []).map((word) => JSON.stringify(word)).join(', '),
    text: 'a text',
    u64: 'a whole number below 2^64',
  }
  const from = knob.min === undefined ? '' : ` from ${formatValue(knob, knob.min)}`
  const to = knob.max === undefined ? '' : ` to ${formatValue(knob, knob.max)}`
  return `${names[knob.type]}${from}${to}${knob.zero === true ? ', or 0' : ''}`
}

function formatValue(knob: Knob, value: JsonValue): string {
  if (typeof value !== 'number') return typeof value === 'string' ? value : JSON.stringify(value)
  if (knob.type === 'duration') return formatDuration(value)
  return knob.type === 'size' ? formatExactSize(value) : String(value)
}

const SIZE_UNITS = [
  [TIB, 'TiB'],
  [GIB, 'GiB'],
  [MIB, 'MiB'],
  [KIB, 'KiB'],
] as const

// The largest unit that divides the size, so that the text means exactly the same number.
function formatExactSize(value: number): string {
  for (const [step, unit] of SIZE_UNITS) {
    if (value !== 0 && value % step === 0) return `${value / step}${unit}`
  }
  return `${value}B`
}

function unknownKey(key: string): Refusal {
  const close = nearest(key, SETTING_KEYS)
  const section = SETTING_KEYS.filter((known) => known.startsWith(`${key}.`))
  const found = section.length > 0 ? `it is a section: ${section.join(', ')}` : undefined
  const hint = close === undefined ? found : `did you mean ${close}?`
  return refusal('BAD_CONFIG', `unknown setting ${JSON.stringify(key.slice(0, 80))}`, {
    ...(hint === undefined ? {} : {hint}),
    details: {key},
  })
}
