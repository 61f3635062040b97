/**
 * One candidate's way to an epoch (R5, R6). Memory only: a restarted process begins at its start,
 * whatever the record on disk says (R9).
 */

import type {NodeId} from '../../model/ids.ts'
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
  /** By an operator's command: all of these have to say yes, and nobody else counts (R17). */
  readonly forced: readonly NodeId[] | null
}

/** By `voterKey`, the own yes included, so that a voter counts once however often it answers. */
export type Grants = Readonly<Record<string, Grant>>

/** A forced epoch leaves this much room below for a majority that has been given up (R17). */
export const FORCED_EPOCH_LEAP = 1000
/** And a forced record as much below in the index: generations of objects go by it (R17, R20). */
export const FORCED_INDEX_LEAP = 1_000_000

/**
 * Where a candidate begins, and begins again. @param promisedEpoch the highest promise it knows of
 */
export function standing(
  own: Grant,
  promisedEpoch: number,
  forced: readonly NodeId[] | null = null,
): Extract<Election, {phase: 'pre-voting'}> {
  const epoch = promisedEpoch + (forced === null ? 1 : FORCED_EPOCH_LEAP)
  return {phase: 'pre-voting', epoch, own, forced, grants: {[voterKey(own.voter)]: own}}
}

/**
 * Where an heir begins (R16): whoever has stored the record that names it has voted for it, itself
 * included, so there is nothing to ask in advance. @param epoch the one after that record's
 */
export function standingAsHeir(own: Grant, epoch: number): Extract<Election, {phase: 'voting'}> {
  return {phase: 'voting', epoch, own, forced: null, grants: {[voterKey(own.voter)]: own}}
}
