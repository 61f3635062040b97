/**
 * What is left of a lab whose directory was removed while its hosts ran: loop devices, their
 * mounts, processes. Only what carries a lab's names below the directory of all labs is touched,
 * and only when there is no such lab any more; one that is switched off is still one.
 */

import {existsSync, realpathSync} from 'node:fs'
import {join} from 'node:path'
import {killCgroups, removeCgroup} from './cgroups.ts'
import {attachedImages, mountedDevices, unmountAll} from './filesystems.ts'
import {LAB_NAME} from './limits.ts'
import {labMark} from './names.ts'
import {isRegistered, unregister} from './registry.ts'
import {attempt} from './run.ts'

/** As the lab calls its images: LAB/run/h1/mp2.img. */
const IMAGE = /^([^/]+)\/run\/h\d+\/(?:system|mp\d+)\.img(?:\.new)?$/
/** What the kernel adds to the name of a file that was removed. */
const DELETED = / \(deleted\)$/

/** A loop device whose lab is gone. */
export interface Stray {
  /** `/dev/loop3` */
  readonly device: string
  readonly lab: string
}

/**
 * Which of the attached images are of labs that are gone.
 * @param attached image by device
 * @param isLab whether there is a lab of that name
 */
export function findStrays(
  attached: ReadonlyMap<string, string>,
  labsDirectory: string,
  isLab: (name: string) => boolean,
): Stray[] {
  return [...attached].flatMap(([device, image]) => {
    if (!image.startsWith(`${labsDirectory}/`)) return []
    const below = image.slice(labsDirectory.length + 1).replace(DELETED, '')
    const lab = IMAGE.exec(below)?.[1]
    return lab === undefined || !LAB_NAME.test(lab) || isLab(lab) ? [] : [{device, lab}]
  })
}

/** Ends and releases them. @returns how many devices there were */
export async function releaseStrays(labsDirectory: string): Promise<number> {
  if (!existsSync(labsDirectory)) return 0
  const directory = realpathSync(labsDirectory)
  const isLab = (name: string): boolean =>
    isRegistered(name) || existsSync(join(directory, name, 'lab.json'))
  const strays = findStrays(attachedImages(), directory, isLab)
  for (const lab of new Set(strays.map((stray) => stray.lab))) {
    // Its hosts keep the mounts alive in namespaces of their own.
    await killCgroups([labMark(lab)])
    removeCgroup(labMark(lab))
    // All of them: the host's tree stands on its system disk.
    const below = `${join(directory, lab)}/`
    await unmountAll([...mountedDevices().keys()].filter((point) => point.startsWith(below)))
    await removeNamespace(labMark(lab))
    unregister(lab)
  }
  // One that went with its last mount is already gone.
  for (const {device} of strays) await attempt(['losetup', '--detach', device])
  return strays.length
}

async function removeNamespace(name: string): Promise<void> {
  if (existsSync(`/run/netns/${name}`)) await attempt(['ip', 'netns', 'delete', name])
}
