/**
 * Kernel settings that suit a node, computed from what a host has: memory and the speed of its
 * link. Pure; who writes them is fix.ts.
 */

import {formatSize} from '../../base/units.ts'
import type {HostSurvey} from '../survey/host-survey.ts'
import type {Finding} from './findings.ts'

export interface KernelSetting {
  readonly key: string
  /** What is asked of this host. */
  readonly asked: string
  /** From what it was computed. */
  readonly because: string
  readonly why: string
  readonly enough: (present: string) => boolean
}

/** Buffers are to hold what a link carries in a round trip; beyond this a round trip is a journey. */
const ROUND_TRIP_MS = 1
const BUFFER_MIN = 4 * 1024 * 1024
const BUFFER_MAX = 128 * 1024 * 1024
/** A single connection may not take more of the memory than this. */
const MEMORY_SHARE_OF_BUFFER = 64
const DEFAULT_MBITS = 10_000
const MIN_FREE_RATIO = 0.005
const MIN_FREE_KIB_MIN = 65_536
const MIN_FREE_RATIO_MAX = 0.05
/** LimitNOFILE of the unit. */
const OPEN_FILES = 1_048_576
const BACKLOG = 4096

/** Kernel settings that check looks at. */
export const KERNEL_KEYS = [
  'fs.nr_open',
  'net.core.somaxconn',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_wmem',
  'net.ipv4.tcp_slow_start_after_idle',
  'vm.min_free_kbytes',
  'vm.swappiness',
] as const

/** What a host of this memory and speed should have. @param mbits 0 or less: not known */
export function kernelSettings(memoryBytes: number, mbits: number): readonly KernelSetting[] {
  const speed = mbits > 0 ? mbits : DEFAULT_MBITS
  const link = `${speed / 1000} Gbit/s${mbits > 0 ? '' : ' (assumed: the link does not tell)'}`
  const buffer = bufferBytes(memoryBytes, speed)
  const because = `${link}, ${ROUND_TRIP_MS} ms of round trip, ${formatSize(memoryBytes, 1)} of memory`
  const minFree = minFreeKib(memoryBytes)
  return [
    atLeast(
      'fs.nr_open',
      OPEN_FILES,
      'LimitNOFILE of the unit',
      'a process cannot be allowed more open files than this, whatever its unit says',
    ),
    atLeast(
      'net.core.somaxconn',
      BACKLOG,
      'four times the backlog of a listener',
      'bursts of connections would be refused',
    ),
    window('net.ipv4.tcp_rmem', buffer, because, {
      first: '4096 131072',
      why: 'a receive window smaller than the link holds throttles every transfer',
    }),
    window('net.ipv4.tcp_wmem', buffer, because, {
      first: '4096 16384',
      why: 'a send buffer smaller than the link holds throttles every transfer',
    }),
    {
      key: 'net.ipv4.tcp_slow_start_after_idle',
      asked: '0',
      because: 'connections between nodes live long',
      why: 'an idle connection would begin slowly again at every burst',
      enough: (present) => present === '0',
    },
    atLeast(
      'vm.min_free_kbytes',
      minFree,
      `half a percent of ${formatSize(memoryBytes, 1)}`,
      'packets that arrive in a burst find no free page and are dropped',
    ),
    {
      key: 'vm.swappiness',
      asked: '10',
      because: 'object data in the page cache is worth less than the node in memory',
      why: 'a node that is swapped out answers late and counts as dead',
      enough: (present) => Number(present) <= 10,
    },
  ]
}

/** What a host should have and has not. In a container they belong to the machine outside. */
export function kernelFindings(host: string, survey: HostSurvey): Finding[] {
  if (survey.container !== '') return []
  return lackingSettings(survey).map(({key, asked, because, why}) => ({
    id: 'kernel',
    severity: 'note',
    host,
    what: `${key} is ${survey.sysctls[key]}; ${asked} suits it (${because})`,
    why,
    fix: `aisctl check --fix (undo: aisctl check --undo), or sysctl -w ${key}="${asked}"`,
  }))
}

/** Settings that are there, may be written, and are less than asked. */
export function lackingSettings(survey: HostSurvey): readonly KernelSetting[] {
  return kernelSettings(survey.memoryBytes, linkSpeed(survey)).filter(({key, enough}) => {
    const present = survey.sysctls[key]
    return present !== undefined && !survey.fixed.includes(key) && !enough(present)
  })
}

/** The fastest link that is up and tells. */
export function linkSpeed({links}: HostSurvey): number {
  return Math.max(0, ...Object.values(links).map(({mbits}) => (Number.isFinite(mbits) ? mbits : 0)))
}

function bufferBytes(memoryBytes: number, mbits: number): number {
  const product = ((mbits * 1e6) / 8) * (ROUND_TRIP_MS / 1000)
  const wanted = 2 ** Math.ceil(Math.log2(2 * product))
  const affordable = 2 ** Math.floor(Math.log2(Math.max(memoryBytes / MEMORY_SHARE_OF_BUFFER, 1)))
  return Math.max(BUFFER_MIN, Math.min(wanted, affordable, BUFFER_MAX))
}

function minFreeKib(memoryBytes: number): number {
  const kib = memoryBytes / 1024
  const wanted = Math.max(MIN_FREE_KIB_MIN, Math.round(kib * MIN_FREE_RATIO))
  return Math.round(Math.min(wanted, kib * MIN_FREE_RATIO_MAX))
}

function atLeast(key: string, least: number, because: string, why: string): KernelSetting {
  return {key, asked: String(least), because, why, enough: (present) => Number(present) >= least}
}

/** Three numbers of which the last is the limit. */
function window(
  key: string,
  least: number,
  because: string,
  {first, why}: {readonly first: string; readonly why: string},
): KernelSetting {
  const enough = (present: string): boolean => Number(present.split(' ')[2]) >= least
  return {key, asked: `${first} ${least}`, because, why, enough}
}
