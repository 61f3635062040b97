/**
 * The waiting calls of one mountpath: at most a few in flight, because libuv has one pool per
 * process and a dead disk would fill it; a call that never returns, or a device that keeps failing,
 * disables this mountpath and nothing else. Performs nothing itself.
 */

import {AisError} from '../../base/errors.ts'
import {MOUNTPATH_CALLS_MAX} from '../../model/limits.ts'
import {errnoOf} from './fs.ts'

/** A call in flight for longer is stuck: SCSI gives up after 30 s, a healthy disk within 1 s. */
const STUCK_AFTER_MS = 15_000
/** Checks come every second or so: after a longer gap it was this process that stood still. */
const FROZEN_AFTER_MS = 5_000
/** Failures of the device, without a success between them, that disable a mountpath. */
const FAILURES_MAX = 3
/** Calls that may wait for one mountpath; beyond, the node is too busy to promise anything. */
const WAITING_MAX = 4096
/** Errors that blame the device, not the request. */
const DEVICE_ERRORS: ReadonlySet<string> = new Set(['EIO', 'EROFS', 'ENODEV', 'ENXIO', 'ESTALE'])

export type CallDone<T> = (error: Error | null, value: T | undefined) => void

/** A call to a device; it must call back once. */
export type Perform<T> = (back: (error: Error | null, value?: T) => void) => void

export interface MountpathCalls {
  /** Runs a call when there is room. */
  readonly run: <T>(perform: Perform<T>, done: CallDone<T>) => void
  /** Runs a call after all that wait now, although there may be room. */
  readonly runLast: <T>(perform: Perform<T>, done: CallDone<T>) => void
  /** Notes how a synchronous call ended. */
  readonly note: (error: unknown) => void
  /** Why the mountpath is disabled; null while it serves. */
  readonly disabled: () => string | null
  readonly disable: (why: string) => void
  /** Looks for stuck calls; to be called every second or so. */
  readonly check: (nowMs: number) => void
  readonly inFlight: () => number
}

interface Running {
  /** When it began, by a clock that stands still with the process. */
  sinceMs: number
  readonly fail: (error: Error) => void
}

/**
 * @param path the mountpath, for messages
 * @param nowMs a monotonic clock
 * @param onDisabled told once, with the reason
 */
export function createMountpathCalls(
  path: string,
  nowMs: () => number,
  onDisabled: (why: string) => void,
): MountpathCalls {
  const running = new Set<Running>()
  const waiting: (() => void)[] = []
  let why: string | null = null
  let failures = 0
  let checkedMs: number | null = null

  function disable(reason: string): void {
    if (why !== null) return
    why = reason
    onDisabled(reason)
    for (const call of running) call.fail(disabledError(path, reason))
    for (const start of waiting.splice(0)) start()
  }

  function note(error: unknown): void {
    if (error === null) {
      failures = 0
      return
    }
    if (!DEVICE_ERRORS.has(errnoOf(error))) return
    failures += 1
    if (failures >= FAILURES_MAX) disable(`${errnoOf(error)} ${failures} times in a row`)
  }

  function run<T>(perform: Perform<T>, done: CallDone<T>): void {
    if (running.size >= MOUNTPATH_CALLS_MAX && why === null) return wait(perform, done)
    if (why !== null) return done(disabledError(path, why), undefined)
    const call: Running = {
      sinceMs: nowMs(),
      fail: (error) => {
        if (!running.delete(call)) return
        done(error, undefined)
      },
    }
    running.add(call)
    perform((error, value) => {
      // A call that was given up comes back late, or never: its caller has been answered.
      if (!running.delete(call)) return
      note(error)
      done(error, value)
      waiting.shift()?.()
    })
  }

  function wait<T>(perform: Perform<T>, done: CallDone<T>): void {
    if (waiting.length >= WAITING_MAX) return done(tooMany(path, waiting.length), undefined)
    waiting.push(() => run(perform, done))
  }

  function runLast<T>(perform: Perform<T>, done: CallDone<T>): void {
    if (waiting.length > 0 && why === null) wait(perform, done)
    else run(perform, done)
  }

  function check(now: number): void {
    forgiveFreeze(running, checkedMs, now)
    checkedMs = now
    const stuck = [...running].find((call) => now - call.sinceMs >= STUCK_AFTER_MS)
    if (stuck === undefined) return
    disable(`a call has not returned for ${Math.round((now - stuck.sinceMs) / 1000)} s`)
  }

  return {run, runLast, note, disabled: () => why, disable, check, inFlight: () => running.size}
}

/** The time that a frozen process slept is not the device's: its calls may be done long since. */
function forgiveFreeze(running: ReadonlySet<Running>, checkedMs: number | null, now: number): void {
  if (checkedMs === null || now - checkedMs < FROZEN_AFTER_MS) return
  for (const call of running) call.sinceMs = now
}

function tooMany(path: string, count: number): AisError {
  return new AisError({code: 'TOO_BUSY', message: `${path}: ${count} calls are waiting`})
}

function disabledError(path: string, why: string): AisError {
  return new AisError({
    code: 'IO_ERROR',
    message: `mountpath ${path} is disabled: ${why}`,
    hint: 'check the disk (journalctl -k), then restart the node or enable the mountpath again',
  })
}
