/** Wall-clock times as text, for people. Pure: no Date object, no time zone but UTC. */

const DAY_MS = 86_400_000

/** `YYYY-MM-DD HH:MM:SS`, the creation time of a cluster map. @param wallMs ms since 1970 */
export function formatUtc(wallMs: number): string {
  const {date, time} = civil(wallMs)
  return `${date} ${time}`
}

/** RFC 3339 with seconds: `2026-08-21T10:05:00Z`. @param wallMs ms since 1970 */
export function formatRfc3339(wallMs: number): string {
  const {date, time} = civil(wallMs)
  return `${date}T${time}Z`
}

/** Days to a date by the 400-year cycle of the Gregorian calendar, March being the first month. */
function civil(wallMs: number): {date: string; time: string} {
  const days = Math.floor(wallMs / DAY_MS) + 719_468
  const seconds = Math.floor((wallMs - Math.floor(wallMs / DAY_MS) * DAY_MS) / 1000)
  const era = Math.floor(days / 146_097)
  const dayOfEra = days - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  )
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const shifted = Math.floor((5 * dayOfYear + 2) / 153)
  const day = dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1
  const month = shifted < 10 ? shifted + 3 : shifted - 9
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  const clock = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
  return {
    date: `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}`,
    time: clock.map((part) => pad(part, 2)).join(':'),
  }
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0')
}
