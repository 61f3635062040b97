/**
 * What may go wrong with one request of the control plane: whether another gateway may be tried,
 * whether it may be repeated, and what is said when neither helps.
 */

import {AisError} from '../base/errors.ts'
import {formatDuration} from '../base/units.ts'
import {decodeError} from '../wire/error-body.ts'
import {reasonOf} from './reasons.ts'
import type {ClientAnswer, ClientRequest} from './request.ts'

/** Nobody answered there: another gateway may. */
export class Unreachable extends Error {
  /** Whether the request may have arrived. */
  readonly sent: boolean
  /** It took the request, and then was silent to the end of our patience. */
  readonly silent: boolean

  constructor(message: string, {sent, silent = false}: {sent: boolean; silent?: boolean}) {
    super(message)
    this.sent = sent
    this.silent = silent
  }
}

/** It changes nothing: it may go to several gateways, and be repeated whatever came of it. */
export function isReading({method}: Pick<ClientRequest, 'method'>): boolean {
  return method === 'GET' || method === 'HEAD'
}

/** A change is never repeated when it may have been made: somebody may have changed it since. */
export function outcomeUnknown(
  endpoint: string,
  {method, path}: ClientRequest,
  error: Error,
): AisError {
  return new AisError(
    {
      code: 'OUTCOME_UNKNOWN',
      message: `${endpoint}: ${error.message} during ${method} ${path}; whether it was done is not known`,
      hint: 'look before you repeat it: aisctl show cluster',
      details: {endpoint},
    },
    error,
  )
}

/** The person did not wait for the answer to a change. */
export function interruptedChange({method, path}: ClientRequest): AisError {
  return new AisError({
    code: 'INTERRUPTED',
    message: `interrupted during ${method} ${path}; whether it was done is not known`,
    hint: 'look before you repeat it: aisctl show cluster',
  })
}

/** One gateway that was tried in vain. */
export interface Failure {
  readonly endpoint: string
  readonly error: Unreachable
}

/** Nobody is left to ask; every gateway is named with its reason. */
export function nobodyAnswers(
  {method, path}: ClientRequest,
  failures: readonly Failure[],
): AisError {
  const silent = failures.some(({error}) => error.silent)
  const reasons = failures.map(({endpoint, error}) => `${endpoint}: ${error.message}`).join('; ')
  const details = {tried: failures.map(({endpoint}) => endpoint)}
  return silent
    ? new AisError({
        code: 'TIMED_OUT',
        message: `no gateway answers ${method} ${path} (${reasons})`,
        hint: 'look at the nodes: aisctl show cluster',
        details,
      })
    : new AisError({
        code: 'UNREACHABLE',
        message: `no gateway answers (${reasons})`,
        hint: 'is the cluster running? aisctl lists what it knows: aisctl show clusters',
        details,
      })
}

const REACHED: readonly string[] = ['ERR_TOO_MANY_REDIRECTS', 'ERR_BODY_PARSE_FAILURE']

/** Why one gateway did not answer. */
export function explain(error: Error & {code?: string}, timeoutMs: number): Error {
  if (error instanceof AisError) return error
  if (error.name === 'TimeoutError' && !/connect|lookup/.test(error.message)) {
    const message = `no answer within ${formatDuration(timeoutMs)}`
    return new Unreachable(message, {sent: true, silent: true})
  }
  if (error.code !== undefined && REACHED.includes(error.code)) return error
  const sent = error.code === 'ECONNRESET' || error.code === 'EPIPE'
  return new Unreachable(reasonOf(error), {sent})
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

/** What was asked for in vain, of whom, and how long. */
export interface Attempts {
  readonly tried: readonly string[]
  /** Those that could not be reached. */
  readonly silent: readonly string[]
  readonly count: number
  readonly sinceMs: number
}

/** The same error, with what was tried before it was believed. */
export function afterAttempts(error: AisError, attempts: Attempts): AisError {
  const {tried, silent, count, sinceMs} = attempts
  if (count === 1) return error
  const took = formatDuration(Math.max(100, Math.round(sinceMs / 100) * 100))
  const others = silent.length === 0 ? '' : `; no answer from ${silent.join(', ')}`
  return new AisError({
    code: error.code,
    message: `${error.message} (asked ${tried.join(', ')}: ${count} times in ${took}${others})`,
    ...(error.hint === undefined ? {} : {hint: error.hint}),
    details: {...error.details, tried: [...tried, ...silent]},
  })
}
