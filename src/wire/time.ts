/**
 * Points in time as Go prints them, from nanoseconds since 1970 (UTC) and back. Pure calendar
 * arithmetic, no clock: what time it is arrives as data.
 */

import {formatUtc} from '../base/utc.ts'

const NS_PER_S = 1_000_000_000n
const NS_PER_MS = 1_000_000n
const MS_PER_DAY = 86_400_000
const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')
const WEEKDAYS = 'Sun Mon Tue Wed Thu Fri Sat'.split(' ')

interface Civil {
  readonly year: string
  readonly month: string
  readonly day: string
  /** `HH:MM:SS`. */
  readonly clock: string
  readonly weekday: string
}

/** `2026-11-21T11:28:12.647011529Z`: RFC 3339 with as many decimals as needed. @param ns ≥ 0 */
export function formatRfc3339Nano(ns: bigint): string {
  const {year, month, day, clock} = civilOf(ns)
  const fraction = String(ns % NS_PER_S)
    .padStart(9, '0')
    .replace(/0+$/, '')
  return `${year}-${month}-${day}T${clock}${fraction === '' ? '' : `.${fraction}`}Z`
}

/** `21 Nov 26 11:28 UTC`: RFC 822, what lists show by default. @param ns ≥ 0 */
export function formatRfc822(ns: bigint): string {
  const {year, month, day, clock} = civilOf(ns)
  return `${day} ${MONTHS[Number(month) - 1]} ${year.slice(2)} ${clock.slice(0, 5)} UTC`
}

/** `Sat, 21 Nov 2026 11:28:12 GMT`: Last-Modified. @param ns ≥ 0 */
export function formatHttpDate(ns: bigint): string {
  const {year, month, day, clock, weekday} = civilOf(ns)
  return `${weekday}, ${day} ${MONTHS[Number(month) - 1]} ${year} ${clock} GMT`
}

/** Nanoseconds since 1970 of an RFC 3339 time with any offset; undefined when it is none. */
export function parseRfc3339(text: string): bigint | undefined {
  const form =
    /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))$/
  const match = form.exec(text)
  if (match === null) return undefined
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map(Number)
  const shift = (Number(match[9] ?? 0) * 60 + Number(match[10] ?? 0)) * 60
  const offset = match[8] === '-' ? -shift : shift
  const seconds = daysOf(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset
  return BigInt(seconds) * NS_PER_S + BigInt((match[7] ?? '').padEnd(9, '0'))
}

// Days since 1970 of a date of the proleptic Gregorian calendar; years count from March, so that
// the leap day comes last.
function daysOf(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year
  const era = Math.floor(shifted / 400)
  const yearOfEra = shifted - era * 400
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1
  const leaps = Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100)
  return era * 146_097 + yearOfEra * 365 + leaps + dayOfYear - 719_468
}

function civilOf(ns: bigint): Civil {
  const ms = Number(ns / NS_PER_MS)
  const utc = formatUtc(ms)
  return {
    year: utc.slice(0, 4),
    month: utc.slice(5, 7),
    day: utc.slice(8, 10),
    clock: utc.slice(11),
    weekday: WEEKDAYS[(Math.floor(ms / MS_PER_DAY) + 4) % 7] ?? '',
  }
}
