/**
 * Where a destroyed bucket's data waits on one mountpath: moved aside by one rename, removed when
 * its time has come, a few files at a time, because removing many at once slows writes of the disk.
 */

import {OBJECTS_FOLDER} from '../../core/objects/file-name.ts'
import {exists, syncDirectoryNow} from './fs/fs.ts'
import {OWN_FOLDER} from './mountpath/mountpath-mark.ts'
import type {Mountpath} from './mountpath/mountpaths.ts'

const TRASH_FOLDER = `${OWN_FOLDER}/trash`
/** Files removed in one turn: a few milliseconds. */
const REMOVED_PER_TURN = 100

/** What waits: whose it was, and since when. */
export interface Trashed {
  readonly bid: string
  readonly sinceMs: number
  readonly path: string
}

/** Moves a bucket's objects of one mountpath aside. @returns whether there were any */
export function moveToTrash(mountpath: Mountpath, bid: string, wallMs: number): boolean {
  const {port, pinned} = mountpath
  const from = `${pinned}/${OBJECTS_FOLDER}/${bid}`
  if (!exists(port, from)) return false
  if (!exists(port, `${pinned}/${TRASH_FOLDER}`)) port.mkdir(`${pinned}/${TRASH_FOLDER}`)
  port.rename(from, `${pinned}/${TRASH_FOLDER}/${bid}.${wallMs}`)
  return true
}

/** What waits on a mountpath. */
export function trashOn({port, pinned}: Mountpath): readonly Trashed[] {
  const trash = `${pinned}/${TRASH_FOLDER}`
  if (!exists(port, trash)) return []
  return port.list(trash).flatMap(({name}) => {
    const [bid = '', since = ''] = name.split('.')
    const path = `${trash}/${name}`
    return /^\d+$/.test(since) ? [{bid, sinceMs: Number(since), path}] : []
  })
}

/**
 * Removes some of it: objects lie two levels down, a folder goes when it is empty.
 * @returns whether nothing is left of it, for good
 */
export function removeSome(mountpath: Mountpath, {path: bucket}: Trashed): boolean {
  const {port, pinned} = mountpath
  let removed = 0
  for (const folder of port.list(bucket)) {
    const path = `${bucket}/${folder.name}`
    for (const file of port.list(path)) {
      if (removed === REMOVED_PER_TURN) return false
      port.unlink(`${path}/${file.name}`)
      removed += 1
    }
    port.rmdir(path)
  }
  port.rmdir(bucket)
  // Nobody looks for it again once its mark is gone from the record.
  syncDirectoryNow(port, `${pinned}/${OBJECTS_FOLDER}`)
  syncDirectoryNow(port, `${pinned}/${TRASH_FOLDER}`)
  return true
}

/** Whether anything of a bucket is on a mountpath, in its place or in the trash. */
export function isLeft(mountpath: Mountpath, bid: string, trash: readonly Trashed[]): boolean {
  if (trash.some((one) => one.bid === bid)) return true
  return exists(mountpath.port, `${mountpath.pinned}/${OBJECTS_FOLDER}/${bid}`)
}
