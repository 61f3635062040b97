/**
 * The one source of host truth: what must be on one host, as data. Made from the topology, the
 * release and facts about the host, and nothing else: no clock, no disk, no network. `apply.sh` and
 * Ansible's `host_state` both bring a host to it; neither decides anything.
 */

import {createHash} from 'node:crypto'
import {formatNodeFile} from '../../model/config/node-file.ts'
import type {Mountpath, Topology, TopologyHost, TopologyNode} from '../topology/resolve.ts'
import {portsOf} from '../topology/resolve.ts'
import {dropIn, mountUnit, mountUnitName, nodeFileOf, sysctlFile} from './unit-files.ts'

/** Number of the manifest's shape. */
export const MANIFEST_FORMAT = 1
/** Where everything of the nodes is installed. */
export const OPT = '/opt/aisnode'
/** Where a host keeps what was deployed last. */
export const TOPOLOGY_FILE = '/var/lib/aisctl/topology.json'
/** Name under which the manifest refers to the cluster key; its bytes travel apart. */
export const CLUSTER_KEY = 'cluster-key'

export type EntryType =
  'file' | 'dir' | 'link' | 'user' | 'unit' | 'sysctl' | 'ports' | 'mount' | 'absent'

/** One thing that must be so. */
export interface ManifestEntry {
  readonly type: EntryType
  /** Path; for users, units and sysctl their name. */
  readonly path: string
  readonly mode?: string
  /** `user:group` by name. */
  readonly owner?: string
  /** SHA-256 of a file's bytes, also when they are given. */
  readonly sha256?: string
  /** The file's text; absent when the bytes are a payload or a secret. */
  readonly content?: string
  /** Which secret the file holds. */
  readonly secretRef?: string
  /**
   * Target of a link, value of a sysctl, `started`, `enabled` or `disabled` (and stopped) of a
   * unit, ports with commas.
   */
  readonly value?: string
  /** Units that must restart when this changes. */
  readonly restart: readonly string[]
  /** `metal`: not applicable in a container. */
  readonly scope?: 'metal'
}

/** A Node.js binary for one architecture, by the hash of its bytes. */
export interface RuntimeFact {
  readonly arch: string
  readonly version: string
  readonly sha256: string
}

/** The daemon's bundle. */
export interface ReleaseFact {
  readonly version: string
  readonly sha256: string
}

/** What the manifests of a deployment are made from, besides the topology. */
export interface ManifestInput {
  readonly topology: Topology
  readonly release: ReleaseFact
  readonly runtime: RuntimeFact
  /** Name → text of the files of `systemd/`. */
  readonly units: Readonly<Record<string, string>>
  readonly clusterKeySha256: string
  /** What is kept on hosts as topology.json. */
  readonly savedState: string
}

/** What must be on one host. */
export interface Manifest {
  readonly format: 1
  readonly host: string
  readonly entries: readonly ManifestEntry[]
  readonly runtime: RuntimeFact
  readonly release: ReleaseFact & {readonly name: string}
}

/** The manifest of one host of the topology. */
export function makeManifest(host: TopologyHost, input: ManifestInput): Manifest {
  const name = releaseName(input.release, input.runtime)
  const units = host.nodes.map(unitOf)
  return {
    format: MANIFEST_FORMAT,
    host: host.name,
    entries: [
      ...commonEntries(input, units),
      ...releaseEntries(input, name),
      ...host.nodes.flatMap((node) => nodeEntries(node, host, input)),
      ...mountEntries(host),
      ...sysctlEntries(input.topology),
      reservedPorts(host),
      ...host.nodes.map((node) => releaseLink(node, name)),
      unit('aisnode.target', 'started'),
      ...units.map((service) => unit(service, 'started')),
      ...removedUnits(host),
    ],
    runtime: input.runtime,
    release: {...input.release, name},
  }
}

/** `aisnode@target-2.service`. */
export function unitOf(node: {readonly instance: string}): string {
  return `aisnode@${node.instance}.service`
}

/** `<version>-<hash>`: a bundle with the runtime it was shipped with. */
export function releaseName(release: ReleaseFact, runtime: RuntimeFact): string {
  return `${release.version}-${sha256(`${release.sha256} ${runtime.sha256}`).slice(0, 12)}`
}

/** Path of a runtime's binary on hosts. */
export function runtimePath(runtime: RuntimeFact): string {
  return `${OPT}/runtime/${runtime.sha256}/node`
}

/** Path of a release's bundle on hosts. */
export function bundlePath(release: ReleaseFact, runtime: RuntimeFact): string {
  return `${OPT}/release/${releaseName(release, runtime)}/aisnode.mjs`
}

/** Hex SHA-256 of text or bytes. */
export function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function commonEntries(input: ManifestInput, units: readonly string[]): ManifestEntry[] {
  const text = (name: string): string => {
    const found = input.units[name]
    if (found === undefined) throw new Error(`systemd/${name} is missing`)
    return found
  }
  const system = '/etc/systemd/system'
  return [
    {type: 'user', path: 'aisnode', ...content(text('aisnode.sysusers')), restart: []},
    dir('/etc/sysusers.d', '0755', 'root:root'),
    textFile('/etc/sysusers.d/aisnode.conf', text('aisnode.sysusers')),
    dir('/etc/tmpfiles.d', '0755', 'root:root'),
    textFile('/etc/tmpfiles.d/aisnode.conf', text('aisnode.tmpfiles')),
    dir('/etc/aisnode', '0750', 'root:aisnode'),
    dir('/etc/aisnode/secrets', '0700', 'root:root'),
    dir('/var/lib/aisnode', '0750', 'aisnode:aisnode'),
    dir('/var/lib/aisctl', '0700', 'root:root'),
    savedStateFile(input.savedState),
    textFile(`${system}/aisnode@.service`, text('aisnode@.service'), {restart: units}),
    textFile(`${system}/aisnode.target`, text('aisnode.target')),
    textFile(`${system}/aisnode.slice`, text('aisnode.slice')),
    {
      type: 'file',
      path: `/etc/aisnode/secrets/${CLUSTER_KEY}`,
      mode: '0400',
      owner: 'root:root',
      sha256: input.clusterKeySha256,
      secretRef: CLUSTER_KEY,
      restart: units,
    },
  ]
}

function releaseEntries(input: ManifestInput, name: string): ManifestEntry[] {
  const {runtime, release} = input
  const home = `${OPT}/release/${name}`
  const payload = {owner: 'root:root', restart: []}
  return [
    dir(OPT, '0755', 'root:root'),
    dir(`${OPT}/runtime`, '0755', 'root:root'),
    dir(`${OPT}/runtime/${runtime.sha256}`, '0755', 'root:root'),
    {type: 'file', path: runtimePath(runtime), mode: '0755', sha256: runtime.sha256, ...payload},
    dir(`${OPT}/release`, '0755', 'root:root'),
    dir(home, '0755', 'root:root'),
    {type: 'file', path: `${home}/aisnode.mjs`, mode: '0644', sha256: release.sha256, ...payload},
    {type: 'link', path: `${home}/runtime`, value: `../../runtime/${runtime.sha256}`, restart: []},
  ]
}

function nodeEntries(
  node: TopologyNode,
  host: TopologyHost,
  input: ManifestInput,
): ManifestEntry[] {
  const restart = [unitOf(node)]
  const drop = `/etc/systemd/system/${unitOf(node)}.d`
  const file = formatNodeFile(nodeFileOf(node, host, input.topology))
  return [
    dir(drop, '0755', 'root:root'),
    textFile(`${drop}/50-aisctl.conf`, dropIn(node, input.topology), {restart}),
    textFile(`/etc/aisnode/${node.instance}.json`, file, {
      mode: '0640',
      owner: 'root:aisnode',
      restart,
    }),
  ]
}

function mountEntries(host: TopologyHost): ManifestEntry[] {
  return host.nodes.flatMap((node) =>
    node.mountpaths.flatMap((mountpath) => [
      ...diskEntries(mountpath),
      {
        type: 'mount' as const,
        path: mountpath.path,
        mode: '0750',
        owner: 'aisnode:aisnode',
        restart: [],
      },
    ]),
  )
}

/** A disk that the topology names is mounted by a unit; the bare mount point stays root's, 0555. */
function diskEntries(mountpath: Mountpath): ManifestEntry[] {
  if (mountpath.disk === undefined) return []
  const name = mountUnitName(mountpath.path)
  return [
    {type: 'dir', path: mountpath.path, mode: '0555', value: 'bare', restart: [], scope: 'metal'},
    {
      ...textFile(`/etc/systemd/system/${name}`, mountUnit(mountpath.path, mountpath.disk)),
      scope: 'metal',
    },
    {...unit(name, 'started'), scope: 'metal'},
  ]
}

function sysctlEntries(topology: Topology): ManifestEntry[] {
  const settings = Object.entries(topology.tuning.sysctl ?? {})
  if (settings.length === 0) return []
  return [
    {...textFile('/etc/sysctl.d/90-aisnode.conf', sysctlFile(settings)), scope: 'metal'},
    ...settings.map(([key, value]): ManifestEntry => {
      return {type: 'sysctl', path: key, value: String(value), restart: [], scope: 'metal'}
    }),
  ]
}

/**
 * The listeners' ports lie among those that Linux hands out for connections: it is told to leave
 * them out, beside whatever else the host has reserved. The file keeps it so at the next boot.
 */
function reservedPorts(host: TopologyHost): ManifestEntry {
  const ports = [...new Set(host.nodes.flatMap(portsOf))].toSorted((a, b) => a - b)
  const path = '/etc/sysctl.d/91-aisnode-ports.conf'
  return {type: 'ports', path, value: ports.join(','), restart: []}
}

function releaseLink(node: TopologyNode, name: string): ManifestEntry {
  return {
    type: 'link',
    path: `${OPT}/${node.instance}`,
    value: `release/${name}`,
    restart: [unitOf(node)],
  }
}

function content(text: string): {content: string; sha256: string} {
  return {content: text, sha256: sha256(text)}
}

function textFile(
  path: string,
  text: string,
  more: {mode?: string; owner?: string; restart?: readonly string[]} = {},
): ManifestEntry {
  return {
    type: 'file',
    path,
    mode: more.mode ?? '0644',
    owner: more.owner ?? 'root:root',
    ...content(text),
    restart: more.restart ?? [],
  }
}

function dir(path: string, mode: string, owner: string): ManifestEntry {
  return {type: 'dir', path, mode, owner, restart: []}
}

/** What a host keeps of the topology. */
export function savedStateFile(text: string): ManifestEntry {
  return textFile(TOPOLOGY_FILE, text, {mode: '0600'})
}

/** What keeps a node that was decommissioned from starting: gone, when it is to come back. */
export function withoutGoneMark({instance}: TopologyNode): ManifestEntry {
  return {type: 'absent', path: `/var/lib/aisnode/${instance}/decommissioned`, restart: []}
}

/** Nodes that have left: off, and not started with the host. */
export function removedUnits({removed = []}: TopologyHost): ManifestEntry[] {
  return removed.map((node) => unit(unitOf(node), 'disabled'))
}

function unit(path: string, value: 'started' | 'enabled' | 'disabled'): ManifestEntry {
  return {type: 'unit', path, value, restart: []}
}
