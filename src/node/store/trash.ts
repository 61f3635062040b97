/**
 * Where a destroyed bucket's data waits: moved aside at once by one rename per mountpath, removed
 * an hour later, a few files at a time, because removing many at once slows writes of the disk. It
 * concerns buckets that the committed record calls destroyed, never those that it leaves out.
 */

import {OBJECTS_FOLDER} from '../../core/objects/file-name.ts'
import {exists} from './fs.ts'
import {OWN_FOLDER} from './mountpath-mark.ts'
import type {Mountpath} from './mountpaths.ts'

const TRASH_FOLDER = `${OWN_FOLDER}/trash`
/** How long destroyed data can still be fetched back by hand. */
export const TRASH_KEPT_MS = 3_600_000
/** Files removed in one turn: a few milliseconds. */
const REMOVED_PER_TURN = 100

/** Moves a bucket's objects of one mountpath aside. @returns whether there were any */
export function moveToTrash(mountpath: Mountpath, bid: string, wallMs: number): boolean {
  const {port, pinned} = mountpath
  const from = `${pinned}/${OBJECTS_FOLDER}/${bid}`
  if (!exists(port, from)) return false
  if (!exists(port, `${pinned}/${TRASH_FOLDER}`)) port.mkdir(`${pinned}/${TRASH_FOLDER}`)
  port.rename(from, `${pinned}/${TRASH_FOLDER}/${bid}.${wallMs}`)
  return true
}

/** Removes some of what has waited long enough. @param destroyed ids of destroyed buckets */
export function emptyTrash(
  mountpath: Mountpath,
  destroyed: ReadonlySet<string>,
  wallMs: number,
): void {
  const {port, pinned} = mountpath
  const trash = `${pinned}/${TRASH_FOLDER}`
  if (!exists(port, trash)) return
  for (const {name} of port.list(trash)) {
    const [bid = '', since = ''] = name.split('.')
    const isDue = /^\d+$/.test(since) && wallMs - Number(since) >= TRASH_KEPT_MS
    if (isDue && destroyed.has(bid)) return removeSome(mountpath, `${trash}/${name}`)
  }
}

/** Objects lie two levels down; a folder goes when it is empty. */
function removeSome(mountpath: Mountpath, bucket: string): void {
  const {port} = mountpath
  let removed = 0
  for (const folder of port.list(bucket)) {
    const path = `${bucket}/${folder.name}`
    for (const file of port.list(path)) {
      if (removed === REMOVED_PER_TURN) return
      port.unlink(`${path}/${file.name}`)
      removed += 1
    }
    port.rmdir(path)
  }
  port.rmdir(bucket)
}
