/**
 * What survey.sh told of one host, taken apart. Reading only: whether it is as it should be is the
 * business of check and doctor.
 */

import {parseJsonObject} from '../host/output.ts'

export interface UnitSurvey {
  /** systemd's properties by name: ActiveState, Result, ExecMainStatus, NRestarts … */
  readonly properties: Readonly<Record<string, string>>
  /** The state letter of its main process, as `R`, `S`, `T`; empty when it has none. */
  readonly process: string
  /** Files that its main process may have open; 0 when it has none. */
  readonly openFiles: number
  /** The last lines of its journal, oldest first. */
  readonly journal: readonly JournalLine[]
}

export interface JournalLine {
  readonly atMs: number
  /** As /proc/uptime of the host counts. */
  readonly monotonicMs: number
  /** Who said it: `systemd`, `node`. */
  readonly from: string
  readonly text: string
}

export type MountSurvey =
  | {readonly kind: 'absent'}
  /** Even looking at it fails. */
  | {readonly kind: 'broken'; readonly error: string}
  | {readonly kind: 'bare'; readonly owner: string}
  | {
      readonly kind: 'mounted'
      readonly device: string
      readonly owner: string
      readonly mode: string
      readonly options: readonly string[]
      /** The kernel refuses writing, to root as well. */
      readonly readOnly: boolean
      /** What a read of its mark gave instead; empty when it was read, or there is none. */
      readonly error: string
      /** Text of `.aisnode/mountpath.json`; empty: none. */
      readonly mark: string
    }

export interface SpaceSurvey {
  readonly freeBytes: number
  readonly sizeBytes: number
  readonly freeFiles: number
  readonly files: number
}

export interface StatSurvey {
  readonly mode: string
  readonly owner: string
  readonly size: number
}

/** The way from this host to another, measured there. */
export interface PathSurvey {
  readonly device: string
  /** What the interface promises. */
  readonly mtu: number
  /** The largest packet that arrived whole; 0: none did, undefined: pings are not answered at all. */
  readonly arrives: number | undefined
}

/** `open`, `refused` (nobody listens), `silent` (no answer at all), or `unreachable …`. */
export type Reach = string

export interface HostSurvey {
  readonly atMs: number
  readonly root: boolean
  readonly arch: string
  /** Empty: no container. */
  readonly container: string
  readonly machineId: string
  readonly uptimeMs: number
  readonly memoryBytes: number
  /** The most files that a process may be allowed to have open. */
  readonly openFiles: number
  readonly clock: {readonly offsetMs: number; readonly uncertaintyMs: number}
  readonly units: Readonly<Record<string, UnitSurvey>>
  /** First bytes of each instance's Node.js in hex; `absent`. */
  readonly programs: Readonly<Record<string, string>>
  /** What each instance's Node.js said to `--version`; only of units that do not run. */
  readonly versions: Readonly<Record<string, string>>
  /** Null: asked, and absent. */
  readonly stats: Readonly<Record<string, StatSurvey | null>>
  readonly files: Readonly<Record<string, string>>
  readonly mounts: Readonly<Record<string, MountSurvey>>
  readonly spaces: Readonly<Record<string, SpaceSurvey>>
  /** Listeners on asked ports: local address and owner. */
  readonly ports: Readonly<Record<string, string>>
  readonly sysctls: Readonly<Record<string, string>>
  /** Kernel settings that cannot be written there. */
  readonly fixed: readonly string[]
  /** Disk of a mountpath: device, identity, signatures; `absent`. */
  readonly disks: Readonly<Record<string, string>>
  /** By the name of the other host, then by port. */
  readonly reach: Readonly<Record<string, Readonly<Record<string, Reach>>>>
  readonly paths: Readonly<Record<string, PathSurvey>>
  /** Services that keep the clock. */
  readonly keepers: readonly string[]
  /** Whether the kernel counts its clock as synchronized; undefined: not told. */
  readonly synchronized: boolean | undefined
  readonly firewalls: readonly string[]
  /** Rules that drop or reject, by tool. */
  readonly drops: Readonly<Record<string, number>>
  /** MTU and speed in Mbit/s (-1: unknown) of interfaces that are up. */
  readonly links: Readonly<Record<string, {readonly mtu: number; readonly mbits: number}>>
  /** What the kernel said of memory that ran out. */
  readonly kernel: readonly string[]
}

/** A survey out of survey.sh's lines; undefined when they do not end as they should. */
export function parseSurvey(
  text: string,
  heard: {readonly beforeMs: number; readonly afterMs: number},
): HostSurvey | undefined {
  const said = saidIn(text)
  if (said.all.at(-1)?.[0] !== 'done') return undefined
  const atMs = Number(said.one('time')) * 1000
  return {
    atMs,
    root: said.one('uid') === '0',
    arch: said.one('arch'),
    container: said.one('container') === 'none' ? '' : said.one('container'),
    machineId: said.one('machine'),
    uptimeMs: Number(said.one('uptime')) * 1000,
    memoryBytes: Number(said.one('memory')) * 1024,
    openFiles: Number(said.one('open-files')),
    clock: {
      offsetMs: Math.round(atMs - (heard.beforeMs + heard.afterMs) / 2),
      uncertaintyMs: Math.ceil((heard.afterMs - heard.beforeMs) / 2),
    },
    units: unitsOf(said),
    programs: said.under('program'),
    versions: said.under('version'),
    stats: mapped(said.under('stat'), statOf),
    files: mapped(said.under('file'), fromBase64),
    mounts: mountsOf(said),
    spaces: mapped(said.under('space'), spaceOf),
    ports: said.under('port'),
    sysctls: mapped(said.under('sysctl'), (value) => value.trim().replaceAll(/\s+/g, ' ')),
    fixed: said.many('fixed'),
    disks: said.under('disk'),
    reach: reachOf(said.under('reach')),
    paths: mapped(said.under('path'), pathOf),
    keepers: said.many('keeper'),
    synchronized: synchronizedOf(said.one('synchronized')),
    firewalls: said.many('firewall'),
    drops: dropsOf(said.many('firewall-drops')),
    links: mapped(said.under('link'), linkOf),
    kernel: said.many('kernel'),
  }
}

interface Said {
  readonly all: readonly (readonly [string, string])[]
  one(key: string): string
  many(key: string): string[]
  /** Values of `PREFIX WORD` by the word; the last one counts. */
  under(prefix: string): Record<string, string>
}

function saidIn(text: string): Said {
  const all = text.split('\n').flatMap((line): [string, string][] => {
    const tab = line.indexOf('\t')
    return tab < 0 ? [] : [[line.slice(0, tab), line.slice(tab + 1)]]
  })
  return {
    all,
    one: (key) => all.find(([name]) => name === key)?.[1] ?? '',
    many: (key) => all.filter(([name]) => name === key).map(([, value]) => value),
    under: (prefix) => {
      const found = all.filter(([name]) => name.startsWith(`${prefix} `))
      return Object.fromEntries(
        found.map(([name, value]) => [name.slice(prefix.length + 1), value]),
      )
    },
  }
}

function mapped<Value>(
  values: Readonly<Record<string, string>>,
  read: (value: string) => Value,
): Record<string, Value> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, read(value)]))
}

function unitsOf(said: Said): Record<string, UnitSurvey> {
  const facts = Object.entries(said.under('unit'))
  const names = [...new Set(facts.map(([key]) => key.slice(0, key.indexOf(' '))))]
  return Object.fromEntries(
    names.map((name) => {
      const own = facts.filter(([key]) => key.startsWith(`${name} `))
      const properties = Object.fromEntries(
        own.map(([key, value]) => [key.slice(name.length + 1), value]),
      )
      const {process = '', 'open-files': openFiles = '0', ...rest} = properties
      const journal = said.many(`journal ${name}`).flatMap(journalLine)
      return [name, {properties: rest, process, openFiles: Number(openFiles), journal}]
    }),
  )
}

/** One line of `journalctl -o json`; a message that is no text is left out. */
function journalLine(text: string): JournalLine[] {
  const line = parseJsonObject(text)
  const message = line?.['MESSAGE']
  if (line === undefined || typeof message !== 'string') return []
  return [
    {
      atMs: Number(line['__REALTIME_TIMESTAMP']) / 1000,
      monotonicMs: Number(line['__MONOTONIC_TIMESTAMP']) / 1000,
      from: wordOf(line['SYSLOG_IDENTIFIER']),
      text: message,
    },
  ]
}

function wordOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function statOf(value: string): StatSurvey | null {
  if (value === 'absent') return null
  const [mode = '', owner = '', size = '0'] = value.split(' ')
  return {mode, owner, size: Number(size)}
}

function mountsOf(said: Said): Record<string, MountSurvey> {
  const [marks, errors] = [said.under('mark'), said.under('broken')]
  const readOnly = said.under('readonly')
  const found = Object.entries(said.under('mount'))
  return Object.fromEntries(
    found.map(([path, value]): [string, MountSurvey] => {
      const [kind, device = '', owner = '', mode = '', options = ''] = value.split(' ')
      if (kind === 'absent') return [path, {kind}]
      if (kind === 'broken') return [path, {kind, error: value.slice('broken '.length)}]
      if (kind === 'bare') return [path, {kind, owner}]
      const mark = fromBase64(marks[path] ?? '')
      const words = options.split(',')
      const only =
        readOnly[path] !== undefined || words.some((one) => /^(emergency_)?ro$/.test(one))
      const error = errors[path] ?? ''
      return [
        path,
        {kind: 'mounted', device, owner, mode, options: words, readOnly: only, error, mark},
      ]
    }),
  )
}

function spaceOf(value: string): SpaceSurvey {
  const [free = 0, blocks = 0, size = 0, freeFiles = 0, files = 0] = value.split(' ').map(Number)
  return {freeBytes: free * size, sizeBytes: blocks * size, freeFiles, files}
}

function pathOf(value: string): PathSurvey {
  const [device = '', mtu = '0', arrives = ''] = value.split(' ')
  const known = arrives === 'unknown' ? undefined : Number(arrives)
  return {device, mtu: Number(mtu), arrives: known}
}

function reachOf(values: Readonly<Record<string, string>>): Record<string, Record<string, Reach>> {
  const reach: Record<string, Record<string, Reach>> = {}
  for (const [key, found] of Object.entries(values)) {
    const [name = '', port = ''] = key.split(' ')
    ;(reach[name] ??= {})[port] = found
  }
  return reach
}

function synchronizedOf(value: string): boolean | undefined {
  return value === '' ? undefined : value === 'yes'
}

function dropsOf(values: readonly string[]): Record<string, number> {
  const pairs = values.map((value) => value.split(' '))
  return Object.fromEntries(pairs.map(([tool = '', count = '0']) => [tool, Number(count)]))
}

function linkOf(value: string): {readonly mtu: number; readonly mbits: number} {
  const [mtu = 0, mbits = -1] = value.trim().split(' ').map(Number)
  return {mtu, mbits}
}

function fromBase64(text: string): string {
  return Buffer.from(text, 'base64').toString('utf8')
}
