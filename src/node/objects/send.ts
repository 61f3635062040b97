/**
 * Sends an object's bytes: a small one in one piece, a large one block by block with backpressure.
 * The buffer of a block is used again only when the socket has taken it.
 */

import type {ServerResponse} from 'node:http'
import {AisError} from '../../base/errors.ts'
import type {HeaderPair} from '../../wire/headers.ts'
import type {ObjectFile} from '../store/object/object-file.ts'
import {fail, writeHead} from './answers.ts'
import type {ObjectCall} from './context.ts'
import type {ByteRange} from './range.ts'
import {parseRange, rangeText} from './range.ts'

/** Sends 200, 206 or 416, and closes the file. */
export function sendFile(call: ObjectCall, file: ObjectFile, headers: readonly HeaderPair[]): void {
  const {sizeBytes} = file.footer.attributes
  const header = call.req.headers.range
  const range = parseRange(header, sizeBytes)
  if (range === 'unsatisfiable') {
    call.deps.store.close(file)
    return refuseRange(call, header ?? '', sizeBytes)
  }
  const part = range ?? {start: 0, end: sizeBytes}
  call.route.onBytes?.(part.end - part.start)
  writeHead(call.res, range === null ? 200 : 206, [
    ...headers,
    ...rangeHeaders(range, sizeBytes),
    ['Content-Length', String(part.end - part.start)],
    ['Content-Type', 'application/octet-stream'],
  ])
  if (file.content !== null) {
    call.deps.store.close(file)
    call.res.end(file.content.subarray(part.start, part.end))
    return
  }
  stream(call, file, part)
}

function rangeHeaders(range: ByteRange | null, sizeBytes: number): readonly HeaderPair[] {
  if (range === null) return []
  return [
    ['Accept-Ranges', 'bytes'],
    ['Content-Range', `bytes ${range.start}-${range.end - 1}/${sizeBytes}`],
  ]
}

function refuseRange(call: ObjectCall, header: string, sizeBytes: number): void {
  call.res.setHeader('Content-Range', `bytes */${sizeBytes}`)
  const message = `size=${sizeBytes}: not satisfiable range ${rangeText(header)}`
  fail(call, new AisError({code: 'BAD_RANGE', message}))
}

function stream(call: ObjectCall, file: ObjectFile, part: ByteRange): void {
  const {res, deps} = call
  const sink = sinkOf(res)
  deps.store.read({file, range: part, sink}, (error) => {
    deps.store.close(file)
    if (error === null) {
      res.end()
      return
    }
    if (error instanceof ClientGone) return
    // The head is out: a broken connection is the only honest answer left.
    deps.log.error('object could not be sent', {error: error.message, object: call.route.name})
    res.destroy()
  })
}

class ClientGone extends Error {
  override readonly name = 'ClientGone'
}

function sinkOf(res: ServerResponse): (bytes: Buffer, next: (error: Error | null) => void) => void {
  let waiting: ((error: Error | null) => void) | null = null
  const settle = (error: Error | null): void => {
    const next = waiting
    waiting = null
    next?.(error)
  }
  res.once('close', () => settle(new ClientGone()))
  return (bytes, next) => {
    if (res.destroyed) return next(new ClientGone())
    waiting = next
    res.write(bytes, (error) => settle(error instanceof Error ? new ClientGone() : null))
  }
}
