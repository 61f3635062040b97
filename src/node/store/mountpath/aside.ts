/**
 * What lies aside on the mountpaths (quarantine.ts), for those who take it up: the files, folder by
 * folder in one order, so that a pass can be interrupted and go on; their footers; their end.
 */

import {OBJECTS_FOLDER} from '../../../core/objects/file-name.ts'
import {CHECKSUM_BLOCK_BYTES} from '../../../model/limits.ts'
import type {ObjectAttributes} from '../../../model/object.ts'
import type {Writable} from 'node:stream'
import {findLastFooter} from '../object/last-footer.ts'
import type {Fs} from '../fs/fs.ts'
import {errnoOf, exists, syncDirectoryNow} from '../fs/fs.ts'
import type {Hashing} from '../object/hashing.ts'
import {QUARANTINE_FOLDER} from './quarantine.ts'

/** Deeper than folders lie aside. */
const DEPTH_MAX = 5

/** One folder of files; `at` names it among all of them, in their order. */
export interface AsideFolder {
  readonly at: string
  readonly path: string
  readonly files: readonly string[]
}

/** The folders that come after one, of all mountpaths. @param after '' for all */
export function* asideFolders(
  port: Fs,
  mountpaths: readonly string[],
  after: string,
): Generator<AsideFolder> {
  for (const root of mountpaths.toSorted()) {
    const top = `${root}/${QUARANTINE_FOLDER}`
    for (const path of foldersBelow(port, top, 4)) {
      if (path <= after) continue
      const files = port.list(path).filter(({kind}) => kind === 'file')
      yield {at: path, path, files: files.map(({name}) => name).toSorted()}
    }
  }
}

/** `<n>/b/<bid>/<2 hex>`, in order. */
function* foldersBelow(port: Fs, path: string, levels: number): Generator<string> {
  if (!exists(port, path)) return
  if (levels === 0) {
    yield path
    return
  }
  const names = port.list(path).filter(({kind}) => kind === 'directory')
  for (const {name} of names.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    if (levels === 3 && name !== OBJECTS_FOLDER) continue
    yield* foldersBelow(port, `${path}/${name}`, levels - 1)
  }
}

/** What a file's footer says; null when none verifies. */
export function readAside(port: Fs, path: string, hashing: Hashing): ObjectAttributes | null {
  const fd = port.open(path, 'read')
  try {
    const found = findLastFooter(port, fd, hashing)
    return found.kind === 'found' ? found.footer.attributes : null
  } finally {
    port.close(fd)
  }
}

/** Writes the content to a request, block by block, and ends it; destroys it when that fails. */
export async function sendAside(
  port: Fs,
  {path, sizeBytes}: {readonly path: string; readonly sizeBytes: number},
  out: Writable,
): Promise<void> {
  const fd = port.open(path, 'read')
  try {
    for (let at = 0; at < sizeBytes && !out.destroyed;) {
      const wanted = Math.min(CHECKSUM_BLOCK_BYTES, sizeBytes - at)
      const bytes = Buffer.allocUnsafe(wanted)
      const got = port.read(fd, bytes, wanted, at)
      if (got === 0) throw new Error(`${path} ends at ${at} of ${sizeBytes} bytes`)
      at += got
      if (!out.write(bytes.subarray(0, got))) await drained(out)
    }
    out.end()
  } catch (error) {
    out.destroy(error instanceof Error ? error : new Error(String(error)))
  } finally {
    port.close(fd)
  }
}

function drained(out: Writable): Promise<void> {
  return new Promise((resolve) => {
    out.once('drain', resolve)
    out.once('close', resolve)
  })
}

/** Removes files of one folder, durably. */
export function removeAside(port: Fs, folder: string, files: readonly string[]): void {
  for (const name of files) port.unlink(`${folder}/${name}`)
  if (files.length > 0) syncDirectoryNow(port, folder)
}

/** Removes the folders in which nothing is left. */
export function tidyAside(port: Fs, mountpaths: readonly string[]): void {
  for (const root of mountpaths) removeEmpty(port, `${root}/${QUARANTINE_FOLDER}`, 0)
}

function removeEmpty(port: Fs, path: string, depth: number): void {
  if (depth > DEPTH_MAX || !exists(port, path)) return
  for (const {name, kind} of port.list(path)) {
    if (kind === 'directory') removeEmpty(port, `${path}/${name}`, depth + 1)
  }
  try {
    port.rmdir(path)
  } catch (error) {
    if (errnoOf(error) !== 'ENOTEMPTY') throw error
  }
}
