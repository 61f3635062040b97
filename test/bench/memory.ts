/**
 * Memory of processes as the kernel counts it: what is resident now, and the most that ever was.
 */

import {readFileSync, writeFileSync} from 'node:fs'

export interface Memory {
  readonly rssMib: number
  readonly peakMib: number
}

/** Resident size and its high-water mark of a process. */
export function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8')
  return {rssMib: field(text, 'VmRSS'), peakMib: field(text, 'VmHWM')}
}

/** Lets the high-water mark begin anew at what is resident now. */
export function resetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

function field(text: string, name: string): number {
  const kib = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]
  if (kib === undefined) throw new Error(`/proc/PID/status has no ${name}`)
  return Number(kib) / 1024
}
