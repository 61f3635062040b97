/**
 * Faults of one data disk. A disk that was taken away stays away over a power-off, until `heal`.
 */

import {mkdirSync, rmSync, writeFileSync} from 'node:fs'
import {AisError} from 'aisctl/kit'
import {cutFilesystems, errorTrigger, isMounted, mountImage, unmountAll} from './filesystems.ts'
import {diskImage, diskPath, hostName} from './names.ts'
import {isOn} from './power.ts'
import {hostOf, type LabState, withHost, writeLab} from './state.ts'

export const DISK_ACTIONS = ['ro', 'eio', 'pull', 'heal', 'replace'] as const
export type DiskAction = (typeof DISK_ACTIONS)[number]

/**
 * Does something to disk `disk` (from 1) of a host.
 *
 * `ro`: the kernel meets an error and turns the filesystem read-only. `eio`: every call gives EIO.
 * `pull`: the mount point becomes a bare directory. `heal`: it is there again, with what was
 * synced. `replace`: an empty disk is in its place.
 */
export async function disturbDisk(
  lab: LabState,
  number: number,
  disk: number,
  action: DiskAction,
): Promise<LabState> {
  requireDisk(lab, number, disk)
  const path = diskPath(lab, number, disk)
  switch (action) {
    case 'ro':
      requireMounted(path, number, disk)
      writeFileSync(errorTrigger(path), '1')
      return lab
    case 'eio':
      await cutFilesystems([path])
      return remember(lab, number, disk, true)
    case 'pull':
      await cutFilesystems([path])
      await unmountAll([path])
      return remember(lab, number, disk, true)
    case 'heal':
    case 'replace':
      await unmountAll([path])
      if (action === 'replace') rmSync(diskImage(lab, number, disk), {force: true})
      mkdirSync(path, {recursive: true, mode: 0o555})
      if (isOn(lab, number)) await mountImage(diskImage(lab, number, disk), path, lab.diskBytes)
      return remember(lab, number, disk, false)
  }
}

function remember(lab: LabState, number: number, disk: number, away: boolean): LabState {
  const host = hostOf(lab, number)
  const others = host.away.filter((one) => one !== disk)
  const next = withHost(lab, {
    ...host,
    away: away ? [...others, disk].sort((a, b) => a - b) : others,
  })
  writeLab(next)
  return next
}

function requireDisk(lab: LabState, number: number, disk: number): void {
  const {disks} = hostOf(lab, number)
  if (Number.isInteger(disk) && disk >= 1 && disk <= disks) return
  throw new AisError({
    code: 'NOT_FOUND',
    message: `${hostName(number)} has no disk ${disk}`,
    hint: disks === 0 ? 'it has none at all' : `its disks are 1 to ${disks}`,
  })
}

function requireMounted(path: string, number: number, disk: number): void {
  if (isMounted(path)) return
  throw new AisError({
    code: 'REFUSED',
    message: `disk ${disk} of ${hostName(number)} is not mounted`,
    hint: 'the host is off, or the disk is away: power it on, or heal the disk',
  })
}
