/**
 * Compares a live answer with a recorded one: status, headers and JSON by keys, their order and
 * types, values wherever they are determined. What depends on time, load or the machine is compared
 * by type.
 */

import {decode as unpack} from '@msgpack/msgpack'
import type {Json, JsonMap} from '../../src/wire/json.ts'
import {encodeJson, parseJson} from '../../src/wire/json.ts'
import {parseQuery} from '../../src/wire/query.ts'
import type {Exchange} from '../helpers/recordings.ts'
import type {Answer} from './replay.ts'

/** One difference: where, and what. */
export interface Difference {
  /** `status`, `header NAME`, `body`, or a JSON path such as `json.smap.version`. */
  readonly at: string
  readonly problem: string
}

/** Values that time, load or the machine decide. */
const BY_TYPE =
  /\.(version|smap_version|config_version|creation_time|lastupdate_time|created|build_time|remote_addr|atime|a|caller)$|\.(sys_info|mem|proc|load_avg|capacity|mountpaths|proxy|target)\.(?!snode)|\.(mem|pct|cpu)_|pct_|_(used|avail|capacity)$/
/** Objects whose keys the machine decides: only the types of their values are compared. */
const BY_VALUES = /\.(tracker|AllDiskStats)$/
/** Headers that time decides; decimal digits. */
const DIGITS = new Set(['Ais-Atime', 'Ais-Cluster-Uptime', 'Ais-Node-Uptime'])
/** Headers that hold JSON. */
const HOLDS_JSON = new Set(['Ais-Bucket-Props', 'Hdr-Error'])

/** All differences; none when the answer is the recorded one. */
export function compareAnswer(exchange: Exchange, answer: Answer): readonly Difference[] {
  const {response} = exchange
  const found: Difference[] = []
  if (answer.status !== response.status) {
    found.push({at: 'status', problem: `expected ${response.status}, found ${answer.status}`})
  }
  return [...found, ...compareHeaders(exchange, answer), ...compareBody(exchange, answer)]
}

function compareHeaders(exchange: Exchange, answer: Answer): readonly Difference[] {
  const wanted = exchange.response.headers
  const names = (pairs: readonly (readonly [string, string])[]): readonly string[] =>
    pairs.map(([name]) => name).sort()
  const missing = without(names(wanted), names(answer.headers))
  const more = without(names(answer.headers), names(wanted))
  const found: Difference[] = [
    ...missing.map((name) => ({at: `header ${name}`, problem: 'is missing'})),
    ...more.map((name) => ({at: `header ${name}`, problem: 'is not recorded'})),
  ]
  for (const [name, value] of wanted) {
    const ours = answer.headers.find(([one]) => one === name)?.[1]
    if (ours !== undefined) found.push(...compareHeader(name, {value, ours, exchange, answer}))
  }
  return found
}

/** Elements of one list that the other lacks, with repetition. */
function without(list: readonly string[], other: readonly string[]): readonly string[] {
  const rest = [...other]
  return list.filter((one) => {
    const at = rest.indexOf(one)
    if (at >= 0) rest.splice(at, 1)
    return at < 0
  })
}

function compareHeader(
  name: string,
  more: {
    readonly value: string
    readonly ours: string
    readonly exchange: Exchange
    readonly answer: Answer
  },
): readonly Difference[] {
  const {value, ours, exchange, answer} = more
  const at = `header ${name}`
  if (DIGITS.has(name)) return /^\d+$/.test(ours) ? [] : [{at, problem: `found ${ours}`}]
  if (HOLDS_JSON.has(name)) return compareJson(parseJson(value), parseJson(ours), `${at} json`)
  if (name === 'Location') return compareLocation(value, ours)
  if (name === 'Ais-Location') return comparePlace(value, ours, at)
  if (name === 'Ais-Mirror-Paths') return comparePlace(value, ours, at)
  if (name === 'Content-Length' && exchange.request.method !== 'HEAD') {
    return Number(ours) === answer.bodyBytes ? [] : [{at, problem: `${ours} is not the length`}]
  }
  return value === ours ? [] : [{at, problem: `expected ${value}, found ${ours}`}]
}

function compareLocation(value: string, ours: string): readonly Difference[] {
  const at = 'header Location'
  const [wanted, found] = [new URL(value), new URL(ours)]
  const place = (url: URL): string => `${url.host}${decodeURIComponent(url.pathname)}`
  if (place(wanted) !== place(found)) {
    return [{at, problem: `expected ${place(wanted)}, found ${place(found)}`}]
  }
  const [keys, ourKeys] = [parseQuery(wanted.search.slice(1)), parseQuery(found.search.slice(1))]
  return [...keys].flatMap(([key, one]) => {
    const other = ourKeys.get(key)
    const same = key === 'utm' ? /^[0-9a-z]+$/.test(other ?? '') : one === other
    return same ? [] : [{at, problem: `${key}: expected ${one}, found ${other}`}]
  })
}

/**
 * Where an object lies: the node as recorded, some mountpath of it. Which one, depends on the
 * directories of the run; what follows is free text about disks.
 */
function comparePlace(value: string, ours: string, at: string): readonly Difference[] {
  const node = (text: string): string => text.replace(/(\[\/ais\/\d+\/mp)\d.*/, '$1')
  return node(value) === node(ours) ? [] : [{at, problem: `expected ${value}, found ${ours}`}]
}

function compareBody(exchange: Exchange, answer: Answer): readonly Difference[] {
  const {response} = exchange
  if (response.json !== undefined) {
    if (answer.json === undefined) return [{at: 'body', problem: `no JSON: ${answer.body}`}]
    return compareJson(withWalkId(response.json, answer.json), answer.json, 'json')
  }
  const body = response.body ?? ''
  if (typeof body !== 'string') return compareMsgpack(body as JsonMap, answer)
  const wanted = unmarked(body)
  const found = unmarked(answer.body)
  if (wanted === found || (isJobId(wanted) && isJobId(found))) return []
  return [{at: 'body', problem: `expected ${wanted.slice(0, 200)}, found ${found.slice(0, 200)}`}]
}

function compareMsgpack(body: JsonMap, answer: Answer): readonly Difference[] {
  const wanted = unpack(Buffer.from(body['base64'] as string, 'base64')) as Json
  if (answer.json === undefined) return [{at: 'body', problem: 'no MessagePack'}]
  return compareJson(withWalkId(wanted, answer.json), answer.json, 'json')
}

/** A recorded page with the id of the live walk, when that has the form of one. */
function withWalkId(wanted: Json, found: Json): Json {
  const [page, ours] = [wanted as JsonMap, found as JsonMap]
  for (const [key, list] of [
    ['uuid', 'entries'],
    ['UUID', 'Entries'],
  ] as const) {
    const id = ours[key]
    if (!(list in page) || typeof id !== 'string' || !isJobId(id)) continue
    return {...page, [key]: id}
  }
  return wanted
}

/** A redirect's page without the values that time decides, and without our additions. */
function unmarked(body: string): string {
  return body.replace(/utm=[0-9a-z]+/, 'utm=X').replace(/&amp;ext-fence=\d+/, '')
}

function isJobId(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_-]{7,30}[A-Za-z0-9]$/.test(text)
}

/** Differences of two JSON values. @param at path to them */
export function compareJson(wanted: Json, found: Json, at: string): readonly Difference[] {
  if (typeOf(wanted) !== typeOf(found)) {
    return [{at, problem: `expected ${typeOf(wanted)}, found ${typeOf(found)}`}]
  }
  if (Array.isArray(wanted)) return compareLists(wanted as readonly Json[], found, at)
  if (typeof wanted === 'object' && wanted !== null) {
    return BY_VALUES.test(at)
      ? compareValues(wanted as JsonMap, found as JsonMap, at)
      : compareObjects(wanted as JsonMap, found as JsonMap, at)
  }
  if (typeof wanted === 'string' && typeof found === 'string' && at.endsWith('.location')) {
    return comparePlace(wanted, found, at)
  }
  if (BY_TYPE.test(at) || anyPort(wanted) === anyPort(found)) return []
  return [{at, problem: `expected ${encodeJson(wanted)}, found ${encodeJson(found)}`}]
}

function compareLists(wanted: readonly Json[], found: Json, at: string): readonly Difference[] {
  const list = found as readonly Json[]
  if (wanted.length !== list.length) {
    return [{at, problem: `expected ${wanted.length} entries, found ${list.length}`}]
  }
  return wanted.flatMap((item, index) => compareJson(item, list[index] ?? null, `${at}[${index}]`))
}

function compareObjects(wanted: JsonMap, found: JsonMap, at: string): readonly Difference[] {
  const [keys, ourKeys] = [Object.keys(wanted), Object.keys(found)]
  const missing = keys.filter((key) => !Object.hasOwn(found, key))
  const more = ourKeys.filter((key) => !Object.hasOwn(wanted, key))
  const order = ourKeys.filter((key) => Object.hasOwn(wanted, key))
  const sorted = keys.filter((key) => Object.hasOwn(found, key))
  return [
    ...missing.map((key) => ({at: `${at}.${key}`, problem: 'is missing'})),
    ...more.map((key) => ({at: `${at}.${key}`, problem: 'is not recorded'})),
    ...(order.join() === sorted.join() ? [] : [{at, problem: `keys are in order ${order.join()}`}]),
    ...sorted.flatMap((key) =>
      compareJson(wanted[key] ?? null, found[key] ?? null, `${at}.${key}`),
    ),
  ]
}

/** Data by names of the machine: every value of ours has the type of a recorded one. */
function compareValues(wanted: JsonMap, found: JsonMap, at: string): readonly Difference[] {
  const [first] = Object.values(wanted)
  if (first === undefined) return []
  return Object.entries(found).flatMap(([key, value]) =>
    compareJson(first, value, `${at}.pct_${key}`),
  )
}

/** Ports that the kernel chose for a client. */
function anyPort(value: Json): Json {
  return typeof value === 'string' ? value.replace(/127\.0\.0\.1:\d{5}$/, '127.0.0.1:PORT') : value
}

function typeOf(value: Json): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'list'
  return typeof value === 'bigint' ? 'number' : typeof value
}
