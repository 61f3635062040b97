/** What the record tells people about changes of primary. Nothing is decided by it. */

import type {NodeId} from '../../model/ids.ts'
import {ELECTIONS_KEPT} from '../../model/limits.ts'
import {votersOf} from '../../model/quorum.ts'
import type {ElectionNote} from '../../model/record.ts'
import type {ElectionOrder} from '../election/events.ts'
import {FOUNDING_EPOCH} from '../membership/founding.ts'
import type {NodeState, StandingStage} from './state.ts'

/** The notes with the election that was just won. */
export function withElection(
  node: NodeState,
  standing: StandingStage,
  won: Extract<ElectionOrder, {type: 'elected'}>,
): readonly ElectionNote[] {
  const {record} = won.adopt
  const note: ElectionNote = {
    epoch: won.epoch,
    primary: node.facts.self.id,
    before: record.smap.primary,
    reason: standing.reason,
    votes: won.votes,
    voters: votersOf(record.smap).length,
    tookMs: Math.round(node.nowMs - standing.beganMs),
    atMs: node.wallMs,
  }
  return kept([...record.elections, note])
}

/** The note of a founding: the founder alone is the first record's voter. */
export function foundingNote(primary: NodeId, wallMs: number): ElectionNote {
  return {
    epoch: FOUNDING_EPOCH,
    primary,
    before: '',
    reason: 'founded',
    votes: 1,
    voters: 1,
    tookMs: 0,
    atMs: wallMs,
  }
}

function kept(notes: readonly ElectionNote[]): readonly ElectionNote[] {
  return notes.slice(-ELECTIONS_KEPT)
}
