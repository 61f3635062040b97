/** All object files of a mountpath, folder by folder, without holding the list in memory. */

import {OBJECTS_FOLDER} from '../../../core/objects/file-name.ts'
import type {Fs} from './fs.ts'
import {exists} from './fs.ts'

export interface FoundFile {
  readonly bid: string
  /** Two hex digits. */
  readonly folder: string
  readonly fileName: string
  /** Absolute. */
  readonly path: string
}

/** @param root the mountpath @param bid only this bucket; all when absent */
export function* walkObjects(port: Fs, root: string, bid?: string): Generator<FoundFile> {
  const top = `${root}/${OBJECTS_FOLDER}`
  if (!exists(port, top)) return
  const buckets = bid === undefined ? foldersOf(port, top) : [bid]
  for (const bucket of buckets) {
    if (bid !== undefined && !exists(port, `${top}/${bucket}`)) continue
    for (const folder of foldersOf(port, `${top}/${bucket}`)) {
      const path = `${top}/${bucket}/${folder}`
      for (const entry of port.list(path)) {
        if (entry.kind !== 'file') continue
        yield {bid: bucket, folder, fileName: entry.name, path: `${path}/${entry.name}`}
      }
    }
  }
}

function foldersOf(port: Fs, path: string): readonly string[] {
  return port
    .list(path)
    .filter((entry) => entry.kind === 'directory')
    .map((entry) => entry.name)
}
