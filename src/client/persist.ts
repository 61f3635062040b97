/**
 * Repeats what a moment may mend: 503, and connections that fail; each time through the next
 * gateway, until it works, cannot work, or the patience is at its end.
 */

import type {IncomingMessage} from 'node:http'
import {setTimeout as sleep} from 'node:timers/promises'
import type {Refusal} from '../base/errors.ts'
import {AisError} from '../base/errors.ts'
import {collectHeaders} from '../wire/headers.ts'
import type {Gateways} from './gateways.ts'
import {RETRY_PATIENCE_MS, RETRY_PAUSE_MAX_MS, RETRY_PAUSE_MIN_MS} from './limits.ts'
import {fileError, interrupted, reasonOf, retryPauseMs} from './reasons.ts'

export interface PersistOptions {
  readonly gateways: Gateways
  readonly signal?: AbortSignal
  /** Default RETRY_PATIENCE_MS. */
  readonly patienceMs?: number
}

/** A refusal by the cluster, with how long it asks to wait. */
export class Refused extends AisError {
  readonly pauseMs: number

  constructor(refusal: Refusal, answer: IncomingMessage) {
    super(refusal)
    const headers = collectHeaders(answer.rawHeaders)
    this.pauseMs = retryPauseMs({headers}, RETRY_PAUSE_MIN_MS)
  }
}

/** @throws AisError what the last attempt said */
export async function persist<T>(
  options: PersistOptions,
  attempt: (endpoint: string) => Promise<T>,
): Promise<T> {
  const {gateways, signal} = options
  const endpoints = gateways.list()
  const deadline = performance.now() + (options.patienceMs ?? RETRY_PATIENCE_MS)
  const failures = new Map<string, string>()
  let pauseMs = RETRY_PAUSE_MIN_MS
  for (let turn = 0; ; turn++) {
    const endpoint = endpoints[turn % endpoints.length] ?? ''
    try {
      const result = await attempt(endpoint)
      gateways.answered(endpoint)
      return result
    } catch (error) {
      if (signal?.aborted === true) throw interrupted()
      failures.set(endpoint, error instanceof Error ? reasonOf(error) : String(error))
      const waitMs = pauseBefore(error, turn + 1 < endpoints.length ? 0 : pauseMs)
      const late = waitMs !== undefined && performance.now() + waitMs > deadline
      if (waitMs === undefined || late) throw known(error, failures)
      await pause(waitMs, signal)
      pauseMs = Math.min(2 * pauseMs, RETRY_PAUSE_MAX_MS)
    }
  }
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, signal === undefined ? {} : {signal})
  } catch (error) {
    throw signal?.aborted === true ? interrupted() : error
  }
}

const CUT: readonly string[] = [
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
]

/** How long to wait before the next attempt; undefined when repeating would not help. */
function pauseBefore(error: unknown, pauseMs: number): number | undefined {
  if (error instanceof Refused) {
    return error.status === 503 ? Math.max(error.pauseMs, pauseMs) : undefined
  }
  if (error instanceof AisError) return undefined
  const {code, message} = error as NodeJS.ErrnoException
  const cut = (code !== undefined && CUT.includes(code)) || message === 'aborted'
  return cut ? pauseMs : undefined
}

/** An error of the system in words; a defect of ours stays what it is. */
function known(error: unknown, failures: ReadonlyMap<string, string>): unknown {
  if (error instanceof AisError || !(error instanceof Error)) return error
  const {code} = error as NodeJS.ErrnoException
  if (code === undefined && error.message !== 'aborted') return error
  const file = fileError(error)
  if (file !== undefined) return file
  return new AisError(
    {
      code: 'UNREACHABLE',
      message: [...failures].map(([endpoint, reason]) => `${endpoint}: ${reason}`).join('; '),
      hint: 'look at the nodes: aisctl show cluster',
      details: {tried: [...failures.keys()]},
    },
    error,
  )
}
