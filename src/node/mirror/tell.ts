/** Damaged copies are counted and told: an operator should know of a disk that forgets. */

import type {AisError} from '../../base/errors.ts'
import type {Log} from '../observe/log.ts'
import type {Stats} from '../observe/stats.ts'
import type {Repair} from '../store/object/repairs.ts'

/** AIStore's name for content that does not match its checksum. */
const ROT = 'err.cksum.n'
/** Ours: damaged or missing copies that were made again from another one. */
const REPAIRED = 'ext.repair.n'

export interface DamageTold {
  /** A copy that cannot be read, or is not what was written. */
  readonly onDamage: (error: AisError) => void
  readonly onRepaired: (repair: Repair) => void
}

export function tellDamage(stats: Pick<Stats, 'add'>, log: Log): DamageTold {
  const onDamage = (error: AisError): void => {
    stats.add(ROT, '', 1)
    log.error('a copy is damaged', {problem: error.message})
  }
  const onRepaired = ({key, error, placed}: Repair): void => {
    if (error !== null) {
      log.error('a damaged object cannot be repaired', {object: key.name, problem: error.message})
      return
    }
    if (placed.copied === 0) return
    stats.add(REPAIRED, '', placed.copied)
    log.warn('a damaged copy was replaced from another', {object: key.name})
  }
  return {onDamage, onRepaired}
}
