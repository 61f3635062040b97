/**
 * A target whose counter is gone has forgotten which generations it gave: under its old ownership
 * entry it would give them again. It becomes one that has lost its state directory: it forgets its
 * record and its vote, joins anew under a new incarnation, and so writes under a new entry, above
 * all that it ever gave. Only the system disk is looked at here: data disks may hang.
 */

import {AisError} from '../../../base/errors.ts'
import type {Fs} from '../fs/fs.ts'
import {exists, nodeFs, syncDirectoryNow} from '../fs/fs.ts'
import {COUNTER_FILE} from './counter.ts'
import {SLOTS} from './meta-store.ts'

/**
 * Makes a target that has lost its counter forget what it promised; durable when it returns. To be
 * called before the record is loaded.
 * @returns why it has forgotten; '' when it has not, and on a first start
 */
export function forgetWithoutCounter(directory: string, port: Fs = nodeFs): string {
  if (exists(port, `${directory}/${COUNTER_FILE}`)) return ''
  const slots = SLOTS.map((name) => `${directory}/${name}`).filter((path) => exists(port, path))
  if (slots.length === 0) return ''
  for (const path of slots) port.unlink(path)
  syncDirectoryNow(port, directory)
  return `${COUNTER_FILE} is gone: which generations were given is not known`
}

/**
 * A counter below what the data disks say was set back, and the rest of the state directory may
 * have been, too: it is removed, and the next start knows what to do.
 * @throws AisError always: the process must end
 */
export function dropOlderCounter(
  directory: string,
  {found, known}: {readonly found: bigint; readonly known: bigint},
  port: Fs,
): never {
  port.unlink(`${directory}/${COUNTER_FILE}`)
  syncDirectoryNow(port, directory)
  throw new AisError({
    code: 'IO_ERROR',
    message: `${directory} was set back: its counter says ${found}, the data disks ${known}`,
    hint: 'start the node again: it rejoins as one that has forgotten, and keeps its objects',
  })
}
