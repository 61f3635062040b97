/** Why a connection failed, in words, and errors that more than one file of the client ends with. */

import {AisError} from '../base/errors.ts'
import type {HeaderBag} from '../wire/headers.ts'
import {firstHeader} from '../wire/headers.ts'
import {RETRY_PAUSE_MAX_MS, RETRY_PAUSE_MIN_MS} from './limits.ts'

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

/** An answer of another shape than the API's. */
export function notUnderstood(path: string, expected: string): AisError {
  return new AisError({
    code: 'INTERNAL',
    message: `${path}: the answer is not ${expected}`,
    hint: 'is this the public address of a gateway?',
  })
}

/** How long to wait before the next attempt: what the server asks for, within the bound. */
export function retryPauseMs(answer: {readonly headers: HeaderBag}, fallbackMs: number): number {
  const asked = Number(firstHeader(answer.headers, 'retry-after') ?? Number.NaN)
  const pauseMs = asked >= 0 ? asked * 1000 : fallbackMs
  return Math.min(Math.max(pauseMs, RETRY_PAUSE_MIN_MS), RETRY_PAUSE_MAX_MS)
}

/** A file that cannot be read, in words; undefined when the error is about no file. */
export function fileError(error: unknown): AisError | undefined {
  if (!(error instanceof Error)) return undefined
  const {code, path, message} = error as NodeJS.ErrnoException
  if (path === undefined) return undefined
  if (code === 'ENOENT') {
    return new AisError({code: 'NOT_FOUND', message: `there is no file ${path}`}, error)
  }
  return new AisError({code: 'IO_ERROR', message: `${path}: ${message}`}, error)
}
