/**
 * This target's copy of a key, on its way out: the version that is there, whole, with everything
 * that its footer says. Blocks are verified as they are read, and once more by who receives them.
 */

import type {Writable} from 'node:stream'
import {AisError} from '../../base/errors.ts'
import type {ObjectAttributes} from '../../model/object.ts'
import type {Footer, HashBytes} from '../../wire/footer.ts'
import {encodeFrameHead} from '../../wire/move.ts'
import type {StreamedBody} from '../peer/exchange.ts'
import type {ObjectFile} from '../store/object/object-file.ts'
import type {Lookup, ObjectKey, ObjectStore} from '../store/object-store.ts'

export interface OpenCopy {
  readonly footer: Footer
  /** Open; null for a tombstone, which has no content. */
  readonly file: ObjectFile | null
}

/** The durable copy of a key. @throws AisError when it cannot be read or is not there */
export async function openCopy(store: ObjectStore, key: ObjectKey): Promise<OpenCopy> {
  await new Promise<void>((resolve) => store.whenSettled(key, resolve))
  const lookup: Lookup = store.lookup(key, true)
  switch (lookup.type) {
    case 'object':
      return {footer: lookup.file.footer, file: lookup.file}
    case 'tombstone':
      return {footer: tombstoneFooter(lookup.attributes), file: null}
    case 'unsure':
      throw unreadable(key, `${lookup.missing.join(', ')} may hold a newer one and is away`)
    case 'none':
      throw unreadable(key, 'it is in the index of names and not on the disk')
  }
}

function tombstoneFooter(attributes: ObjectAttributes): Footer {
  return {attributes, moreChecksums: [], blocks: new Uint8Array(0), unknown: {}}
}

function unreadable(key: ObjectKey, why: string): AisError {
  return new AisError({code: 'IO_ERROR', message: `${JSON.stringify(key.name)}: ${why}`})
}

/** A copy as one frame, in memory; closes it. @throws AisError when its content does not verify */
export async function frameOf(
  store: ObjectStore,
  copy: OpenCopy,
  hash: HashBytes,
): Promise<readonly Uint8Array[]> {
  const {footer, file} = copy
  const head = encodeFrameHead(footer, hash)
  if (file === null || footer.attributes.sizeBytes === 0) {
    if (file !== null) store.close(file)
    return [head]
  }
  if (file.content !== null) {
    store.close(file)
    return [head, file.content]
  }
  try {
    return [head, await contentOf(store, file)]
  } finally {
    store.close(file)
  }
}

function contentOf(store: ObjectStore, file: ObjectFile): Promise<Uint8Array> {
  const {sizeBytes} = file.footer.attributes
  const content = Buffer.allocUnsafe(sizeBytes)
  let at = 0
  return new Promise((resolve, reject) => {
    const sink = (bytes: Buffer, next: (error: Error | null) => void): void => {
      at += bytes.copy(content, at)
      next(null)
    }
    store.read({file, range: {start: 0, end: sizeBytes}, sink}, (error) => {
      if (error === null) resolve(content)
      else reject(error)
    })
  })
}

/** How a copy is sent. */
export interface Sending {
  readonly hash: HashBytes
  /** Resolves to how many of so many bytes may go, when they may. */
  readonly granted: (bytes: number) => Promise<number>
  /** Aborted: nothing more of it is sent. */
  readonly signal: AbortSignal
  readonly onError: (error: Error) => void
}

/** A copy as the body of a request, block by block. The caller closes it when it has the answer. */
export function streamOf(store: ObjectStore, file: ObjectFile, sending: Sending): StreamedBody {
  const {hash, signal, onError} = sending
  const head = encodeFrameHead(file.footer, hash)
  const {sizeBytes} = file.footer.attributes
  const send: StreamedBody['send'] = (out, moved) => {
    if (signal.aborted) return void out.destroy(new SendingStopped())
    const stop = (): void => void out.destroy(new SendingStopped())
    signal.addEventListener('abort', stop)
    out.once('close', () => signal.removeEventListener('abort', stop))
    out.write(head)
    const sink = sinkOf(out, sending, moved)
    store.read({file, range: {start: 0, end: sizeBytes}, sink}, (error) => {
      if (error === null) return void out.end()
      onError(error)
      out.destroy(error)
    })
  }
  return {lengthBytes: head.byteLength + sizeBytes, send}
}

/** The receiver answered before it had everything, or is gone. */
export class ReceiverGone extends Error {
  override readonly name = 'ReceiverGone'
}

/** What it was sent for is over. */
export class SendingStopped extends Error {
  override readonly name = 'SendingStopped'
}

function sinkOf(
  out: Writable,
  {granted}: Pick<Sending, 'granted'>,
  moved: () => void,
): (bytes: Buffer, next: (error: Error | null) => void) => void {
  let waiting: ((error: Error | null) => void) | null = null
  const settle = (error: Error | null): void => {
    const next = waiting
    waiting = null
    next?.(error)
  }
  out.once('close', () => settle(new ReceiverGone()))
  const piece = (bytes: Buffer): void => {
    void granted(bytes.byteLength).then((count) => {
      if (out.destroyed) return settle(new ReceiverGone())
      out.write(bytes.subarray(0, count), (error) => {
        if (error instanceof Error) return settle(new ReceiverGone())
        moved()
        if (count === bytes.byteLength) settle(null)
        else piece(bytes.subarray(count))
      })
    })
  }
  return (bytes, next) => {
    if (out.destroyed) return next(new ReceiverGone())
    waiting = next
    piece(bytes)
  }
}
