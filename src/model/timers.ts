/**
 * The cluster's timers (DESIGN 3.3): the default profile, scaled by AIStore's keepalive interval.
 * Leadership and metadata never depend on these numbers; single ownership of data depends on
 * monotonic clocks running within 10 % of each other.
 */

import {parseDuration} from '../base/units.ts'
import type {JsonObject, JsonValue} from './bucket.ts'

/** All in ms. */
export interface Timers {
  /** Between two beats to one node. */
  readonly beatMs: number
  /** Silence of a primary after which its followers look for one. */
  readonly electMs: number
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

const DEFAULTS: Timers = {
  beatMs: 1000,
  electMs: 3000,
  leaseMs: 2000,
  ownMs: 10_000,
  suspectMs: 5000,
  absentGraceMs: 30_000,
  settleMs: 30_000,
  startupMs: 60_000,
}

/** AIStore's default `keepalivetracker.proxy.interval`, at which the profile is not scaled. */
const INTERVAL_MS = 10_000
/** Below a fifth of the defaults one late fsync would count as silence. */
const SCALE_MIN = 0.2
const SCALE_MAX = 60

/** The timers under these settings of the record's configuration. */
export function timersOf(set: JsonObject): Timers {
  const interval = durationOf(set['keepalivetracker.proxy.interval']) ?? INTERVAL_MS
  const scale = Math.min(SCALE_MAX, Math.max(SCALE_MIN, interval / INTERVAL_MS))
  const startupMs = durationOf(set['timeout.startup_time']) ?? DEFAULTS.startupMs
  if (scale === 1) return {...DEFAULTS, startupMs}
  return {
    beatMs: DEFAULTS.beatMs * scale,
    electMs: DEFAULTS.electMs * scale,
    leaseMs: DEFAULTS.leaseMs * scale,
    ownMs: DEFAULTS.ownMs * scale,
    suspectMs: DEFAULTS.suspectMs * scale,
    absentGraceMs: DEFAULTS.absentGraceMs,
    settleMs: DEFAULTS.settleMs * scale,
    startupMs,
  }
}

function durationOf(value: JsonValue | undefined): number | undefined {
  if (typeof value === 'number') return value
  return typeof value === 'string' ? parseDuration(value) : undefined
}
