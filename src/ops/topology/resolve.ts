/**
 * Fills in what a topology leaves out — addresses, instances, ports, ids, mountpaths — and checks
 * what must hold between its parts. Pure: the same file and uuid give the same value on every
 * machine.
 */

import {createHash} from 'node:crypto'
import {MEMBERS_MAX} from '../../model/limits.ts'
import type {Role} from '../../model/node.ts'
import type {TopologyProblem, TopologySource} from './read.ts'
import {pathText, topologyError} from './read.ts'
import type {TopologyFile} from './schema.ts'
import {dottedSettings, settingProblems} from './settings.ts'

/** Ports of the first node of a role; the k-th further one has ten more. */
const BASE_PORTS = {
  proxy: {public: 51_080, control: 51_084, data: 51_084},
  target: {public: 51_081, control: 51_082, data: 51_083},
} as const satisfies Record<Role, Ports>
const PORT_STEP = 10
/** A disk may not lie in a directory of the system. */
const SYSTEM_PATHS = ['/bin', '/boot', '/dev', '/etc', '/lib', '/opt', '/proc', '/root', '/run']
SYSTEM_PATHS.push('/sbin', '/sys', '/tmp', '/usr', '/var/lib', '/var/log', '/var/tmp')
const ID_LETTERS = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ'
const ID_CHARS = `${ID_LETTERS}23456789`
const ID_LENGTH = 8

export interface Ports {
  readonly public: number
  readonly control: number
  readonly data: number
}

export interface Mountpath {
  readonly path: string
  readonly disk?: string
  readonly label?: string
}

export interface TopologyNode {
  readonly host: string
  readonly role: Role
  /** Name of the unit's instance: proxy, target, target-2 … */
  readonly instance: string
  readonly id: string
  readonly electable: boolean
  readonly ports: Ports
  /** Empty for proxies. */
  readonly mountpaths: readonly Mountpath[]
}

export interface TopologyHost {
  readonly name: string
  /** Where ssh finds it. */
  readonly address: string
  readonly hostKey?: string
  readonly zone?: string
  readonly networks: {readonly public: string; readonly control: string; readonly data: string}
  /** Those that are to run. Empty: all have left; the host can still be reached, to be cleaned up. */
  readonly nodes: readonly TopologyNode[]
  /** Nodes that have left the cluster for good; absent: none. */
  readonly removed?: readonly TopologyNode[]
}

export interface SshSettings {
  readonly user?: string
  readonly port?: number
  readonly identity?: string
  readonly jump?: string
  readonly become: 'none' | 'sudo' | 'sudo-password'
}

/** A topology with everything filled in: what plans and manifests are made of. */
export interface Topology {
  readonly format: 1
  readonly cluster: {readonly name: string; readonly uuid: string; readonly version?: string}
  readonly ssh: SshSettings
  readonly dataWorkers?: number
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error'
  readonly hosts: readonly TopologyHost[]
  /** Cluster settings by dotted key. */
  readonly config: Readonly<Record<string, unknown>>
  readonly tuning: NonNullable<TopologyFile['tuning']>
}

/**
 * The resolved topology.
 * @param uuid of the cluster; the file's own `cluster.uuid` must agree where it is written
 * @throws AisError BAD_TOPOLOGY that lists every contradiction with its line
 */
export function resolveTopology(source: TopologySource, uuid: string): Topology {
  const {file} = source
  const written = file.hosts.map((host) => resolveHost(file, host, uuid))
  const hosts = written.map((host, index) => {
    const marked = file.hosts[index]?.nodes ?? []
    return parted(host, (node) => marked[host.nodes.indexOf(node)]?.removed === true)
  })
  const problems = [
    ...uuidProblem(source, uuid),
    ...hostProblems(source, hosts),
    ...nodeProblems(source, written),
    ...numberProblems(source, hosts),
    ...settingProblems(source),
  ]
  if (problems.length > 0) throw topologyError(source.name, problems)
  const {ssh, defaults} = file
  return {
    format: 1,
    cluster: {name: file.cluster.name, uuid, ...definedOnly({version: file.cluster.version})},
    ssh: {...definedOnly(ssh ?? {}), become: ssh?.become ?? 'none'},
    ...(defaults?.dataWorkers === undefined ? {} : {dataWorkers: defaults.dataWorkers}),
    ...(defaults?.logLevel === undefined ? {} : {logLevel: defaults.logLevel}),
    hosts,
    config: dottedSettings(file.config ?? {}),
    tuning: file.tuning ?? {},
  }
}

/** All nodes of a topology that are to run, in its order. */
export function nodesOf(topology: Topology): TopologyNode[] {
  return topology.hosts.flatMap((host) => host.nodes)
}

/** Those that have left, too. */
export function everyNodeOf(topology: Topology): TopologyNode[] {
  return topology.hosts.flatMap(({nodes, removed}) => [...nodes, ...(removed ?? [])])
}

/** The host with the nodes for which `gone` holds among those that have left. */
export function parted(host: TopologyHost, gone: (node: TopologyNode) => boolean): TopologyHost {
  const {removed = [], ...rest} = host
  const left = [...removed, ...host.nodes.filter(gone)]
  const nodes = host.nodes.filter((node) => !gone(node))
  return {...rest, nodes, ...(left.length === 0 ? {} : {removed: left})}
}

/** The ports of a node, each once. */
export function portsOf({ports}: TopologyNode): number[] {
  return [...new Set([ports.public, ports.control, ports.data])]
}

/** The addresses of a host, each once. */
export function addressesOf({networks}: TopologyHost): string[] {
  return [...new Set([networks.public, networks.control, networks.data])]
}

/** The proxy that may form the cluster: the first electable one. */
export function founderOf(topology: Topology): TopologyNode | undefined {
  return nodesOf(topology).find((node) => node.role === 'proxy' && node.electable)
}

/**
 * The id of a node that has none in the file: the same for as long as its host and instance are.
 */
export function derivedNodeId(uuid: string, host: string, instance: string): string {
  const bytes = createHash('sha256').update(`aisnode-id\0${uuid}\0${host}\0${instance}`).digest()
  return Array.from({length: ID_LENGTH}, (_, index) => {
    const letters = index === 0 || index === ID_LENGTH - 1 ? ID_LETTERS : ID_CHARS
    return letters.charAt((bytes[index] ?? 0) % letters.length)
  }).join('')
}

type FileHost = TopologyFile['hosts'][number]
type FileNode = FileHost['nodes'][number]

function resolveHost(file: TopologyFile, host: FileHost, uuid: string): TopologyHost {
  const address = host.address ?? host.name
  const counts: Record<Role, number> = {proxy: 0, target: 0}
  const nodes = host.nodes.map((node) => {
    counts[node.role] += 1
    return resolveNode(file, {host: host.name, node, count: counts[node.role], uuid})
  })
  const {networks} = host
  return {
    name: host.name,
    address,
    ...(host.hostKey === undefined ? {} : {hostKey: host.hostKey}),
    ...(host.zone === undefined ? {} : {zone: host.zone}),
    networks: {
      public: networks?.public ?? address,
      control: networks?.control ?? address,
      data: networks?.data ?? networks?.control ?? address,
    },
    nodes,
  }
}

interface NodePlace {
  readonly host: string
  readonly node: FileNode
  /** How many of its role stand on the host so far, itself included. */
  readonly count: number
  readonly uuid: string
}

function resolveNode(file: TopologyFile, {host, node, count, uuid}: NodePlace): TopologyNode {
  const instance = node.instance ?? (count === 1 ? node.role : `${node.role}-${count}`)
  return {
    host,
    role: node.role,
    instance,
    id: node.id ?? derivedNodeId(uuid, host, instance),
    electable: node.role === 'proxy' && node.electable !== false,
    ports: resolvePorts(node, instance),
    mountpaths: node.role === 'proxy' ? [] : mountpathsOf(file, node),
  }
}

function resolvePorts(node: FileNode, instance: string): Ports {
  const offset = (ordinalOf(instance) - 1) * PORT_STEP
  const base = BASE_PORTS[node.role]
  const control = node.ports?.control ?? base.control + offset
  const data = node.role === 'proxy' ? control : base.data + offset
  return {
    public: node.ports?.public ?? base.public + offset,
    control,
    data: node.ports?.data ?? data,
  }
}

function mountpathsOf(file: TopologyFile, node: FileNode): Mountpath[] {
  const written = node.mountpaths ?? file.defaults?.mountpaths ?? []
  return written.map(({path, disk, label}) => ({path, ...definedOnly({disk, label})}))
}

function ordinalOf(instance: string): number {
  return Number(/-(\d+)$/.exec(instance)?.[1] ?? 1)
}

function uuidProblem(source: TopologySource, uuid: string): TopologyProblem[] {
  const written = source.file.cluster.uuid
  if (written === undefined || written === uuid) return []
  const message = `the deployed cluster has uuid ${uuid}; a cluster keeps its uuid`
  return [problemAt(source, ['cluster', 'uuid'], message)]
}

function hostProblems(source: TopologySource, hosts: readonly TopologyHost[]): TopologyProblem[] {
  const names = new Map<string, string>()
  const problems: TopologyProblem[] = []
  for (const [index, host] of hosts.entries()) {
    for (const [key, word] of [['name', host.name] as const, ['address', host.address] as const]) {
      const first = names.get(`${key} ${word.toLowerCase()}`)
      if (first !== undefined) {
        problems.push(
          problemAt(source, ['hosts', index, key], `${word} is also the ${key} of ${first}`),
        )
      }
      names.set(`${key} ${word.toLowerCase()}`, host.name)
    }
  }
  return problems
}

function nodeProblems(source: TopologySource, hosts: readonly TopologyHost[]): TopologyProblem[] {
  const problems: TopologyProblem[] = []
  const ids = new Map<string, string>()
  for (const [hostIndex, host] of hosts.entries()) {
    const taken = new Map<string, string>()
    for (const [nodeIndex, node] of host.nodes.entries()) {
      const path = ['hosts', hostIndex, 'nodes', nodeIndex]
      const label = `${host.name}/${node.instance}`
      const say = (key: string, message: string): void => {
        problems.push(problemAt(source, [...path, key], message))
      }
      const gone = source.file.hosts[hostIndex]?.nodes[nodeIndex]?.removed === true
      // What has left keeps its name alone: ports and disks may be another's now.
      for (const [key, what] of gone ? claimsOf(node).slice(0, 1) : claimsOf(node)) {
        const other = taken.get(what)
        if (other !== undefined && other !== label) say(key, `${what} is already taken by ${other}`)
        else if (other !== undefined) say(key, `${what} is used twice by ${label}`)
        taken.set(what, label)
      }
      const twin = ids.get(node.id)
      if (twin !== undefined) say('id', `${node.id} is also the id of ${twin}`)
      ids.set(node.id, label)
      for (const [key, message] of formProblems(source.file, hostIndex, nodeIndex, node))
        say(key, message)
    }
  }
  return problems
}

/** What must hold between the nodes that are to run. */
function numberProblems(source: TopologySource, hosts: readonly TopologyHost[]): TopologyProblem[] {
  const problems: TopologyProblem[] = []
  const nodes = hosts.flatMap((host) => host.nodes)
  if (!nodes.some((node) => node.role === 'proxy' && node.electable)) {
    problems.push(problemAt(source, ['hosts'], 'no proxy that may be elected; a cluster needs one'))
  }
  if (nodes.length > MEMBERS_MAX) {
    const first = nodes[MEMBERS_MAX]
    const at = hosts.findIndex((host) => first !== undefined && host.nodes.includes(first))
    const message = `${nodes.length} nodes; a cluster has at most ${MEMBERS_MAX}: every node has a vote, and a change waits for a majority of them`
    problems.push(problemAt(source, ['hosts', at, 'nodes'], message))
  }
  return problems
}

/** What only one node of a host may have, with the key that a mistake is shown at. */
function claimsOf(node: TopologyNode): [string, string][] {
  return [
    ['instance', `instance ${node.instance}`],
    ...portsOf(node).map((port): [string, string] => ['ports', `port ${port}`]),
    ...node.mountpaths.map(({path}): [string, string] => ['mountpaths', `mountpath ${path}`]),
  ]
}

function formProblems(
  file: TopologyFile,
  hostIndex: number,
  nodeIndex: number,
  node: TopologyNode,
): [string, string][] {
  const written = file.hosts[hostIndex]?.nodes[nodeIndex]
  const problems: [string, string][] = []
  if (!node.instance.startsWith(node.role)) {
    problems.push([
      'instance',
      `an instance of a ${node.role} is called ${node.role}, ${node.role}-2 …`,
    ])
  }
  if (node.role === 'target' && node.mountpaths.length === 0) {
    problems.push(['role', 'a target needs mountpaths, here or under defaults'])
  }
  if (node.role === 'proxy' && written?.mountpaths !== undefined) {
    problems.push(['mountpaths', 'a proxy stores nothing and has no mountpaths'])
  }
  if (node.role === 'target' && written?.electable !== undefined) {
    problems.push(['electable', 'only a proxy can be elected'])
  }
  const system = node.mountpaths.find(({path}) =>
    SYSTEM_PATHS.some((root) => path === root || path.startsWith(`${root}/`)),
  )
  if (system !== undefined) {
    problems.push(['mountpaths', `${system.path} lies in a directory of the system`])
  }
  const paths = node.mountpaths.map(({path}) => path)
  const nested = paths.find((path) => paths.some((outer) => path.startsWith(`${outer}/`)))
  if (nested !== undefined) problems.push(['mountpaths', `${nested} lies in another mountpath`])
  return problems
}

function problemAt(
  source: TopologySource,
  path: readonly PropertyKey[],
  message: string,
): TopologyProblem {
  return {...source.locate(path), path: pathText(path), message}
}

/** The object without keys whose value is undefined. */
function definedOnly<T extends object>(value: T): {[Key in keyof T]: Exclude<T[Key], undefined>} {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as {
    [Key in keyof T]: Exclude<T[Key], undefined>
  }
}
