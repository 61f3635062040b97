/**
 * Bucket properties as AIStore shows them (`Bprops`): the cluster's configuration with what the
 * bucket set for itself on top; and what a client may set (`BpropsToSet`). Our own property,
 * durability, is shown under `ext` when it is not the default, and set as `durability` or
 * `ext.durability`.
 */

import type {Refusal} from '../base/errors.ts'
import {refusal} from '../base/errors.ts'
import {parseU64, U64_MAX} from '../base/u64.ts'
import type {Bucket, Durability, JsonObject, JsonValue} from '../model/bucket.ts'
import {flattenSettings, parseSetting} from '../model/config/config.ts'
import {nearest} from '../model/config/nearest.ts'
import {isBucketSetting, SETTING_KEYS} from '../model/config/schema.ts'
import {isRefusal} from '../model/ids.ts'
import {encodeSection} from './settings.ts'

/** All permissions, the default. */
const ACCESS_ALL = U64_MAX.toString()

/** Properties that only buckets have, each a 64-bit set of bits in decimal. */
const BUCKET_ONLY = {access: ACCESS_ALL, features: '0'} as const

/**
 * The properties of a bucket, keys in Go's order.
 * @param config `conf.set` of the record
 */
export function encodeBucketProps(bucket: Bucket, config: JsonObject): JsonObject {
  const set = {...config, ...bucket.set}
  const section = (name: string): JsonObject => encodeSection(set, name)
  const own = (key: keyof typeof BUCKET_ONLY): JsonValue => bucket.set[key] ?? BUCKET_ONLY[key]
  return {
    backend_bck: {name: '', provider: '', namespace: {uuid: '', name: ''}},
    write_policy: section('write_policy'),
    provider: bucket.ref.provider,
    Renamed: '',
    checksum: section('checksum'),
    extra: {aws: {}, gcp: {}, oci: {}},
    rate_limit: section('rate_limit'),
    ec: section('ec'),
    chunks: section('chunks'),
    mirror: section('mirror'),
    lru: {...section('lru'), ...('lru.enabled' in bucket.set ? {} : {enabled: false})},
    access: own('access'),
    features: own('features'),
    bid: bucket.bid,
    created: bucket.createdNs,
    versioning: section('versioning'),
    ...(bucket.durability === 'default' ? {} : {ext: {durability: bucket.durability}}),
  }
}

/** What a client sets: dotted keys in the table's units, and durability (null: unchanged). */
export interface BucketPatch {
  readonly set: JsonObject
  readonly durability: Durability | null
}

/** Keys of BpropsToSet that are read and carry no setting. */
const IGNORED = new Set(['force', 'Renamed', 'renamed', 'provider', 'bid', 'created'])

/** Keys that only buckets of other providers use: refused unless empty. */
const FOREIGN = /^(backend_bck|extra)(\.|$)/

/** The patch of a body's value (null, or nested settings), or why it is none. */
export function decodeBucketPatch(value: unknown): BucketPatch | Refusal {
  if (value === null || value === undefined) return {set: {}, durability: null}
  if (typeof value !== 'object' || Array.isArray(value)) {
    return refusal('BAD_REQUEST', 'bucket properties: expected an object')
  }
  const set: Record<string, JsonValue> = {}
  let durability: Durability | null = null
  for (const [key, item] of flattenSettings(value as JsonObject)) {
    if (IGNORED.has(key) || (FOREIGN.test(key) && isEmpty(item))) continue
    if (key === 'durability' || key === 'ext.durability') {
      if (item !== 'default' && item !== 'relaxed') return badDurability(item)
      durability = item
      continue
    }
    const parsed = parseProperty(key, item)
    if (isRefusal(parsed)) return parsed
    set[key] = parsed
  }
  return {set, durability}
}

/** The body's value of a patch: the inverse of decodeBucketPatch, with dotted keys. */
export function encodeBucketPatch(patch: BucketPatch): JsonObject {
  return {...patch.set, ...(patch.durability === null ? {} : {durability: patch.durability})}
}

function parseProperty(key: string, item: JsonValue): boolean | number | string | Refusal {
  if (Object.hasOwn(BUCKET_ONLY, key)) {
    const bits = typeof item === 'string' || typeof item === 'number' ? String(item) : ''
    return (
      parseU64(bits)?.toString() ??
      refusal('BAD_CONFIG', `invalid ${key}=${JSON.stringify(item)} (expected a 64-bit number)`)
    )
  }
  const known = SETTING_KEYS.filter(isBucketSetting)
  if (known.some((one) => one === key)) return parseSetting(key, item, 'bucket')
  const close = nearest(key, [...known, ...Object.keys(BUCKET_ONLY), 'durability'])
  return refusal('BAD_CONFIG', `unknown bucket property ${JSON.stringify(key.slice(0, 80))}`, {
    ...(close === undefined ? {} : {hint: `did you mean ${close}?`}),
    details: {key},
  })
}

function badDurability(item: JsonValue): Refusal {
  const given = JSON.stringify(item)
  return refusal('BAD_CONFIG', `invalid durability=${given} (expected "default" or "relaxed")`)
}

function isEmpty(item: JsonValue): boolean {
  return item === '' || item === 0 || item === false
}
