/**
 * What one host is and has, as facts.sh told it. Reading only; judging them is check's business.
 */

import {gunzipSync} from 'node:zlib'
import {AisError} from '../../base/errors.ts'
import type {Host} from './host.ts'
import {commandError, runScript} from './script.ts'

/** A script of a few hundred small commands; a host that needs longer is in trouble. */
const FACTS_TIMEOUT_MS = 60_000
/** Five hundred hosts take about 1 MB. */
const SAVED_STATE_BYTES_MAX = 16 * 1024 * 1024

export type MountFact =
  | {readonly kind: 'absent'}
  | {readonly kind: 'bare'}
  | {
      readonly kind: 'mounted'
      readonly device: string
      readonly filesystem: string
      readonly freeBytes: number
      readonly owner: string
    }

export interface HostFacts {
  readonly root: boolean
  /** `x64`, `arm64`, or the kernel's own word for others. */
  readonly arch: string
  readonly kernel: string
  readonly os: string
  readonly hostname: string
  /** Absent: no glibc (musl). */
  readonly glibc?: string
  readonly libstdcxx: boolean
  readonly systemd: number
  /** Empty: no container. */
  readonly container: string
  readonly machineId: string
  readonly tools: readonly string[]
  readonly freeBytes: Readonly<Record<string, number>>
  readonly memoryBytes: number
  readonly cpus: number
  /** The host's clock minus ours, and by how much that may be wrong. */
  readonly clock: {readonly offsetMs: number; readonly uncertaintyMs: number}
  readonly hashes: Readonly<Record<string, string>>
  /** Which of the asked files are there. */
  readonly files: readonly string[]
  readonly mounts: Readonly<Record<string, MountFact>>
  /** What each asked name resolves to, there. */
  readonly addresses: Readonly<Record<string, readonly string[]>>
  /** Addresses of the host's own interfaces. */
  readonly local: readonly string[]
  /** Listeners on asked ports: local address and owner. */
  readonly ports: Readonly<Record<string, string>>
  /** Units of nodes and whether they are active. */
  readonly units: Readonly<Record<string, string>>
  /** Ports that Linux does not hand out for connections there, and whether more can be reserved. */
  readonly reserved: {readonly ports: string; readonly writable: boolean}
  readonly pids: Readonly<Record<string, string>>
  /** topology.json as kept there; absent: none. */
  readonly savedState?: string
  /** Uuids that node files there name. */
  readonly uuids: readonly string[]
}

/** What to ask beyond the general. */
export interface FactsQuestion {
  readonly hashes: readonly string[]
  /** Files too large to be hashed for a question. */
  readonly files: readonly string[]
  readonly mounts: readonly string[]
  readonly addresses: readonly string[]
  readonly ports: readonly number[]
}

/** Asks a host. @param nowMs our clock */
export async function readFacts(
  host: Host,
  question: FactsQuestion,
  nowMs: () => number,
): Promise<HostFacts> {
  const lines = [
    ...question.hashes.map((path) => `hash ${path}`),
    ...question.files.map((path) => `have ${path}`),
    ...question.mounts.map((path) => `mount ${path}`),
    ...question.addresses.map((word) => `address ${word}`),
    ...question.ports.map((port) => `port ${port}`),
  ]
  const heard = {beforeMs: nowMs(), afterMs: 0}
  const onLine = (line: string): void => {
    if (line.startsWith('time\t')) heard.afterMs = nowMs()
  }
  const result = await runScript(host, {
    script: 'facts.sh',
    lines,
    timeoutMs: FACTS_TIMEOUT_MS,
    onLine,
  })
  const facts = parseFacts(result.stdout, heard)
  if (facts === undefined) throw commandError(host, 'facts.sh', result, 'gave no complete answer')
  return facts
}

/** Facts out of facts.sh's lines, or undefined when they do not end as they should. */
export function parseFacts(
  text: string,
  heard: {readonly beforeMs: number; readonly afterMs: number},
): HostFacts | undefined {
  const all = text.split('\n').flatMap((line): [string, string][] => {
    const tab = line.indexOf('\t')
    return tab < 0 ? [] : [[line.slice(0, tab), line.slice(tab + 1)]]
  })
  if (all.at(-1)?.[0] !== 'done') return undefined
  const one = (key: string): string => all.find(([name]) => name === key)?.[1] ?? ''
  const many = (key: string): string[] =>
    all.filter(([name]) => name === key).map(([, value]) => value)
  const under = (prefix: string): [string, string][] =>
    all
      .filter(([name]) => name.startsWith(`${prefix} `))
      .map(([name, value]) => [name.slice(prefix.length + 1), value])
  const saved = savedStateOf(many('topology').join(''), many('topology.gz').join(''))
  return {
    root: one('uid') === '0',
    arch: archOf(one('arch')),
    kernel: one('kernel'),
    os: one('os'),
    hostname: one('hostname'),
    ...(one('glibc') === '' ? {} : {glibc: one('glibc')}),
    libstdcxx: one('libstdcxx') !== '',
    systemd: Number.parseInt(one('systemd'), 10) || 0,
    container: one('container') === 'none' ? '' : one('container'),
    machineId: one('machine'),
    tools: many('tool'),
    freeBytes: Object.fromEntries(under('free').map(([dir, kib]) => [dir, Number(kib) * 1024])),
    memoryBytes: Number(one('memory')) * 1024,
    cpus: Number(one('cpus')),
    clock: clockOf(Number(one('time')) * 1000, heard),
    hashes: Object.fromEntries(under('hash')),
    files: many('have'),
    mounts: Object.fromEntries(under('mount').map(([path, value]) => [path, mountOf(value)])),
    addresses: grouped(under('address')),
    local: many('local'),
    ports: Object.fromEntries(under('port')),
    units: Object.fromEntries(under('unit')),
    reserved: {ports: one('reserved'), writable: one('reservable') === 'yes'},
    pids: Object.fromEntries(under('pid')),
    ...(saved === undefined ? {} : {savedState: saved}),
    uuids: [...new Set(under('uuid').map(([, uuid]) => uuid))].filter((uuid) => uuid !== ''),
  }
}

/** Facts that every plan needs of a host that cannot be used without them. */
export function requireRoot(name: string, facts: HostFacts): void {
  if (facts.root) return
  throw new AisError({
    code: 'HOST_AUTH',
    message: `${name}: the login is not root`,
    hint: 'set ssh.become to sudo or sudo-password in the topology, or ssh.user to root',
  })
}

function archOf(machine: string): string {
  if (machine === 'x86_64') return 'x64'
  return machine === 'aarch64' ? 'arm64' : machine
}

/** The text of topology.json; one that cannot be unpacked is told as it came, and so as damaged. */
function savedStateOf(plain: string, packed: string): string | undefined {
  if (packed === '') return plain === '' ? undefined : Buffer.from(plain, 'base64').toString('utf8')
  const bytes = Buffer.from(packed, 'base64')
  try {
    return gunzipSync(bytes, {maxOutputLength: SAVED_STATE_BYTES_MAX}).toString('utf8')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error
    return bytes.toString('latin1')
  }
}

/** The host looked at its clock somewhere between our question and its answer. */
function clockOf(
  hostMs: number,
  {beforeMs, afterMs}: {readonly beforeMs: number; readonly afterMs: number},
): HostFacts['clock'] {
  const middle = (beforeMs + afterMs) / 2
  return {
    offsetMs: Math.round(hostMs - middle),
    uncertaintyMs: Math.ceil((afterMs - beforeMs) / 2),
  }
}

function mountOf(value: string): MountFact {
  if (value === 'bare' || value === 'absent') return {kind: value}
  const [device = '', filesystem = '', freeKib = '0', owner = ''] = value.split(' ')
  return {kind: 'mounted', device, filesystem, freeBytes: Number(freeKib) * 1024, owner}
}

function grouped(pairs: readonly [string, string][]): Record<string, string[]> {
  const groups: Record<string, string[]> = {}
  for (const [key, value] of pairs) (groups[key] ??= []).push(value)
  return groups
}
