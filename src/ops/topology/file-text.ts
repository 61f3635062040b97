/**
 * A resolved topology as a file again, for an operator who has lost his own: what the resolver
 * fills in by itself is left out. Read and resolved, it is the same topology; comments are gone.
 */

import {Document} from 'yaml'
import {readTopology} from './read.ts'
import {resolveTopology, type Topology, type TopologyHost, type TopologyNode} from './resolve.ts'
import {TOPOLOGY_FORMAT} from './schema.ts'

type Tree = Record<string, unknown>
/** Says whether a node has other values than the resolver would give it. */
type Differs = (node: TopologyNode) => boolean

/** @param comment for the head of the file */
export function topologyFileText(topology: Topology, comment: string): string {
  const named = differsFrom(topology, [], ({instance}, found) => found?.instance !== instance)
  const ported = differsFrom(topology, [named], ({ports}, found) => !isSame(found?.ports, ports))
  const other = differsFrom(topology, [named], ({id}, found) => found?.id !== id)
  const document = new Document(treeOf(topology, {named, ported, other}))
  document.commentBefore = ` ${comment}`
  return document.toString({lineWidth: 100})
}

interface Written {
  readonly named: Differs
  readonly ported: Differs
  readonly other: Differs
}

const NEVER: Differs = () => false

/** Resolves the topology with fewer words, and tells which nodes come out differently. */
function differsFrom(
  topology: Topology,
  [named = NEVER]: readonly Differs[],
  differs: (node: TopologyNode, found: TopologyNode | undefined) => boolean,
): Differs {
  const tree = treeOf(topology, {named, ported: NEVER, other: NEVER})
  const source = readTopology(new Document(tree).toString(), 'topology')
  const found = new Map<TopologyNode, TopologyNode | undefined>()
  const resolved = resolveTopology(source, topology.cluster.uuid)
  const same = resolved.hosts.flatMap(bothOf)
  topology.hosts.flatMap(bothOf).forEach((node, at) => found.set(node, same[at]))
  return (node) => differs(node, found.get(node))
}

function treeOf(topology: Topology, written: Written): Tree {
  const {cluster, ssh, dataWorkers, logLevel, hosts, config, tuning} = topology
  const shared = sharedMountpaths(topology)
  const defaults = {
    ...(shared === undefined ? {} : {mountpaths: shared}),
    ...(dataWorkers === undefined ? {} : {dataWorkers}),
    ...(logLevel === undefined ? {} : {logLevel}),
  }
  return {
    format: TOPOLOGY_FORMAT,
    cluster: {...cluster},
    ssh: {...ssh},
    ...(isEmpty(defaults) ? {} : {defaults}),
    hosts: hosts.map((host) => hostTree(host, shared, written)),
    ...(isEmpty(config) ? {} : {config: nested(config)}),
    ...(isEmpty(tuning) ? {} : {tuning}),
  }
}

function hostTree(host: TopologyHost, shared: unknown, written: Written): Tree {
  const {name, address, hostKey, zone, networks} = host
  const data = networks.data === networks.control ? {} : {data: networks.data}
  const others = {
    ...(networks.public === address ? {} : {public: networks.public}),
    ...(networks.control === address ? {} : {control: networks.control}),
    ...data,
  }
  return {
    name,
    ...(address === name ? {} : {address}),
    ...(hostKey === undefined ? {} : {hostKey}),
    ...(zone === undefined ? {} : {zone}),
    ...(isEmpty(others) ? {} : {networks: others}),
    nodes: bothOf(host).map((node) => ({
      ...nodeTree(node, shared, written),
      ...(host.nodes.includes(node) ? {} : {removed: true}),
    })),
  }
}

/** Those that are to run, then those that have left. */
function bothOf({nodes, removed = []}: TopologyHost): TopologyNode[] {
  return [...nodes, ...removed]
}

function nodeTree(node: TopologyNode, shared: unknown, written: Written): Tree {
  const {role, instance, id, electable, ports, mountpaths} = node
  return {
    role,
    ...(written.named(node) ? {instance} : {}),
    ...(written.other(node) ? {id} : {}),
    ...(role === 'proxy' && !electable ? {electable} : {}),
    ...(written.ported(node) ? {ports: {...ports}} : {}),
    ...(role === 'proxy' || isSame(mountpaths, shared) ? {} : {mountpaths}),
  }
}

/** The mountpaths that most targets have, when more than one has them. */
function sharedMountpaths({hosts}: Topology): unknown {
  const targets = hosts.flatMap(({nodes}) => nodes).filter(({role}) => role === 'target')
  const counts = new Map<string, number>()
  for (const {mountpaths} of targets) {
    const text = JSON.stringify(mountpaths)
    counts.set(text, (counts.get(text) ?? 0) + 1)
  }
  const [most] = [...counts].toSorted(([, a], [, b]) => b - a)
  return most === undefined || most[1] < 2 ? undefined : JSON.parse(most[0])
}

/** `{'a.b': 1}` → `{a: {b: 1}}`. */
function nested(settings: Readonly<Record<string, unknown>>): Tree {
  const tree: Tree = {}
  for (const [key, value] of Object.entries(settings)) {
    const path = key.split('.')
    let branch = tree
    for (const word of path.slice(0, -1)) branch = (branch[word] ??= {}) as Tree
    branch[path.at(-1) ?? key] = value
  }
  return tree
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

function isEmpty(value: object): boolean {
  return Object.keys(value).length === 0
}
