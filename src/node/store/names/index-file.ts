/**
 * The file of an index on its mountpath, and the mark that it is complete: without the mark, which
 * only a clean stop leaves, the file is thrown away at the next start.
 */

import {CLEAN_MARK, OWN_FOLDER} from '../mountpath/mountpath-mark.ts'
import type {Mountpath} from '../mountpath/mountpaths.ts'
import {errnoOf, exists, syncDirectoryNow} from '../fs/fs.ts'
import type {IndexTimer, NameIndex, NameIndexHooks} from './name-index.ts'
import {openNameIndex} from './name-index.ts'

const INDEX_FILE = 'names.sqlite'

/** What an index that lies on a disk is opened with. */
export interface IndexFileParts {
  readonly mountpath: Mountpath
  readonly after: IndexTimer
  readonly hooks: NameIndexHooks
}

/** The index that a clean stop has left; null without one, and when it is damaged. */
export function openKept(
  {mountpath, after, hooks}: IndexFileParts,
  onDamaged: (path: string, why: string) => void,
): NameIndex | null {
  if (!takeCleanMark(mountpath)) return null
  const file = indexFile(mountpath)
  try {
    return openNameIndex(file, after, hooks)
  } catch (error) {
    // It is but a cache.
    if (errnoOf(error) !== 'ERR_SQLITE_ERROR') throw error
    onDamaged(file, error instanceof Error ? error.message : String(error))
    return null
  }
}

/** One that is to be filled. */
export function openEmpty({mountpath, after, hooks}: IndexFileParts): NameIndex {
  const file = indexFile(mountpath)
  if (exists(mountpath.port, file)) mountpath.port.unlink(file)
  return openNameIndex(file, after, hooks)
}

export function indexFile(mountpath: Mountpath): string {
  return `${mountpath.path}/${OWN_FOLDER}/${INDEX_FILE}`
}

function takeCleanMark(mountpath: Mountpath): boolean {
  const {port, pinned} = mountpath
  const folder = `${pinned}/${OWN_FOLDER}`
  const mark = `${folder}/${CLEAN_MARK}`
  if (!exists(port, mark)) return false
  port.unlink(mark)
  syncDirectoryNow(port, folder)
  return exists(port, `${folder}/${INDEX_FILE}`)
}

/** Says that the file is complete. */
export function leaveCleanMark(mountpath: Mountpath): void {
  const {port, pinned} = mountpath
  const folder = `${pinned}/${OWN_FOLDER}`
  try {
    const index = port.open(`${folder}/${INDEX_FILE}`, 'update')
    port.syncNow(index)
    port.close(index)
    port.close(port.open(`${folder}/${CLEAN_MARK}`, 'create'))
    syncDirectoryNow(port, folder)
  } catch (error) {
    // Without the mark the next start rebuilds the index: slower, never wrong.
    mountpath.calls.note(error)
  }
}
