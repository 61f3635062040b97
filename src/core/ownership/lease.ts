/**
 * A target's data lease (DESIGN: leases): the time until which it may acknowledge writes. A beat
 * gives one only to the run that it means, only when that run holds the newest committed record,
 * and only counted from the sending of the answer that the beat echoes: a beat that lay in the
 * socket of a frozen process is as old as that answer.
 */

import type {BeatRequest, RunMark} from '../../model/peer-messages.ts'
import type {RecordPosition} from '../../model/record.ts'
import {comparePositions} from '../../model/record.ts'

/** When this run sent its latest answers, by nonce. */
export interface LeaseState {
  readonly untilMs: number
  readonly lastNonce: number
  readonly answers: readonly {readonly nonce: number; readonly sentAtMs: number}[]
}

export const NO_LEASE: LeaseState = {untilMs: 0, lastNonce: 0, answers: []}

/** Answers remembered: a beat echoes the newest that its sender has heard, one or two ago. */
const ANSWERS_KEPT = 8

/** Remembers that an answer with the next nonce is sent now. */
export function answerSent(lease: LeaseState, nowMs: number): LeaseState {
  const nonce = lease.lastNonce + 1
  const answers = [...lease.answers, {nonce, sentAtMs: nowMs}].slice(-ANSWERS_KEPT)
  return {...lease, lastNonce: nonce, answers}
}

/** The lease after a beat. @param held the committed record that every worker of this node holds */
export function leaseFromBeat(
  lease: LeaseState,
  beat: BeatRequest,
  self: {readonly run: RunMark; readonly held: RecordPosition},
): LeaseState {
  const meant = beat.to.inc === self.run.inc && beat.to.run === self.run.run
  if (!meant || beat.leaseMs === 0 || comparePositions(self.held, beat.committed) !== 0)
    return lease
  const echoed = lease.answers.find(({nonce}) => nonce === beat.echo)
  if (echoed === undefined) return lease
  const untilMs = echoed.sentAtMs + beat.leaseMs
  return untilMs > lease.untilMs ? {...lease, untilMs} : lease
}

/**
 * Length of the lease that a beat may give, counted from the sending of the echoed answer: T_own,
 * and never beyond what the primary's own last majority round covers. 0: none.
 * @param heardAtMs when the echoed answer arrived @param majorityAtMs start of the last majority
 * round
 */
export function leaseToGive(ownMs: number, heardAtMs: number, majorityAtMs: number): number {
  return Math.max(0, Math.floor(Math.min(ownMs, majorityAtMs + ownMs - heardAtMs)))
}
