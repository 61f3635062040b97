/**
 * The topology as Ansible's inventory: the same manifests that `aisctl deploy` applies, as
 * variables of hosts, one per architecture, since Ansible has not asked them yet. Secrets stand in
 * it as file names.
 */

import type {Manifest} from '../host/manifest.ts'
import {manifestOf, newDeployment, newestState, stateToSave} from '../deploy/deployment.ts'
import {openDeployed, openTopology, type OpenedTopology} from '../deploy/open.ts'
import {publicUrl} from '../cluster/health.ts'
import {packFile} from '../payload/packed-file.ts'
import {openPayload} from '../payload/payload.ts'
import type {Release} from '../payload/release.ts'
import type {Runtime} from '../payload/runtime.ts'
import {clusterKey, type Site} from '../site/site.ts'
import {withKept} from '../release/kept.ts'
import {restartOrder} from '../sequence/gate.ts'
import type {Topology, TopologyHost} from '../topology/resolve.ts'

/** What a playbook needs of one host. */
export interface HostVariables {
  readonly ansible_host: string
  readonly ansible_port?: number
  /** By architecture, as the kernel calls it. */
  readonly aisctl_manifests: Readonly<Record<string, Manifest>>
  readonly aisctl_nodes: readonly InventoryNode[]
}

export interface InventoryNode {
  readonly id: string
  readonly role: string
  /** Name of its host in this inventory. */
  readonly host: string
  readonly unit: string
  /** Of its public listener. */
  readonly url: string
}

/** Everything that an inventory is written from. */
export interface Inventory {
  readonly topology: Topology
  readonly site: Site
  readonly hosts: Readonly<Record<string, HostVariables>>
  /** SHA-256 → gzip file on this machine. */
  readonly payload: Readonly<Record<string, string>>
  readonly release: Release
}

/** `uname -m` of the architectures of Node.js. */
const MACHINES: Readonly<Record<string, string>> = {x64: 'x86_64', arm64: 'aarch64'}

export interface InventoryOptions {
  /** The operator's topology, or the state that deploy keeps. */
  readonly file: string
  readonly bundle?: string
}

/** Reads, resolves and packs; connects to nothing. */
export async function buildInventory(options: InventoryOptions): Promise<Inventory> {
  const opened: OpenedTopology = options.file.endsWith('.json')
    ? openDeployed(options.file)
    : openTopology(options.file, {keep: true})
  const {topology, site, before} = opened
  const {bundle} = options
  // As a deploy does: what an upgrade has brought is shipped on, unless a bundle is given.
  const opening = openPayload(bundle)
  const shipped = bundle === undefined ? withKept(await opening, site) : await opening
  const {release} = shipped
  const runtimes = await Promise.all(shipped.architectures.map((arch) => shipped.runtime(arch)))
  const state = stateToSave(topology, [newestState([before])])
  const deployment = newDeployment(topology, shipped, clusterKey(site))
  const variablesOf = (host: TopologyHost): HostVariables => ({
    ansible_host: host.address,
    ...(topology.ssh.port === undefined ? {} : {ansible_port: topology.ssh.port}),
    aisctl_manifests: Object.fromEntries(
      runtimes.map((runtime) => [
        MACHINES[runtime.arch] ?? runtime.arch,
        manifestOf(deployment, host, runtime, state),
      ]),
    ),
    aisctl_nodes: host.nodes.map((node) => ({
      id: node.id,
      role: node.role,
      host: host.name,
      unit: `aisnode@${node.instance}.service`,
      url: publicUrl(topology, node),
    })),
  })
  return {
    topology,
    site,
    release,
    hosts: Object.fromEntries(topology.hosts.map((host) => [host.name, variablesOf(host)])),
    payload: await packAll(release, runtimes),
  }
}

/** What `aisctl inventory --list` prints: paths of this machine stand in it. */
export function liveInventory(inventory: Inventory): Record<string, unknown> {
  const {topology, site, hosts, payload} = inventory
  const {ssh} = topology
  return {
    _meta: {hostvars: hosts},
    ...groupsOf(inventory),
    aisnode: {
      hosts: Object.keys(hosts),
      vars: {
        ...(ssh.user === undefined ? {} : {ansible_user: ssh.user}),
        ...(ssh.identity === undefined ? {} : {ansible_ssh_private_key_file: ssh.identity}),
        ...sharedVariables(topology),
        ansible_ssh_common_args: sshArguments(topology, `${site.knownHosts} ~/.ssh/known_hosts`),
        aisctl_payload: payload,
        aisctl_secrets: {'cluster-key': site.keyFile},
      },
    },
  }
}

/** Hosts by what runs on them. */
export function groupsOf({
  topology,
}: Pick<Inventory, 'topology'>): Record<string, {hosts: string[]}> {
  const having = (role: string): {hosts: string[]} => ({
    hosts: topology.hosts
      .filter(({nodes}) => nodes.some((node) => node.role === role))
      .map(({name}) => name),
  })
  return {aisnode_proxies: having('proxy'), aisnode_targets: having('target')}
}

/** Variables that are the same for a live and an exported inventory. */
export function sharedVariables(topology: Topology): Record<string, unknown> {
  const {ssh, cluster} = topology
  return {
    ansible_become: ssh.become !== 'none',
    ansible_pipelining: true,
    aisctl_cluster: cluster.name,
    aisctl_uuid: cluster.uuid,
    // Who is primary only the cluster knows: it is asked when a playbook begins.
    aisctl_order: restartOrder(topology),
  }
}

/** Host keys are compared as aisctl compares them; an unknown key stops the run. */
export function sshArguments({ssh}: Topology, knownHosts: string): string {
  const jump = ssh.jump === undefined ? '' : ` -o ProxyJump=${ssh.jump}`
  return `-o UserKnownHostsFile="${knownHosts}" -o StrictHostKeyChecking=yes${jump}`
}

async function packAll(
  release: Release,
  runtimes: readonly Runtime[],
): Promise<Record<string, string>> {
  const packed: Record<string, string> = {}
  for (const {file, sha256: hash} of [release, ...runtimes]) {
    packed[hash] = (await packFile(file, hash, 'gzip')).path
  }
  return packed
}
