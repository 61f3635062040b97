/**
 * One request of the control plane: to the first gateway that can be reached, again while the
 * cluster says 503, with the answer as text. Object bytes do not pass here (objects.ts): they
 * stream.
 */

import {setTimeout as sleep} from 'node:timers/promises'
import type {Got, Method, Response} from 'got'
import {AisError} from '../base/errors.ts'
import {formatDuration} from '../base/units.ts'
import {decodeError} from '../wire/error-body.ts'
import type {HeaderBag} from '../wire/headers.ts'
import {collectHeaders, firstHeader} from '../wire/headers.ts'
import {encodeJson, parseJson} from '../wire/json.ts'
import type {Json} from '../wire/json.ts'
import {
  ANSWER_BYTES_MAX,
  ATTEMPTS_MAX,
  CONNECT_TIMEOUT_MS,
  REDIRECTS_MAX,
  REQUEST_TIMEOUT_MS,
  RETRY_PAUSE_MAX_MS,
  RETRY_PAUSE_MIN_MS,
} from './limits.ts'

export interface ClientRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'PATCH' | 'DELETE'
  /** Begins with `/v1/`; already percent-encoded. */
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly json?: unknown
  /** JSON text, sent as it is. With neither: no body. */
  readonly body?: string
  readonly timeoutMs?: number
  /** Attempts while the cluster says 503. Default ATTEMPTS_MAX; 1 = none is repeated. */
  readonly attempts?: number
}

export interface ClientAnswer {
  readonly status: number
  readonly headers: HeaderBag
  readonly text: string
  /** The gateway that answered. */
  readonly endpoint: string
}

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

/** How long to wait before the next attempt: what the server asks for, within the bound. */
export function retryPauseMs(answer: {readonly headers: HeaderBag}, fallbackMs: number): number {
  const asked = Number(firstHeader(answer.headers, 'retry-after') ?? Number.NaN)
  const pauseMs = asked >= 0 ? asked * 1000 : fallbackMs
  return Math.min(Math.max(pauseMs, RETRY_PAUSE_MIN_MS), RETRY_PAUSE_MAX_MS)
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

class Unreachable extends Error {
  /** Whether the request may have arrived. */
  readonly sent: boolean

  constructor(message: string, sent: boolean) {
    super(message)
    this.sent = sent
  }
}

/**
 * Doing it twice has the effect of doing it once, and the second answer says the same as the first.
 */
function isRepeatable({method}: ClientRequest): boolean {
  return method !== 'POST' && method !== 'DELETE'
}

function outcomeUnknown(endpoint: string, {method, path}: ClientRequest, error: Error): AisError {
  return new AisError(
    {
      code: 'UNREACHABLE',
      message: `${endpoint}: ${error.message} during ${method} ${path}; whether it was done is not known`,
      hint: 'look before you repeat it',
    },
    error,
  )
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

interface Asked {
  readonly endpoint: string
  readonly request: ClientRequest
  readonly timeoutMs: number
}

const REACHED: readonly string[] = ['ERR_TOO_MANY_REDIRECTS', 'ERR_BODY_PARSE_FAILURE']

function explain(error: Error & {code?: string}, {endpoint, request, timeoutMs}: Asked): Error {
  if (error instanceof AisError) return error
  if (error.name === 'TimeoutError' && !/connect|lookup/.test(error.message)) {
    return new AisError(
      {
        code: 'TIMED_OUT',
        message: `${endpoint}: no answer to ${request.method} ${request.path} within ${formatDuration(timeoutMs)}`,
        hint: 'look at the node: aisctl show cluster',
      },
      error,
    )
  }
  if (error.code !== undefined && REACHED.includes(error.code)) return error
  return new Unreachable(reasonOf(error), error.code === 'ECONNRESET' || error.code === 'EPIPE')
}

/** `connect ECONNREFUSED 127.0.0.1:51080` in words. */
export function reasonOf(error: Error & {code?: string}): string {
  switch (error.code) {
    case 'ECONNREFUSED':
      return 'nothing listens there'
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'the host name is not known'
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'the host cannot be reached'
    case 'ECONNRESET':
    case 'EPIPE':
      return 'the connection was cut'
    case 'ETIMEDOUT':
      return 'it does not answer'
    default:
      return error.message
  }
}

export function interrupted(): AisError {
  return new AisError({code: 'INTERRUPTED', message: 'interrupted'})
}

/** The error that an answer carries, with the code that the server gave it. */
export function errorOf(
  request: {readonly method: string; readonly path: string},
  answer: ClientAnswer,
): AisError {
  const found = decodeError(answer.status, answer.headers, answer.text)
  const {method, path} = request
  return new AisError({...found, details: {...found.details, method, path}})
}

/** An answer of another shape than the API's. */
export function notUnderstood(path: string, expected: string): AisError {
  return new AisError({
    code: 'INTERNAL',
    message: `${path}: the answer is not ${expected}`,
    hint: 'is this the public address of a gateway?',
  })
}
