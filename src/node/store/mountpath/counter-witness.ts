/**
 * What has been reserved of the counter, on every mountpath: a state directory that was set back is
 * known by it. The counter itself is on the system disk; a mountpath that cannot say, or could not
 * be told, says nothing.
 */

import {AisError} from '../../../base/errors.ts'
import {errnoOf} from '../fs/fs.ts'
import {readReservation, writeReservation} from '../state/counter.ts'
import {OWN_FOLDER} from './mountpath-mark.ts'
import type {Mountpath} from './mountpaths.ts'

/** What a mountpath knows to be reserved; 0 when it does not. @throws AisError INCOMPATIBLE */
function witnessed({pinned, port, calls}: Mountpath): bigint {
  try {
    return readReservation(`${pinned}/${OWN_FOLDER}`, port) ?? 0n
  } catch (error) {
    if (error instanceof AisError && error.code === 'INCOMPATIBLE') throw error
    // A damaged one is written anew; a disk that fails is looked at.
    if (!(error instanceof AisError) && errnoOf(error) === '') throw error
    calls.note(error)
    return 0n
  }
}

/** Tells the mountpaths that are in use. Durable there when it returns. */
export function tellWitnesses(mountpaths: readonly Mountpath[], reserved: bigint): void {
  for (const {pinned, port, calls} of mountpaths) {
    if (calls.disabled() !== null) continue
    try {
      writeReservation(`${pinned}/${OWN_FOLDER}`, reserved, port)
    } catch (error) {
      if (errnoOf(error) === '') throw error
      calls.note(error)
    }
  }
}

/** The highest that one of them knows. @throws AisError INCOMPATIBLE */
export function highestWitness(mountpaths: readonly Mountpath[]): bigint {
  return mountpaths.map(witnessed).reduce((most, known) => (known > most ? known : most), 0n)
}

/** Tells those that know less. @throws AisError INCOMPATIBLE */
export function bringUpWitnesses(mountpaths: readonly Mountpath[], reserved: bigint): void {
  tellWitnesses(
    mountpaths.filter((mountpath) => witnessed(mountpath) < reserved),
    reserved,
  )
}
