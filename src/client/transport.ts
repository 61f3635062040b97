/**
 * One request of the control plane: to the first gateway that can be reached, again through the
 * others while the cluster says 503, with the answer as text. What changes nothing may be asked of
 * several; a change goes to one at a time, and is not repeated once it may have been made. Object
 * bytes do not pass here (objects.ts): they stream.
 */

import {setTimeout as sleep} from 'node:timers/promises'
import type {Got, Method, Response} from 'got'
import type {ErrorCode} from '../base/errors.ts'
import {AisError} from '../base/errors.ts'
import {collectHeaders} from '../wire/headers.ts'
import {encodeJson, parseJson} from '../wire/json.ts'
import type {Json} from '../wire/json.ts'
import type {Failure} from './failures.ts'
import {
  afterAttempts,
  errorOf,
  explain,
  isReading,
  nobodyAnswers,
  outcomeUnknown,
  Unreachable,
} from './failures.ts'
import {firstAnswer} from './first-answer.ts'
import type {Gateways} from './gateways.ts'
import {createGateways} from './gateways.ts'
import {
  ANSWER_BYTES_MAX,
  CONNECT_TIMEOUT_MS,
  PATIENCE_MS,
  READ_HEDGE_MS,
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
  /** Kept together with other users of the same cluster. Default: of `endpoints`. */
  readonly gateways?: Gateways
  readonly signal?: AbortSignal
  /** Default REQUEST_TIMEOUT_MS. */
  readonly timeoutMs?: number
  /** How long a request is repeated while the cluster says 503. Default PATIENCE_MS. */
  readonly patienceMs?: number
  /** A silent gateway keeps a reader from the next one for this long. Default READ_HEDGE_MS. */
  readonly hedgeMs?: number
  /** Told each time that a request is to be repeated, with what the cluster said. */
  onRetry?(error: AisError): void
}

export function createTransport(options: TransportOptions): Transport {
  const gateways = options.gateways ?? createGateways(options.endpoints)
  let got: Promise<Got> | undefined
  // Loaded with the first request: its import costs a third of a command's start.
  const wiring: Wiring = {...options, gateways, got: () => (got ??= loadGot())}
  const send = async (request: ClientRequest): Promise<ClientAnswer> => {
    const answer = await persistently(request, wiring)
    gateways.answered(answer.endpoint)
    return answer
  }
  return {
    endpoints: () => gateways.list(),
    send,
    sendForJson: async (request) => {
      const {text} = await send(request)
      return parseJson(text)
    },
  }
}

interface Wiring extends TransportOptions {
  readonly gateways: Gateways
  got(): Promise<Got>
}

/** Refusals of a gateway that another one may not share: it is cut off, or has not heard yet. */
const ITS_OWN: readonly ErrorCode[] = ['NOT_READY', 'NO_PRIMARY', 'NO_QUORUM', 'UNREACHABLE']

/** Repeats the request while somebody answers 503, each time beginning with the next gateway. */
async function persistently(request: ClientRequest, wiring: Wiring): Promise<ClientAnswer> {
  const beganMs = performance.now()
  const tried = new Set<string>()
  let pauseMs = RETRY_PAUSE_MIN_MS
  let after = ''
  for (let count = 1; ; count++) {
    const endpoints = request.at === undefined ? wiring.gateways.list() : [request.at]
    const answer = await sendToReachable(rotated(endpoints, after), request, wiring)
    if (answer.status < 400) return answer
    after = answer.endpoint
    const news = !tried.has(after)
    tried.add(after)
    const sinceMs = performance.now() - beganMs
    const error = errorOf(request, answer)
    if (answer.status !== 503) throw error
    const others = endpoints.some((endpoint) => !tried.has(endpoint))
    const atOnce = news && others && ITS_OWN.includes(error.code)
    const waitMs = atOnce ? 0 : Math.max(pauseMs, retryPauseMs(answer, pauseMs))
    if (mayNot(request, wiring, {count, untilMs: sinceMs + waitMs})) {
      throw afterAttempts(error, {tried: [...tried], count, sinceMs})
    }
    wiring.onRetry?.(error)
    await pause(waitMs, wiring.signal)
    if (!atOnce) pauseMs = Math.min(2 * pauseMs, RETRY_PAUSE_MAX_MS)
  }
}

function mayNot(
  {attempts}: ClientRequest,
  {patienceMs = PATIENCE_MS}: Wiring,
  {count, untilMs}: {readonly count: number; readonly untilMs: number},
): boolean {
  return attempts === undefined ? untilMs > patienceMs : count >= attempts
}

/** The same gateways, beginning behind this one. */
function rotated(endpoints: readonly string[], after: string): readonly string[] {
  const at = endpoints.indexOf(after) + 1
  return [...endpoints.slice(at), ...endpoints.slice(0, at)]
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, signal === undefined ? {} : {signal})
  } catch (error) {
    throw signal?.aborted === true ? interrupted() : error
  }
}

async function sendToReachable(
  endpoints: readonly string[],
  request: ClientRequest,
  wiring: Wiring,
): Promise<ClientAnswer> {
  try {
    if (!isReading(request)) return await sendToOne(endpoints, request, wiring)
    const {hedgeMs = READ_HEDGE_MS} = wiring
    return await firstAnswer(endpoints, {request, hedgeMs}, (endpoint, signal) =>
      sendOnce(endpoint, request, {...wiring, over: signal}),
    )
  } catch (error) {
    throw wiring.signal?.aborted === true ? interrupted() : error
  }
}

/** To one gateway after the other, as long as it has certainly not arrived. */
async function sendToOne(
  endpoints: readonly string[],
  request: ClientRequest,
  wiring: Wiring,
): Promise<ClientAnswer> {
  const failures: Failure[] = []
  for (const endpoint of endpoints) {
    try {
      return await sendOnce(endpoint, request, wiring)
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error
      if (error.sent) throw outcomeUnknown(endpoint, request, error)
      failures.push({endpoint, error})
    }
  }
  throw nobodyAnswers(request, failures)
}

interface Sending extends Wiring {
  /** The answer is not needed any more. */
  readonly over?: AbortSignal
}

async function sendOnce(
  endpoint: string,
  request: ClientRequest,
  wiring: Sending,
): Promise<ClientAnswer> {
  const got = await wiring.got()
  const timeoutMs = request.timeoutMs ?? wiring.timeoutMs ?? REQUEST_TIMEOUT_MS
  const body = request.json === undefined ? request.body : encodeJson(request.json)
  const abort = eitherOf(wiring.signal, wiring.over)
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
