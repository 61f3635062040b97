/**
 * Removes all that this node has of a key, under the key's lock: a copy that is its owner's now, or
 * a tombstone that nobody needs any more. Older copies on other mountpaths go first, durably, so
 * that no crash leaves one of them as the newest; nothing goes while a mountpath is away that may
 * hold one. Whether it may be done at all is the caller's, asked again under the lock.
 */

import {AisError} from '../../../base/errors.ts'
import {OBJECTS_FOLDER, fileNameOf, folderOf} from '../../../core/objects/file-name.ts'
import type {Generation} from '../../../model/generation.ts'
import {compareGenerations} from '../../../model/generation.ts'
import type {ObjectAttributes} from '../../../model/object.ts'
import {flushAppended} from './appended.ts'
import type {Committer} from './committer.ts'
import {errnoOf} from '../fs/fs.ts'
import type {Hashing} from './hashing.ts'
import type {KeyLocks} from './key-locks.ts'
import type {MissingMountpath, Mountpath} from '../mountpath/mountpaths.ts'
import {readAttributes} from './last-footer.ts'
import {lockName, type ObjectKey} from './writing.ts'
import {storeError} from '../store-error.ts'

/** What is to be removed. */
export interface Discard {
  readonly key: ObjectKey
  /** The newest that is known here: when it has changed, nothing is removed. */
  readonly gen: Generation
  /** Asked under the lock, and again when time has passed; no: nothing more is removed. */
  readonly allowed: (newest: ObjectAttributes) => boolean
}

/** `removed`: nothing of the key is left here, though a power cut may still undo that. */
export type DiscardDone = (error: AisError | null, removed: boolean) => void

export interface DiscardParts {
  readonly used: () => readonly Mountpath[]
  /** Mountpaths that are away and may hold objects. */
  readonly missing: () => readonly MissingMountpath[]
  readonly locks: KeyLocks
  readonly hashing: Hashing
  readonly committerOf: (mountpath: Mountpath) => Committer
  readonly forget: (path: string, attributes: ObjectAttributes) => void
}

export interface Discarding {
  readonly discard: (order: Discard, done: DiscardDone) => void
  /** Makes durable what was removed by now. */
  readonly flush: (done: (error: AisError | null) => void) => void
  /**
   * Flushes what may be visible of a key and not durable: folders that it lies in, of which a flush
   * has failed, and footers that were appended to it.
   */
  readonly flushKey: (key: ObjectKey, done: (error: AisError | null) => void) => void
}

interface Found {
  readonly mountpath: Mountpath
  readonly folder: string
  readonly path: string
  readonly attributes: ObjectAttributes
}

export function createDiscarding(parts: DiscardParts): Discarding {
  const unflushed = new Map<string, Mountpath>()

  function discard({key, gen, allowed}: Discard, done: DiscardDone): void {
    parts.locks.run(lockName(key), (release) => {
      const finish: DiscardDone = (error, removed) => {
        release()
        done(error, removed)
      }
      const found = findAll(parts, key)
      if (found instanceof AisError) return finish(found, false)
      const [newest] = found
      if (newest === undefined) return finish(null, true)
      if (compareGenerations(newest.attributes.gen, gen) !== 0) return finish(null, false)
      if (!allowed(newest.attributes)) return finish(null, false)
      const older = found.filter((one) => !isSame(one, newest))
      const rest = (error: AisError | null): void => {
        if (error !== null || !allowed(newest.attributes)) return finish(error, false)
        const problem = remove(found.filter((one) => isSame(one, newest)))
        finish(problem, problem === null)
      }
      const problem = remove(older)
      if (problem !== null || older.length === 0) return rest(problem)
      flushFolders(parts, new Map(older.map(({folder, mountpath}) => [folder, mountpath])), rest)
    })
  }

  function remove(files: readonly Found[]): AisError | null {
    for (const {mountpath, folder, path, attributes} of files) {
      try {
        mountpath.port.unlink(path)
      } catch (error) {
        // Gone with its bucket, which was destroyed meanwhile.
        if (errnoOf(error) !== 'ENOENT') {
          mountpath.calls.note(error)
          return storeError(mountpath, `remove ${JSON.stringify(attributes.name)}`, error)
        }
      }
      unflushed.set(folder, mountpath)
      parts.forget(mountpath.path, attributes)
    }
    return null
  }

  /** What no flush has confirmed; a mountpath that serves no more is settled when it is opened. */
  function keepForLater(folders: ReadonlyMap<string, Mountpath>): void {
    for (const [folder, mountpath] of folders) {
      if (mountpath.calls.disabled() === null) unflushed.set(folder, mountpath)
    }
  }

  return {
    discard,
    flush: (done) => {
      const folders = new Map(unflushed)
      unflushed.clear()
      flushFolders(parts, folders, (error) => {
        if (error !== null) keepForLater(folders)
        done(error)
      })
    },
    flushKey: (key, done) => {
      const unsure = parts.used().flatMap((mountpath): readonly [string, Mountpath][] => {
        const committer = parts.committerOf(mountpath)
        const root = `${mountpath.pinned}/${OBJECTS_FOLDER}`
        return [folderFor(mountpath, key), `${root}/${key.bid}`, root]
          .filter((folder) => committer.isUnsure(folder))
          .map((folder) => [folder, mountpath])
      })
      flushFolders(parts, new Map(unsure), (error) => {
        if (error !== null) done(error)
        else flushCopies(parts, key, done)
      })
    },
  }
}

/** Of each copy the footer in force, which may have been appended and not flushed. */
function flushCopies(
  parts: DiscardParts,
  key: ObjectKey,
  done: (error: AisError | null) => void,
): void {
  const left = parts.used().filter(({calls}) => calls.disabled() === null)
  const next = (): void => {
    const mountpath = left.pop()
    if (mountpath === undefined) return done(null)
    const path = `${folderFor(mountpath, key)}/${fileNameOf(key.name)}`
    const how = {committer: parts.committerOf(mountpath), hashing: parts.hashing}
    flushAppended({mountpath, path}, how, (error) => {
      if (error === null) next()
      else done(storeError(mountpath, `flush ${JSON.stringify(key.name)}`, error))
    })
  }
  next()
}

function folderFor({pinned}: Mountpath, {bid, name}: ObjectKey): string {
  return `${pinned}/${OBJECTS_FOLDER}/${bid}/${folderOf(name)}`
}

/** Every copy of a key on every mountpath, the newest first; an error when one cannot be told. */
function findAll(parts: DiscardParts, key: ObjectKey): readonly Found[] | AisError {
  const [away] = parts.missing()
  if (away !== undefined) return unknownOn(away.path, key, away.why)
  const found: Found[] = []
  for (const mountpath of parts.used()) {
    const why = mountpath.calls.disabled()
    const one = why === null ? findOn(parts, mountpath, key) : unknownOn(mountpath.path, key, why)
    if (one instanceof AisError) return one
    if (one !== null) found.push(one)
  }
  return found.sort((a, b) => compareGenerations(b.attributes.gen, a.attributes.gen))
}

function unknownOn(path: string, {name}: ObjectKey, why: string): AisError {
  const message = `${path} may hold ${JSON.stringify(name)} and is away: ${why}`
  return new AisError({code: 'IO_ERROR', message})
}

function findOn(
  parts: DiscardParts,
  mountpath: Mountpath,
  key: ObjectKey,
): Found | null | AisError {
  const folder = folderFor(mountpath, key)
  const path = `${folder}/${fileNameOf(key.name)}`
  try {
    if (!mountpath.port.isFile(path)) return null
    const attributes = readAttributes(mountpath.port, path, parts.hashing)
    if (attributes?.name === key.name && attributes.bid === key.bid) {
      return {mountpath, folder, path, attributes}
    }
    const file = `${mountpath.path}${path.slice(mountpath.pinned.length)}`
    return new AisError({
      code: 'IO_ERROR',
      message: `${file} has no footer of ${JSON.stringify(key.name)} that verifies`,
    })
  } catch (error) {
    if (errnoOf(error) === '') throw error
    mountpath.calls.note(error)
    return storeError(mountpath, `look for ${JSON.stringify(key.name)}`, error)
  }
}

function isSame(a: Found, b: Found): boolean {
  return compareGenerations(a.attributes.gen, b.attributes.gen) === 0
}

function flushFolders(
  parts: DiscardParts,
  folders: ReadonlyMap<string, Mountpath>,
  done: (error: AisError | null) => void,
): void {
  let left = folders.size
  let failure: AisError | null = null
  if (left === 0) return done(null)
  for (const [folder, mountpath] of folders) {
    parts.committerOf(mountpath).syncFolder(folder, (error) => {
      const isGone = errnoOf(error) === 'ENOENT' && mountpath.calls.disabled() === null
      if (error !== null && !isGone) {
        failure ??= storeError(mountpath, 'flush what was removed', error)
      }
      left -= 1
      if (left === 0) done(failure)
    })
  }
}
