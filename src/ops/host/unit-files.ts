/**
 * The texts of files that belong to one node or one disk: node file, drop-in, mount unit, sysctl.
 * Pure.
 */

import type {NodeFile} from '../../model/config/node-file.ts'
import {NODE_FILE_FORMAT} from '../../model/config/node-file.ts'
import {formatEndpoint} from '../../model/node.ts'
import type {Topology, TopologyHost, TopologyNode} from '../topology/resolve.ts'
import {everyNodeOf, founderOf} from '../topology/resolve.ts'

/** Time for a target to finish what it has begun to write, on a busy disk. */
const TARGET_STOP_SECONDS = 300

/** The node file of one node. */
export function nodeFileOf(node: TopologyNode, host: TopologyHost, topology: Topology): NodeFile {
  const founds = founderOf(topology) === node
  const founding = Object.keys(topology.config).length > 0 ? topology.config : undefined
  return {
    format: NODE_FILE_FORMAT,
    role: node.role,
    id: node.id,
    uuid: topology.cluster.uuid,
    ...(founds ? {bootstrap: true} : {}),
    state: `/var/lib/aisnode/${node.instance}`,
    listen: {
      public: formatEndpoint({host: host.networks.public, port: node.ports.public}),
      control: formatEndpoint({host: host.networks.control, port: node.ports.control}),
      data: formatEndpoint({
        host: node.role === 'proxy' ? host.networks.control : host.networks.data,
        port: node.ports.data,
      }),
    },
    peers: peersOf(node, topology),
    ...(node.role === 'target' ? {mountpaths: node.mountpaths} : {}),
    clusterKeyFile: 'credential:cluster-key',
    ...(node.role === 'proxy' && !node.electable ? {nonElectable: true} : {}),
    ...(founds && founding !== undefined
      ? {foundingConfig: founding as NonNullable<NodeFile['foundingConfig']>}
      : {}),
    ...(topology.dataWorkers === undefined ? {} : {dataWorkers: topology.dataWorkers}),
    ...(topology.logLevel === undefined ? {} : {log: {level: topology.logLevel}}),
  }
}

/** What belongs to one instance of the unit: what it may write, its limits. */
export function dropIn(node: TopologyNode, topology: Topology): string {
  const {limits} = topology.tuning
  const lines = ['# Written by aisctl.', '']
  const disks = node.mountpaths.filter(({disk}) => disk !== undefined)
  if (disks.length > 0) {
    const mounts = disks.map(({path}) => mountUnitName(path)).join(' ')
    lines.push('[Unit]', `After=${mounts}`, '')
  }
  lines.push('[Service]')
  if (node.role === 'target') {
    lines.push(
      '# The directories above the disks, so that a disk which returns is seen by a running node;',
      '# bare mount points belong to root.',
      ...writableRoots(node).map((path) => `ReadWritePaths=${path}`),
      `TimeoutStopSec=${TARGET_STOP_SECONDS}`,
      'OOMScoreAdjust=-500',
    )
  } else {
    lines.push(...storageRoots(topology).map((path) => `InaccessiblePaths=-${path}`))
  }
  if (limits?.openFiles !== undefined) lines.push(`LimitNOFILE=${limits.openFiles}`)
  if (limits?.memoryMax !== undefined) lines.push(`MemoryMax=${limits.memoryMax}`)
  if (limits?.tasksMax !== undefined) lines.push(`TasksMax=${limits.tasksMax}`)
  return `${lines.join('\n')}\n`
}

/** A mount unit for one disk. A disk that is away must not keep the host from booting. */
export function mountUnit(path: string, disk: string): string {
  const what = disk.startsWith('UUID=') ? `/dev/disk/by-uuid/${disk.slice('UUID='.length)}` : disk
  return [
    '# Written by aisctl.',
    '',
    '[Unit]',
    `Description=Disk of an AIS node (${path})`,
    '',
    '[Mount]',
    `What=${what}`,
    `Where=${path}`,
    'Options=noatime,nofail',
    '',
    '[Install]',
    'WantedBy=multi-user.target',
    '',
  ].join('\n')
}

/** `/ais/mp-1` → `ais-mp\x2d1.mount`, as systemd escapes paths. */
export function mountUnitName(path: string): string {
  const escaped = path
    .slice(1)
    .split('')
    .map((letter, index) => {
      if (letter === '/') return '-'
      if (/[A-Za-z0-9:_]/.test(letter) || (letter === '.' && index > 0)) return letter
      return `\\x${letter.charCodeAt(0).toString(16).padStart(2, '0')}`
    })
    .join('')
  return `${escaped}.mount`
}

/** A file of kernel settings. */
export function sysctlFile(settings: readonly (readonly [string, string | number])[]): string {
  const lines = settings.map(([key, value]) => `${key} = ${value}`)
  return `${['# Written by aisctl.', ...lines].join('\n')}\n`
}

/**
 * Whom a node may ask first. In the order of ids, those that have left included: whoever leaves
 * changes no other node's file, and so restarts nobody.
 */
function peersOf(node: TopologyNode, topology: Topology): string[] {
  const {hosts} = topology
  const others = everyNodeOf(topology).toSorted((a, b) => (a.id < b.id ? -1 : 1))
  return others.flatMap((other) => {
    const host = hosts.find(({name}) => name === other.host)
    if (other.id === node.id || host === undefined) return []
    return [formatEndpoint({host: host.networks.control, port: other.ports.control})]
  })
}

/** The directories above the mountpaths; a mountpath right below "/" is named itself. */
function writableRoots(node: TopologyNode): string[] {
  const roots = node.mountpaths.map(({path}) => path.slice(0, path.lastIndexOf('/')) || path)
  return [...new Set(roots)].sort()
}

function storageRoots(topology: Topology): string[] {
  return [...new Set(everyNodeOf(topology).flatMap(writableRoots))].sort()
}
