/**
 * Takes the bytes of a stream into a body, with backpressure, and notices when the sender goes
 * away.
 */

import type {Readable} from 'node:stream'
import type {AisError} from '../../base/errors.ts'
import type {ChecksumType} from '../../model/object.ts'
import type {FinishedBody, WriteManner} from '../store/object/body-writer.ts'
import type {ObjectKey, ObjectStore, OpenWrite} from '../store/object-store.ts'

export interface Received {
  readonly write: OpenWrite
  readonly body: FinishedBody
}

export type ReceivedDone = (error: Error | null, received: Received | undefined) => void

/** The sender closed the connection in the middle: nobody is left to be told. */
export class SenderGone extends Error {
  override readonly name = 'SenderGone'
}

export interface Wanted {
  readonly key: ObjectKey
  readonly checksums: readonly ChecksumType[]
  readonly manner?: WriteManner
}

/** @param done called once; the caller commits or discards what it gets */
export function receiveBody(
  store: ObjectStore,
  wanted: Wanted,
  source: Readable,
  done: ReceivedDone,
): void {
  let write: OpenWrite
  try {
    const {key, checksums, manner} = wanted
    write = store.beginWrite(key, checksums, () => source.resume(), manner)
  } catch (error) {
    return done(error as AisError, undefined)
  }
  let ended = false
  source.on('data', (chunk: Buffer) => {
    if (!ended && !write.body.push(chunk)) source.pause()
  })
  source.once('end', () => {
    if (ended) return
    ended = true
    write.body.finish((error, body) => {
      if (error !== null || body === undefined) return done(error, undefined)
      done(null, {write, body})
    })
  })
  const gone = (): void => {
    if (ended) return
    ended = true
    write.body.abort()
    done(new SenderGone('the sender closed the connection'), undefined)
  }
  source.once('error', gone)
  source.once('close', gone)
}
