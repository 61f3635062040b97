/** Mountpaths, disks and how full they are, as AIStore shows them. */

import {isJsonMap, list, looseStruct, mapOf, num, strInt, text, withDefault} from './decode.ts'
import type {Json, JsonMap} from './json.ts'

/** One mountpath as measured by its node. */
export interface MountpathFacts {
  readonly path: string
  readonly label: string
  /** Device of the filesystem: `/dev/sda`. */
  readonly device: string
  readonly fsType: string
  /** Text of the filesystem's id; for people. */
  readonly fsId: string
  /** Names of the disks: `sda`. */
  readonly disks: readonly string[]
  readonly usedBytes: number
  readonly availableBytes: number
  readonly enabled: boolean
  /** Being emptied, to be disabled or detached then. */
  readonly waiting: boolean
  /** Why it is not enabled. */
  readonly why?: string
}

/** Whole percent in use; 0 for a filesystem without size. */
export function percentUsed(facts: Pick<MountpathFacts, 'usedBytes' | 'availableBytes'>): number {
  const total = facts.usedBytes + facts.availableBytes
  return total === 0 ? 0 : Math.floor((facts.usedBytes * 100) / total)
}

/**
 * Capacity of a node, keys in Go's order. Filesystems that hold several mountpaths count once in
 * the totals. A proxy has none.
 */
export function encodeCapacity(mountpaths: readonly MountpathFacts[], problem = ''): JsonMap {
  const enabled = mountpaths.filter((one) => one.enabled)
  const byFs = [...new Map(enabled.map((one) => [`${one.device} ${one.fsId}`, one])).values()]
  const percents = enabled.map(percentUsed)
  const sum = (pick: (one: MountpathFacts) => number): string =>
    String(byFs.reduce((total, one) => total + pick(one), 0))
  const average = percents.reduce((total, one) => total + one, 0) / Math.max(1, percents.length)
  return {
    mountpaths: enabled.length === 0 ? null : encodeMountpathTable(enabled),
    cs_err: problem,
    total_used: sum((one) => one.usedBytes),
    total_avail: sum((one) => one.availableBytes),
    pct_max: Math.max(0, ...percents),
    pct_avg: Math.round(average),
    pct_min: percents.length === 0 ? 0 : Math.min(...percents),
  }
}

function encodeMountpathTable(mountpaths: readonly MountpathFacts[]): JsonMap {
  return Object.fromEntries(
    mountpaths.map((one) => [
      one.path,
      {
        mountpath_label: one.label,
        fs: {Fs: one.device, FsType: one.fsType, FsID: one.fsId},
        disks: one.disks,
        used: String(one.usedBytes),
        avail: String(one.availableBytes),
        pct_used: percentUsed(one),
      },
    ]),
  )
}

/** The answer to `what=mountpaths`. */
export function encodeMountpaths(mountpaths: readonly MountpathFacts[]): JsonMap {
  const paths = (is: (one: MountpathFacts) => boolean): readonly string[] =>
    mountpaths.filter(is).map((one) => one.path)
  const off = mountpaths.filter(({enabled}) => !enabled)
  const why = off.map(({path, why: reason = ''}) => ({path, why: reason}))
  return {
    available: paths(({enabled, waiting}) => enabled && !waiting),
    waiting_dd: paths(({waiting}) => waiting),
    disabled: paths(({enabled}) => !enabled),
    // Ours: the reference says that one is disabled, and not why.
    ...(off.length === 0 ? {} : {ext: {why}}),
  }
}

/** How many mountpaths take writes, from that answer. */
export function availableMountpaths(answer: Json): number {
  return isJsonMap(answer) && Array.isArray(answer['available']) ? answer['available'].length : 0
}

/** Load of one disk. Rates per second. */
export interface DiskFacts {
  readonly readBps: number
  readonly readAverage: number
  readonly writeBps: number
  readonly writeAverage: number
  /** Percent of time busy. */
  readonly util: number
}

/** The answer to `what=disk`: load by disk, then capacity without totals, as AIStore gives it. */
export function encodeDiskStats(
  disks: Readonly<Record<string, DiskFacts>>,
  mountpaths: readonly MountpathFacts[],
): JsonMap {
  const stats = Object.entries(disks).map(([name, one]) => [
    name,
    {
      RBps: one.readBps,
      Ravg: one.readAverage,
      WBps: one.writeBps,
      Wavg: one.writeAverage,
      Util: one.util,
    },
  ])
  return {
    AllDiskStats: Object.fromEntries(stats) as JsonMap,
    ...encodeCapacity(mountpaths),
    total_used: '0',
    total_avail: '0',
    pct_max: 0,
    pct_avg: 0,
    pct_min: 0,
  }
}

/** Capacity as a client reads it. */
export interface Capacity {
  readonly mountpaths: Readonly<Record<string, MountpathUse>>
  readonly problem: string
  readonly usedBytes: number
  readonly availableBytes: number
  readonly percentMax: number
}

export interface MountpathUse {
  readonly label: string
  readonly disks: readonly string[]
  readonly usedBytes: number
  readonly availableBytes: number
  readonly percentUsed: number
}

const MOUNTPATH = looseStruct({
  mountpath_label: withDefault(text, ''),
  disks: withDefault(list(text), []),
  used: withDefault(strInt, 0),
  avail: withDefault(strInt, 0),
  pct_used: withDefault(num, 0),
})

const CAPACITY = looseStruct({
  mountpaths: withDefault(mapOf(MOUNTPATH), {}),
  cs_err: withDefault(text, ''),
  total_used: withDefault(strInt, 0),
  total_avail: withDefault(strInt, 0),
  pct_max: withDefault(num, 0),
})

/** @throws AisError BAD_REQUEST */
export function decodeCapacity(value: Json): Capacity {
  const found = CAPACITY(value ?? {}, 'capacity')
  const mountpaths = Object.entries(found.mountpaths).map(([path, one]) => [
    path,
    {
      label: one.mountpath_label,
      disks: one.disks,
      usedBytes: one.used,
      availableBytes: one.avail,
      percentUsed: one.pct_used,
    },
  ])
  return {
    mountpaths: Object.fromEntries(mountpaths) as Readonly<Record<string, MountpathUse>>,
    problem: found.cs_err,
    usedBytes: found.total_used,
    availableBytes: found.total_avail,
    percentMax: found.pct_max,
  }
}
