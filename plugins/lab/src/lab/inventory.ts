/**
 * What a lab looks like from outside: its state for people and programs, and the files for tools.
 */

import {existsSync, writeFileSync} from 'node:fs'
import {isFrozen} from './cgroups.ts'
import {isDelayed} from './delay.ts'
import {isMounted, isReadOnly} from './filesystems.ts'
import {hostKey} from './host.ts'
import {
  diskPath,
  hostAddress,
  hostCgroup,
  hostName,
  inventoryFile,
  keyFile,
  knownHostsFile,
  namespacePath,
  operatorAddress,
  topologyFile,
} from './names.ts'
import {actingRules} from './partitions.ts'
import {isOn} from './power.ts'
import {snapshotNames} from './snapshots.ts'
import type {LabHost, LabState} from './state.ts'
import {topologyText} from './topology.ts'

export type DiskState = 'ok' | 'read-only' | 'dead' | 'pulled' | 'off'

export interface HostStatus {
  readonly name: string
  readonly number: number
  readonly address: string
  readonly hostKey: string | null
  readonly power: 'on' | 'off' | 'frozen'
  readonly delayed: boolean
  readonly disks: readonly {readonly path: string; readonly state: DiskState}[]
}

export interface LabStatus {
  readonly name: string
  readonly directory: string
  readonly namespace: string
  readonly up: boolean
  readonly operatorAddress: string
  readonly identity: string
  readonly knownHosts: string
  readonly inventory: string
  readonly topology: string
  readonly clusterUuid: string
  readonly hosts: readonly HostStatus[]
  /** Rules on the bridge that drop frames. */
  readonly networkFaults: readonly string[]
  readonly snapshots: readonly string[]
}

/** Looks at everything of the lab. */
export async function labStatus(lab: LabState): Promise<LabStatus> {
  const up = existsSync(namespacePath(lab))
  return {
    name: lab.name,
    directory: lab.directory,
    namespace: namespacePath(lab),
    up,
    operatorAddress: operatorAddress(lab),
    identity: keyFile(lab),
    knownHosts: knownHostsFile(lab),
    inventory: inventoryFile(lab),
    topology: topologyFile(lab),
    clusterUuid: lab.clusterUuid,
    hosts: lab.hosts.map((host) => hostStatus(lab, host)),
    networkFaults: up ? await actingRules(lab) : [],
    snapshots: snapshotNames(lab),
  }
}

/** Writes the Ansible inventory and the topology file. */
export function writeInventories(lab: LabState): void {
  writeFileSync(inventoryFile(lab), ansibleInventory(lab))
  const text = topologyText({
    name: lab.name,
    clusterUuid: lab.clusterUuid,
    keyFile: keyFile(lab),
    proxies: lab.proxies,
    targets: lab.targets,
    hosts: lab.hosts.map(({number, disks}) => ({
      name: hostName(number),
      address: hostAddress(lab, number),
      hostKey: hostKey(lab, number) ?? '',
      disks,
    })),
  })
  writeFileSync(topologyFile(lab), text)
}

/** An inventory in Ansible's INI form: all hosts, and how to log in. */
export function ansibleInventory(lab: LabState): string {
  const ssh = `-o UserKnownHostsFile=${knownHostsFile(lab)} -o StrictHostKeyChecking=yes`
  return [
    '[all]',
    ...lab.hosts.map(({number}) => `${hostName(number)} ansible_host=${hostAddress(lab, number)}`),
    '',
    '[all:vars]',
    'ansible_user=root',
    `ansible_ssh_private_key_file=${keyFile(lab)}`,
    'ansible_python_interpreter=/usr/bin/python3',
    `ansible_ssh_common_args=${ssh}`,
    '',
  ].join('\n')
}

function hostStatus(lab: LabState, host: LabHost): HostStatus {
  const {number} = host
  const on = isOn(lab, number)
  const running = isFrozen(hostCgroup(lab, number)) ? 'frozen' : 'on'
  return {
    name: hostName(number),
    number,
    address: hostAddress(lab, number),
    hostKey: hostKey(lab, number) ?? null,
    power: on ? running : 'off',
    delayed: isDelayed(lab, number),
    disks: Array.from({length: host.disks}, (_, index) => ({
      path: `/ais/mp${index + 1}`,
      state: diskState(lab, host, index + 1, on),
    })),
  }
}

function diskState(lab: LabState, host: LabHost, disk: number, on: boolean): DiskState {
  const path = diskPath(lab, host.number, disk)
  const mounted = isMounted(path)
  if (host.away.includes(disk)) return mounted ? 'dead' : 'pulled'
  if (!mounted) return on ? 'pulled' : 'off'
  return isReadOnly(path) ? 'read-only' : 'ok'
}
