/** A whole lab: made and repaired by `up`, removed by `down`; both may be repeated at any time. */

import {randomBytes} from 'node:crypto'
import {existsSync, mkdirSync, rmSync} from 'node:fs'
import {dirname, join} from 'node:path'
import {AisError, forgetCluster, forgetSite, knownClusters} from 'aisctl/kit'
import {ensureBase, removeBases} from './base-image.ts'
import {killCgroups, makeLabCgroup, removeCgroup, setFrozen} from './cgroups.ts'
import {mountedDevices, shareMounts, unmountAll} from './filesystems.ts'
import {writeInventories} from './inventory.ts'
import {DEFAULT_PROXIES, DEFAULT_TARGETS, DISKS_MAX, HOSTS_MAX} from './limits.ts'
import {hostCgroup, keyFile, labCgroup, namespacePath, runDirectory} from './names.ts'
import {raiseNetwork, removeNetwork} from './network.ts'
import {powerOff, powerOn} from './power.ts'
import {
  basesInUse,
  freeSubnet,
  labDirectory,
  register,
  requireRoot,
  unregister,
  withLabLock,
} from './registry.ts'
import {ensureTools} from './requirements.ts'
import {run} from './run.ts'
import {endStandstill} from './snapshots.ts'
import {type LabState, readLab, writeLab} from './state.ts'
import {releaseStrays} from './strays.ts'
import {MOUNTPATHS_PER_TARGET, targetsPerHost} from './topology.ts'

export interface UpOptions {
  readonly name: string
  readonly labsDirectory: string
  /** Absent: as many as the lab has. */
  readonly hosts?: number
  /** Data disks of a new host. Absent: two for each target that it gets. */
  readonly disks?: number
  readonly diskBytes: number
  readonly systemBytes: number
  /** Nodes of the topology file. Absent: as it was, at first 3 gateways and 4 targets. */
  readonly proxies?: number
  readonly targets?: number
  /** Whether missing packages may be installed. */
  readonly install: boolean
}

/** Makes the lab, or what is missing of it, and waits until every host answers on SSH. */
export async function upLab(options: UpOptions, report: (text: string) => void): Promise<LabState> {
  requireRoot()
  await ensureTools(options.install, report)
  // No lab is called so: the names of labs begin with a letter or digit.
  const base = await withLabLock('.base', () => ensureBase(options.labsDirectory, report))
  const strays = await releaseStrays(options.labsDirectory)
  if (strays > 0) report(`released ${strays} loop devices of labs that are gone`)
  return withLabLock(options.name, async () => {
    const lab = plannedLab(options, base)
    mkdirSync(runDirectory(lab), {recursive: true})
    writeLab(lab)
    register(lab)
    await shareMounts(runDirectory(lab))
    makeLabCgroup(labCgroup(lab))
    await raiseNetwork(lab)
    await makeKey(lab)
    await endStandstill(lab)
    const numbers = lab.hosts.map((host) => host.number)
    await setFrozen(
      numbers.map((number) => hostCgroup(lab, number)),
      false,
    )
    report(`booting ${numbers.length} hosts`)
    await powerOn(lab, numbers)
    writeInventories(lab)
    return lab
  })
}

/**
 * Removes the lab and everything that it made on this machine; the base image stays unless told.
 */
export async function downLab(lab: LabState, purge: boolean): Promise<void> {
  requireRoot()
  await withLabLock(lab.name, async () => {
    await endStandstill(lab)
    await powerOff(
      lab,
      lab.hosts.map((host) => host.number),
    )
    await killCgroups([labCgroup(lab)])
    removeCgroup(labCgroup(lab))
    if (existsSync(namespacePath(lab))) await removeNetwork(lab)
    const run = runDirectory(lab)
    await unmountAll(mountsBelow(run))
    removeDirectory(lab.directory)
    unregister(lab.name)
    forgetDeployed(lab)
  })
  await releaseStrays(dirname(lab.directory))
  if (purge) removeBases(dirname(lab.directory), basesInUse())
}

/**
 * What aisctl keeps of a cluster on these hosts is void; the next lab of that name has another
 * uuid.
 */
function forgetDeployed(lab: LabState): void {
  forgetSite(lab.name, lab.clusterUuid)
  for (const {name, uuid} of knownClusters().clusters) {
    if (uuid === lab.clusterUuid) forgetCluster(name)
  }
}

function plannedLab(options: UpOptions, base: string): LabState {
  const directory = labDirectory(options.name, options.labsDirectory)
  const known = readLab(directory)
  const count = options.hosts ?? known?.hosts.length ?? 0
  checkCounts(options, count, known?.hosts.length ?? 0)
  const proxies = options.proxies ?? known?.proxies ?? DEFAULT_PROXIES
  const targets = options.targets ?? known?.targets ?? DEFAULT_TARGETS
  const disks = options.disks ?? targetsPerHost(targets, count) * MOUNTPATHS_PER_TARGET
  const hosts = Array.from(
    {length: count},
    (_, index) => known?.hosts[index] ?? {number: index + 1, disks, away: []},
  )
  if (known !== undefined) return {...known, proxies, targets, hosts}
  return {
    format: 1,
    name: options.name,
    directory,
    subnet: freeSubnet(),
    diskBytes: options.diskBytes,
    systemBytes: options.systemBytes,
    base,
    clusterUuid: `lab-${randomBytes(8).toString('hex')}`,
    proxies,
    targets,
    hosts,
  }
}

function checkCounts(options: UpOptions, count: number, known: number): void {
  if (count < 1 || count > HOSTS_MAX) {
    throw usage(`a lab has 1 to ${HOSTS_MAX} hosts, not ${count}`, 'aisctl lab up 3')
  }
  if (count < known) {
    throw usage(
      `lab ${options.name} has ${known} hosts already, and hosts are not taken away one by one`,
      `remove it first: aisctl lab down --name ${options.name}`,
    )
  }
  if (options.disks !== undefined && options.disks > DISKS_MAX) {
    throw usage(`a host has at most ${DISKS_MAX} disks, not ${options.disks}`, '--disks 2')
  }
}

function usage(message: string, hint: string): AisError {
  return new AisError({code: 'USAGE', message, hint})
}

async function makeKey(lab: LabState): Promise<void> {
  const file = keyFile(lab)
  if (existsSync(`${file}.pub`)) return
  rmSync(file, {force: true})
  const comment = `aisctl lab ${lab.name}`
  await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', comment, '-f', file])
}

function mountsBelow(directory: string): string[] {
  return [...mountedDevices().keys()].filter(
    (point) => point === directory || point.startsWith(`${directory}/`),
  )
}

/** Never through a mount: what lies behind one is not the lab's to delete. */
function removeDirectory(directory: string): void {
  const mounts = mountsBelow(directory)
  if (mounts.length > 0) {
    throw new AisError({
      code: 'BUSY',
      message: `${mounts.join(', ')} is still mounted`,
      hint: `unmount it, then run the command again: umount ${join(mounts[0] ?? '')}`,
    })
  }
  rmSync(directory, {recursive: true, force: true})
}
