/**
 * Processor time by role while something runs, as the kernel counts it. On a machine whose cores
 * are shared by the load and the servers this says where the limit is.
 */

import {readFileSync} from 'node:fs'

/** Processes by role: `gateway`, `target`. */
export type Roles = Readonly<Record<string, readonly number[]>>

/** Milliseconds of processor time per operation, by role. */
export type CpuPerOp = Readonly<Record<string, number>>

export interface CpuMeter {
  /** Since the start: each role, `client` for this process, `machine` for everything on it. */
  perOp(operations: number): CpuPerOp
}

/** `USER_HZ`: what /proc counts in, on every Linux. */
const TICK_MS = 10

/** Starts to count. */
export function startCpuMeter(roles: Roles): CpuMeter {
  const before = readAll(roles)
  return {
    perOp(operations) {
      const now = readAll(roles)
      const each = Object.entries(now).map(([role, ms]): [string, number] => {
        const perOp = (ms - (before[role] ?? 0)) / operations
        return [role, Number(perOp.toPrecision(3))]
      })
      return Object.fromEntries(each)
    },
  }
}

function readAll(roles: Roles): Record<string, number> {
  const {user, system} = process.cpuUsage()
  const servers = Object.entries(roles).map(([role, pids]): [string, number] => [
    role,
    pids.reduce((sum, pid) => sum + processMs(pid), 0),
  ])
  return {client: (user + system) / 1000, ...Object.fromEntries(servers), machine: machineMs()}
}

/** utime and stime: fields 14 and 15, counted after the name in parentheses. */
function processMs(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS
}

/** All but idle and waiting for disks. */
function machineMs(): number {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n')
  const [, user, nice, system, , , irq, softirq, steal] = line.split(/\s+/).map(Number)
  const busy = [user, nice, system, irq, softirq, steal]
  return busy.reduce<number>((sum, ticks) => sum + (ticks ?? 0), 0) * TICK_MS
}
