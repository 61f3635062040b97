/** Facts about this process and its machine, read when asked for. */

import {readFileSync} from 'node:fs'
import {availableParallelism, cpus, freemem, loadavg, totalmem} from 'node:os'

/** The soft limit of open files; -1 when it cannot be read. */
export function openFilesLimit(): number {
  const line = /^Max open files\s+(\d+)/m.exec(readOr('/proc/self/limits'))
  return line === null ? -1 : Number(line[1])
}

export interface SystemFacts {
  readonly memTotal: number
  readonly memFree: number
  /** Free and what the kernel can take back. */
  readonly memAvailable: number
  readonly memCached: number
  readonly swapTotal: number
  readonly swapFree: number
  readonly resident: number
  readonly virtual: number
  readonly shared: number
  /** CPU time of the process, ms. */
  readonly cpuUserMs: number
  readonly cpuSystemMs: number
  /** Of one processor since the start, 0..100·processors. */
  readonly cpuPercent: number
  readonly load: readonly [number, number, number]
  readonly processors: number
}

const PAGE_BYTES = 4096

export function systemFacts(): SystemFacts {
  const memory = readOr('/proc/meminfo')
  const kib = (key: string): number =>
    Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(memory)?.[1] ?? 0) * 1024
  const pages = readOr('/proc/self/statm').split(' ').map(Number)
  const {user, system} = process.cpuUsage()
  const [one = 0, five = 0, fifteen = 0] = loadavg()
  return {
    memTotal: totalmem(),
    memFree: kib('MemFree'),
    memAvailable: kib('MemAvailable') || freemem(),
    memCached: kib('Cached') + kib('Buffers'),
    swapTotal: kib('SwapTotal'),
    swapFree: kib('SwapFree'),
    resident: (pages[1] ?? 0) * PAGE_BYTES,
    virtual: (pages[0] ?? 0) * PAGE_BYTES,
    shared: (pages[2] ?? 0) * PAGE_BYTES,
    cpuUserMs: Math.round(user / 1000),
    cpuSystemMs: Math.round(system / 1000),
    cpuPercent: (user + system) / 1e4 / Math.max(process.uptime(), 0.001),
    load: [one, five, fifteen],
    processors: availableParallelism() || cpus().length,
  }
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
