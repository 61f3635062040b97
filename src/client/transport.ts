/**
 * One request of the control plane: to the first gateway that can be reached, again while the
 * cluster says 503, with the answer as text. Object bytes do not pass here (objects.ts): they
 * stream.
 */

import {setTimeout as sleep} from 'node:timers/promises'
import type {Got, Method, Response} from 'got'
import {AisError} from '../base/errors.ts'
import {collectHeaders} from '../wire/headers.ts'
import {encodeJson, parseJson} from '../wire/json.ts'
import type {Json} from '../wire/json.ts'
import {errorOf, explain, isRepeatable, outcomeUnknown, Unreachable} from './failures.ts'
import {
  ANSWER_BYTES_MAX,
  ATTEMPTS_MAX,
  CONNECT_TIMEOUT_MS,
  REDIRECTS_MAX,
  REQUEST_TIMEOUT_MS,
  RETRY_PAUSE_MAX_MS,
  RETRY_PAUSE_MIN_MS,
} from './limits.ts'
import {interrupted, retryPauseMs} from './reasons.ts'
import type {ClientAnswer, ClientRequest} from './request.ts'

export interface Transport {
  /** Gateways in the order in which they are tried; the one that answered last comes first. */
  endpoints(): readonly string[]
  /** @throws AisError for every status ≥ 400, and when no gateway can be reached */
  send(request: ClientRequest): Promise<ClientAnswer>
  /** The same, with the answer parsed; integers beyond 2^53 stay exact. */
  sendForJson(request: ClientRequest): Promise<Json>
}

export interface TransportOptions {
  /** Invariant: at least one. */
  readonly endpoints: readonly string[]
  readonly signal?: AbortSignal
  /** Default REQUEST_TIMEOUT_MS. */
  readonly timeoutMs?: number
  /** Told each time that a request is to be repeated, with what the cluster said. */
  onRetry?(error: AisError): void
}

export function createTransport(options: TransportOptions): Transport {
  let order = [...options.endpoints]
  let got: Promise<Got> | undefined
  // Loaded with the first request: its import costs a third of a command's start.
  const wiring: Wiring = {...options, got: () => (got ??= loadGot())}
  const send = async (request: ClientRequest): Promise<ClientAnswer> => {
    const answer = await sendToSome(order, request, wiring)
    order = [answer.endpoint, ...order.filter((endpoint) => endpoint !== answer.endpoint)]
    return answer
  }
  return {
    endpoints: () => order,
    send,
    sendForJson: async (request) => {
      const {text} = await send(request)
      return parseJson(text)
    },
  }
}

interface Wiring extends TransportOptions {
  got(): Promise<Got>
}

/** Tries each gateway; repeats the round while somebody answers 503. */
async function sendToSome(
  endpoints: readonly string[],
  request: ClientRequest,
  wiring: Wiring,
): Promise<ClientAnswer> {
  const attempts = request.attempts ?? ATTEMPTS_MAX
  let pauseMs = RETRY_PAUSE_MIN_MS
  for (let attempt = 1; ; attempt++) {
    const answer = await sendToReachable(endpoints, request, wiring)
    if (answer.status < 400) return answer
    const error = errorOf(request, answer)
    if (answer.status !== 503 || attempt >= attempts) throw error
    wiring.onRetry?.(error)
    await sleep(retryPauseMs(answer, pauseMs), undefined, sleepOptions(wiring.signal))
    pauseMs = Math.min(2 * pauseMs, RETRY_PAUSE_MAX_MS)
  }
}

function sleepOptions(signal: AbortSignal | undefined): {signal?: AbortSignal} {
  return signal === undefined ? {} : {signal}
}

async function sendToReachable(
  endpoints: readonly string[],
  request: ClientRequest,
  wiring: Wiring,
): Promise<ClientAnswer> {
  const failures: string[] = []
  for (const endpoint of endpoints) {
    try {
      return await sendOnce(endpoint, request, wiring)
    } catch (error) {
      if (wiring.signal?.aborted === true) throw interrupted()
      if (!(error instanceof Unreachable)) throw error
      if (error.sent && !isRepeatable(request)) throw outcomeUnknown(endpoint, request, error)
      failures.push(`${endpoint}: ${error.message}`)
    }
  }
  throw new AisError({
    code: 'UNREACHABLE',
    message: `no gateway answers (${failures.join('; ')})`,
    hint: 'is the cluster running? aisctl lists what it knows: aisctl show clusters',
    details: {endpoints},
  })
}

async function sendOnce(
  endpoint: string,
  request: ClientRequest,
  wiring: Wiring,
): Promise<ClientAnswer> {
  const got = await wiring.got()
  const timeoutMs = request.timeoutMs ?? wiring.timeoutMs ?? REQUEST_TIMEOUT_MS
  const body = request.json === undefined ? request.body : encodeJson(request.json)
  try {
    const response = await got(new URL(request.path, endpoint), {
      method: request.method as Method,
      ...(request.query === undefined ? {} : {searchParams: request.query}),
      headers: {'user-agent': 'aisctl', ...request.headers, ...contentType(body)},
      ...(body === undefined ? {} : {body}),
      ...(wiring.signal === undefined ? {} : {signal: wiring.signal}),
      timeout: {connect: CONNECT_TIMEOUT_MS, request: timeoutMs},
    })
    return answerOf(endpoint, response)
  } catch (error) {
    throw explain(error as Error & {code?: string}, {endpoint, request, timeoutMs})
  }
}

function contentType(body: string | undefined): Record<string, string> {
  return body === undefined ? {} : {'content-type': 'application/json'}
}

async function loadGot(): Promise<Got> {
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
