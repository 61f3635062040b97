/**
 * The last events and effects of the kernel, for the moment after something happened that may not
 * happen. With the seed in the `booted` event, the simulator can replay what is dumped.
 */

import {writeFileSync} from 'node:fs'
import {join} from 'node:path'

import type {KernelEffect, KernelEvent} from '../../core/kernel/events.ts'

/** Steps kept: at ten ticks per second the last half minute or more. */
const STEPS_MAX = 500

interface Step {
  readonly event: KernelEvent
  readonly effects: readonly KernelEffect[]
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
      steps[next % STEPS_MAX] = {event, effects}
      next += 1
    },
    dump: (directory, reason) => {
      const oldest = next <= STEPS_MAX ? 0 : next % STEPS_MAX
      const ordered = [...steps.slice(oldest), ...steps.slice(0, oldest)]
      const path = join(directory, 'flight-recorder.json')
      writeFileSync(path, JSON.stringify({format: 1, reason, steps: ordered}, withoutText))
      return path
    },
  }
}

/** A record's text repeats the decoded record beside it. */
function withoutText(key: string, value: unknown): unknown {
  return key === 'text' ? undefined : typeof value === 'bigint' ? String(value) : value
}
