/** Memory, load and process figures of a node, as AIStore shows them. */

import type {MountpathFacts} from './capacity.ts'
import {percentUsed} from './capacity.ts'
import type {Json, JsonMap} from './json.ts'
import {looseStruct, num, withDefault} from './decode.ts'

/** What a node measures. Sizes in bytes, times in ms. */
export interface SystemFacts {
  readonly memory: {
    readonly total: number
    readonly free: number
    readonly available: number
    readonly cache: number
    readonly swapTotal: number
    readonly swapFree: number
  }
  readonly loadAverage: readonly [one: number, five: number, fifteen: number]
  /** Percent of all cores that are busy. */
  readonly cpuPercent: number
  readonly process: {
    readonly size: number
    readonly resident: number
    readonly shared: number
    readonly userMs: number
    readonly systemMs: number
    /** Percent of all cores that this process uses. */
    readonly cpuPercent: number
  }
}

/** The figures as a JSON value, keys in Go's order. */
export function encodeSystemInfo(facts: SystemFacts): JsonMap {
  const {memory, process} = facts
  const [one, five, fifteen] = facts.loadAverage
  return {
    mem_used: process.resident,
    mem_avail: memory.available,
    pct_mem_used: memory.total === 0 ? 0 : (process.resident * 100) / memory.total,
    pct_cpu_used: process.cpuPercent,
    load_avg: {One: one, Five: five, Fifteen: fifteen},
    cpu_util: Math.round(facts.cpuPercent),
    mem: {
      Total: memory.total,
      Used: memory.total - memory.free,
      Free: memory.free,
      BuffCache: memory.cache,
      ActualFree: memory.available,
      ActualUsed: memory.total - memory.available,
      SwapTotal: memory.swapTotal,
      SwapFree: memory.swapFree,
      SwapUsed: memory.swapTotal - memory.swapFree,
    },
    proc: {
      CPU: {
        User: process.userMs,
        System: process.systemMs,
        Total: process.userMs + process.systemMs,
        LastTime: 0,
        Percent: process.cpuPercent,
      },
      Mem: {Size: process.size, Resident: process.resident, Share: process.shared},
    },
  }
}

/** A target's part of `/v1/cluster?what=sysinfo`: its figures and its filesystems. */
export function encodeTargetSystemInfo(
  facts: SystemFacts,
  mountpaths: readonly MountpathFacts[],
): JsonMap {
  const byFs = [...new Map(mountpaths.map((one) => [`${one.device} ${one.fsId}`, one])).values()]
  const used = byFs.reduce((sum, one) => sum + one.usedBytes, 0)
  const available = byFs.reduce((sum, one) => sum + one.availableBytes, 0)
  return {
    ...encodeSystemInfo(facts),
    fs_used: String(used),
    fs_capacity: String(used + available),
    pct_fs_used: percentUsed({usedBytes: used, availableBytes: available}),
  }
}

/** What a client's tables show. */
export interface SystemInfo {
  readonly memoryUsedBytes: number
  readonly memoryAvailableBytes: number
  readonly memoryPercent: number
  /** Of the process. */
  readonly cpuPercent: number
  /** Of the machine. */
  readonly machineCpuPercent: number
  readonly loadAverage: readonly [number, number, number]
}

const LOAD = looseStruct({
  one: withDefault(num, 0),
  five: withDefault(num, 0),
  fifteen: withDefault(num, 0),
})

const SYSTEM_INFO = looseStruct({
  mem_used: withDefault(num, 0),
  mem_avail: withDefault(num, 0),
  pct_mem_used: withDefault(num, 0),
  pct_cpu_used: withDefault(num, 0),
  cpu_util: withDefault(num, 0),
  load_avg: withDefault(LOAD, {one: 0, five: 0, fifteen: 0}),
})

/** @throws AisError BAD_REQUEST */
export function decodeSystemInfo(value: Json): SystemInfo {
  const found = SYSTEM_INFO(value ?? {}, 'system info')
  return {
    memoryUsedBytes: found.mem_used,
    memoryAvailableBytes: found.mem_avail,
    memoryPercent: found.pct_mem_used,
    cpuPercent: found.pct_cpu_used,
    machineCpuPercent: found.cpu_util,
    loadAverage: [found.load_avg.one, found.load_avg.five, found.load_avg.fifteen],
  }
}
