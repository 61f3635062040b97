/** The recorded exchanges of the reference, read with 64-bit numbers intact. */

import {readFileSync} from 'node:fs'
import type {Json, JsonMap} from '../../src/wire/json.ts'
import {parseJson} from '../../src/wire/json.ts'

/** One recorded exchange. Header names of requests are as the recorder sent them. */
export interface Exchange {
  readonly name: string
  readonly request: {
    /** `primary`, `secondary` or `target PORT`. */
    readonly to: string
    readonly method: string
    /** Path and query. */
    readonly path: string
    readonly headers: Readonly<Record<string, string>>
    /** A text, an object to send as JSON, or nothing. */
    readonly body: Json
  }
  readonly response: {
    readonly status: number
    readonly headers: readonly (readonly [string, string])[]
    readonly json?: Json
    /** A text, or `{base64}`. */
    readonly body?: Json
  }
}

/** One recorded placement. */
export interface Placement {
  readonly object: string
  readonly target: string
  readonly mountpath: string
}

/** The exchanges of one recording, in the order in which they were made. */
export function exchangesOf(name: string): readonly Exchange[] {
  return readFixture(name) as unknown as readonly Exchange[]
}

/** One exchange by its name. */
export function exchangeOf(recording: string, name: string): Exchange {
  const found = exchangesOf(recording).find((exchange) => exchange.name === name)
  if (found === undefined) throw new Error(`no exchange ${name} in ${recording}`)
  return found
}

/** The JSON object of an exchange's response. */
export function answerOf(recording: string, name: string): JsonMap {
  return exchangeOf(recording, name).response.json as JsonMap
}

/** The recorded placements of objects in bucket `ais://hrw`. */
export function placements(): readonly Placement[] {
  return (readFixture('placement') as unknown as {readonly objects: readonly Placement[]}).objects
}

function readFixture(name: string): Json {
  return parseJson(
    readFileSync(new URL(`../compat/fixtures/${name}.json`, import.meta.url), 'utf8'),
  )
}
