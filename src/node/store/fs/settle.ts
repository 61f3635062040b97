/**
 * Makes durable what an earlier process left visible: after a kill the host still shows renames and
 * removals that no flush has confirmed, and a power cut may undo them yet. Nothing may be read from
 * a mountpath before, or be said to be held, or to be gone. Contents need none of this: they are
 * flushed before they get their names.
 */

import {OBJECTS_FOLDER} from '../../../core/objects/file-name.ts'
import type {Fs} from './fs.ts'
import {syncDirectoryNow} from './fs.ts'

/**
 * What was changed before that has been written out by the kernel long since. A folder from the
 * future was written by a clock that has jumped: it counts as new.
 */
const WRITTEN_OUT_MS = 3_600_000

/**
 * Flushes every folder of objects that was changed lately.
 * @param root of the mountpath @throws the error of the disk
 */
export function settleFolders(port: Fs, root: string, wallMs: number): void {
  const settle = (folder: string): readonly string[] => {
    const long = port.stat(folder).mtimeMs < wallMs - WRITTEN_OUT_MS
    if (!long) syncDirectoryNow(port, folder)
    const below = port.list(folder).filter(({kind}) => kind === 'directory')
    return below.map(({name}) => `${folder}/${name}`)
  }
  for (const bucket of settle(`${root}/${OBJECTS_FOLDER}`)) settle(bucket).forEach(settle)
}
