/** The candidate's dealings: carries out what `core/election` orders. */

import {formatEndpoint} from '../../model/node.ts'
import type {NodeId} from '../../model/ids.ts'
import {comparePositions, type ElectionReason, type RecordPosition} from '../../model/record.ts'
import type {StoredRecord, VoteAnswer, VoteRequest} from '../../model/peer-messages.ts'
import {isVoter, type Member} from '../../model/node.ts'
import {voterKey} from '../../model/quorum.ts'
import type {ElectionEvent, ElectionOrder} from '../election/events.ts'
import {rankOf} from '../election/patience.ts'
import {stepElection} from '../election/step.ts'
import {reasonToStand} from './candidacy.ts'
import {lead} from './lead.ts'
import type {Candidacy} from './stage.ts'
import {adoptEpoch, stand, stepDown} from './stage.ts'
import type {NodeState, Purpose, StandingStage} from './state.ts'
import type {Turn} from './turn.ts'
import {acceptedOf, enter, isAsking, log, persist, selfVoter, send} from './turn.ts'
import {positionOf} from './view.ts'

/** How often those are asked again who have not said yes; a refused connection answers at once. */
const ASK_AGAIN_MS = 100
/** Three round trips of a new connection on a slow line; an answer that comes later is lost. */
const VOTE_TIMEOUT_MS = 3000
/** Between two lines about whom a candidate waits for. */
export const WAIT_SAID_MS = 10_000

/** Stands, if this node may now. */
export function standIfDue(turn: Turn): void {
  const {stage} = turn.node.stage
  if (stage !== 'seeking' && stage !== 'following') return
  const reason = reasonToStand(turn.node)
  if (reason === undefined) return
  const place = rankOfSelf(turn.node)
  log(
    turn,
    'info',
    `asking whether to stand: ${REASONS[reason]}; ${place} in the order of succession`,
  )
  beginStanding(turn, {reason})
}

/** Begins to ask. */
export function beginStanding(turn: Turn, candidacy: Candidacy): void {
  stand(turn, candidacy)
  stepCandidate(turn, {type: 'begun'})
}

const REASONS: Readonly<Record<ElectionReason, string>> = {
  'founded': 'there is no cluster yet',
  'silent': 'the primary is silent',
  'gone': 'the primary is gone',
  'handed-over': 'the primary hands its office over',
  'again': 'this node was the primary',
  'recovered': 'an operator has given up the majority',
}

function rankOfSelf({durable, facts}: NodeState): string {
  const smap = durable.accepted?.record.smap
  return smap === undefined ? 'nowhere' : `number ${rankOf(smap, facts.self.id) + 1}`
}

/** The record that names this node as heir is stored (R16): the votes are there to be asked for. */
export function onInheritanceStored(turn: Turn, position: RecordPosition): void {
  const accepted = acceptedOf(turn.node)
  const {facts, durable, stage} = turn.node
  if (accepted === null || comparePositions(accepted.record, position) !== 0) return
  const epoch = position.epoch + 1
  const mine = durable.promisedEpoch === epoch && durable.votedFor?.id === facts.self.id
  if (!mine || stage.stage === 'leading' || stage.stage === 'founding') return
  log(turn, 'info', `taking over epoch ${epoch} from p[${accepted.record.smap.primary}]`, {epoch})
  beginStanding(turn, {reason: 'handed-over', heirOf: epoch})
}

/**
 * Gives the election an event and does what it orders. A recovery goes no step before it is known
 * that all who were given up are silent (R17); whoever has said yes meanwhile is asked again.
 */
export function stepCandidate(turn: Turn, event: ElectionEvent): void {
  const {stage} = turn.node
  if (stage.stage !== 'standing') return
  if (stage.forced !== null && isAsking(turn.node, ({type}) => type === 'given-up')) return
  const {election, orders} = stepElection(stage.election, event)
  enter(turn, {...stage, election})
  for (const order of orders) carryOut(turn, order)
}

function carryOut(turn: Turn, order: ElectionOrder): void {
  switch (order.type) {
    case 'ask':
      return askVoters(turn)
    case 'store-ballot': {
      const {promisedEpoch} = turn.node.durable
      if (order.epoch <= promisedEpoch) {
        return stepCandidate(turn, {type: 'outbid', promisedEpoch})
      }
      const {stage} = turn.node
      const forced = stage.stage === 'standing' && stage.election.forced !== null
      const who = forced ? 'the survivors' : 'a majority'
      log(turn, 'info', `${who} would vote for this node: standing for epoch ${order.epoch}`, {
        epoch: order.epoch,
      })
      return persist(turn, {promisedEpoch: order.epoch, votedFor: selfVoter(turn.node)}, [
        {type: 'ballot-stored', epoch: order.epoch},
      ])
    }
    default: {
      const {promisedEpoch} = turn.node.durable
      if (order.epoch < promisedEpoch) return stepCandidate(turn, {type: 'outbid', promisedEpoch})
      return lead(turn, order)
    }
  }
}

/** Asks again in time, and says for whom it waits. */
export function tickStanding(turn: Turn): void {
  const {nowMs, stage} = turn.node
  if (stage.stage !== 'standing') return
  if (stage.forced !== null && nowMs >= stage.forced.untilMs) {
    const silent = missingVoters(stage).map(({id}) => id)
    return stepDown(turn, `no yes from ${silent.join(', ')}`)
  }
  if (nowMs < stage.nextAskMs) return
  askVoters(turn)
  const {stage: after} = turn.node
  if (after.stage !== 'standing' || nowMs - after.saidAtMs < WAIT_SAID_MS) return
  const missing = missingVoters(after).map(
    (member) => `${member.id} at ${formatEndpoint(member.control)}`,
  )
  log(turn, 'warn', `waiting for a majority of the voters; no yes from ${missing.join(', ')}`, {
    epoch: after.election.epoch,
  })
  enter(turn, {...after, saidAtMs: nowMs})
}

function askVoters(turn: Turn): void {
  const {stage} = turn.node
  if (stage.stage !== 'standing' || stage.election.phase === 'storing') return
  enter(turn, {...stage, nextAskMs: turn.node.nowMs + ASK_AGAIN_MS})
  const {epoch, own} = stage.election
  const pre = stage.election.phase === 'pre-voting'
  const request: VoteRequest = {
    type: 'vote',
    uuid: own.accepted.record.uuid,
    epoch,
    candidate: own.voter,
    pre,
    founding: false,
    led: turn.node.led,
    forced: stage.election.forced !== null,
    holds: {position: positionOf(newestOf(stage)), sha: newestOf(stage).sha},
  }
  for (const member of unheard(stage)) {
    if (isAsking(turn.node, (purpose) => isVoteTo(purpose, member.id, epoch, pre))) continue
    send(turn, member, {
      request,
      timeoutMs: VOTE_TIMEOUT_MS,
      purpose: {type: 'vote', id: member.id, epoch, pre},
    })
  }
}

function isVoteTo(purpose: Purpose, id: NodeId, epoch: number, pre: boolean): boolean {
  return (
    purpose.type === 'vote' && purpose.id === id && purpose.epoch === epoch && purpose.pre === pre
  )
}

/**
 * All whom any of the records among the grants names, but those that have said yes: an older record
 * may not know a voter as one yet, and who holds the newer one has to be asked to be heard. Whose
 * yes counts is tested by R6. A recovery asks its survivors.
 */
function unheard({election}: StandingStage): readonly Member[] {
  const grants = election.phase === 'storing' ? {} : election.grants
  const {forced, own} = election
  const members = new Map(
    [own, ...Object.values(grants)]
      .flatMap(({accepted}) => Object.values(accepted.record.smap.nodes))
      .filter(({id}) => id !== own.voter.id && (forced === null || forced.includes(id)))
      .map((member) => [voterKey(member), member]),
  )
  return [...members].filter(([key]) => grants[key] === undefined).map(([, member]) => member)
}

/** Those of them who count in the newest record that it knows, for people. */
function missingVoters(stage: StandingStage): readonly Member[] {
  const {smap, pv} = newestOf(stage).record
  const before = new Set((pv ?? []).map(voterKey))
  const isForced = stage.election.forced !== null
  return unheard(stage).filter(({id, inc}) => {
    const member = smap.nodes[id]
    const counts = member !== undefined && member.inc === inc && isVoter(member)
    return isForced || counts || before.has(voterKey({id, inc}))
  })
}

/** The newest record that it knows: its own, or one that came with a yes. What R6 will test. */
function newestOf({election}: StandingStage): StoredRecord {
  const grants = election.phase === 'storing' ? [] : Object.values(election.grants)
  return grants
    .map(({accepted}) => accepted)
    .reduce((a, b) => (comparePositions(b.record, a.record) > 0 ? b : a), election.own.accepted)
}

/** A voter answered. */
export function onVoteAnswered(
  turn: Turn,
  purpose: Extract<Purpose, {type: 'vote'}>,
  answer: VoteAnswer,
): void {
  if (answer.voter.id !== purpose.id) return
  adoptEpoch(turn, answer.promisedEpoch > purpose.epoch ? answer.promisedEpoch : 0)
  const {stage} = turn.node
  if (stage.stage !== 'standing') return
  if (!answer.granted) {
    stepCandidate(turn, {type: 'outbid', promisedEpoch: answer.promisedEpoch})
    return
  }
  // Every survivor's promise counts for how far a recovery leaps, whoever says yes.
  if (stage.forced !== null && purpose.pre) {
    stepCandidate(turn, {type: 'outbid', promisedEpoch: answer.promisedEpoch})
  }
  const {election} = stage
  const grants = election.phase === 'storing' ? [] : Object.values(election.grants)
  const known = [election.own, ...grants].find((grant) => grant.accepted.sha === answer.sha)
  const accepted = answer.accepted ?? known?.accepted ?? null
  if (accepted === null) return
  stepCandidate(turn, {
    type: 'granted',
    epoch: purpose.epoch,
    pre: purpose.pre,
    grant: {voter: answer.voter, accepted, committed: answer.committed},
  })
}
