/**
 * Redirects between clients, gateways and targets. A gateway answers an object request with the
 * target's URL: the same path and query plus AIStore's `pid` and `utm`, and our fence: the index of
 * the record by which the gateway chose (DESIGN: fence). Clients carry all of it unread.
 */

import {REDIRECT_HOPS_MAX} from '../model/limits.ts'
import type {Query} from './query.ts'

/** Keys of a redirected request. */
const KEYS = {pid: 'pid', utm: 'utm', fence: 'ext-fence', hops: 'ext-hops'} as const

/** What marks a request as redirected. */
export interface RedirectMark {
  /** Gateway that chose the target. */
  readonly pid: string
  /** When it did, nanoseconds since 1970, by its clock. */
  readonly utmNs: bigint
  /** Record index of the gateway's view; null when it came from a gateway of AIStore. */
  readonly fence: number | null
  /** Redirects from target to target so far, 0 to REDIRECT_HOPS_MAX. */
  readonly hops: number
}

/** Where to send a client on. */
export interface Redirect extends RedirectMark {
  /** `http://host:port` of the target's public listener. */
  readonly directUrl: string
  /** Path as it arrived, not decoded. */
  readonly rawPath: string
  /** Query as it arrived, not decoded. */
  readonly rawQuery: string
}

/** The value of `Location`. Marks of an earlier redirect in the query are replaced. */
export function encodeLocation(redirect: Redirect): string {
  const mark = [
    `${KEYS.pid}=${encodeURIComponent(redirect.pid)}`,
    `${KEYS.utm}=${redirect.utmNs.toString(36)}`,
    ...(redirect.fence === null ? [] : [`${KEYS.fence}=${redirect.fence}`]),
    ...(redirect.hops === 0 ? [] : [`${KEYS.hops}=${redirect.hops}`]),
  ]
  const query = [...unmarked(redirect.rawQuery), ...mark].join('&')
  return `${redirect.directUrl}${redirect.rawPath}?${query}`
}

/** The mark of a request; null when a client sent it straight here. */
export function decodeRedirectMark(query: Query): RedirectMark | null {
  const pid = query.get(KEYS.pid)
  const utm = query.get(KEYS.utm)
  if (pid === undefined || pid === '' || utm === undefined) return null
  const utmNs = parseBase36(utm)
  if (utmNs === undefined) return null
  return {
    pid,
    utmNs,
    fence: parseCount(query.get(KEYS.fence)) ?? null,
    hops: Math.min(parseCount(query.get(KEYS.hops)) ?? 0, REDIRECT_HOPS_MAX),
  }
}

/** 301 for GET, 307 for the rest, which must be repeated with their method and body. */
export function redirectStatus(method: string): 301 | 307 {
  return method === 'GET' ? 301 : 307
}

/** The short page that Go's servers put under a redirect of GET; '' for other methods. */
export function redirectBody(method: string, location: string): string {
  if (method !== 'GET') return ''
  const escaped = location.replaceAll('&', '&amp;').replaceAll('"', '&#34;').replaceAll('<', '&lt;')
  return `<a href="${escaped}">Moved Permanently</a>.\n\n`
}

function unmarked(rawQuery: string): readonly string[] {
  const marks: readonly string[] = Object.values(KEYS)
  return rawQuery.split('&').filter((part) => {
    const equals = part.indexOf('=')
    return part !== '' && !marks.includes(equals < 0 ? part : part.slice(0, equals))
  })
}

function parseCount(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

function parseBase36(text: string): bigint | undefined {
  if (!/^[0-9a-z]{1,16}$/.test(text)) return undefined
  let value = 0n
  for (const digit of text) value = value * 36n + BigInt(Number.parseInt(digit, 36))
  return value
}
