/**
 * Writes of one key, one at a time: look at what is there, let the caller decide the new
 * attributes, write content and footer to a work file, commit. Readers of a key wait while its new
 * name is visible but not yet durable, so that nobody sees a version that a power cut would take
 * back.
 */

import {AisError} from '../../base/errors.ts'
import {fileNameOf, folderOf, OBJECTS_FOLDER} from '../../core/objects/file-name.ts'
import type {Checksum, ObjectAttributes} from '../../model/object.ts'
import type {Footer} from '../../wire/footer.ts'
import {encodeFooter} from '../../wire/footer.ts'
import type {FinishedBody} from './body-writer.ts'
import {discardFile} from './body-writer.ts'
import type {Committer} from './committer.ts'
import type {Fd} from './fs.ts'
import {errnoOf} from './fs.ts'
import type {Hashing} from './hashing.ts'
import type {KeyLocks} from './key-locks.ts'
import type {Mountpath} from './mountpaths.ts'
import {WORK_FOLDER} from './mountpaths.ts'
import type {ObjectFile} from './object-file.ts'
import {storeError} from './store-error.ts'

/** Which object: its bucket's id, its name, and the digest that places it. */
export interface ObjectKey {
  readonly bid: string
  readonly name: string
  readonly digest: bigint
}

/** The new version, decided under the key's lock; or an error, and nothing changes. */
export type Decide = (
  previous: ObjectAttributes | null,
) => {attributes: ObjectAttributes; moreChecksums: readonly Checksum[]} | AisError

export type WriteDone = (error: AisError | null, attributes: ObjectAttributes | undefined) => void

/** What writes share; one per store. */
export interface Writing {
  readonly hashing: Hashing
  readonly locks: KeyLocks
  /** Keys whose new version is visible and not yet durable, with those who wait. */
  readonly unsettled: Map<string, (() => void)[]>
  /** Folders that are there, and those whose parents were fsynced since. */
  readonly folders: {readonly made: Set<string>; readonly durable: Set<string>}
  readonly committerOf: (mountpath: Mountpath) => Committer
  /** The file in force for a key, or null; damaged ones count as null. */
  readonly current: (key: ObjectKey) => ObjectFile | null
  readonly noted: (mountpath: Mountpath, attributes: ObjectAttributes) => void
  readonly workName: () => string
}

export function lockName(key: ObjectKey): string {
  return `${key.bid}/${key.name}`
}

/** Replaces a key by a finished body. The body is used up whatever happens. */
export function writeBody(
  writing: Writing,
  key: ObjectKey,
  target: {readonly mountpath: Mountpath; readonly durable: boolean},
  body: FinishedBody,
  decide: Decide,
  done: WriteDone,
): void {
  const {mountpath, durable} = target
  const what = `write ${JSON.stringify(key.name)} on ${mountpath.path}`
  writing.locks.run(lockName(key), (release) => {
    const finish: WriteDone = (error, attributes) => {
      release()
      done(error, attributes)
    }
    const decided = decideNow(writing, key, decide)
    if (decided instanceof AisError) {
      if (body.file !== null) discardFile(mountpath, body.file)
      return finish(decided, undefined)
    }
    const {attributes} = decided
    let work: {fd: Fd; path: string} | null = body.file
    let place: Place
    try {
      place = makePlace(writing, mountpath, key)
      work ??= createWork(writing, mountpath)
      const footer = {...decided, blocks: body.blocks, unknown: {}}
      writeTail(mountpath, work.fd, body, encodeFooter(footer, writing.hashing.h64))
    } catch (error) {
      mountpath.calls.note(error)
      if (work !== null) discardFile(mountpath, work)
      return finish(storeError(what, error), undefined)
    }
    const commit = {
      fd: work.fd,
      workPath: work.path,
      folders: durable ? place.unsynced : [],
      path: place.path,
      onVisible: () => void writing.unsettled.set(lockName(key), []),
      done: (error: Error | null) => {
        settle(writing, lockName(key))
        if (error !== null) return finish(storeError(what, error), undefined)
        if (durable) for (const made of place.unsynced) writing.folders.durable.add(made)
        writing.noted(mountpath, attributes)
        finish(null, attributes)
      },
    }
    const committer = writing.committerOf(mountpath)
    if (durable) committer.commit(commit)
    else committer.commitRelaxed(commit)
  })
}

/** Appends a footer to the key's file: new metadata, same content. */
export function writeMetadata(
  writing: Writing,
  key: ObjectKey,
  durable: boolean,
  decide: Decide,
  done: WriteDone,
): void {
  writing.locks.run(lockName(key), (release) => {
    const finish: WriteDone = (error, attributes) => {
      settle(writing, lockName(key))
      release()
      done(error, attributes)
    }
    const file = writing.current(key)
    const decided = decide(file === null ? null : file.footer.attributes)
    if (decided instanceof AisError) return finish(decided, undefined)
    if (file === null) return finish(noObject(key), undefined)
    const {mountpath} = file
    const what = `change ${JSON.stringify(key.name)} on ${mountpath.path}`
    let fd: Fd | null = null
    try {
      fd = appendFooter(writing, key, file, {...file.footer, ...decided})
    } catch (error) {
      mountpath.calls.note(error)
      return finish(storeError(what, error), undefined)
    }
    const opened = fd
    writing.unsettled.set(lockName(key), [])
    const end = (error: Error | null): void => {
      mountpath.port.close(opened)
      if (error !== null) return finish(storeError(what, error), undefined)
      writing.noted(mountpath, decided.attributes)
      finish(null, decided.attributes)
    }
    if (durable) writing.committerOf(mountpath).sync(opened, end)
    else end(null)
  })
}

function decideNow(writing: Writing, key: ObjectKey, decide: Decide): ReturnType<Decide> {
  const file = writing.current(key)
  if (file?.fd != null) file.mountpath.port.close(file.fd)
  return decide(file === null ? null : file.footer.attributes)
}

function settle(writing: Writing, name: string): void {
  const waiting = writing.unsettled.get(name)
  if (waiting === undefined) return
  writing.unsettled.delete(name)
  for (const go of waiting) go()
}

function noObject(key: ObjectKey): AisError {
  return new AisError({code: 'OBJECT_NOT_FOUND', message: `object "${key.name}" does not exist`})
}

/** Where a file goes, and the folders whose entries are to be fsynced with it. */
interface Place {
  readonly path: string
  readonly unsynced: readonly string[]
}

function makePlace(writing: Writing, mountpath: Mountpath, key: ObjectKey): Place {
  const {folders} = writing
  const root = `${mountpath.pinned}/${OBJECTS_FOLDER}`
  const bucket = `${root}/${key.bid}`
  const folder = `${bucket}/${folderOf(key.name)}`
  if (!folders.made.has(folder)) {
    makeFolder(mountpath, bucket)
    makeFolder(mountpath, folder)
    folders.made.add(folder)
  }
  // A folder's own entry is durable once its parent was fsynced after it was made.
  const parents = folders.durable.has(folder) ? [] : [bucket, root]
  return {path: `${folder}/${fileNameOf(key.name)}`, unsynced: [folder, ...parents]}
}

function makeFolder(mountpath: Mountpath, path: string): void {
  try {
    mountpath.port.mkdir(path)
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
  }
}

function createWork(writing: Writing, mountpath: Mountpath): {fd: Fd; path: string} {
  const path = `${mountpath.pinned}/${WORK_FOLDER}/${writing.workName()}`
  return {fd: mountpath.port.open(path, 'create'), path}
}

function writeTail(mountpath: Mountpath, fd: Fd, body: FinishedBody, footer: Uint8Array): void {
  if (body.content === null) mountpath.port.write(fd, footer, body.sizeBytes)
  else mountpath.port.write(fd, Buffer.concat([body.content, footer]), 0)
}

function appendFooter(writing: Writing, key: ObjectKey, file: ObjectFile, footer: Footer): Fd {
  const {mountpath, footerEnd} = file
  const {port} = mountpath
  if (file.fd !== null) port.close(file.fd)
  const folder = `${mountpath.pinned}/${OBJECTS_FOLDER}/${key.bid}/${folderOf(key.name)}`
  const fd = port.open(`${folder}/${fileNameOf(key.name)}`, 'update')
  try {
    if (port.fstat(fd).sizeBytes > footerEnd) port.truncate(fd, footerEnd)
    port.write(fd, encodeFooter(footer, writing.hashing.h64), footerEnd)
    return fd
  } catch (error) {
    port.close(fd)
    throw error
  }
}
