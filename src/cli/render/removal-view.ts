/**
 * A node that leaves the map at once, in words: what is lost with it, and what is true afterwards.
 */

import {formatSize} from '../../base/units.ts'
import type {Removal} from '../../client/remove-node.ts'
import {nodeLabelOf} from '../../model/node.ts'
import {objectsText} from './departure-view.ts'

/** What would be unreachable, before it is asked about. */
export function lossText({member, alone, estimated}: Removal): string {
  const label = nodeLabelOf(member)
  if (alone === null) {
    return `nobody can say how many objects only ${label} has; they become unreachable`
  }
  const {objects, bytes} = alone
  if (objects === 0) return `nothing is on ${label} alone`
  const what = `${objectsText(objects)} (${formatSize(bytes)})`
  return estimated
    ? `about ${what} that only ${label} has become unreachable: it does not answer, and the other targets have as many on the average`
    : `${what} are on ${label}; those that nobody else has become unreachable`
}

function afterText({member, alone, estimated}: Removal): string {
  if (member.role === 'proxy') return 'the other gateways serve on'
  if (alone === null) return 'what only it had is unreachable'
  if (alone.objects === 0) return 'nothing was on it alone'
  const about = estimated ? 'about' : 'up to'
  return `${about} ${objectsText(alone.objects)} that only it had are unreachable`
}

/** What is true now, and what to type next. */
export function removedText(removal: Removal): string {
  const {member, alone} = removal
  const back =
    member.role === 'proxy' || alone?.objects === 0
      ? 'See: aisctl show cluster'
      : `If it comes back: aisctl node adopt-data ${member.id} · see: aisctl show cluster`
  return `${nodeLabelOf(member)} is removed from the map; ${afterText(removal)}. ${back}`
}
