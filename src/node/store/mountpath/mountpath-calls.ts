/**
 * The waiting calls of one mountpath: at most a few in flight, because libuv has one pool per
 * process and a dead disk would fill it; a call that never returns, or a device that keeps failing,
 * disables this mountpath and nothing else. Performs nothing itself.
 */

import {AisError} from '../../../base/errors.ts'
import {MOUNTPATH_CALLS_MAX} from '../../../model/limits.ts'
import {errnoOf} from '../fs/fs.ts'
import {FAILURES_KEPT_MAX, USUAL_HEALTH, type HealthSettings} from './health-settings.ts'

/** A call in flight for longer makes one look at the disk: a healthy one needs less than 1 s. */
const SLOW_AFTER_MS = 3_000
/** Checks come every second or so: after a longer gap it was this process that stood still. */
const FROZEN_AFTER_MS = 5_000
/** Calls that may wait for one mountpath; beyond, the node is too busy to promise anything. */
const WAITING_MAX = 4096
/** Errors that blame the device, not the request. */
const DEVICE_ERRORS: ReadonlySet<string> = new Set([
  'EIO',
  'EROFS',
  'ENODEV',
  'ENXIO',
  'ESTALE',
  'EUCLEAN',
  'ESHUTDOWN',
])

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
  /** @param hangs something that nobody counts has not come back from the device */
  readonly disable: (why: string, hangs?: boolean) => void
  /** Looks for stuck calls; to be called every second or so. */
  readonly check: (nowMs: number) => void
  readonly inFlight: () => number
  /** Calls that were begun and have not come back, given up or not. */
  readonly unreturned: () => number
  /** Acts when no call can use the device's descriptors any more; never while one hangs. */
  readonly whenReturned: (act: () => void) => void
}

export interface CallsTold {
  /** Once, with the reason. */
  readonly disabled: (why: string) => void
  /** At every failure of the device, and while a call takes long. */
  readonly suspect: (why: string) => void
}

interface Running {
  /** When it began, by a clock that stands still with the process. */
  sinceMs: number
  readonly fail: (error: Error) => void
}

/**
 * @param path the mountpath, for messages
 * @param nowMs a monotonic clock
 */
export function createMountpathCalls(
  path: string,
  nowMs: () => number,
  told: CallsTold,
  settings: () => HealthSettings = () => USUAL_HEALTH,
): MountpathCalls {
  const running = new Set<Running>()
  const waiting: (() => void)[] = []
  const returns = createReturns()
  let why: string | null = null
  const isFailing = createFailureWindow(settings)
  let checkedMs: number | null = null

  function disable(reason: string, hangs = false): void {
    if (why !== null) return
    why = reason
    if (hangs) returns.began()
    told.disabled(reason)
    for (const call of running) call.fail(disabledError(path, reason))
    for (const start of waiting.splice(0)) start()
  }

  function note(error: unknown): void {
    const code = why === null ? errnoOf(error) : ''
    if (!DEVICE_ERRORS.has(code)) return
    if (!isFailing(nowMs())) return told.suspect(code)
    const {failures, withinMs} = settings()
    disable(`${code}: ${failures} failures within ${withinMs / 1000} s`)
  }

  function run<T>(perform: Perform<T>, done: CallDone<T>): void {
    if (running.size >= MOUNTPATH_CALLS_MAX && why === null) return wait(perform, done)
    if (why !== null) return done(disabledError(path, why), undefined)
    const call: Running = {
      sinceMs: nowMs(),
      fail: (error) => {
        if (running.delete(call)) done(error, undefined)
      },
    }
    running.add(call)
    returns.began()
    perform((error, value) => {
      returns.ended()
      // One that was given up comes back late, or never: its caller has been answered.
      if (!running.delete(call)) return returns.letGo()
      note(error)
      done(error, value)
      waiting.shift()?.()
      returns.letGo()
    })
  }

  function wait<T>(perform: Perform<T>, done: CallDone<T>): void {
    if (waiting.length >= WAITING_MAX) return done(tooMany(path, waiting.length), undefined)
    waiting.push(() => run(perform, done))
  }

  return {
    run,
    runLast: (perform, done) => (waiting.length > 0 && why === null ? wait : run)(perform, done),
    note,
    disabled: () => why,
    disable,
    check: (now) => {
      forgiveFreeze(running, checkedMs, now)
      checkedMs = now
      const seconds = slowSeconds(running, now)
      if (seconds > 0) told.suspect(`a call has not returned for ${seconds} s`)
    },
    inFlight: () => running.size,
    unreturned: returns.count,
    whenReturned: returns.when,
  }
}

interface Returns {
  readonly began: () => void
  readonly ended: () => void
  readonly count: () => number
  /** Acts, once, when no call is under way. */
  readonly when: (act: () => void) => void
  readonly letGo: () => void
}

/** Calls that were begun and have not come back, and what waits for all of them. */
function createReturns(): Returns {
  const afterwards: (() => void)[] = []
  let unreturned = 0
  const letGo = (): void => {
    if (unreturned === 0) for (const act of afterwards.splice(0)) act()
  }
  return {
    began: () => {
      unreturned += 1
    },
    ended: () => {
      unreturned -= 1
    },
    count: () => unreturned,
    when: (act) => {
      afterwards.push(act)
      letGo()
    },
    letGo,
  }
}

/** Counts a failure; says whether there are too many. */
function createFailureWindow(settings: () => HealthSettings): (nowMs: number) => boolean {
  let failed: readonly number[] = []
  return (nowMs) => {
    const {failures, withinMs} = settings()
    failed = [...failed.filter((atMs) => nowMs - atMs < withinMs), nowMs]
    return failed.length >= Math.min(failures, FAILURES_KEPT_MAX)
  }
}

/** For how long the first call that takes long has not come back; 0 when there is none. */
function slowSeconds(running: ReadonlySet<Running>, now: number): number {
  const slow = [...running].find((call) => now - call.sinceMs >= SLOW_AFTER_MS)
  return slow === undefined ? 0 : Math.round((now - slow.sinceMs) / 1000)
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
    hint: 'check the disk (journalctl -k), then: aisctl storage mountpath enable',
  })
}
