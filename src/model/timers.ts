/**
 * The cluster's timers (DESIGN: timers): the default profile, scaled by AIStore's keepalive
 * interval. Leadership and metadata never depend on these numbers; single ownership of data depends
 * on monotonic clocks running within 10 % of each other.
 */

import {parseDuration} from '../base/units.ts'
import type {JsonObject, JsonValue} from './bucket.ts'
import {SCHEMA} from './config/schema.ts'

/** All in ms. */
export interface Timers {
  /** Between two beats to one node. */
  readonly beatMs: number
  /** Silence of a primary after which its followers look for one. */
  readonly electMs: number
  /** Each next candidate in the order of succession waits this much longer. */
  readonly rankMs: number
  /** Without a majority for this long a primary commits nothing (R10). Invariant: ≤ electMs. */
  readonly leaseMs: number
  /** A data lease; what a dead target's keys wait for at most is 1.2 times this. */
  readonly ownMs: number
  /** Silence of a node after which the primary has others look, too (R13). */
  readonly suspectMs: number
  /** How long an announced absence keeps its share. */
  readonly absentGraceMs: number
  /** After one target was marked lost, none other for this long (R13). */
  readonly settleMs: number
  /** A founding primary waits for the configured nodes at most this long. */
  readonly startupMs: number
}

/** Multiplies every timer of the `wan` profile. */
const WAN_FACTOR = 5
/** Silences and pauses that are no settings, under the default profile. */
const SUSPECT_MS = 4000
const SETTLE_MS = 30_000
/** Below a fifth of the defaults one late fsync would count as silence. */
const SCALE_MIN = 0.2
const SCALE_MAX = 60

/**
 * The timers under these settings of the record's configuration: one that is set by itself as it
 * is, the others as their default times the profile's factor times keepalive interval / 10 s (the
 * longer one of proxies and targets).
 */
export function timersOf(set: JsonObject): Timers {
  const usual = SCHEMA['keepalivetracker.proxy.interval'].initial
  const interval = Math.max(
    durationOf(set['keepalivetracker.proxy.interval']) ?? usual,
    durationOf(set['keepalivetracker.target.interval']) ?? 0,
  )
  const factor = set['ext.timers.profile'] === 'wan' ? WAN_FACTOR : 1
  const scale = Math.min(SCALE_MAX, Math.max(SCALE_MIN, interval / usual)) * factor
  const timer = (key: TimerKey): number => durationOf(set[key]) ?? SCHEMA[key].initial * scale
  const fixed = (key: FixedKey): number => durationOf(set[key]) ?? SCHEMA[key].initial
  return {
    beatMs: timer('ext.timers.beat'),
    electMs: timer('ext.timers.elect'),
    rankMs: timer('ext.timers.rank'),
    leaseMs: timer('ext.timers.lease'),
    ownMs: timer('ext.timers.own'),
    suspectMs: SUSPECT_MS * scale,
    absentGraceMs: fixed('ext.lifecycle.absent_grace'),
    settleMs: SETTLE_MS * scale,
    startupMs: fixed('timeout.startup_time'),
  }
}

type TimerKey = `ext.timers.${'beat' | 'elect' | 'rank' | 'lease' | 'own'}`
type FixedKey = 'ext.lifecycle.absent_grace' | 'timeout.startup_time'

function durationOf(value: JsonValue | undefined): number | undefined {
  if (typeof value === 'number') return value
  return typeof value === 'string' ? parseDuration(value) : undefined
}
