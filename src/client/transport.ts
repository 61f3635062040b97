/**
 * One request of the control plane: to the first gateway that can be reached, again through the
 * others while the cluster says 503, with the answer as text. What changes nothing may be asked of
 * several; a change goes to one at a time, and is not repeated once it may have been made. Object
 * bytes do not pass here (objects.ts): they stream.
 */

import {setTimeout as sleep} from 'node:timers/promises'
import type {Got} from 'got'
import type {ErrorCode} from '../base/errors.ts'
import {AisError} from '../base/errors.ts'
import {parseJson} from '../wire/json.ts'
import type {Json} from '../wire/json.ts'
import type {Failure} from './failures.ts'
import {
  afterAttempts,
  errorOf,
  interruptedChange,
  isReading,
  nobodyAnswers,
  outcomeUnknown,
  Unreachable,
} from './failures.ts'
import {firstAnswer} from './first-answer.ts'
import type {Gateways} from './gateways.ts'
import {createGateways} from './gateways.ts'
import {
  LIVELY_MS,
  PATIENCE_MS,
  READ_HEDGE_MS,
  REQUEST_TIMEOUT_MS,
  RETRY_PAUSE_MAX_MS,
  RETRY_PAUSE_MIN_MS,
} from './limits.ts'
import {interrupted, retryPauseMs} from './reasons.ts'
import type {ClientAnswer, ClientRequest} from './request.ts'
import type {Sending} from './send-once.ts'
import {loadGot, sendOnce} from './send-once.ts'

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
  const wiring: Wiring = {
    ...options,
    gateways,
    heardMs: new Map(),
    silent: new Set(),
    got: () => (got ??= loadGot()),
  }
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
  /** When each gateway answered last, by the monotonic clock. */
  readonly heardMs: Map<string, number>
  /** Gateways that could not be reached when they were last tried. */
  readonly silent: Set<string>
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
      throw afterAttempts(error, {tried: [...tried], silent: [...wiring.silent], count, sinceMs})
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
    if (isReading(request)) return await ask(endpoints, request, wiring)
    const lively = await livelyFirst(endpoints, wiring)
    return await sendToOne(lively, request, wiring)
  } catch (error) {
    const said = error instanceof AisError && error.code === 'INTERRUPTED'
    throw wiring.signal?.aborted === true && !said ? interrupted() : error
  }
}

function ask(
  endpoints: readonly string[],
  request: ClientRequest,
  wiring: Wiring,
): Promise<ClientAnswer> {
  const {hedgeMs = READ_HEDGE_MS} = wiring
  const limitMs = request.timeoutMs ?? wiring.timeoutMs ?? REQUEST_TIMEOUT_MS
  return firstAnswer(endpoints, {request, hedgeMs, limitMs}, (endpoint, signal) =>
    hear(endpoint, request, {...wiring, over: signal}),
  )
}

/** Any answer will do: who gives one is not frozen. */
const ARE_YOU_THERE: ClientRequest = {method: 'GET', path: '/v1/health'}

/**
 * A change that meets a frozen gateway would have to be waited for and be of unknown outcome: one
 * is asked for a sign of life first, if there are others and it has given none just now.
 */
async function livelyFirst(
  endpoints: readonly string[],
  wiring: Wiring,
): Promise<readonly string[]> {
  const [first = ''] = endpoints
  const heardMs = wiring.heardMs.get(first) ?? Number.NEGATIVE_INFINITY
  if (endpoints.length === 1 || performance.now() - heardMs < LIVELY_MS) return endpoints
  const {endpoint} = await ask(endpoints, ARE_YOU_THERE, wiring)
  return [endpoint, ...endpoints.filter((other) => other !== endpoint)]
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
      return await hear(endpoint, request, wiring)
    } catch (error) {
      if (wiring.signal?.aborted === true) throw interruptedChange(request)
      if (!(error instanceof Unreachable)) throw error
      if (error.sent) throw outcomeUnknown(endpoint, request, error)
      failures.push({endpoint, error})
    }
  }
  throw nobodyAnswers(request, failures)
}

async function hear(
  endpoint: string,
  request: ClientRequest,
  wiring: Wiring & Sending,
): Promise<ClientAnswer> {
  try {
    const answer = await sendOnce(endpoint, request, wiring)
    wiring.heardMs.set(endpoint, performance.now())
    wiring.silent.delete(endpoint)
    return answer
  } catch (error) {
    const late = wiring.over?.aborted === true
    if (error instanceof Unreachable && !late) wiring.silent.add(endpoint)
    throw error
  }
}
