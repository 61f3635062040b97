/**
 * Asks one host for a survey: of its units, disks, clock and kernel, and of its ways to the other
 * hosts. One exec; the script travels as its argument, because a full disk is one of the things
 * that it is to find.
 */

import type {Host} from '../host/host.ts'
import {unitOf} from '../host/manifest.ts'
import {commandError} from '../host/script.ts'
import {hostScript} from '../payload/package-root.ts'
import {addressesOf, portsOf, type Topology, type TopologyHost} from '../topology/resolve.ts'
import {parseSurvey, type HostSurvey} from './host-survey.ts'

/** A path that is probed down to the size that passes takes about 20 s, all at the same time. */
const SURVEY_TIMEOUT_MS = 60_000
/** Hosts that each host probes: beyond, every host still is probed by as many others. */
export const PEERS_MAX = 16
/** Directories of the system that nodes and deploys write to. */
export const SYSTEM_DIRECTORIES = ['/', '/var/lib', '/var/log', '/var/tmp', '/opt', '/etc', '/run']

export interface SurveyQuestion {
  /** What nodes have there: units, files, programs. */
  readonly nodes: boolean
  /** Kernel settings by name. */
  readonly sysctls: readonly string[]
  /** Clock keepers, firewalls, links. */
  readonly services: boolean
}

/** @param nowMs our clock */
export async function surveyHost(
  host: Host,
  lines: readonly string[],
  nowMs: () => number,
): Promise<HostSurvey> {
  const heard = {beforeMs: nowMs(), afterMs: 0}
  const result = await host.run({
    argv: ['sh', '-c', hostScript('survey.sh').toString('utf8'), 'aisctl'],
    input: `${lines.join('\n')}\nend\n`,
    timeoutMs: SURVEY_TIMEOUT_MS,
    onLine: (line) => {
      if (line.startsWith('time\t')) heard.afterMs = nowMs()
    },
  })
  const survey = parseSurvey(result.stdout, heard)
  if (survey === undefined) {
    throw commandError(host, 'survey.sh', result, 'gave no complete answer')
  }
  return survey
}

/** What is asked of one host of a topology. Peers come last, as survey.sh wants it. */
export function surveyLines(
  topology: Topology,
  host: TopologyHost,
  {nodes, sysctls, services}: SurveyQuestion,
): string[] {
  const mountpaths = host.nodes.flatMap((node) => node.mountpaths)
  return [
    ...(nodes ? host.nodes.flatMap(nodeLines) : []),
    ...(nodes ? ['stat /etc/aisnode/secrets/cluster-key'] : []),
    ...mountpaths.flatMap(({path, disk}) => [
      `mount ${path}`,
      `space ${path}`,
      ...(disk === undefined ? [] : [`disk ${path} ${devicePath(disk)}`]),
    ]),
    ...SYSTEM_DIRECTORIES.map((path) => `space ${path}`),
    ...[...new Set(host.nodes.flatMap(portsOf))].map((port) => `port ${port}`),
    ...sysctls.map((key) => `sysctl ${key}`),
    ...(services ? ['clock', 'firewall'] : []),
    ...peersOf(topology, host).flatMap(peerLines),
  ]
}

/** The hosts that this one probes: those after it in the topology's circle. */
export function peersOf({hosts}: Topology, host: TopologyHost): readonly TopologyHost[] {
  const at = hosts.indexOf(host)
  return [...hosts.slice(at + 1), ...hosts.slice(0, at)].slice(0, PEERS_MAX)
}

/** The device of a topology's `disk`. */
export function devicePath(disk: string): string {
  return disk.startsWith('UUID=') ? `/dev/disk/by-uuid/${disk.slice('UUID='.length)}` : disk
}

function nodeLines(node: TopologyHost['nodes'][number]): string[] {
  return [
    `unit ${unitOf(node)} ${node.instance}`,
    `stat /var/lib/aisnode/${node.instance}`,
    `stat /opt/aisnode/${node.instance}/aisnode.mjs`,
    `file /etc/aisnode/${node.instance}.json`,
  ]
}

/** One line per address: networks of a host may go separate ways. */
function peerLines(peer: TopologyHost): string[] {
  return addressesOf(peer).flatMap((address) => {
    const ports = peer.nodes.flatMap((node) => [
      ...(address === peer.networks.public ? [node.ports.public] : []),
      ...(address === peer.networks.control ? [node.ports.control] : []),
      ...(address === peer.networks.data ? [node.ports.data] : []),
    ])
    if (ports.length === 0) return []
    return [`peer ${peer.name}/${address} ${address} ${[...new Set(ports)].join(' ')}`]
  })
}
