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

  constructor(message: string, sent: boolean) {
    super(message)
    this.sent = sent
  }
}

/**
 * Doing it twice has the effect of doing it once, and the second answer says the same as the first.
 */
export function isRepeatable({method}: ClientRequest): boolean {
  return method !== 'POST' && method !== 'DELETE'
}

export function outcomeUnknown(
  endpoint: string,
  {method, path}: ClientRequest,
  error: Error,
): AisError {
  return new AisError(
    {
      code: 'UNREACHABLE',
      message: `${endpoint}: ${error.message} during ${method} ${path}; whether it was done is not known`,
      hint: 'look before you repeat it',
    },
    error,
  )
}

/** What was asked of whom. */
export interface Asked {
  readonly endpoint: string
  readonly request: ClientRequest
  readonly timeoutMs: number
}

const REACHED: readonly string[] = ['ERR_TOO_MANY_REDIRECTS', 'ERR_BODY_PARSE_FAILURE']

export function explain(
  error: Error & {code?: string},
  {endpoint, request, timeoutMs}: Asked,
): Error {
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

/** The error that an answer carries, with the code that the server gave it. */
export function errorOf(
  request: {readonly method: string; readonly path: string},
  answer: ClientAnswer,
): AisError {
  const found = decodeError(answer.status, answer.headers, answer.text)
  const {method, path} = request
  return new AisError({...found, details: {...found.details, method, path}})
}
