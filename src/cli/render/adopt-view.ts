/** What a target has kept aside and is taken up, in words. */

import {AisError} from '../../base/errors.ts'
import {formatSize} from '../../base/units.ts'
import type {Adopted} from '../../wire/adopt.ts'
import {formatCount} from './count.ts'
import {objectsText} from './departure-view.ts'

/** `1,200 objects (4.77MiB) taken up`. */
export function takenText({adopted, bytes}: Adopted): string {
  return `${objectsText(adopted)} (${formatSize(bytes)}) taken up`
}

/** What is true now. */
export function lastLine(label: string, sum: Adopted, discard: boolean): string {
  const {adopted, present, obsolete, failed} = sum
  if (adopted + present + obsolete + failed === 0) {
    return `${label} has kept nothing aside. See: aisctl show cluster`
  }
  const rest = present + obsolete
  const where = discard ? 'removed' : 'still aside: remove it with --discard-rest'
  const words =
    rest === 0
      ? ''
      : `; ${formatCount(present)} that the cluster has and ${formatCount(obsolete)} ${obsolete === 1 ? 'delete' : 'deletes'} ${where}`
  return `${label}: ${takenText(sum)}${words}.`
}

/** Not everything could be taken up. */
export function partly(label: string, {failed, problem}: Adopted): AisError {
  return new AisError({
    code: 'PARTIAL',
    message: `${objectsText(failed)} of ${label} could not be taken up: ${problem}`,
    hint: `they stay aside; try again: aisctl node adopt-data ${label}`,
    details: {failed},
  })
}
