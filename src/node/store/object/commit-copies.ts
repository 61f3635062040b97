/**
 * Puts one version of a key on one mountpath or several. With several, every file is durable before
 * the first name changes, so that a full disk leaves the old version everywhere; and the mountpath
 * that is read first gets its new name last, so that a version which one reader saw does not
 * disappear with a mountpath that only had it because of a crash.
 */

import type {AisError} from '../../../base/errors.ts'
import {OBJECTS_FOLDER, fileNameOf, folderOf} from '../../../core/objects/file-name.ts'
import type {Footer} from '../../../wire/footer.ts'
import {encodeFooter} from '../../../wire/footer.ts'
import type {FinishedBody, WorkFile} from './body-writer.ts'
import {discardFile} from './body-writer.ts'
import type {Commit} from './committer.ts'
import {errnoOf} from '../fs/fs.ts'
import type {Mountpath} from '../mountpath/mountpaths.ts'
import {WORK_FOLDER} from '../mountpath/mountpaths.ts'
import {storeError} from '../store-error.ts'
import type {ObjectKey, Writing} from './writing.ts'

/** A complete work file, and where it goes. */
export interface Prepared {
  readonly work: WorkFile
  readonly place: Place
}

/** Where a file goes, and the folders whose entries are to be fsynced with it. */
interface Place {
  readonly path: string
  readonly unsynced: readonly string[]
}

export interface CommitOrder {
  /** For messages: `write "a"`. */
  readonly what: string
  readonly durable: boolean
  readonly patient: boolean
  readonly onVisible: (mountpath: Mountpath) => void
}

type CommitDone = (error: AisError | null) => void

/**
 * Writes what is still to be written to the work files, one per mountpath. On an error nothing of
 * them is left.
 */
export function prepareAll(
  writing: Writing,
  key: ObjectKey,
  {mountpaths, body}: {readonly mountpaths: readonly Mountpath[]; readonly body: FinishedBody},
  footer: Footer,
): readonly Prepared[] | AisError {
  const prepared: Prepared[] = []
  const tail = encodeFooter(footer, writing.hashing.h64)
  for (const [at, mountpath] of mountpaths.entries()) {
    const one = prepare(writing, key, {mountpath, body, work: body.files[at] ?? null}, tail)
    if ('place' in one) {
      prepared.push(one)
      continue
    }
    for (const {work} of prepared) discardFile(work)
    for (const work of body.files.slice(at + 1)) discardFile(work)
    return storeError(mountpath, `write ${JSON.stringify(key.name)}`, one.error)
  }
  return prepared
}

function prepare(
  writing: Writing,
  key: ObjectKey,
  to: {readonly mountpath: Mountpath; readonly body: FinishedBody; readonly work: WorkFile | null},
  tail: Uint8Array,
): Prepared | {readonly error: unknown} {
  const {mountpath, body} = to
  let {work} = to
  try {
    const place = makePlace(writing, mountpath, key)
    work ??= createWork(mountpath, writing.workName())
    const {port} = mountpath
    if (body.content === null) port.write(work.fd, tail, body.sizeBytes)
    else port.write(work.fd, Buffer.concat([body.content, tail]), 0)
    return {work, place}
  } catch (error) {
    mountpath.calls.note(error)
    if (work !== null) discardFile(work)
    if (error instanceof Error) return {error}
    throw error
  }
}

/** A new file beside the objects, with a name that nobody else has. */
export function createWork(mountpath: Mountpath, workName: string): WorkFile {
  const path = `${mountpath.pinned}/${WORK_FOLDER}/${workName}`
  return {mountpath, fd: mountpath.port.open(path, 'create'), path}
}

/** Makes the folders of a key's file. */
export function makePlace(writing: Writing, mountpath: Mountpath, key: ObjectKey): Place {
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

/** Makes prepared files the version in force. @param prepared the one that is read first in front */
export function commitCopies(
  writing: Writing,
  prepared: readonly Prepared[],
  order: CommitOrder,
  done: CommitDone,
): void {
  const [first, ...others] = prepared
  if (first === undefined) return done(null)
  const run = (one: Prepared, how: How, after: CommitDone): void => {
    writing.committerOf(one.work.mountpath)[how](commitOf(writing, one, order, after))
  }
  if (!order.durable)
    return inTurn([...others, first], (one, next) => run(one, 'commitRelaxed', next), done)
  if (others.length === 0) return run(first, 'commit', done)
  syncAll(writing, prepared, order, (error) => {
    if (error !== null) return done(error)
    all(
      others,
      (one, after) => run(one, 'commitSynced', after),
      (failed) => {
        if (failed === null) return run(first, 'commitSynced', done)
        discardFile(first.work)
        done(failed)
      },
    )
  })
}

type How = 'commit' | 'commitSynced' | 'commitRelaxed'

function commitOf(
  writing: Writing,
  {work, place}: Prepared,
  order: CommitOrder,
  done: CommitDone,
): Commit {
  const {mountpath} = work
  return {
    fd: work.fd,
    workPath: work.path,
    folders: order.durable ? place.unsynced : [],
    path: place.path,
    patient: order.patient,
    onVisible: () => order.onVisible(mountpath),
    done: (error) => {
      if (error !== null) return done(storeError(mountpath, order.what, error))
      if (order.durable) for (const made of place.unsynced) writing.folders.durable.add(made)
      done(null)
    },
  }
}

function syncAll(
  writing: Writing,
  prepared: readonly Prepared[],
  order: CommitOrder,
  done: CommitDone,
): void {
  all(
    prepared,
    ({work}, after) =>
      writing.committerOf(work.mountpath).sync(work.fd, (error) => {
        after(error === null ? null : storeError(work.mountpath, order.what, error))
      }),
    (error) => {
      if (error !== null) for (const {work} of prepared) discardFile(work)
      done(error)
    },
  )
}

/** Begins all, and calls back once, with the first error. */
function all<T>(
  items: readonly T[],
  begin: (item: T, after: CommitDone) => void,
  done: CommitDone,
): void {
  let left = items.length
  let failure: AisError | null = null
  for (const item of items) {
    begin(item, (error) => {
      failure ??= error
      left -= 1
      if (left === 0) done(failure)
    })
  }
}

/** One after the other, until one fails. */
function inTurn<T>(
  items: readonly T[],
  begin: (item: T, next: CommitDone) => void,
  done: CommitDone,
): void {
  const [item, ...others] = items
  if (item === undefined) return done(null)
  begin(item, (error) => (error === null ? inTurn(others, begin, done) : done(error)))
}
