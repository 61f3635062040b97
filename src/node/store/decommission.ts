/**
 * The end of a node's membership, on its disks: the objects, when that was ordered, the marks that
 * made directories mountpaths of this target, and what the node knew of the cluster. Touches
 * nothing but what lies below directories that carry this target's mark, and the node's own state
 * directory; its configuration belongs to whoever deployed it and stays. What cannot be removed is
 * an error: then the marks stay, so that it can be tried again.
 */

import {AisError} from '../../base/errors.ts'
import {OBJECTS_FOLDER} from '../../core/objects/file-name.ts'
import type {Fs} from './fs/fs.ts'
import {errnoOf, exists, nodeFs, readWhole, syncDirectoryNow, writeWhole} from './fs/fs.ts'
import {OWN_FOLDER, readMark} from './mountpath/mountpath-mark.ts'
import type {MissingMountpath, Mountpath, Mountpaths} from './mountpath/mountpaths.ts'
import {isStillThere} from './mountpath/mountpaths.ts'

const GONE_FILE = 'decommissioned'
const GONE_FORMAT = 1
const GONE_BYTES_MAX = 4096
/** Files removed between two turns of the event loop: a few milliseconds. */
const REMOVED_PER_TURN = 100
/** Folders below a mountpath: objects lie three deep, what waits in the trash four. */
const DEPTH_MAX = 6

/**
 * Removes what belongs to the cluster from the mountpaths. Objects only when every mountpath is
 * here and is this target's.
 * @throws AisError naming what stays; the marks stay too then
 */
export async function clearMountpaths(mountpaths: Mountpaths, rmUserData: boolean): Promise<void> {
  if (rmUserData) {
    const away = [...mountpaths.missing, ...mountpaths.used.flatMap(notOurs)]
    if (away.length > 0) throw stays(away.map(({path, why}) => `${path}: ${why}`))
    const problems: string[] = []
    for (const mountpath of mountpaths.used) {
      const problem = await clearObjects(mountpath)
      if (problem !== null) problems.push(problem)
    }
    if (problems.length > 0) throw stays(problems)
  }
  for (const mountpath of mountpaths.used) {
    if (notOurs(mountpath).length > 0) continue
    await removeTree(mountpath.port, `${mountpath.pinned}/${OWN_FOLDER}`, 0)
    syncDirectoryNow(mountpath.port, mountpath.pinned)
  }
}

async function clearObjects(mountpath: Mountpath): Promise<string | null> {
  try {
    await removeTree(mountpath.port, `${mountpath.pinned}/${OBJECTS_FOLDER}`, 0)
    syncDirectoryNow(mountpath.port, mountpath.pinned)
    return null
  } catch (error) {
    mountpath.calls.note(error)
    return `${mountpath.path}: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** The mountpath and why nothing may be removed there; nothing when it is this target's still. */
function notOurs(mountpath: Mountpath): readonly MissingMountpath[] {
  const why = whyNotOurs(mountpath)
  return why === null ? [] : [{path: mountpath.path, why}]
}

function whyNotOurs(mountpath: Mountpath): string | null {
  const disabled = mountpath.calls.disabled()
  if (disabled !== null) return disabled
  if (!isStillThere(mountpath)) return 'its filesystem is gone'
  try {
    const mark = readMark(mountpath.pinned, mountpath.port)
    return mark?.id === mountpath.id ? null : 'it has no mark of this target'
  } catch (error) {
    if (!(error instanceof AisError) && errnoOf(error) === '') throw error
    mountpath.calls.note(error)
    return error instanceof Error ? error.message : String(error)
  }
}

async function removeTree(port: Fs, path: string, depth: number): Promise<void> {
  if (!exists(port, path)) return
  let removed = 0
  for (const {name, kind} of port.list(path)) {
    const below = `${path}/${name}`
    if (kind === 'directory' && depth < DEPTH_MAX) {
      await removeTree(port, below, depth + 1)
      continue
    }
    port.unlink(below)
    removed += 1
    if (removed % REMOVED_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  port.rmdir(path)
}

function stays(problems: readonly string[]): AisError {
  return new AisError({
    code: 'IO_ERROR',
    message: `not everything could be removed: ${problems.join('; ')}`,
    hint: 'mend or unmount what is named, then start the node again: it goes on',
  })
}

/** The mark of a node that was decommissioned: which cluster it left, and by which operation. */
export interface Gone {
  readonly uuid: string
  readonly op: string
}

/** Leaves the mark in the state directory. Durable when it returns. */
export function leaveGone(directory: string, {uuid, op}: Gone, port: Fs = nodeFs): void {
  const text = `${JSON.stringify({format: GONE_FORMAT, uuid, op})}\n`
  writeWhole(port, directory, GONE_FILE, Buffer.from(text, 'utf8'))
}

/** Whether the state directory carries the mark. */
export function isGone(directory: string, port: Fs = nodeFs): boolean {
  return exists(port, `${directory}/${GONE_FILE}`)
}

/** Removes what a state directory that carries the mark knows of the cluster; the mark stays. */
export function clearState(directory: string, port: Fs = nodeFs): void {
  if (!isGone(directory, port)) return
  for (const {name, kind} of port.list(directory)) {
    if (kind === 'file' && name !== GONE_FILE) port.unlink(`${directory}/${name}`)
  }
  syncDirectoryNow(port, directory)
}

/** What a start of a decommissioned node is refused with. */
export function goneRefusal(directory: string, port: Fs = nodeFs): AisError {
  const path = `${directory}/${GONE_FILE}`
  const text = readWhole(port, path, GONE_BYTES_MAX)?.toString('utf8') ?? ''
  const match = /"uuid":"([^"]*)","op":"([^"]*)"/.exec(text)
  const where = match === null ? 'its cluster' : `cluster ${match[1]} (${match[2]})`
  return new AisError({
    code: 'BAD_CONFIG',
    message: `this node was decommissioned from ${where}`,
    hint: `to start it as a new one: rm ${path}`,
  })
}
