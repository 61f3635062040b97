/**
 * The voter's answer to one question (R3, R4). It says yes or no; whoever asks this function makes
 * a yes durable before it is heard. Voting never installs a record.
 */

import type {ClusterUuid} from '../../model/ids.ts'
import {isElectable} from '../../model/node.ts'
import type {StoredRecord, VoteRequest} from '../../model/peer-messages.ts'
import {comparePositions, type Voter} from '../../model/record.ts'
import {rankOf, waitLeft, type PrimaryWatch} from './patience.ts'

/** What a voter goes by. */
export interface VoterFacts {
  /** Durable. */
  readonly uuid: ClusterUuid | ''
  readonly promisedEpoch: number
  readonly votedFor: Voter | null
  readonly accepted: StoredRecord | null
  /** Its data disks know the cluster, its state does not. */
  readonly amnesia: boolean
  /** The primary that this run of the voter has heard last; null: none. */
  readonly followed: {readonly id: string; readonly epoch: number} | null
  readonly watch: PrimaryWatch
}

/** A voter's word. */
export interface Ballot {
  /** Why not; '' when granted. */
  readonly reason: string
  /** It is a no for now only: the voter has to look for the primary itself. */
  readonly looks: boolean
}

const YES: Ballot = {reason: '', looks: false}

/** Judges a request for a vote or a pre-vote. */
export function judgeVote(voter: VoterFacts, request: VoteRequest): Ballot {
  if (request.uuid !== voter.uuid) {
    return no(`this node belongs to cluster ${voter.uuid || '(none)'}`)
  }
  return request.founding ? judgeFounding(voter, request) : judgeElection(voter, request)
}

function no(reason: string): Ballot {
  return {reason, looks: false}
}

/**
 * A founding vote is for good: only the same node may try again, and only while there is no record.
 */
function judgeFounding(voter: VoterFacts, request: VoteRequest): Ballot {
  if (voter.accepted !== null) return no('this node has a record of the cluster')
  if (voter.amnesia) return no('its data disks know the cluster, which it has forgotten')
  if (voter.votedFor !== null && voter.votedFor.id !== request.candidate.id) {
    return no(`this node has voted for ${voter.votedFor.id} to found the cluster`)
  }
  return YES
}

function judgeElection(voter: VoterFacts, request: VoteRequest): Ballot {
  const {accepted, promisedEpoch, votedFor} = voter
  if (accepted === null) return no('this node has no record of the cluster')
  const {candidate} = request
  const unfit = whyNotCandidate(accepted, request)
  if (unfit !== '') return no(unfit)
  const again = votedFor !== null && votedFor.id === candidate.id && votedFor.inc === candidate.inc
  if (request.epoch === promisedEpoch && again) return YES
  if (request.epoch <= promisedEpoch) return no(`this node has promised epoch ${promisedEpoch}`)
  // A primary without a majority that an operator makes go on (R17) is still heard here.
  const own = request.forced && voter.followed?.id === candidate.id
  if (own || (!request.forced && isResuming(voter, candidate, request.led))) return YES
  return judgePatience(voter, candidate, request.forced)
}

/**
 * A candidate that holds a newer record than this voter may be what that record has made of it: it
 * has to be electable there, and R6 is where that is tested. Else this voter's record decides.
 */
function whyNotCandidate(accepted: StoredRecord, {candidate, holds}: VoteRequest): string {
  if (holds !== null && comparePositions(holds.position, accepted.record) > 0) return ''
  const member = accepted.record.smap.nodes[candidate.id]
  if (member === undefined || member.inc !== candidate.inc) {
    return `${candidate.id} is not a member under that incarnation`
  }
  return isElectable(member) ? '' : `${candidate.id} may not be primary`
}

/**
 * The primary of this voter itself asks: its reign is over, or it would not. After a restart of the
 * whole cluster the primary on record goes first, so that a restart changes nothing; and one that
 * led until now has only heard of a higher epoch (R11).
 */
function isResuming(voter: VoterFacts, candidate: Voter, led: number): boolean {
  const {accepted, followed} = voter
  if (accepted?.record.smap.primary !== candidate.id) return false
  return followed === null || (followed.id === candidate.id && followed.epoch === led)
}

function judgePatience(voter: VoterFacts, candidate: Voter, forced: boolean): Ballot {
  const {accepted, watch} = voter
  if (accepted === null) return no('this node has no record of the cluster')
  const rank = forced ? 0 : rankOf(accepted.record.smap, candidate.id)
  const leftMs = waitLeft(watch, candidate.id, rank)
  if (leftMs === 0) return YES
  const {primary} = accepted.record.smap
  const heard = Math.round(watch.nowMs - watch.quietSinceMs)
  const place = rank === 0 ? '' : `, and ${rank} in the order of succession come first`
  return {
    reason: `p[${primary}] was heard ${heard} ms ago${place}`,
    looks: watch.evidence === null,
  }
}
