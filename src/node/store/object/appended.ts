/**
 * Footers that were appended to a file. A new file is flushed before it gets its name; an appended
 * footer is visible before it is flushed, and stays so when the process ends in between. Whoever
 * would do something because of one, like removing another copy, has it flushed first.
 */

import type {Fd, Fs} from '../fs/fs.ts'
import {errnoOf} from '../fs/fs.ts'
import type {Mountpath} from '../mountpath/mountpaths.ts'
import type {Committer} from './committer.ts'
import type {Hashing} from './hashing.ts'
import {findLastFooter} from './last-footer.ts'
import {closeQuietly} from './object-file.ts'

/** Flushes a file if the footer in force was appended to it; nothing when there is no file. */
export function flushAppended(
  {mountpath, path}: {readonly mountpath: Mountpath; readonly path: string},
  {committer, hashing}: {readonly committer: Committer; readonly hashing: Hashing},
  done: (error: Error | null) => void,
): void {
  let fd: Fd | null = null
  try {
    fd = mountpath.port.open(path, 'read')
    const file = fd
    const end = (error: Error | null): void => {
      closeQuietly(mountpath, file)
      done(error)
    }
    if (isAppended(mountpath.port, file, hashing)) committer.sync(file, end)
    else end(null)
  } catch (error) {
    if (fd !== null) closeQuietly(mountpath, fd)
    if (errnoOf(error) === '') throw error
    if (errnoOf(error) === 'ENOENT') return done(null)
    mountpath.calls.note(error)
    done(error as Error)
  }
}

/** What does not verify is nobody's version: it needs no flush. */
function isAppended(port: Fs, fd: Fd, hashing: Hashing): boolean {
  const found = findLastFooter(port, fd, hashing)
  return found.kind === 'found' && found.start > found.footer.attributes.sizeBytes
}
