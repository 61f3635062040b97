/**
 * What a recovery without a majority (R17) would do: who stays in the vote, who leads, which record
 * counts from then on, and what may be lost. Pure; the cluster itself judges everything once more.
 */

import type {Refusal} from '../base/errors.ts'
import {refusal} from '../base/errors.ts'
import {nodeLabel} from '../model/ids.ts'
import {comparePositions, POSITION_NONE} from '../model/record.ts'
import type {RecordMark, RecoveryAnswer} from '../wire/recovery.ts'
import type {PictureNode, RecoveryPicture} from './recovery-picture.ts'
import {newestOf} from './recovery-picture.ts'

/** A forced epoch is this far beyond every promise (R17). */
const EPOCH_STEP = 1000

/** A voter that leaves the vote. */
export interface Dropped {
  readonly id: string
  readonly label: string
  readonly problem: string
  /** Of a target: how many objects it may hold, as many as the others on average; null: unknown. */
  readonly objectsAbout: number | null
}

export interface RecoveryPlan {
  readonly uuid: string
  /** Takes office. */
  readonly leader: {readonly id: string; readonly url: string}
  readonly survivors: readonly string[]
  readonly dropped: readonly Dropped[]
  /** Voters of the newest record, and how many of them changes needed until now. */
  readonly voters: number
  readonly needed: number
  /** The record that counts from then on, and who holds it. */
  readonly record: RecordMark
  readonly holders: readonly string[]
  /** The epoch that it begins, at least. */
  readonly epoch: number
  /** Whether changes may have been acknowledged that no survivor holds. */
  readonly mayLose: boolean
}

/** @param wanted ids of the survivors; empty: all voters that answer */
export function planRecovery(
  picture: RecoveryPicture,
  wanted: readonly string[],
): RecoveryPlan | Refusal {
  const voters = picture.nodes.filter(({member}) => member.voter)
  const alive = voters.filter(isSame)
  const survivors = wanted.length === 0 ? alive : alive.filter(isIn(wanted))
  const problem = whyNot(picture, {voters, alive, survivors, wanted})
  if (problem !== undefined) return problem
  const answers = survivors.flatMap(({answer}) => answer ?? [])
  const newest = newestOf(answers)
  const leader = leaderOf(survivors, answers)
  if (newest?.accepted == null || leader === undefined) return noLeader(survivors)
  const {accepted} = newest
  const dropped = voters.filter((voter) => !survivors.includes(voter))
  const needed = neededOf(voters)
  return {
    uuid: picture.uuid,
    leader: {id: leader.member.id, url: leader.member.public},
    survivors: survivors.map(({member}) => member.id),
    dropped: dropped.map((voter) => droppedOf(voter, answers)),
    voters: voters.length,
    needed,
    record: accepted,
    holders: answers.filter((answer) => answer.accepted?.sha === accepted.sha).map(({id}) => id),
    epoch: Math.max(...answers.map(({promisedEpoch}) => promisedEpoch)) + EPOCH_STEP,
    mayLose: dropped.length >= needed,
  }
}

/** It answers, as the very member that the record means. */
function isSame({member, answer}: PictureNode): boolean {
  return answer !== null && answer.inc === member.inc && answer.accepted !== null
}

function isIn(ids: readonly string[]): (node: PictureNode) => boolean {
  return ({member}) => ids.includes(member.id)
}

/** A majority; where one gateway alone may lead, that one. */
function neededOf(voters: readonly PictureNode[]): number {
  const electable = voters.filter(({member}) => member.electable).length
  return electable === 1 ? 1 : Math.floor(voters.length / 2) + 1
}

interface Situation {
  readonly voters: readonly PictureNode[]
  readonly alive: readonly PictureNode[]
  readonly survivors: readonly PictureNode[]
  readonly wanted: readonly string[]
}

function whyNot(
  picture: RecoveryPicture,
  {voters, alive, survivors, wanted}: Situation,
): Refusal | undefined {
  if (voters.length === 0) return refused('no node that answers holds a record')
  const leads = picture.nodes.find(({answer}) => (answer?.leads ?? 0) > 0)
  if (leads !== undefined) {
    return refused(`${labelOf(leads)} leads the cluster`, 'look: aisctl show elections')
  }
  const follows = picture.nodes.find(({answer}) => hearsAnother(picture, answer))
  if (follows !== undefined) {
    const primary = nodeLabel('proxy', follows.answer?.primary?.id ?? '')
    return refused(
      `${labelOf(follows)} hears the primary ${primary}`,
      'look: aisctl show elections',
    )
  }
  const absent = wanted.filter((id) => !alive.some(({member}) => member.id === id))
  if (absent.length > 0) {
    return refused(
      `${absent.join(', ')} cannot survive: it does not answer as a voter of the newest record`,
      'name as --survivor only nodes that answer and vote',
    )
  }
  if (hasQuorum(voters, alive)) {
    return refused(
      `a majority lives: ${alive.length} of ${voters.length} voters answer; it elects a primary by itself`,
      'look again in some seconds: aisctl show elections',
    )
  }
  const dropped = alive.filter((voter) => !survivors.includes(voter))
  if (dropped.length === 0) return undefined
  return refused(
    `${dropped.map(labelOf).join(', ')} would be dropped from the vote, and answers`,
    'name it as --survivor, too, or switch it off for good',
  )
}

/**
 * It hears a primary that does not itself say that it has no majority: such a one goes on beating,
 * can change nothing, and is the one to recover with.
 */
function hearsAnother({nodes}: RecoveryPicture, answer: RecoveryAnswer | null): boolean {
  if (answer?.primary?.live !== true) return false
  const {id} = answer.primary
  return !nodes.some(({member, answer: own}) => member.id === id && own !== null && own.leads === 0)
}

function hasQuorum(voters: readonly PictureNode[], alive: readonly PictureNode[]): boolean {
  const electable = voters.filter(({member}) => member.electable)
  const [sole] = electable
  if (electable.length === 1 && sole !== undefined) return alive.includes(sole)
  const may = alive.some(({member}) => member.electable)
  return may && alive.length * 2 > voters.length
}

/**
 * Of those that may lead: the primary that the others still hear, else the one with the newest
 * record, then by id.
 */
function leaderOf(
  survivors: readonly PictureNode[],
  answers: readonly RecoveryAnswer[],
): PictureNode | undefined {
  const may = survivors.filter(({member}) => member.electable)
  const heard = may.find(({member}) =>
    answers.some(({primary}) => primary?.live === true && primary.id === member.id),
  )
  const at = ({answer}: PictureNode) => answer?.accepted ?? POSITION_NONE
  return heard ?? may.toSorted((a, b) => comparePositions(at(b), at(a)))[0]
}

function noLeader(survivors: readonly PictureNode[]): Refusal {
  const those = survivors.map(labelOf).join(', ')
  return refused(
    `no gateway that may lead is among the survivors (${those === '' ? 'there are none' : those})`,
    'start one of the electable gateways: a recovery needs one to take office',
  )
}

function droppedOf(
  {member, answer, problem}: PictureNode,
  answers: readonly RecoveryAnswer[],
): Dropped {
  const counts = answers.flatMap(({objects}) => objects ?? [])
  const all = counts.reduce((sum, one) => sum + one, 0)
  const about = counts.length === 0 ? null : Math.round(all / counts.length)
  const label = nodeLabel(member.role, member.id)
  const why =
    answer === null ? problem : 'it answers as another incarnation: it has lost its memory'
  return {id: member.id, label, problem: why, objectsAbout: member.role === 'target' ? about : null}
}

function labelOf({member}: PictureNode): string {
  return nodeLabel(member.role, member.id)
}

function refused(why: string, hint?: string): Refusal {
  return refusal('REFUSED', `${why}; nothing was changed`, hint === undefined ? {} : {hint})
}
