/**
 * The few ways in which a raw handler ends a request: with bytes, or with the error shape of
 * `wire/error-body`. Koa's routes use the same through `middleware/errors.ts`.
 */

import type {IncomingMessage, ServerResponse} from 'node:http'
import type {Socket} from 'node:net'

import {AisError, refusal} from '../../base/errors.ts'
import {encodeError, type ErrorContext} from '../../wire/error-body.ts'
import type {HeaderPair} from '../../wire/headers.ts'
import {splitTarget} from '../../wire/paths.ts'
import {reasonOf} from '../observe/log.ts'

/** An error that nobody expected, as clients see it; the log has the rest. */
export function asAisError(error: unknown): AisError {
  if (error instanceof AisError) return error
  return new AisError(refusal('INTERNAL', `internal error: ${reasonOf(error)}`), error)
}

/** Who answers whom, for the body of an error. @param node `p[id]` */
export function errorContext(req: IncomingMessage, node: string): ErrorContext {
  return {
    method: req.method ?? '',
    urlPath: splitTarget(req.url ?? '').path,
    remoteAddr: remoteOf(req.socket),
    caller: '',
    node,
  }
}

/** Who sits at the other end. @param socket null once Node has taken it from the request */
export function remoteOf(socket: Socket | null): string {
  return socket === null ? '' : `${socket.remoteAddress ?? ''}:${socket.remotePort ?? 0}`
}

/** Status 503 carries Retry-After: the reference's clients try again by themselves. */
const RETRY_AFTER_SECONDS = '1'

export function answerError(
  req: IncomingMessage,
  res: ServerResponse,
  error: unknown,
  node: string,
): void {
  if (res.headersSent) {
    res.destroy()
    return
  }
  const answer = encodeError(asAisError(error), errorContext(req, node))
  if (answer.status === 503) res.setHeader('Retry-After', RETRY_AFTER_SECONDS)
  writeAnswer(req, res, answer)
}

export interface RawAnswer {
  readonly status: number
  readonly headers: readonly HeaderPair[]
  readonly body: string | Uint8Array
}

/** Writes headers and body whole. What is left of the request's body is read and dropped. */
export function writeAnswer(req: IncomingMessage, res: ServerResponse, answer: RawAnswer): void {
  const repeated = new Map<string, string[]>()
  for (const [name, value] of answer.headers) {
    const values = repeated.get(name)
    if (values === undefined) repeated.set(name, [value])
    else values.push(value)
  }
  for (const [name, values] of repeated)
    res.setHeader(name, values.length === 1 ? (values[0] ?? '') : values)
  if (!repeated.has('Content-Length'))
    res.setHeader('Content-Length', Buffer.byteLength(answer.body))
  res.writeHead(answer.status)
  // Bytes: with a string Node would write the headers as UTF-8, too, and they are that already.
  const {body} = answer
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  res.end(req.method === 'HEAD' ? undefined : bytes)
  if (!req.complete) req.resume()
}
