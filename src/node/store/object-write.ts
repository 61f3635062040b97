/**
 * Writes of one key, one at a time: look at what is there, let the caller decide the new
 * attributes, write content and footer to a work file, commit. Readers of a key wait while its new
 * name is visible but not yet durable, so that nobody sees a version that a power cut would take
 * back.
 */

import {AisError} from '../../base/errors.ts'
import {OBJECTS_FOLDER, fileNameOf, folderOf, objectPath} from '../../core/objects/file-name.ts'
import type {JsonObject} from '../../model/bucket.ts'
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
import {closeFile, closeQuietly} from './object-file.ts'
import {storeError} from './store-error.ts'

/** Which object: its bucket's id, its name, and the digest that places it. */
export interface ObjectKey {
  readonly bid: string
  readonly name: string
  readonly digest: bigint
}

/** The new version, decided under the key's lock; or an error, and nothing changes. */
export type Decide = (previous: ObjectAttributes | null) => Decided | AisError

export interface Decided {
  readonly attributes: ObjectAttributes
  readonly moreChecksums: readonly Checksum[]
  /** Fields of a moved object's footer that this release does not know. */
  readonly unknown?: JsonObject
}

/** A write of one key. */
export interface Change {
  readonly key: ObjectKey
  /** False for buckets that gave up durability. */
  readonly durable: boolean
  /** One of many that share flushes; nobody waits for this one alone. */
  readonly patient?: boolean
  readonly decide: Decide
}

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
  /** The file in force for a key, or null. @throws AisError when it cannot be read */
  readonly current: (key: ObjectKey) => ObjectFile | null
  /** The attributes in force for a key, or null; damaged ones count as null. */
  readonly previous: (key: ObjectKey) => ObjectAttributes | null
  readonly noted: (mountpath: Mountpath, attributes: ObjectAttributes) => void
  readonly workName: () => string
}

export function lockName(key: ObjectKey): string {
  return `${key.bid}/${key.name}`
}

/** Replaces a key by a finished body. The body is used up whatever happens. */
export function writeBody(
  writing: Writing,
  change: Change,
  target: {readonly mountpath: Mountpath; readonly body: FinishedBody},
  done: WriteDone,
): void {
  const {key, durable} = change
  const {mountpath, body} = target
  const what = `write ${JSON.stringify(key.name)}`
  writing.locks.run(lockName(key), (release) => {
    const finish: WriteDone = (error, attributes) => {
      release()
      done(error, attributes)
    }
    const decided = change.decide(writing.previous(key))
    if (decided instanceof AisError) {
      if (body.file !== null) discardFile(mountpath, body.file)
      return finish(decided, undefined)
    }
    const {attributes} = decided
    const {moreChecksums, unknown = {}} = decided
    const footer = {attributes, moreChecksums, unknown, blocks: body.blocks}
    const prepared = prepare(writing, key, target, footer)
    if (prepared instanceof Error) return finish(storeError(mountpath, what, prepared), undefined)
    const {work, place} = prepared
    const commit = {
      fd: work.fd,
      workPath: work.path,
      folders: durable ? place.unsynced : [],
      path: place.path,
      patient: change.patient ?? false,
      onVisible: () => void writing.unsettled.set(lockName(key), []),
      done: (error: Error | null) => {
        settle(writing, lockName(key))
        if (error !== null) return finish(storeError(mountpath, what, error), undefined)
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
export function writeMetadata(writing: Writing, change: Change, done: WriteDone): void {
  const {key, durable, decide} = change
  writing.locks.run(lockName(key), (release) => {
    const finish: WriteDone = (error, attributes) => {
      settle(writing, lockName(key))
      release()
      done(error, attributes)
    }
    const file = currentOrError(writing, key)
    if (file instanceof AisError) return finish(file, undefined)
    const decided = decide(file === null ? null : file.footer.attributes)
    if (decided instanceof AisError || file === null) {
      if (file !== null) closeFile(file)
      return finish(decided instanceof AisError ? decided : noObject(key), undefined)
    }
    const {mountpath} = file
    const what = `change ${JSON.stringify(key.name)}`
    const fd = appendFooter(writing, key, file, {...file.footer, ...decided})
    if (fd instanceof Error) return finish(storeError(mountpath, what, fd), undefined)
    writing.unsettled.set(lockName(key), [])
    const end = (error: Error | null): void => {
      closeQuietly(mountpath, fd)
      // Readers see the new footer whether or not it is durable: so does the index.
      writing.noted(mountpath, decided.attributes)
      if (error !== null) return finish(storeError(mountpath, what, error), undefined)
      finish(null, decided.attributes)
    }
    if (durable) writing.committerOf(mountpath).sync(fd, end)
    else end(null)
  })
}

/** Writes what is still to be written to the work file. On an error nothing of it is left. */
function prepare(
  writing: Writing,
  key: ObjectKey,
  target: {readonly mountpath: Mountpath; readonly body: FinishedBody},
  footer: Footer,
): {work: WorkFile; place: Place} | Error {
  const {mountpath, body} = target
  let work: WorkFile | null = body.file
  try {
    const place = makePlace(writing, mountpath, key)
    work ??= createWork(writing, mountpath)
    writeTail(mountpath, work.fd, body, encodeFooter(footer, writing.hashing.h64))
    return {work, place}
  } catch (error) {
    mountpath.calls.note(error)
    if (work !== null) discardFile(mountpath, work)
    if (error instanceof Error) return error
    throw error
  }
}

interface WorkFile {
  readonly fd: Fd
  readonly path: string
}

function currentOrError(writing: Writing, key: ObjectKey): ObjectFile | null | AisError {
  try {
    return writing.current(key)
  } catch (error) {
    if (error instanceof AisError) return error
    throw error
  }
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
  const forBucket = folders.durable.has(bucket) ? [] : [root]
  const parents = folders.durable.has(folder) ? [] : [bucket, ...forBucket]
  return {path: `${folder}/${fileNameOf(key.name)}`, unsynced: [folder, ...parents]}
}

function makeFolder(mountpath: Mountpath, path: string): void {
  try {
    mountpath.port.mkdir(path)
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
  }
}

function createWork(writing: Writing, mountpath: Mountpath): WorkFile {
  const path = `${mountpath.pinned}/${WORK_FOLDER}/${writing.workName()}`
  return {fd: mountpath.port.open(path, 'create'), path}
}

function writeTail(mountpath: Mountpath, fd: Fd, body: FinishedBody, footer: Uint8Array): void {
  if (body.content === null) mountpath.port.write(fd, footer, body.sizeBytes)
  else mountpath.port.write(fd, Buffer.concat([body.content, footer]), 0)
}

function appendFooter(
  writing: Writing,
  key: ObjectKey,
  file: ObjectFile,
  footer: Footer,
): Fd | Error {
  const {mountpath, footerEnd} = file
  const {port} = mountpath
  closeFile(file)
  let fd: Fd | null = null
  try {
    fd = port.open(`${mountpath.pinned}/${objectPath(key.bid, key.name)}`, 'update')
    if (port.fstat(fd).sizeBytes > footerEnd) port.truncate(fd, footerEnd)
    port.write(fd, encodeFooter(footer, writing.hashing.h64), footerEnd)
    return fd
  } catch (error) {
    mountpath.calls.note(error)
    if (fd !== null) closeQuietly(mountpath, fd)
    if (error instanceof Error) return error
    throw error
  }
}
