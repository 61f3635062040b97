/**
 * Settings as AIStore's nested JSON: durations and sizes become Go's texts, dotted keys become
 * objects, in the order of the table. What a setting means is `model/config`'s business.
 */

import type {JsonObject, JsonValue} from '../model/bucket.ts'
import {formatSetting, setting} from '../model/config/config.ts'
import type {SettingKey} from '../model/config/schema.ts'
import {knobOf, sectionOf, SETTING_KEYS} from '../model/config/schema.ts'

/** A nested object that grows. */
interface Nest {
  [key: string]: JsonValue | Nest
}

/** The value of one setting on the wire. */
export function encodeSetting(key: SettingKey, value: JsonValue): JsonValue {
  const {type} = knobOf(key)
  return type === 'duration' || type === 'size' ? formatSetting(key, value) : value
}

/**
 * Whole sections with the values that count.
 * @param sections names of sections, in any order; the result has the table's
 */
export function encodeSections(set: JsonObject, sections: ReadonlySet<string>): JsonObject {
  const root: Nest = {}
  for (const key of SETTING_KEYS) {
    if (sections.has(sectionOf(key))) put(root, key, encodeSetting(key, setting(set, key)))
  }
  return root
}

/** One section with the values that count. */
export function encodeSection(set: JsonObject, section: string): JsonObject {
  return encodeSections(set, new Set([section]))[section] as JsonObject
}

/** Places a value at a dotted key. */
export function put(root: Nest, key: string, value: JsonValue): void {
  const words = key.split('.')
  const last = words.pop() ?? ''
  let at = root
  for (const word of words) {
    const next = at[word] ?? {}
    at[word] = next
    at = next as Nest
  }
  at[last] = value
}
