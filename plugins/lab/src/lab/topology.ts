/**
 * The topology file of a lab, ready for `aisctl deploy`: which node runs on which host, over which
 * of its disks. Pure; the same lab gives the same file, so that a second `up` changes nothing.
 */

import {AisError} from 'aisctl/kit'
import {stringify} from 'yaml'

/** Disks of a target, when its host has enough of them. */
export const MOUNTPATHS_PER_TARGET = 2

export interface TopologyShape {
  readonly name: string
  readonly clusterUuid: string
  readonly keyFile: string
  readonly proxies: number
  readonly targets: number
  readonly hosts: readonly {
    readonly name: string
    readonly address: string
    readonly hostKey: string
    readonly disks: number
  }[]
}

interface NodeShape {
  readonly role: 'proxy' | 'target'
  readonly instance: string
  readonly id: string
  readonly mountpaths?: readonly {readonly path: string}[]
}

/** Most targets that a host gets when they are dealt out over `hosts` hosts. */
export function targetsPerHost(targets: number, hosts: number): number {
  return hosts === 0 ? 0 : Math.ceil(targets / hosts)
}

/** The file's text. */
export function topologyText(shape: TopologyShape): string {
  const hosts = shape.hosts.map((host, index) => ({
    name: host.name,
    address: host.address,
    hostKey: host.hostKey,
    nodes: nodesOf(shape, index),
  }))
  const topology = {
    format: 1,
    cluster: {name: shape.name, uuid: shape.clusterUuid},
    ssh: {user: 'root', identity: shape.keyFile},
    hosts: hosts.filter((host) => host.nodes.length > 0),
  }
  const head = [
    `# Lab ${shape.name}: ${shape.proxies} gateways and ${shape.targets} targets.`,
    '# The hosts are reached from inside the lab only:',
    `#   aisctl lab ns --name ${shape.name} aisctl deploy -f THIS_FILE`,
    '',
  ].join('\n')
  return head + stringify(topology, {lineWidth: 0})
}

function nodesOf(shape: TopologyShape, host: number): NodeShape[] {
  const count = shape.hosts.length
  // Gateways from the first host on, targets from the last host back: with enough hosts, one each.
  const proxies = dealt(shape.proxies, count, host)
  const targets = dealt(shape.targets, count, count - 1 - host)
  return [
    ...instances('proxy', proxies).map((instance) => node('proxy', instance, host)),
    ...instances('target', targets).map((instance, index) => ({
      ...node('target', instance, host),
      mountpaths: mountpaths(shape, host, targets, index),
    })),
  ]
}

/** How many of `total` things fall to place `place` when they are dealt out in rounds. */
function dealt(total: number, places: number, place: number): number {
  return Math.floor(total / places) + (place < total % places ? 1 : 0)
}

function instances(role: 'proxy' | 'target', count: number): string[] {
  return Array.from({length: count}, (_, index) => (index === 0 ? role : `${role}-${index + 1}`))
}

function node(role: 'proxy' | 'target', instance: string, host: number): NodeShape {
  const suffix = instance === role ? '' : instance.slice(role.length)
  return {role, instance, id: `${role}-h${host + 1}${suffix}`}
}

function mountpaths(
  shape: TopologyShape,
  host: number,
  targets: number,
  index: number,
): {path: string}[] {
  const disks = shape.hosts[host]?.disks ?? 0
  const each = Math.min(MOUNTPATHS_PER_TARGET, Math.floor(disks / targets))
  if (each === 0) {
    throw new AisError({
      code: 'USAGE',
      message: `h${host + 1} has ${disks} disks for ${targets} targets`,
      hint: `give the hosts more: --disks ${targets * MOUNTPATHS_PER_TARGET}, or use more hosts`,
    })
  }
  return Array.from({length: each}, (_, disk) => ({path: `/ais/mp${index * each + disk + 1}`}))
}
