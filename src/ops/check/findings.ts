/**
 * What speaks against a cluster on these hosts: facts in, findings out, each with why it matters
 * and how it is mended. Pure; asking the hosts is facts.ts's business.
 */

import {formatDuration, formatSize, MIB} from '../../base/units.ts'
import type {HostFacts} from '../host/facts.ts'
import {unitOf} from '../host/manifest.ts'
import type {SavedState} from '../site/site.ts'
import type {Topology, TopologyHost, TopologyNode} from '../topology/resolve.ts'
import {addressesOf, portsOf} from '../topology/resolve.ts'

/** `error` stops a deploy before anything is changed. `note`: it works as it is. */
export type Severity = 'error' | 'warning' | 'note'

export interface Finding {
  readonly id: string
  readonly severity: Severity
  readonly host: string
  /** What was found. */
  readonly what: string
  /** Why it matters. */
  readonly why: string
  /** What to do; empty for notes. */
  readonly fix: string
}

export interface CheckInput {
  readonly topology: Topology
  readonly facts: ReadonlyMap<string, HostFacts>
  /** Saved states of hosts that have one. */
  readonly saved: ReadonlyMap<string, SavedState>
  /** Architectures that can be shipped. */
  readonly architectures: readonly string[]
}

const GLIBC_MIN = [2, 28] as const
/** LoadCredential= came with it. */
const SYSTEMD_MIN = 247
/** Two runtimes of 108 MB and their bundles, unpacked. */
const OPT_FREE_MIN = 400 * MIB
const STAGE_FREE_MIN = 200 * MIB
const STATE_FREE_MIN = 64 * MIB
const CLOCK_WARNING_MS = 2000
const CLOCK_ERROR_MS = 60_000

/** All findings, in the order of the topology's hosts. */
export function findProblems(input: CheckInput): Finding[] {
  const median = medianClock([...input.facts.values()])
  return input.topology.hosts.flatMap((host) => {
    const facts = input.facts.get(host.name)
    if (facts === undefined) return []
    return [
      ...platformFindings(host, facts, input.architectures),
      ...spaceFindings(host, facts),
      ...clockFindings(host, facts, median),
      ...clusterFindings(host, facts, input),
      ...addressFindings(host, facts),
      ...host.nodes.flatMap((node) => portFindings(node, facts)),
      ...mountFindings(host, facts, deployedPaths(host, input)),
      ...reservedFindings(host, facts),
      ...containerFindings(host, facts, input.topology),
      ...twinFindings(host, facts, input),
    ]
  })
}

function platformFindings(
  {name: host}: TopologyHost,
  facts: HostFacts,
  architectures: readonly string[],
): Finding[] {
  const found: Finding[] = []
  const error = (id: string, what: string, why: string, fix: string): void => {
    found.push({id, severity: 'error', host, what, why, fix})
  }
  if (!facts.root) {
    error(
      'login',
      'the login is not root',
      'users, units and files of the system belong to root',
      'set ssh.become: sudo (or sudo-password) in the topology, or ssh.user: root',
    )
  }
  if (!architectures.includes(facts.arch)) {
    error(
      'arch',
      `its processor is ${facts.arch}`,
      `there is no Node.js for ${facts.arch} on this machine to ship`,
      `aisctl runtime add node-v24…-linux-${facts.arch}.tar.xz`,
    )
  }
  const glibc = (facts.glibc ?? '').split('.').map(Number)
  if (facts.glibc === undefined || !atLeast(glibc, GLIBC_MIN)) {
    error(
      'glibc',
      facts.glibc === undefined ? 'it has no glibc' : `its glibc is ${facts.glibc}`,
      `the shipped Node.js needs glibc ${GLIBC_MIN.join('.')} or newer`,
      'use Debian 10+, Ubuntu 20.04+ or RHEL 8+; musl (Alpine) does not do',
    )
  } else if (!facts.libstdcxx) {
    error(
      'libstdcxx',
      'libstdc++.so.6 is missing',
      'the shipped Node.js is linked to it',
      'apt-get install libstdc++6 (dnf install libstdc++)',
    )
  }
  if (facts.systemd < SYSTEMD_MIN) {
    error(
      'systemd',
      facts.systemd === 0 ? 'it has no systemd' : `its systemd is ${facts.systemd}`,
      `nodes are units with credentials, which systemd has since ${SYSTEMD_MIN}`,
      'use a newer release of the distribution',
    )
  }
  return found
}

function spaceFindings({name: host}: TopologyHost, facts: HostFacts): Finding[] {
  const needs = [
    ['/opt', OPT_FREE_MIN, 'Node.js and releases are installed there'],
    ['/var/tmp', STAGE_FREE_MIN, 'what is shipped is unpacked and checked there first'],
    ['/var/lib', STATE_FREE_MIN, 'the record of the cluster is kept there, with fsync'],
  ] as const
  return needs.flatMap(([path, least, why]): Finding[] => {
    const free = facts.freeBytes[path]
    if (free === undefined || free >= least) return []
    const what = `${path} has ${formatSize(free)} free`
    const fix = `make room: at least ${formatSize(least)}`
    return [{id: 'space', severity: 'error', host, what, why, fix}]
  })
}

function clockFindings(
  {name: host}: TopologyHost,
  facts: HostFacts,
  median: HostFacts['clock'],
): Finding[] {
  const off = facts.clock.offsetMs - median.offsetMs
  const certain = Math.abs(off) - facts.clock.uncertaintyMs - median.uncertaintyMs
  if (certain < CLOCK_WARNING_MS) return []
  const much = formatDuration(Math.round(Math.abs(off) / 100) * 100)
  return [
    {
      id: 'clock',
      severity: certain < CLOCK_ERROR_MS ? 'warning' : 'error',
      host,
      what: `its clock is ${much} ${off > 0 ? 'ahead of' : 'behind'} the others`,
      why: 'times of objects and logs would contradict each other',
      fix: 'timedatectl set-ntp true (or chrony), then look again',
    },
  ]
}

function clusterFindings(
  {name: host}: TopologyHost,
  facts: HostFacts,
  {topology, saved}: CheckInput,
): Finding[] {
  const {name, uuid} = topology.cluster
  const other = saved.get(host)?.topology.cluster
  const foreign = facts.uuids.find((found) => found !== uuid)
  if (other?.uuid === uuid || (other === undefined && foreign === undefined)) {
    if (foreign === undefined) return []
  }
  const whose = other === undefined ? `uuid ${foreign}` : `${other.name} (uuid ${other.uuid})`
  return [
    {
      id: 'cluster',
      severity: 'error',
      host,
      what: `it belongs to another cluster: ${whose}`,
      why: `a host serves one cluster; ${name} (uuid ${uuid}) would take over its units and disks`,
      fix: 'take the host out of this topology, or remove the other cluster from it first',
    },
  ]
}

function addressFindings(host: TopologyHost, facts: HostFacts): Finding[] {
  const words = addressesOf(host)
  return words.flatMap((word): Finding[] => {
    const found = facts.addresses[word] ?? []
    const base = {id: 'address', host: host.name}
    if (found.length === 0) {
      return [
        {
          ...base,
          severity: 'error',
          what: `${word} does not resolve on the host itself`,
          why: 'a node listens on the address that the others are told',
          fix: 'add it to DNS or /etc/hosts, or write the IP address into the topology',
        },
      ]
    }
    if (found.some((address) => address.startsWith('127.') || address === '::1')) {
      return [
        {
          ...base,
          severity: 'error',
          what: `${word} is ${found.join(', ')} on the host itself`,
          why: 'its nodes would listen where no other host can reach them',
          fix: `remove ${word} from the loopback line of /etc/hosts, or write the IP address`,
        },
      ]
    }
    if (facts.local.length === 0 || found.some((address) => facts.local.includes(address)))
      return []
    return [
      {
        ...base,
        severity: 'error',
        what: `${word} (${found.join(', ')}) is none of its interfaces`,
        why: 'a node cannot listen there; address translation between nodes is not supported',
        fix: `use one of: ${facts.local.join(', ')}`,
      },
    ]
  })
}

function portFindings(node: TopologyNode, facts: HostFacts): Finding[] {
  const own = facts.pids[unitOf(node)]
  return portsOf(node).flatMap((port): Finding[] => {
    const listener = facts.ports[String(port)]
    if (listener === undefined) return []
    if (own !== undefined && own !== '0' && listener.includes(`pid=${own},`)) return []
    const owner = /\(\("([^"]+)",pid=(\d+)/.exec(listener)
    const who = owner === null ? 'another process' : `${owner[1]} (pid ${owner[2]})`
    return [
      {
        id: 'port',
        severity: 'error',
        host: node.host,
        what: `port ${port} is in use by ${who}`,
        why: `${node.instance} listens there`,
        fix: 'stop that process, or give the node other ports in the topology',
      },
    ]
  })
}

/** Mountpaths that nodes of the host have already: one that is away is no reason to stop. */
function deployedPaths(host: TopologyHost, {saved}: CheckInput): ReadonlySet<string> {
  const before = saved.get(host.name)?.topology.hosts.find(({name}) => name === host.name)
  const nodes = before?.nodes ?? []
  return new Set(nodes.flatMap((node) => node.mountpaths.map(({path}) => path)))
}

function mountFindings(
  host: TopologyHost,
  facts: HostFacts,
  deployed: ReadonlySet<string>,
): Finding[] {
  const devices = new Map<string, string>()
  return host.nodes.flatMap((node) =>
    node.mountpaths.flatMap(({path, disk}): Finding[] => {
      const mount = facts.mounts[path] ?? {kind: 'absent'}
      if (mount.kind !== 'mounted') {
        if (disk !== undefined && facts.container === '') return []
        const bare = mount.kind === 'bare' ? 'a directory, but nothing is mounted there' : 'missing'
        return [
          {
            id: 'mount',
            severity: deployed.has(path) ? 'warning' : 'error',
            host: host.name,
            what: `${path} is ${bare}`,
            why: 'objects would fill the system disk; a node writes to mounted filesystems only',
            fix: `mount a filesystem at ${path}${deployed.has(path) ? '; the node serves with its other disks' : ', or name its disk in the topology'}`,
          },
        ]
      }
      const twin = devices.get(mount.device)
      devices.set(mount.device, path)
      if (twin === undefined) return []
      return [
        {
          id: 'mount',
          severity: 'error',
          host: host.name,
          what: `${twin} and ${path} are the same filesystem`,
          why: 'two mountpaths of one disk hide how full it is, and die together',
          fix: 'give each mountpath a filesystem of its own',
        },
      ]
    }),
  )
}

/** A container whose kernel settings are read-only can still run nodes; who made it can help. */
function reservedFindings(host: TopologyHost, {reserved}: HostFacts): Finding[] {
  if (reserved.writable) return []
  const ranges = reserved.ports.split(',').map((range) => range.split('-').map(Number))
  const isReserved = (port: number): boolean =>
    ranges.some(([low = 0, high = low]) => low <= port && port <= high)
  const open = [...new Set(host.nodes.flatMap(portsOf))].filter((port) => !isReserved(port))
  if (open.length === 0) return []
  const key = 'net.ipv4.ip_local_reserved_ports'
  return [
    {
      id: 'reserved-ports',
      severity: 'warning',
      host: host.name,
      what: `${key} cannot be set: /proc/sys/net is read-only`,
      why: 'an outgoing connection may have a port that a node is about to listen on',
      fix: `set it where the container is made: ${key}=${open.join(',')}`,
    },
  ]
}

function containerFindings(host: TopologyHost, facts: HostFacts, topology: Topology): Finding[] {
  if (facts.container === '') return []
  const disks = host.nodes.some((node) => node.mountpaths.some(({disk}) => disk !== undefined))
  const settings = Object.keys(topology.tuning.sysctl ?? {}).length > 0
  if (!disks && !settings) return []
  return [
    {
      id: 'container',
      severity: 'note',
      host: host.name,
      what: `kernel settings and disks: not applicable (container, ${facts.container})`,
      why: 'they belong to the machine outside',
      fix: '',
    },
  ]
}

function twinFindings(
  host: TopologyHost,
  facts: HostFacts,
  {topology, facts: all}: CheckInput,
): Finding[] {
  const twin = topology.hosts.find(
    ({name}) =>
      name !== host.name && facts.machineId !== '' && all.get(name)?.machineId === facts.machineId,
  )
  if (twin === undefined) return []
  return [
    {
      id: 'machine-id',
      severity: 'warning',
      host: host.name,
      what: `it has the machine-id of ${twin.name}`,
      why: 'two names of one machine, or a copied image: logs and leases are told apart by it',
      fix: 'if it is a copy: rm /etc/machine-id; systemd-machine-id-setup; reboot',
    },
  ]
}

function medianClock(facts: readonly HostFacts[]): HostFacts['clock'] {
  const sorted = facts.map(({clock}) => clock).toSorted((a, b) => a.offsetMs - b.offsetMs)
  return sorted[Math.floor(sorted.length / 2)] ?? {offsetMs: 0, uncertaintyMs: 0}
}

function atLeast(version: readonly number[], least: readonly [number, number]): boolean {
  const [major = 0, minor = 0] = version
  return major > least[0] || (major === least[0] && minor >= least[1])
}
