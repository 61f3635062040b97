/**
 * One request of the control plane to one gateway, once: the answer as text, or why there is none.
 * Whom to ask, and whether again, is transport.ts's decision.
 */

import type {Got, Method, Response} from 'got'
import {AisError} from '../base/errors.ts'
import {collectHeaders} from '../wire/headers.ts'
import {encodeJson} from '../wire/json.ts'
import {explain, isReading} from './failures.ts'
import {ANSWER_BYTES_MAX, CONNECT_TIMEOUT_MS, REDIRECTS_MAX, REQUEST_TIMEOUT_MS} from './limits.ts'
import type {ClientAnswer, ClientRequest} from './request.ts'

export interface Sending {
  got(): Promise<Got>
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /** The answer is not needed any more. */
  readonly over?: AbortSignal
}

/** @throws Unreachable when another gateway may be asked */
export async function sendOnce(
  endpoint: string,
  request: ClientRequest,
  sending: Sending,
): Promise<ClientAnswer> {
  const got = await sending.got()
  const timeoutMs = request.timeoutMs ?? sending.timeoutMs ?? REQUEST_TIMEOUT_MS
  const body = request.json === undefined ? request.body : encodeJson(request.json)
  const abort = eitherOf(sending.signal, sending.over)
  try {
    const response = await got(new URL(request.path, endpoint), {
      method: request.method as Method,
      ...(request.query === undefined ? {} : {searchParams: request.query}),
      headers: {'user-agent': 'aisctl', ...request.headers, ...contentType(body)},
      ...(body === undefined ? {} : {body}),
      // A kept connection may be cut just when a change goes out: nobody would know of its fate.
      ...(isReading(request) ? {} : {agent: {http: false, https: false}}),
      signal: abort.signal,
      timeout: {connect: CONNECT_TIMEOUT_MS, request: timeoutMs},
    })
    return answerOf(endpoint, response)
  } catch (error) {
    throw explain(error as Error & {code?: string}, timeoutMs)
  } finally {
    abort.release()
  }
}

/** A signal that follows both; `release` ends its listening. */
function eitherOf(...signals: readonly (AbortSignal | undefined)[]): {
  readonly signal: AbortSignal
  release(): void
} {
  const both = new AbortController()
  const abort = (): void => both.abort()
  for (const signal of signals) {
    if (signal?.aborted === true) abort()
    else signal?.addEventListener('abort', abort)
  }
  const release = (): void => {
    for (const signal of signals) signal?.removeEventListener('abort', abort)
  }
  return {signal: both.signal, release}
}

function contentType(body: string | undefined): Record<string, string> {
  return body === undefined ? {} : {'content-type': 'application/json'}
}

/** Its import costs a third of a command's start: call it with the first request. */
export async function loadGot(): Promise<Got> {
  const {default: got} = await import('got')
  return got.extend({
    allowGetBody: true,
    followRedirect: true,
    maxRedirects: REDIRECTS_MAX,
    methodRewriting: false,
    responseType: 'text',
    retry: {limit: 0},
    throwHttpErrors: false,
    decompress: false,
  })
}

function answerOf(endpoint: string, response: Response<string>): ClientAnswer {
  if (response.body.length > ANSWER_BYTES_MAX) {
    throw new AisError({code: 'TOO_LARGE', message: `${endpoint}: the answer is too large`})
  }
  const headers = collectHeaders(response.rawHeaders)
  return {status: response.statusCode, headers, text: response.body, endpoint}
}
