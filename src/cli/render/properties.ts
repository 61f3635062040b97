/** Nested settings as the flat table `PROPERTY  VALUE` that AIStore's operators know. */

import type {Json, JsonMap} from '../../wire/json.ts'
import {isJsonMap} from '../../wire/decode.ts'
import {renderTable} from './table.ts'

/** Dotted key and value as text, in the order of the answer. */
export function flatten(value: JsonMap, prefix = ''): readonly (readonly [string, string])[] {
  return Object.entries(value).flatMap(([key, item]): readonly (readonly [string, string])[] => {
    const path = prefix === '' ? key : `${prefix}.${key}`
    if (isJsonMap(item) && Object.keys(item).length > 0) return flatten(item, path)
    return [[path, textOf(item)]]
  })
}

function textOf(value: Json): string {
  if (Array.isArray(value)) return `[${value.map((item) => textOf(item as Json)).join(' ')}]`
  return scalarText(value)
}

/** A text, number or flag as text; '' for everything else. */
export function scalarText(value: Json | undefined): string {
  if (typeof value === 'string') return value
  const shown = typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean'
  return shown ? String(value) : ''
}

export function propertyTable(pairs: readonly (readonly [string, string])[]): readonly string[] {
  return renderTable(pairs, [
    {heading: 'PROPERTY', cell: ([key]) => key},
    {heading: 'VALUE', cell: ([, value]) => value},
  ])
}

/** `a.b=1` pairs as nested sections, values in the types that JSON has for them. */
export function nest(pairs: readonly (readonly [string, string])[]): JsonMap {
  const root: Record<string, Json> = {}
  for (const [key, value] of pairs) {
    const words = key.split('.')
    const last = words.pop() ?? ''
    let at = root
    for (const word of words) {
      const below = isJsonMap(at[word]) ? {...at[word]} : {}
      at[word] = below
      at = below
    }
    at[last] = typed(value)
  }
  return root
}

function typed(text: string): Json {
  if (text === 'true' || text === 'false') return text === 'true'
  return /^-?\d{1,15}$/.test(text) ? Number(text) : text
}
