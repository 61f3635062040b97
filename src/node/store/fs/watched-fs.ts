/**
 * A filesystem of which another thread can see whether a call is in it right now, and has not come
 * back: a synchronous call on a disk that hangs holds this thread up, so that it cannot say so
 * itself. Costs two writes to shared memory per call.
 */

import type {Fs} from './fs.ts'

/** Runs a synchronous piece of work that may hang with its disk. */
export type Within = <T>(work: () => T) => T

/** Calls that return at once, or wait in libuv's pool, are passed on as they are. */
export function watchedFs(port: Fs, within: Within): Fs {
  return {
    ...port,
    open: (path, mode) => within(() => port.open(path, mode)),
    close: (fd) => within(() => port.close(fd)),
    stat: (path) => within(() => port.stat(path)),
    isFile: (path) => within(() => port.isFile(path)),
    fstat: (fd) => within(() => port.fstat(fd)),
    read: (fd, into, length, position) => within(() => port.read(fd, into, length, position)),
    write: (fd, bytes, position) => within(() => port.write(fd, bytes, position)),
    truncate: (fd, sizeBytes) => within(() => port.truncate(fd, sizeBytes)),
    rename: (from, to) => within(() => port.rename(from, to)),
    unlink: (path) => within(() => port.unlink(path)),
    mkdir: (path) => within(() => port.mkdir(path)),
    rmdir: (path) => within(() => port.rmdir(path)),
    list: (path) => within(() => port.list(path)),
    space: (path) => within(() => port.space(path)),
    pin: (path) => within(() => port.pin(path)),
    unpin: (pinned) => within(() => port.unpin(pinned)),
    syncNow: (fd) => within(() => port.syncNow(fd)),
    within,
  }
}
