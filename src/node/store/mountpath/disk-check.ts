/**
 * Looks after disks that fail or hang: whoever meets an error of a device, or a call that takes
 * long, says so; then a probe decides in bounded time whether the mountpath goes on or is disabled,
 * and why. It is never enabled again by itself. Nothing here waits on the thread of the requests.
 */

import {errnoOf} from '../fs/fs.ts'
import {CHECKS_MAX, type HealthSettings} from './health-settings.ts'
import type {Mountpath} from './mountpaths.ts'
import {WORK_FOLDER, isStillThere} from './mountpaths.ts'

export interface DiskCheckDeps {
  readonly mountpathAt: (path: string) => Mountpath | undefined
  readonly settings: () => HealthSettings
  /** Runs something later, once; the result takes it back. */
  readonly after: (ms: number, act: () => void) => () => void
  readonly warn: (text: string, facts: Readonly<Record<string, unknown>>) => void
}

export interface DiskCheck {
  /** Something failed or hangs there. */
  readonly suspect: (path: string, why: string) => void
  /** Somebody wants to know. */
  readonly check: (path: string) => void
  readonly stop: () => void
}

/** A look that has no verdict by then means that the disk hangs: with what led to it, 10 s. */
const LOOK_LIMIT_MS = 5_000
/** A disk that completes requests meanwhile is slow and does not hang: it gets so much. */
const SLOW_LIMIT_MS = 60_000
/** After a look that found nothing, the next one is not begun before. */
const PAUSE_MS = 1_000
/** A full disk is no broken disk. */
const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT'])

export function createDiskCheck(deps: DiskCheckDeps): DiskCheck {
  /** Mountpaths that are being looked at, or were just now. */
  const looking = new Map<Mountpath, () => void>()
  let probes = 0
  let stopped = false

  function begin(path: string, why: string): void {
    const mountpath = deps.mountpathAt(path)
    if (stopped || mountpath === undefined || looking.has(mountpath)) return
    if (mountpath.calls.disabled() !== null) return
    deps.warn('mountpath is being checked', {path, why})
    look(mountpath, why)
  }

  function look(mountpath: Mountpath, why: string): void {
    let ended = false
    const conclude = (problem: string | null, hangs = false): void => {
      if (ended) return
      ended = true
      looking.get(mountpath)?.()
      if (problem !== null) {
        looking.delete(mountpath)
        return mountpath.calls.disable(problem, hangs)
      }
      looking.set(
        mountpath,
        deps.after(PAUSE_MS, () => looking.delete(mountpath)),
      )
    }
    const failures: string[] = []
    const probe = (): void => {
      if (ended) return
      probes += 1
      const {port, pinned} = mountpath
      port.probe(`${pinned}/${WORK_FOLDER}/probe${probes}`, (error) => {
        if (error === null || isFull(error)) return conclude(goneNow(mountpath))
        failures.push(reasonOf(error))
        // One failure may be a bad spot, which the object that lies there tells.
        const {failedChecks} = deps.settings()
        if (failures.length < Math.min(failedChecks, CHECKS_MAX)) return probe()
        conclude(`${why}; a check failed: ${failures.at(-1)}`)
      })
    }
    watchTime(mountpath, 0, (waitedMs) => {
      conclude(`it hangs: ${why}; a check has not returned for ${waitedMs / 1000} s`, true)
    })
    probe()
  }

  /** Calls back when the look takes too long and the device does nothing at all. */
  function watchTime(mountpath: Mountpath, waitedMs: number, late: (ms: number) => void): void {
    const before = completedAt(mountpath)
    const takeBack = deps.after(LOOK_LIMIT_MS, () => {
      const waited = waitedMs + LOOK_LIMIT_MS
      const works = before !== null && completedAt(mountpath) !== before
      if (works && waited < SLOW_LIMIT_MS) watchTime(mountpath, waited, late)
      else late(waited)
    })
    looking.set(mountpath, takeBack)
  }

  return {
    suspect: (path, why) => {
      if (deps.settings().isEnabled) begin(path, why)
    },
    check: (path) => begin(path, 'a check was asked for'),
    stop: () => {
      stopped = true
      for (const takeBack of looking.values()) takeBack()
      looking.clear()
    },
  }
}

function completedAt({port, root}: Mountpath): number | null {
  return port.completed(root.dev)
}

function goneNow(mountpath: Mountpath): string | null {
  return isStillThere(mountpath) ? null : 'its filesystem is gone'
}

/** Without the path of the probe: it says nothing. */
function reasonOf(error: Error): string {
  const code = errnoOf(error)
  const call = 'syscall' in error && typeof error.syscall === 'string' ? ` (${error.syscall})` : ''
  return code === '' ? error.message : `${code}${call}`
}

function isFull(error: Error): boolean {
  return FULL.has(errnoOf(error))
}
