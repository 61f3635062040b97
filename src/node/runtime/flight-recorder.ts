/**
 * The last events and effects of the kernel, for the moment after something happened that may not
 * happen. Records are named by their place and their hash, because hundreds of large ones would
 * stay in memory otherwise; the newest lie in the state directory, beside what is dumped.
 */

import {writeFileSync} from 'node:fs'
import {join} from 'node:path'

import type {KernelEffect, KernelEvent} from '../../core/kernel/events.ts'

/** Steps kept: at ten ticks per second the last half minute or more. */
const STEPS_MAX = 500
/** Letters of a text that are kept: reasons are for people, anything longer is a record. */
const TEXT_MAX = 1000

interface Step {
  readonly event: unknown
  readonly effects: readonly unknown[]
}

export interface FlightRecorder {
  readonly record: (event: KernelEvent, effects: readonly KernelEffect[]) => void
  /** Writes `flight-recorder.json` into the directory; returns its path. */
  readonly dump: (directory: string, reason: string) => string
}

export function createFlightRecorder(): FlightRecorder {
  const steps: Step[] = []
  let next = 0
  return {
    record: (event, effects) => {
      steps[next % STEPS_MAX] = {event: light(event), effects: effects.map(light)}
      next += 1
    },
    dump: (directory, reason) => {
      const oldest = next <= STEPS_MAX ? 0 : next % STEPS_MAX
      const ordered = [...steps.slice(oldest), ...steps.slice(0, oldest)]
      const path = join(directory, 'flight-recorder.json')
      writeFileSync(path, JSON.stringify({format: 2, reason, steps: ordered}, plain))
      return path
    },
  }
}

/** The value without what is large: a record becomes its place, a long text its beginning. */
function light(value: unknown): unknown {
  if (typeof value === 'string') {
    return value.length <= TEXT_MAX ? value : `${value.slice(0, TEXT_MAX)}…`
  }
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(light)
  if (isRecord(value)) return {epoch: value.epoch, index: value.index}
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, light(item)]))
}

function isRecord(value: object): value is {readonly epoch: number; readonly index: number} {
  return 'smap' in value && 'bmd' in value && 'index' in value
}

function plain(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}
