/**
 * One HTTP exchange without a socket: what the shipped handlers take for `IncomingMessage` and
 * `ServerResponse`. Bodies are streams of Node; heads are what the handlers set.
 */

import type {IncomingMessage, ServerResponse} from 'node:http'
import {Readable, Writable} from 'node:stream'

export interface SimRequest {
  readonly method: string
  /** Path with query. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** Pieces in which the body comes; none for a request without one. */
  readonly pieces: readonly Uint8Array[]
}

export interface SimAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** The server's two halves of an exchange. */
export interface Exchange {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  /** More of the body; null for its end. */
  readonly push: (piece: Uint8Array | null) => void
}

export interface Heard {
  /** The handler has said everything, at this very moment. */
  readonly said: (status: number) => void
  /** Called once with the answer; with null when the connection broke off. */
  readonly answered: (answer: SimAnswer | null) => void
}

export function createExchange(request: SimRequest, heard: Heard): Exchange {
  const headers = lowerCased(request.headers)
  const source = Object.assign(new Readable({read: () => undefined}), {
    method: request.method,
    url: request.url,
    headers,
    rawHeaders: Object.entries(request.headers).flat(),
    complete: false,
    socket: {remoteAddress: '127.0.0.1', remotePort: 1},
  })
  const req = source as unknown as IncomingMessage
  const push = (piece: Uint8Array | null): void => {
    if (source.destroyed) return
    if (piece === null) source.complete = true
    source.push(piece)
  }
  return {req, res: createResponse(heard), push}
}

function createResponse({said, answered}: Heard): ServerResponse {
  const headers: Record<string, string> = {}
  const parts: Buffer[] = []
  let over = false
  const conclude = (answer: SimAnswer | null): void => {
    if (over) return
    over = true
    answered(answer)
  }
  const sink = new Writable({
    write: (bytes: Buffer, _encoding, next) => {
      parts.push(Buffer.from(bytes))
      next()
    },
  })
  const end = sink.end.bind(sink)
  const res = Object.assign(sink, {
    end: (bytes?: Uint8Array | string) => {
      said(res.statusCode)
      return bytes === undefined ? end() : end(bytes)
    },
    statusCode: 200,
    headersSent: false,
    setHeader: (name: string, value: unknown) => {
      headers[name.toLowerCase()] = String(value)
    },
    getHeader: (name: string) => headers[name.toLowerCase()],
    writeContinue: () => undefined,
    writeHead: (status: number, flat: readonly string[] = []) => {
      res.statusCode = status
      res.headersSent = true
      for (let at = 0; at + 1 < flat.length; at += 2) {
        headers[(flat[at] ?? '').toLowerCase()] = flat[at + 1] ?? ''
      }
      return res
    },
  })
  sink.once('finish', () => conclude({status: res.statusCode, headers, body: Buffer.concat(parts)}))
  sink.once('close', () => conclude(null))
  sink.once('error', () => conclude(null))
  return res as unknown as ServerResponse
}

function lowerCased(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  )
}
