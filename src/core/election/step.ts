/**
 * The candidate: pre-vote, own ballot to disk, votes, adoption. It stands for as long as nobody
 * else leads: a yes binds its voter for the epoch, so votes do not age and no round ever times out;
 * only a higher epoch sends it back to its start. When and who may stand is not decided here.
 */

import {assert, unreachable} from '../../base/assert.ts'
import type {NodeId} from '../../model/ids.ts'
import {isElectable} from '../../model/node.ts'
import type {StoredRecord} from '../../model/peer-messages.ts'
import {isRecordQuorum, voterKey} from '../../model/quorum.ts'
import type {Voter} from '../../model/record.ts'
import {comparePositions} from '../../model/record.ts'
import type {ElectionEvent, ElectionOrder} from './events.ts'
import type {Election, Grant, Grants} from './state.ts'
import {standing} from './state.ts'

/** The candidate's next state and its orders, in the order in which they are to be carried out. */
export interface ElectionStep {
  readonly election: Election
  readonly orders: readonly ElectionOrder[]
}

/** Takes one event. `begun` follows `standing()`: the own yes alone may be a quorum. */
export function stepElection(election: Election, event: ElectionEvent): ElectionStep {
  switch (event.type) {
    case 'begun':
      return election.phase === 'storing' ? quiet(election) : judge(election, [{type: 'ask'}])
    case 'granted':
      return granted(election, event)
    case 'outbid':
      return outbid(election, event.promisedEpoch)
    case 'stored':
      return stored(election, event.epoch)
    default:
      return unreachable(event)
  }
}

/**
 * What the grants would elect to: the newest record among them, whole, if they are a quorum of its
 * voters (and of its previous ones, unless it is known committed) and the candidate may lead it.
 * Pre-vote and vote are this very same test (R5, R6). @param forced who has to say yes instead of a
 * quorum (R17)
 */
export function outcome(
  grants: Grants,
  self: Voter,
  forced: readonly NodeId[] | null = null,
): {readonly adopt: StoredRecord; readonly known: boolean} | undefined {
  const yes = Object.values(grants)
  const adopt = yes.map((grant) => grant.accepted).reduce(newer)
  const known = yes.some((grant) => comparePositions(grant.committed, adopt.record) === 0)
  const member = adopt.record.smap.nodes[self.id]
  if (member === undefined || member.inc !== self.inc || !isElectable(member)) return undefined
  if (forced !== null) {
    const said = new Set(yes.map(({voter}) => voter.id))
    return forced.every((id) => said.has(id)) ? {adopt, known} : undefined
  }
  const answered = new Set(Object.keys(grants))
  return isRecordQuorum(adopt.record, answered, known) ? {adopt, known} : undefined
}

function newer(best: StoredRecord, next: StoredRecord): StoredRecord {
  return comparePositions(next.record, best.record) > 0 ? next : best
}

function quiet(election: Election): ElectionStep {
  return {election, orders: []}
}

function granted(
  election: Election,
  event: {readonly epoch: number; readonly pre: boolean; readonly grant: Grant},
): ElectionStep {
  const {epoch, pre, grant} = event
  if (election.phase === 'storing' || election.epoch !== epoch) return quiet(election)
  if ((election.phase === 'pre-voting') !== pre) return quiet(election)
  // A voter that has accepted a record of this epoch or a later one has seen another primary.
  const seen = grant.accepted.record.epoch
  if (seen >= epoch) return outbid(election, seen)
  const grants = {...election.grants, [voterKey(grant.voter)]: grant}
  return judge({...election, grants}, [])
}

function judge(
  election: Exclude<Election, {phase: 'storing'}>,
  otherwise: readonly ElectionOrder[],
): ElectionStep {
  const {epoch, own} = election
  const won = outcome(election.grants, own.voter, election.forced)
  if (won === undefined) return {election, orders: otherwise}
  if (election.phase === 'pre-voting') {
    const {forced} = election
    return {
      election: {phase: 'storing', epoch, own, forced},
      orders: [{type: 'store-ballot', epoch}],
    }
  }
  assert(won.adopt.record.epoch < epoch, 'an adopted record is of an earlier epoch')
  const votes = Object.keys(election.grants).length
  return {election, orders: [{type: 'elected', epoch, votes, ...won}]}
}

function stored(election: Election, epoch: number): ElectionStep {
  if (election.phase !== 'storing' || election.epoch !== epoch) return quiet(election)
  const {own, forced} = election
  const grants = {[voterKey(own.voter)]: own}
  return judge({phase: 'voting', epoch, own, forced, grants}, [{type: 'ask'}])
}

/** Somebody has promised an epoch that leaves no room for this one: begins again above it. */
function outbid(election: Election, promisedEpoch: number): ElectionStep {
  const {own, forced} = election
  const again = standing(own, promisedEpoch, forced)
  if (again.epoch <= election.epoch) return quiet(election)
  return judge(again, [{type: 'ask'}])
}
