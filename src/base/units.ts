/**
 * Durations and sizes: numbers inside, Go's strings (`"1m30s"`, `"64MiB"`) at the edge. Durations
 * are milliseconds, sizes are bytes. AIStore writes sizes in IEC units and accepts a few short
 * forms.
 */

/** Milliseconds, ≥ 0. */
export type Ms = number
/** Bytes, ≥ 0. */
export type Bytes = number

export const KIB = 1024
export const MIB = 1024 * KIB
export const GIB = 1024 * MIB
export const TIB = 1024 * GIB

const MS_PER: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}

/**
 * Parses a Go duration: a sequence of decimal numbers with units (`1h30m`, `1.5s`, `100ms`), `0`,
 * or with a leading minus.
 * @returns milliseconds, or undefined when the text is no duration
 */
export function parseDuration(text: string): Ms | undefined {
  if (text === '0') return 0
  const sign = text.startsWith('-') ? -1 : 1
  const body = sign < 0 ? text.slice(1) : text
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(body)) return undefined
  let total = 0
  for (const [, digits, unit] of body.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) {
    total += Number(digits) * (MS_PER[unit ?? ''] ?? 0)
  }
  return sign * total
}

/**
 * Writes a duration as AIStore does: Go's form with a trailing `0s` trimmed (`10s`, `2m`, `2h0m`,
 * `1h30m`, `100ms`, `0s`).
 */
export function formatDuration(ms: Ms): string {
  if (ms === 0) return '0s'
  if (ms < 0) return `-${formatDuration(-ms)}`
  if (ms < 1) return `${trim(ms * 1000)}µs`
  if (ms < 1000) return `${trim(ms)}ms`
  const hours = Math.floor(ms / 3_600_000)
  const minutes = Math.floor((ms % 3_600_000) / 60_000)
  const seconds = (ms % 60_000) / 1000
  const parts = [hours > 0 ? `${hours}h` : '', hours + minutes > 0 ? `${minutes}m` : '']
  if (seconds > 0) parts.push(`${trim(seconds)}s`)
  return parts.join('')
}

function trim(value: number): string {
  return String(Math.round(value * 1e6) / 1e6)
}

const BYTES_PER: Readonly<Record<string, number>> = {
  '': 1,
  'b': 1,
  'k': KIB,
  'kb': KIB,
  'kib': KIB,
  'm': MIB,
  'mb': MIB,
  'mib': MIB,
  'g': GIB,
  'gb': GIB,
  'gib': GIB,
  't': TIB,
  'tb': TIB,
  'tib': TIB,
}

/**
 * Parses a size: `64MiB`, `2gb` (AIStore counts it as GiB), `4096`, `1.5GiB`. Case does not matter.
 * @returns whole bytes, or undefined when the text is no size
 */
export function parseSize(text: string): Bytes | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim())
  if (match === null) return undefined
  const factor = BYTES_PER[(match[2] ?? '').toLowerCase()]
  return factor === undefined ? undefined : Math.round(Number(match[1]) * factor)
}

const SIZE_STEPS = [
  [TIB, 'TiB'],
  [GIB, 'GiB'],
  [MIB, 'MiB'],
  [KIB, 'KiB'],
] as const

/**
 * Writes a size in IEC units.
 * @param digits decimals at most (2 when absent); trailing zeros are dropped
 */
export function formatSize(bytes: Bytes, digits = 2): string {
  for (const [step, unit] of SIZE_STEPS) {
    if (bytes >= step) return `${Number((bytes / step).toFixed(digits))}${unit}`
  }
  return `${bytes}B`
}
