/**
 * Snapshots: all hosts' disks at one moment, so that a case starts from a deployed cluster in
 * seconds. What runs is not saved: after a restore the hosts boot, as after a power-off with
 * everything synced.
 */

import {existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync} from 'node:fs'
import {readdirSync} from 'node:fs'
import {dirname, join} from 'node:path'
import {AisError} from 'aisctl/kit'
import {isFrozen, setFrozen} from './cgroups.ts'
import {heal} from './faults.ts'
import {hostFilesystems} from './host.ts'
import {diskImage, hostCgroup, hostPaths, snapshotDirectory} from './names.ts'
import {isOn, powerOff, powerOn} from './power.ts'
import {attempt, run} from './run.ts'
import type {LabHost, LabState} from './state.ts'
import {writeLab} from './state.ts'

const SNAPSHOT_FORMAT = 1
const SNAPSHOT_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
/** Copies under way at once: more would only share the same disk. */
const COPIES_AT_ONCE = 4

interface Snapshot {
  readonly format: typeof SNAPSHOT_FORMAT
  readonly hosts: readonly (LabHost & {readonly on: boolean})[]
}

/**
 * Saves all disks under a name, in place of what was saved under it. Running hosts stand still
 * meanwhile.
 */
export async function saveSnapshot(lab: LabState, name: string): Promise<void> {
  const directory = checkedDirectory(lab, name)
  const unfinished = `${directory}.new`
  rmSync(unfinished, {recursive: true, force: true})
  mkdirSync(unfinished, {recursive: true})
  const hosts = lab.hosts.map((host) => ({...host, on: isOn(lab, host.number)}))
  await atStandstill(lab, () =>
    copyAll(imagesOf(lab), (image) => join(unfinished, flat(lab, image))),
  )
  const snapshot: Snapshot = {format: SNAPSHOT_FORMAT, hosts}
  writeFileSync(join(unfinished, 'snapshot.json'), `${JSON.stringify(snapshot, null, 2)}\n`)
  rmSync(directory, {recursive: true, force: true})
  renameSync(unfinished, directory)
}

/** Cuts the power, puts the saved disks in place, ends all faults and powers on what was on. */
export async function restoreSnapshot(lab: LabState, name: string): Promise<LabState> {
  const directory = checkedDirectory(lab, name)
  const snapshot = readSnapshot(lab, directory, name)
  const numbers = lab.hosts.map((host) => host.number)
  await heal(lab, false)
  await powerOff(lab, numbers)
  const restored = {...lab, hosts: snapshot.hosts.map(({on: _, ...host}) => host)}
  const images = imagesOf(lab)
  for (const image of images) rmSync(image, {force: true})
  const saved = readdirSync(directory).filter((file) => file.endsWith('.img'))
  const target = new Map(imagesOf(restored, true).map((image) => [flat(lab, image), image]))
  await copyAll(
    saved.map((file) => join(directory, file)),
    (file) => target.get(file.slice(directory.length + 1)) ?? '',
  )
  writeLab(restored)
  await powerOn(
    restored,
    snapshot.hosts.filter((host) => host.on).map((host) => host.number),
  )
  return restored
}

/** Names of what was saved, sorted. */
export function snapshotNames(lab: LabState): string[] {
  const directory = dirname(snapshotDirectory(lab, 'any'))
  if (!existsSync(directory)) return []
  return readdirSync(directory)
    .filter((name) => existsSync(join(directory, name, 'snapshot.json')))
    .sort()
}

/** Lets filesystems write again that an interrupted `save` left frozen. */
export async function endStandstill(lab: LabState): Promise<void> {
  for (const path of lab.hosts.flatMap((host) => hostFilesystems(lab, host.number))) {
    // It says "Invalid argument" of one that is not frozen, which is the ordinary case.
    await attempt(['fsfreeze', '--unfreeze', path])
  }
}

async function atStandstill(lab: LabState, work: () => Promise<void>): Promise<void> {
  const cgroups = lab.hosts
    .map((host) => hostCgroup(lab, host.number))
    .filter((cgroup) => !isFrozen(cgroup))
  const filesystems = lab.hosts
    .filter((host) => isOn(lab, host.number))
    .flatMap((host) => hostFilesystems(lab, host.number))
  try {
    await setFrozen(cgroups, true)
    for (const path of filesystems) await run(['fsfreeze', '--freeze', path])
    await work()
  } finally {
    await endStandstill(lab)
    await setFrozen(cgroups, false)
  }
}

async function copyAll(
  sources: readonly string[],
  target: (source: string) => string,
): Promise<void> {
  const waiting = [...sources]
  const worker = async (): Promise<void> => {
    for (let source = waiting.shift(); source !== undefined; source = waiting.shift()) {
      // Shares blocks where the filesystem can, and leaves holes as holes everywhere.
      await run(['cp', '--reflink=auto', '--sparse=auto', source, target(source)])
    }
  }
  await Promise.all(Array.from({length: COPIES_AT_ONCE}, worker))
}

function imagesOf(lab: LabState, planned = false): string[] {
  return lab.hosts
    .flatMap(({number, disks}) => [
      hostPaths(lab, number).systemImage,
      ...Array.from({length: disks}, (_, index) => diskImage(lab, number, index + 1)),
    ])
    .filter((image) => planned || existsSync(image))
}

/** `h1/mp1.img` of the run directory as one file name. */
function flat(lab: LabState, image: string): string {
  return image.slice(join(lab.directory, 'run').length + 1).replace('/', '-')
}

function checkedDirectory(lab: LabState, name: string): string {
  if (SNAPSHOT_NAME.test(name)) return snapshotDirectory(lab, name)
  throw new AisError({
    code: 'USAGE',
    message: `${JSON.stringify(name)} is no name for a snapshot`,
    hint: 'use letters, digits, ".", "_" and "-"',
  })
}

function readSnapshot(lab: LabState, directory: string, name: string): Snapshot {
  const file = join(directory, 'snapshot.json')
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as Snapshot
  const names = snapshotNames(lab)
  throw new AisError({
    code: 'NOT_FOUND',
    message: `lab ${lab.name} has no snapshot ${name}`,
    hint:
      names.length === 0 ? `save one: aisctl lab save ${name}` : `there are: ${names.join(', ')}`,
  })
}
