/** What everything of a lab is called and where it lies; pure. */

import {join} from 'node:path'
import type {LabState} from './state.ts'

/** First host's address ends in this plus its number. */
const ADDRESS_BASE = 10

export function namespaceName(lab: LabState): string {
  return labMark(lab.name)
}

export function namespacePath(lab: LabState): string {
  return `/run/netns/${namespaceName(lab)}`
}

/** The lab's cgroup, relative to a hierarchy's root. */
export function labCgroup(lab: LabState): string {
  return labMark(lab.name)
}

/** What a lab of that name is called among namespaces and cgroups. */
export function labMark(name: string): string {
  return `aislab-${name}`
}

export function hostCgroup(lab: LabState, number: number): string {
  return `${labCgroup(lab)}/${hostName(number)}`
}

export function hostName(number: number): string {
  return `h${number}`
}

/** The bridge's address: whoever runs inside the namespace has it. */
export function operatorAddress(lab: LabState): string {
  return `10.43.${lab.subnet}.1`
}

export function hostAddress(lab: LabState, number: number): string {
  return `10.43.${lab.subnet}.${ADDRESS_BASE + number}`
}

export function runDirectory(lab: LabState): string {
  return join(lab.directory, 'run')
}

export interface HostPaths {
  readonly directory: string
  /** System disk: image, mount point, and the host's whole tree (base below, system disk above). */
  readonly systemImage: string
  readonly system: string
  readonly root: string
  /** Shown to the host as /ais. */
  readonly disks: string
  readonly power: string
  readonly supervisor: string
  readonly nspawn: string
  readonly console: string
  readonly delay: string
}

export function hostPaths(lab: LabState, number: number): HostPaths {
  const directory = join(runDirectory(lab), hostName(number))
  return {
    directory,
    systemImage: join(directory, 'system.img'),
    system: join(directory, 'system'),
    root: join(directory, 'root'),
    disks: join(directory, 'disks'),
    power: join(directory, 'power'),
    supervisor: join(directory, 'supervisor.pid'),
    nspawn: join(directory, 'nspawn.pid'),
    console: join(directory, 'console.log'),
    delay: join(directory, 'delay.pid'),
  }
}

export function diskImage(lab: LabState, number: number, disk: number): string {
  return join(hostPaths(lab, number).directory, `mp${disk}.img`)
}

/** Where a disk is mounted on this machine; inside the host it is /ais/mpK. */
export function diskPath(lab: LabState, number: number, disk: number): string {
  return join(hostPaths(lab, number).disks, `mp${disk}`)
}

export function keyFile(lab: LabState): string {
  return join(lab.directory, 'key')
}

export function knownHostsFile(lab: LabState): string {
  return join(lab.directory, 'known_hosts')
}

export function inventoryFile(lab: LabState): string {
  return join(lab.directory, 'inventory.ini')
}

export function topologyFile(lab: LabState): string {
  return join(lab.directory, 'topology.yaml')
}

export function snapshotDirectory(lab: LabState, name: string): string {
  return join(lab.directory, 'snapshots', name)
}
