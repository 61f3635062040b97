/**
 * Copies one version of a key from a mountpath to another of the same target, block by block, each
 * verified on its way whatever reads are told to do: what is rotten is not multiplied.
 */

import type {AisError} from '../../../base/errors.ts'
import {encodeFooter} from '../../../wire/footer.ts'
import type {WorkFile} from './body-writer.ts'
import {discardFile} from './body-writer.ts'
import {commitCopies, createWork, makePlace} from './commit-copies.ts'
import type {Mountpath} from '../mountpath/mountpaths.ts'
import type {ObjectFile} from './object-file.ts'
import {readObject} from './object-reader.ts'
import {storeError} from '../store-error.ts'
import type {ObjectKey, Writing} from './writing.ts'

/** Null, or which side failed. */
export type CopyDone = (
  failure: {readonly side: 'source' | 'target'; readonly error: AisError} | null,
) => void

export interface CopyOrder {
  readonly key: ObjectKey
  /** Open, with its content when it is small. Stays the caller's. */
  readonly source: ObjectFile
  readonly to: Mountpath
}

/** The copy is durable and in force when `done` is called without a failure. */
export function copyFile(writing: Writing, order: CopyOrder, done: CopyDone): void {
  const {key, source, to} = order
  const what = `copy ${JSON.stringify(key.name)}`
  const failed = (error: unknown): void => {
    to.calls.note(error)
    done({side: 'target', error: storeError(to, what, error)})
  }
  let work: WorkFile
  try {
    work = createWork(to, writing.workName())
  } catch (error) {
    return failed(error)
  }
  fill(writing, source, work, (failure) => {
    if (failure !== null) {
      discardFile(work)
      if (failure.side === 'target') return failed(failure.error)
      return done({side: 'source', error: storeError(source.mountpath, what, failure.error)})
    }
    try {
      const place = makePlace(writing, to, key)
      const tail = encodeFooter(source.footer, writing.hashing.h64)
      to.port.write(work.fd, tail, source.footer.attributes.sizeBytes)
      // What readers see is in the index, durable or not.
      const onVisible = (): void => writing.noted(to, source.footer.attributes)
      const commit = {what, durable: true, patient: true, onVisible}
      commitCopies(writing, [{work, place}], commit, (error) => {
        done(error === null ? null : {side: 'target', error})
      })
    } catch (error) {
      discardFile(work)
      failed(error)
    }
  })
}

type FillDone = (
  failure: {readonly side: 'source' | 'target'; readonly error: unknown} | null,
) => void

/** Writes the content. */
function fill(
  writing: Writing,
  source: ObjectFile,
  {mountpath, fd}: WorkFile,
  done: FillDone,
): void {
  const {sizeBytes} = source.footer.attributes
  let at = 0
  let broken: Error | null = null
  const sink = (bytes: Buffer, next: (error: Error | null) => void): void => {
    const position = at
    at += bytes.byteLength
    mountpath.calls.run<void>(
      (back) => mountpath.port.writeLater(fd, [bytes], position, back),
      (error) => {
        broken = error
        next(error)
      },
    )
  }
  if (source.content !== null) {
    if (sizeBytes === 0) return done(null)
    return sink(source.content, (error) => done(error === null ? null : {side: 'target', error}))
  }
  const reading = {...writing.reading, verify: () => true}
  readObject({file: source, range: {start: 0, end: sizeBytes}, sink}, reading, (error) => {
    if (error === null) return done(null)
    done(broken === null ? {side: 'source', error} : {side: 'target', error: broken})
  })
}

/** Reads a copy through. @param done the damage, or null */
export function verifyCopy(
  writing: Writing,
  source: ObjectFile,
  done: (error: AisError | null) => void,
): void {
  if (source.content !== null) return done(null)
  const reading = {...writing.reading, verify: () => true}
  const range = {start: 0, end: source.footer.attributes.sizeBytes}
  readObject({file: source, range, sink: (_bytes, next) => next(null)}, reading, (error) => {
    done(error === null ? null : storeError(source.mountpath, 'verify', error))
  })
}
