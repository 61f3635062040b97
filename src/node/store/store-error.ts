/** What a failed system call means to the client whose request met it. */

import {AisError} from '../../base/errors.ts'
import {errnoOf} from './fs.ts'

/** Errors of a full device: the request is refused, the device is fine. */
const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT'])

/** @param what what was being done to what: `write ais object "a" on /ais/mp1` */
export function storeError(what: string, error: unknown): AisError {
  if (error instanceof AisError) return error
  const code = errnoOf(error)
  if (FULL.has(code)) {
    return new AisError(
      {code: 'NO_SPACE', message: `${what}: no space left on the mountpath`},
      error,
    )
  }
  const reason = code === '' ? String(error) : code
  return new AisError({code: 'IO_ERROR', message: `${what}: ${reason}`}, error)
}
