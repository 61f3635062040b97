/** Since when the primary has had a majority behind it (R10): the CheckQuorum of this protocol. */

import {isQuorum, voterKey, voterSetsOf} from '../../model/quorum.ts'
import type {ClusterRecord, Voter} from '../../model/record.ts'

/** A voter, and when the newest message that it answered was sent. */
export interface Contact {
  readonly voter: Voter
  readonly contactMs: number
}

/**
 * The latest time such that a commit quorum of the record has answered something sent then or
 * later; `nowMs` where the primary alone is a quorum, -Infinity without any quorum.
 */
export function majoritySince(
  record: ClusterRecord,
  self: Voter,
  contacts: readonly Contact[],
  nowMs: number,
): number {
  const answered = new Set([voterKey(self)])
  const sets = voterSetsOf(record)
  const isEnough = (): boolean => sets.every((voters) => isQuorum(voters, answered))
  if (isEnough()) return nowMs
  const newestFirst = contacts.toSorted((a, b) => b.contactMs - a.contactMs)
  for (const {voter, contactMs} of newestFirst) {
    answered.add(voterKey(voter))
    if (isEnough()) return contactMs
  }
  return -Infinity
}
