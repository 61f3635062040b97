/**
 * Disks of the hosts: ext4 images on loop devices, mounted on this machine. A cut takes the
 * filesystem away from under its users, so that what was not synced is lost, as at a real power
 * cut.
 */

import {existsSync, mkdirSync, readdirSync, readFileSync} from 'node:fs'
import {rename, truncate, writeFile} from 'node:fs/promises'
import {basename} from 'node:path'
import {AisError} from 'aisctl/kit'
import {asset} from './assets.ts'
import {LOOP_RELEASE_MS_MAX} from './limits.ts'
import {attempt, run} from './run.ts'
import {waitUntil} from './wait.ts'

/** Kernel device (`/dev/loop3`) of each mount point of this machine, the topmost mount of each. */
export function mountedDevices(): Map<string, string> {
  const found = new Map<string, string>()
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const [left = '', right = ''] = line.split(' - ')
    const point = left.split(' ')[4]
    const device = right.split(' ')[1]
    if (point !== undefined && device !== undefined) found.set(unescape(point), device)
  }
  return found
}

/** Whether something is mounted exactly there. */
export function isMounted(path: string): boolean {
  return mountedDevices().has(path)
}

/**
 * Whether the filesystem mounted there refuses writes, on an error of its own or as it was told.
 */
export function isReadOnly(path: string): boolean {
  const line = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .findLast((one) => unescape(one.split(' ')[4] ?? '') === path)
  const options = line?.split(' - ')[1]?.split(' ')[2] ?? ''
  return options.split(',').some((word) => word === 'ro' || word === 'emergency_ro')
}

/** Mounts an ext4 image, made first when it is not there; does nothing when it is mounted. */
export async function mountImage(image: string, path: string, sizeBytes: number): Promise<void> {
  if (isMounted(path)) return
  // The bare mount point is root's alone: who writes there while the disk is away gets an error.
  mkdirSync(path, {recursive: true, mode: 0o555})
  if (!existsSync(image)) await makeImage(image, sizeBytes)
  // A loop device of its own each time: a reused one would bring the dead superblock of a
  // filesystem that was cut back to life, and the host would never boot.
  await waitForRelease(image)
  const device = (await run(['losetup', '--find', '--show', image])).trim()
  try {
    await run(['mount', '-o', 'noatime,errors=remount-ro', device, path])
  } finally {
    // Detached now means: freed at the last unmount.
    await run(['losetup', '--detach', device])
  }
}

/** File behind each loop device in use (`/dev/loop3`), as the kernel names it. */
export function attachedImages(): Map<string, string> {
  const found = new Map<string, string>()
  for (const name of readdirSync('/sys/block').filter((one) => one.startsWith('loop'))) {
    const file = readIfPresent(`/sys/block/${name}/loop/backing_file`)
    if (file !== undefined) found.set(`/dev/${name}`, file.trim())
  }
  return found
}

/** Unmounts whatever is mounted at the paths, deepest first, even while it is in use. */
export async function unmountAll(paths: readonly string[]): Promise<void> {
  const deepestFirst = [...paths].sort((a, b) => b.length - a.length)
  for (const path of deepestFirst) {
    // More than one mount may lie on top of another after a crash in the middle.
    while (isMounted(path)) await run(['umount', '--lazy', path])
  }
}

/** Takes the filesystems away: every call gives EIO, what was not synced is lost. */
export async function cutFilesystems(paths: readonly string[]): Promise<void> {
  const mounted = paths.filter(isMounted)
  if (mounted.length === 0) return
  await run(['python3', asset('shutdown-filesystems.py'), ...mounted])
}

/** The kernel's own error path of a mounted ext4: it turns read-only with files open. */
export function errorTrigger(path: string): string {
  const device = mountedDevices().get(path) ?? ''
  return `/sys/fs/ext4/${basename(device)}/trigger_fs_error`
}

/** Makes a directory a mount of its own whose later mounts and unmounts reach every namespace. */
export async function shareMounts(path: string): Promise<void> {
  if (isMounted(path)) return
  await run(['mount', '--bind', path, path])
  await run(['mount', '--make-private', path])
  await run(['mount', '--make-shared', path])
}

async function makeImage(image: string, sizeBytes: number): Promise<void> {
  const unfinished = `${image}.new`
  await writeFile(unfinished, '')
  await truncate(unfinished, sizeBytes)
  const lazy = 'lazy_itable_init=1,lazy_journal_init=1,nodiscard'
  await run(['mkfs.ext4', '-q', '-F', '-E', lazy, '-m', '0', unfinished])
  await rename(unfinished, image)
}

async function waitForRelease(image: string): Promise<void> {
  // A command that was ended between attaching and mounting left its device behind; one that is
  // still mounted somewhere is only marked to go with its last unmount.
  for (const name of loopDevicesOf(image)) await attempt(['losetup', '--detach', `/dev/${name}`])
  if (await waitUntil(() => loopDevicesOf(image).length === 0, LOOP_RELEASE_MS_MAX)) return
  const held = loopDevicesOf(image).join(', ')
  const {stdout} = await attempt(['losetup', '--list'])
  throw new AisError({
    code: 'BUSY',
    message: `${image} is still held by ${held}`,
    hint: 'a process keeps the old mount alive; run aisctl lab down, then up',
    details: {losetup: stdout},
  })
}

function loopDevicesOf(image: string): string[] {
  return [...attachedImages()].flatMap(([device, file]) =>
    file === image ? [basename(device)] : [],
  )
}

function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // The device went between the listing and the look: it holds nothing.
    return undefined
  }
}

function unescape(point: string): string {
  return point.replace(/\\(\d{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  )
}
