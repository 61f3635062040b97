/**
 * Processes that the lab started, remembered by process id *and* start time: an id alone may
 * meanwhile belong to somebody else, and no process is ended here that the lab did not start.
 */

import {readFileSync} from 'node:fs'

/** What `/proc` says about one process at one time. */
export interface ProcessRef {
  readonly pid: number
  /** Clock ticks since boot, field 22 of /proc/PID/stat. */
  readonly startTicks: string
}

/** The process with this id as it is now; undefined when there is none. */
export function processRef(pid: number): ProcessRef | undefined {
  const stat = readText(`/proc/${pid}/stat`)
  // The second field is the name in parentheses and may hold blanks.
  const startTicks = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  return startTicks === undefined ? undefined : {pid, startTicks}
}

/** Reads "PID STARTTICKS" as supervise.sh writes it; undefined unless that very process lives. */
export function livingProcess(file: string): ProcessRef | undefined {
  const [pid, startTicks] = readText(file)?.trim().split(' ') ?? []
  if (pid === undefined || startTicks === undefined) return undefined
  const now = processRef(Number(pid))
  return now?.startTicks === startTicks ? now : undefined
}

/** Sends a signal to the process, if it is still that one. */
export function signalProcess(ref: ProcessRef, signal: NodeJS.Signals): void {
  if (processRef(ref.pid)?.startTicks !== ref.startTicks) return
  try {
    process.kill(ref.pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const {code} = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH') return undefined
    throw error
  }
}
