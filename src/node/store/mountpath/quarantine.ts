/**
 * What a mountpath holds of a time when this target was a member before, and was removed by force
 * since (R33): moved aside once, whole, by one rename, before anything of it is used. A crash at
 * any point leaves either all of it where it was, or all of it aside; the mark, written last, says
 * that it is done. Whether what lies aside is wanted is the operator's decision; nothing here
 * removes it.
 */

import {OBJECTS_FOLDER} from '../../../core/objects/file-name.ts'
import type {Fs} from '../fs/fs.ts'
import {errnoOf, exists, syncDirectoryNow} from '../fs/fs.ts'
import {changeMark, CLEAN_MARK, OWN_FOLDER, readMark} from './mountpath-mark.ts'
import type {MountpathMark} from './mountpath-mark.ts'

/** Holds one folder per time that this target came back, named by the record's index. */
export const QUARANTINE_FOLDER = `${OWN_FOLDER}/quarantine`

/**
 * Moves aside what is older than the membership.
 * @param since index of the record since which this target is a member
 * @returns the folder that holds it now; null when there was nothing to be moved
 */
export function quarantine(
  path: string,
  mark: MountpathMark,
  since: number,
  port: Fs,
): string | null {
  if ((mark.since ?? 0) >= since) return null
  const aside = moveAside(path, since, port)
  forgetKeptIndex(path, port)
  changeMark(path, {...mark, since}, port)
  return aside
}

/** A mountpath in use, as far as it is looked at here. */
interface OpenDisk {
  readonly pinned: string
  readonly port: Fs
  readonly calls: {readonly disabled: () => string | null}
}

/**
 * The same for mountpaths in use, when they hold nothing: only their marks change. False: one of
 * them holds something, and has to be opened anew.
 */
export function renewEmpty(mountpaths: readonly OpenDisk[], since: number): boolean {
  const used = mountpaths.filter(({calls}) => calls.disabled() === null)
  try {
    if (used.some(({pinned, port}) => holdsObjects(pinned, port))) return false
    for (const {pinned, port} of used) {
      const mark = readMark(pinned, port)
      if (mark !== undefined) quarantine(pinned, mark, since, port)
    }
    return true
  } catch (error) {
    // Opening it says what is the matter with it.
    if (errnoOf(error) === '') throw error
    return false
  }
}

function holdsObjects(path: string, port: Fs): boolean {
  const objects = `${path}/${OBJECTS_FOLDER}`
  return exists(port, objects) && port.list(objects).length > 0
}

function moveAside(path: string, since: number, port: Fs): string | null {
  const objects = `${path}/${OBJECTS_FOLDER}`
  if (!holdsObjects(path, port)) return null
  const folder = `${path}/${QUARANTINE_FOLDER}`
  for (const made of [folder, `${folder}/${since}`]) {
    if (exists(port, made)) continue
    port.mkdir(made)
    syncDirectoryNow(port, made.slice(0, made.lastIndexOf('/')))
  }
  const aside = `${folder}/${since}/${OBJECTS_FOLDER}`
  port.rename(objects, aside)
  syncDirectoryNow(port, `${folder}/${since}`)
  syncDirectoryNow(port, path)
  return aside
}

/** The index that a clean stop has left is not of what lies here any more: it is made anew. */
function forgetKeptIndex(path: string, port: Fs): void {
  const folder = `${path}/${OWN_FOLDER}`
  if (!exists(port, `${folder}/${CLEAN_MARK}`)) return
  port.unlink(`${folder}/${CLEAN_MARK}`)
  syncDirectoryNow(port, folder)
}
