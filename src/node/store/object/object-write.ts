/**
 * Writes of one key, one at a time: look at what is there, let the caller decide the new
 * attributes, write content and footer to work files, commit. Readers of a key wait while its new
 * name is visible but not yet durable, so that nobody sees a version that a power cut would take
 * back.
 */

import {AisError} from '../../../base/errors.ts'
import {filePathOf} from '../../../core/objects/file-name.ts'
import type {Footer} from '../../../wire/footer.ts'
import {encodeFooter} from '../../../wire/footer.ts'
import type {FinishedBody} from './body-writer.ts'
import {discardFile} from './body-writer.ts'
import {commitCopies, prepareAll} from './commit-copies.ts'
import type {Fd} from '../fs/fs.ts'
import type {Mountpath} from '../mountpath/mountpaths.ts'
import type {ObjectFile} from './object-file.ts'
import {closeFile, closeQuietly} from './object-file.ts'
import {placeLocked} from './place-key.ts'
import {storeError} from '../store-error.ts'
import type {Change, ObjectKey, WriteDone, Writing} from './writing.ts'
import {lockName, makeUnsettled, settle} from './writing.ts'

/** A finished body, and where it goes. */
export interface Destination {
  /** The one that is read first at the front. */
  readonly mountpaths: readonly Mountpath[]
  readonly body: FinishedBody
  /** Of the places, when the mountpaths were chosen. */
  readonly version: number
}

/** Replaces a key by a finished body. The body is used up whatever happens. */
export function writeBody(
  writing: Writing,
  change: Change,
  begun: Destination,
  done: WriteDone,
): void {
  const {key} = change
  writing.locks.run(lockName(key), (release) => {
    const finish: WriteDone = (error, attributes) => {
      settle(writing, key)
      release()
      done(error, attributes)
    }
    const previous = writing.previous(key)
    const destination = placeBody(writing, key, begun)
    const decided = destination instanceof AisError ? destination : change.decide(previous)
    if (decided instanceof AisError || destination instanceof AisError) {
      for (const file of begun.body.files) discardFile(file)
      return finish(decided instanceof AisError ? decided : null, undefined)
    }
    const {attributes, moreChecksums, unknown = {}} = decided
    const {mountpaths, body, version} = destination
    const footer = {attributes, moreChecksums, unknown, blocks: body.blocks}
    const prepared = prepareAll(writing, key, destination, footer)
    if (prepared instanceof AisError) return finish(prepared, undefined)
    const visible: Mountpath[] = []
    const order = {
      what: `write ${JSON.stringify(key.name)}`,
      durable: change.durable,
      patient: change.patient ?? false,
      onVisible: (mountpath: Mountpath) => {
        visible.push(mountpath)
        makeUnsettled(writing, key)
      },
    }
    commitCopies(writing, prepared, order, (error) => {
      if (error !== null) {
        // What readers see is in the index, durable or not: a walk must not miss it.
        for (const mountpath of visible) writing.noted(mountpath, attributes)
        // One of several may have it now: the others are brought to the same.
        if (prepared.length > 1) writing.repair(key)
        return finish(error, undefined)
      }
      for (const mountpath of mountpaths) writing.noted(mountpath, attributes)
      if (writing.placesVersion() === version) return finish(null, attributes)
      placeLocked(writing, key, false, (problem) => finish(problem, attributes))
    })
  })
}

/**
 * Where a body goes that was begun under other mountpaths or copies than there are now: content in
 * memory to the places of now; content on a disk stays where it is, and is brought to its places
 * once it is a version of the key. Asked before the generation is given, so that what is written
 * under a number of copies has a counter of its time.
 */
function placeBody(writing: Writing, key: ObjectKey, begun: Destination): Destination | AisError {
  writing.refreshCopies(key)
  const version = writing.placesVersion()
  if (version === begun.version || begun.body.files.length > 0) return begun
  try {
    return {...begun, mountpaths: writing.placesOf(key), version}
  } catch (error) {
    if (error instanceof AisError) return error
    throw error
  }
}

/** Appends a footer to each of the key's files: new metadata, same content. */
export function writeMetadata(writing: Writing, change: Change, done: WriteDone): void {
  const {key, decide} = change
  writing.locks.run(lockName(key), (release) => {
    const finish: WriteDone = (error, attributes) => {
      settle(writing, key)
      release()
      done(error, attributes)
    }
    openPlaced(writing, key, (problem, files) => {
      if (problem !== null) return finish(problem, undefined)
      const [first] = files
      const decided = decide(first === undefined ? null : first.footer.attributes)
      if (decided instanceof AisError || first === undefined) {
        for (const file of files) closeFile(file)
        return finish(decided instanceof AisError ? decided : noObject(key), undefined)
      }
      const {attributes} = decided
      const footer = {...first.footer, ...decided}
      appendAll(writing, change, {files, footer}, (error) => {
        if (error !== null && files.length > 1) writing.repair(key)
        finish(error, error === null ? attributes : undefined)
      })
    })
  })
}

type FilesDone = (error: AisError | null, files: readonly ObjectFile[]) => void

/** The newest version, open on each mountpath that it belongs to; none when there is no version. */
function openPlaced(writing: Writing, key: ObjectKey, done: FilesDone): void {
  const files = placedFiles(writing, key)
  if (files instanceof AisError) return done(files, [])
  if (files !== null) return done(null, files)
  placeLocked(writing, key, false, (error) => {
    if (error !== null) return done(error, [])
    const placed = placedFiles(writing, key)
    if (placed instanceof AisError) return done(placed, [])
    if (placed !== null) return done(null, placed)
    const message = `${JSON.stringify(key.name)}: its mountpaths have changed meanwhile`
    done(new AisError({code: 'NOT_READY', message}), [])
  })
}

/** Null: it does not lie on all its mountpaths yet. */
function placedFiles(writing: Writing, key: ObjectKey): readonly ObjectFile[] | null | AisError {
  try {
    const current = writing.current(key)
    if (current === null) return []
    const places = writing.placesOf(key)
    if (places.length === 1 && places[0] === current.mountpath) return [current]
    closeFile(current)
    const copies = writing.everyCopy(key)
    const files = places.flatMap((place) => copies.get(place) ?? []).filter(isOpen)
    const {counter, own} = current.footer.attributes.gen
    const same = files.filter(({footer: {attributes}}) => {
      return attributes.gen.counter === counter && attributes.gen.own === own
    })
    const complete = same.length === places.length
    for (const copy of copies.values()) {
      if (isOpen(copy) && !(complete && same.includes(copy))) closeFile(copy)
    }
    return complete ? same : null
  } catch (error) {
    if (error instanceof AisError) return error
    throw error
  }
}

function isOpen(copy: ObjectFile | AisError): copy is ObjectFile {
  return !(copy instanceof AisError)
}

/** The mountpath that is read first comes last: no reader sees what could still be lacking. */
function appendAll(
  writing: Writing,
  change: Change,
  to: {readonly files: readonly ObjectFile[]; readonly footer: Footer},
  done: (error: AisError | null) => void,
): void {
  const [first, ...others] = to.files
  const left = [...others, ...(first === undefined ? [] : [first])]
  const next = (error: AisError | null): void => {
    const file = left.shift()
    if (error === null && file !== undefined) {
      return appendOne(writing, change, {file, footer: to.footer}, next)
    }
    if (file !== undefined) closeFile(file)
    for (const rest of left) closeFile(rest)
    done(error)
  }
  next(null)
}

function appendOne(
  writing: Writing,
  {key, durable}: Change,
  {file, footer}: {readonly file: ObjectFile; readonly footer: Footer},
  done: (error: AisError | null) => void,
): void {
  const {mountpath, footerEnd} = file
  const what = `change ${JSON.stringify(key.name)}`
  const fd = appendFooter(writing, key, file, footer)
  if (fd instanceof Error) return done(storeError(mountpath, what, fd))
  makeUnsettled(writing, key)
  const end = (error: Error | null): void => {
    const isUndone = error !== null && takeBack(mountpath, fd, footerEnd)
    closeQuietly(mountpath, fd)
    // Readers see the new footer whether or not it is durable: so does the index.
    if (!isUndone) writing.noted(mountpath, footer.attributes)
    done(error === null ? null : storeError(mountpath, what, error))
  }
  if (durable) writing.committerOf(mountpath).sync(fd, end)
  else end(null)
}

/** Nobody has read it yet: the version before stays the one that is seen, and is durable. */
function takeBack({calls, port}: Mountpath, fd: Fd, footerEnd: number): boolean {
  try {
    port.truncate(fd, footerEnd)
    return true
  } catch (error) {
    calls.note(error)
    return false
  }
}

function noObject(key: ObjectKey): AisError {
  return new AisError({code: 'OBJECT_NOT_FOUND', message: `object "${key.name}" does not exist`})
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
    fd = port.open(`${mountpath.pinned}/${filePathOf(key.bid, key.name)}`, 'update')
    if (port.fstat(fd).sizeBytes > footerEnd) {
      // What a crash has left of an older change, durably gone: it must not follow the new one.
      port.truncate(fd, footerEnd)
      port.syncNow(fd)
    }
    port.write(fd, encodeFooter(footer, writing.hashing.h64), footerEnd)
    return fd
  } catch (error) {
    mountpath.calls.note(error)
    if (fd !== null) closeQuietly(mountpath, fd)
    if (error instanceof Error) return error
    throw error
  }
}
