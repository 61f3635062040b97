/** Facts about this process and its machine, read when asked for. */

import {readFileSync} from 'node:fs'
import {availableParallelism, cpus, freemem, loadavg, totalmem} from 'node:os'

import type {SystemFacts} from '../../wire/system-info.ts'

/** The soft limit of open files; -1 when it cannot be read. */
export function openFilesLimit(): number {
  const line = /^Max open files\s+(\d+)/m.exec(readOr('/proc/self/limits'))
  return line === null ? -1 : Number(line[1])
}

const PAGE_BYTES = 4096

export function systemFacts(): SystemFacts {
  const memory = readOr('/proc/meminfo')
  const kib = (key: string): number =>
    Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(memory)?.[1] ?? 0) * 1024
  const [size = 0, resident = 0, shared = 0] = readOr('/proc/self/statm').split(' ').map(Number)
  const {user, system} = process.cpuUsage()
  const [one = 0, five = 0, fifteen = 0] = loadavg()
  const processors = availableParallelism()
  return {
    memory: {
      total: totalmem(),
      free: kib('MemFree'),
      available: kib('MemAvailable') || freemem(),
      cache: kib('Cached') + kib('Buffers'),
      swapTotal: kib('SwapTotal'),
      swapFree: kib('SwapFree'),
    },
    loadAverage: [one, five, fifteen],
    cpuPercent: machineBusyPercent(),
    process: {
      size: size * PAGE_BYTES,
      resident: resident * PAGE_BYTES,
      shared: shared * PAGE_BYTES,
      userMs: Math.round(user / 1000),
      systemMs: Math.round(system / 1000),
      cpuPercent: (user + system) / 1e4 / Math.max(process.uptime(), 0.001) / processors,
    },
  }
}

/** Of all cores, since the machine started. */
function machineBusyPercent(): number {
  let busy = 0
  let all = 0
  for (const {times} of cpus()) {
    const total = times.user + times.nice + times.sys + times.irq + times.idle
    all += total
    busy += total - times.idle
  }
  return all === 0 ? 0 : (busy * 100) / all
}

/** '' where the file cannot be read: figures for people, never for decisions. */
function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
