/** What a failed system call means to the client whose request met it. */

import {AisError} from '../../base/errors.ts'
import {errnoOf} from './fs/fs.ts'
import type {Mountpath} from './mountpath/mountpaths.ts'

/** Errors of a full device: the request is refused, the device is fine. */
const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT'])

/** Whether a device has no room left: nothing is wrong with it. */
export function isFull(error: unknown): boolean {
  return FULL.has(errnoOf(error))
}

/** @param what what was being done: `write "a"` */
export function storeError(
  mountpath: Pick<Mountpath, 'node' | 'path'>,
  what: string,
  error: unknown,
): AisError {
  if (error instanceof AisError) return error
  const {node, path} = mountpath
  const code = errnoOf(error)
  if (isFull(error)) {
    return new AisError(
      {
        code: 'NO_SPACE',
        message: `${node}: mountpath ${path} is full (${what})`,
        hint: 'free space there, or add a mountpath or a target',
        details: {mountpath: path},
      },
      error,
    )
  }
  const reason = code === '' ? String(error) : code
  const message = `${node}: mountpath ${path} failed: ${reason} (${what})`
  const hint = 'check the disk (journalctl -k on the host), then `aisnode fsck`'
  return new AisError({code: 'IO_ERROR', message, hint, details: {mountpath: path}}, error)
}
