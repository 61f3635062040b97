/**
 * Points in time as Go prints them, from nanoseconds since 1970 (UTC) and back. Pure calendar
 * arithmetic, no clock: what time it is arrives as data.
 */

const NS_PER_S = 1_000_000_000n
const S_PER_DAY = 86_400n
const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')
const WEEKDAYS = 'Sun Mon Tue Wed Thu Fri Sat'.split(' ')

/** Go's zero time, which stands for "not yet". */
export const GO_ZERO_TIME = '0001-01-01T00:00:00Z'

interface Civil {
  readonly year: number
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly ns: number
  readonly weekday: number
}

/** `2026-11-21T11:28:12.647011529Z`: RFC 3339 with as many decimals as needed. */
export function formatRfc3339(ns: bigint): string {
  const at = civilOf(ns)
  const fraction = at.ns === 0 ? '' : `.${pad(at.ns, 9).replace(/0+$/, '')}`
  return `${dateOf(at)}T${clockOf(at)}${fraction}Z`
}

/** `2026-11-21 11:28:03`: the cluster map's creation time. */
export function formatDateTime(ns: bigint): string {
  const at = civilOf(ns)
  return `${dateOf(at)} ${clockOf(at)}`
}

/** `21 Nov 26 11:28 UTC`: RFC 822, what lists show by default. */
export function formatRfc822(ns: bigint): string {
  const at = civilOf(ns)
  const date = `${pad(at.day, 2)} ${MONTHS[at.month - 1]} ${pad(at.year % 100, 2)}`
  return `${date} ${pad(at.hour, 2)}:${pad(at.minute, 2)} UTC`
}

/** `Sat, 21 Nov 2026 11:28:12 GMT`: Last-Modified. */
export function formatHttpDate(ns: bigint): string {
  const at = civilOf(ns)
  const date = `${pad(at.day, 2)} ${MONTHS[at.month - 1]} ${pad(at.year, 4)}`
  return `${WEEKDAYS[at.weekday]}, ${date} ${clockOf(at)} GMT`
}

/** Nanoseconds since 1970 of an RFC 3339 time with any offset; undefined when it is none. */
export function parseRfc3339(text: string): bigint | undefined {
  const form =
    /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|([+-])(\d\d):(\d\d))$/
  const match = form.exec(text)
  if (match === null) return undefined
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number)
  const days = daysOf(year ?? 0, month ?? 0, day ?? 0)
  const inDay = BigInt((hour ?? 0) * 3600 + (minute ?? 0) * 60 + (second ?? 0))
  const fraction = BigInt((match[7] ?? '').padEnd(9, '0'))
  const shift = (Number(match[10] ?? 0) * 60 + Number(match[11] ?? 0)) * 60
  const offset = BigInt(match[9] === '-' ? -shift : shift)
  return (BigInt(days) * S_PER_DAY + inDay - offset) * NS_PER_S + fraction
}

// Days since 1970 of a date of the proleptic Gregorian calendar; years count from March, so that the
// leap day comes last.
function daysOf(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year
  const era = Math.floor(shifted / 400)
  const yearOfEra = shifted - era * 400
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1
  const leaps = Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100)
  return era * 146_097 + yearOfEra * 365 + leaps + dayOfYear - 719_468
}

function civilOf(ns: bigint): Civil {
  const seconds = floorDivide(ns, NS_PER_S)
  const days = floorDivide(seconds, S_PER_DAY)
  const inDay = Number(seconds - days * S_PER_DAY)
  return {
    ...dateOfDays(Number(days)),
    hour: Math.floor(inDay / 3600),
    minute: Math.floor(inDay / 60) % 60,
    second: inDay % 60,
    ns: Number(ns - seconds * NS_PER_S),
    weekday: (((Number(days) + 4) % 7) + 7) % 7,
  }
}

function dateOfDays(days: number): Pick<Civil, 'year' | 'month' | 'day'> {
  const z = days + 719_468
  const era = Math.floor(z / 146_097)
  const dayOfEra = z - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  )
  const leaps = Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100)
  const dayOfYear = dayOfEra - (365 * yearOfEra + leaps)
  const shifted = Math.floor((5 * dayOfYear + 2) / 153)
  const month = shifted < 10 ? shifted + 3 : shifted - 9
  const day = dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1
  return {year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day}
}

function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by
  return value % by < 0n ? quotient - 1n : quotient
}

function dateOf(at: Civil): string {
  return `${pad(at.year, 4)}-${pad(at.month, 2)}-${pad(at.day, 2)}`
}

function clockOf(at: Civil): string {
  return `${pad(at.hour, 2)}:${pad(at.minute, 2)}:${pad(at.second, 2)}`
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0')
}
