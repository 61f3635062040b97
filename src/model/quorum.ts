/**
 * Who counts, and when enough have answered (R2, R8). A quorum is always taken over the
 * voters that a record configures, never over those who happened to answer. Checked as `Q`,
 * `Quorum` and `Joint` of the TLA+ model; keep the names of the cases together with it.
 */

import {isElectable, isVoter} from './node.ts'
import type {ClusterRecord, PreviousVoter, Smap, Voter} from './record.ts'

/** Voters that have answered, as `voterKey`s. */
export type Answered = ReadonlySet<string>

/** A voter as one text: the same id with another incarnation is another voter. */
export function voterKey(voter: Voter): string {
  return `${voter.id}/${voter.inc}`
}

/** The voters of a map, in the order of the map. */
export function votersOf(smap: Smap): readonly PreviousVoter[] {
  return Object.values(smap.nodes)
    .filter(isVoter)
    .map((member) => ({id: member.id, inc: member.inc, electable: isElectable(member)}))
}

/** The sets of voters of each of which a quorum is needed to commit a record. */
export function voterSetsOf(
  record: ClusterRecord,
  knownCommitted = false,
): readonly (readonly PreviousVoter[])[] {
  const voters = votersOf(record.smap)
  return record.pv === null || knownCommitted ? [voters] : [voters, record.pv]
}

/**
 * Whether the answers are a quorum of the voters: a majority; or, where one voter alone may ever
 * propose, that voter (the sole-proposer rule).
 */
export function isQuorum(voters: readonly PreviousVoter[], answered: Answered): boolean {
  const sole = soleProposer(voters)
  if (sole !== undefined) return answered.has(sole)
  const count = voters.filter((voter) => answered.has(voterKey(voter))).length
  return count * 2 > voters.length
}

/**
 * Whether the answers commit this record, or elect its proposer: a quorum of its voters and, unless
 * the record is known committed, of the voters before it.
 */
export function isRecordQuorum(
  record: ClusterRecord,
  answered: Answered,
  knownCommitted = false,
): boolean {
  return voterSetsOf(record, knownCommitted).every((voters) => isQuorum(voters, answered))
}

/**
 * The voters to write into `pv` of a record that changes this map into that one: null when any
 * quorum of the old and any of the new voters intersect anyway.
 */
export function previousVoters(before: Smap, after: Smap): readonly PreviousVoter[] | null {
  const old = votersOf(before)
  const next = votersOf(after)
  const oldKeys = new Set(old.map(voterKey))
  const nextKeys = new Set(next.map(voterKey))
  const differ =
    old.filter((voter) => !nextKeys.has(voterKey(voter))).length +
    next.filter((voter) => !oldKeys.has(voterKey(voter))).length
  return differ > 1 || soleProposer(old) !== soleProposer(next) ? old : null
}

function soleProposer(voters: readonly PreviousVoter[]): string | undefined {
  const electable = voters.filter((voter) => voter.electable)
  const [first] = electable
  return electable.length === 1 && first !== undefined ? voterKey(first) : undefined
}
