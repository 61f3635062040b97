/**
 * One candidate's way to an epoch (R5, R6). Memory only: a restarted process begins at its start,
 * whatever the record on disk says (R9).
 */

import type {StoredRecord} from '../../model/peer-messages.ts'
import type {RecordPosition, Voter} from '../../model/record.ts'
import {voterKey} from '../../model/quorum.ts'

/** What one voter's yes says. A candidate's own yes is among them. */
export interface Grant {
  readonly voter: Voter
  /** What that voter has accepted. */
  readonly accepted: StoredRecord
  /** What it knows committed. */
  readonly committed: RecordPosition
}

export type Election =
  /** Would win? Nothing is promised by anybody, no epoch rises (R5). */
  | (Standing & {readonly phase: 'pre-voting'; readonly grants: Grants})
  /** The candidate's own vote is on its way to the disk (R3). */
  | (Standing & {readonly phase: 'storing'})
  | (Standing & {readonly phase: 'voting'; readonly grants: Grants})

interface Standing {
  readonly epoch: number
  /** The candidate's own yes: it is a voter like any other. */
  readonly own: Grant
}

/** By `voterKey`, the own yes included, so that a voter counts once however often it answers. */
export type Grants = Readonly<Record<string, Grant>>

/**
 * Where a candidate begins, and begins again. @param promisedEpoch the highest promise it knows of
 */
export function standing(
  own: Grant,
  promisedEpoch: number,
): Extract<Election, {phase: 'pre-voting'}> {
  const epoch = promisedEpoch + 1
  return {phase: 'pre-voting', epoch, own, grants: {[voterKey(own.voter)]: own}}
}
