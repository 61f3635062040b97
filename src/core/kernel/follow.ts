/**
 * The node as voter, acceptor and follower: votes, prepares and beats of others. Every node is one,
 * whatever else it is at the time.
 */

import type {
  BeatRequest,
  PeerAnswer,
  PrepareRequest,
  StoredRecord,
  VoteRequest,
} from '../../model/peer-messages.ts'
import type {NodeId} from '../../model/ids.ts'
import {comparePositions, POSITION_NONE, type RecordPosition} from '../../model/record.ts'
import {NO_WATCH} from '../election/evidence.ts'
import {inheritance} from '../election/inheritance.ts'
import {judgeVote} from '../election/voter.ts'
import {isNamed, judgeRecord} from '../metasync/acceptor.ts'
import {answerSent, leaseFromBeat} from '../ownership/lease.ts'
import type {DurableState} from './events.ts'
import type {NodeState} from './state.ts'
import type {Turn} from './turn.ts'
import {answer, emit, emitDurably, enter, log, persist, selfVoter, update} from './turn.ts'
import {handedOver} from './hand-over.ts'
import {stepDown} from './stage.ts'
import {announceStop} from './stop.ts'
import {positionOf} from './view.ts'
import {look, onPrimaryStands, primaryWatch} from './watch.ts'

/** A vote or a pre-vote was asked for. */
export function onVoteAsked(turn: Turn, askId: number, request: VoteRequest): void {
  const {followed, stage} = turn.node
  const restarted = followed?.id === request.candidate.id && request.led === 0
  if (restarted && stage.stage !== 'leading') onPrimaryStands(turn, followed.id)
  const watch = primaryWatch(turn.node)
  const {amnesia, durable} = turn.node
  const {reason, looks} = judgeVote({...durable, amnesia, followed, watch}, request)
  if (looks) look(turn)
  if (reason === '' && !request.pre && !hasVoted(turn.node.durable, request)) {
    const {epoch, candidate} = request
    update(turn, {granted: {id: candidate.id, atMs: turn.node.nowMs}})
    persist(
      turn,
      {promisedEpoch: Math.max(epoch, turn.node.durable.promisedEpoch), votedFor: candidate},
      [],
    )
    log(turn, 'info', `voted for p[${candidate.id}] in epoch ${epoch}`, {epoch})
    if (candidate.id !== turn.node.facts.self.id)
      stepDown(turn, `p[${candidate.id}] stands for epoch ${epoch}`)
  }
  answerVote(turn, askId, reason, request.holds?.sha ?? '')
}

/** Says no without looking further. */
export function refuseVote(turn: Turn, askId: number, reason: string): void {
  answerVote(turn, askId, reason, '')
}

/** @param knownSha hash of the record that the candidate holds, and need not be sent */
function answerVote(turn: Turn, askId: number, reason: string, knownSha: string): void {
  const {durable} = turn.node
  emitDurably(turn, {
    type: 'answer',
    askId,
    answer: {
      type: 'vote',
      granted: reason === '',
      reason,
      voter: selfVoter(turn.node),
      promisedEpoch: durable.promisedEpoch,
      position: positionOf(durable.accepted),
      sha: durable.accepted?.sha ?? '',
      accepted: knownSha === durable.accepted?.sha ? null : durable.accepted,
      committed: positionOf(durable.committed),
      amnesia: turn.node.amnesia,
    },
  })
}

function hasVoted(durable: DurableState, request: VoteRequest): boolean {
  return (
    durable.promisedEpoch === request.epoch &&
    durable.votedFor?.id === request.candidate.id &&
    durable.votedFor.inc === request.candidate.inc
  )
}

/** A record was put to this node. */
export function onPrepareAsked(
  turn: Turn,
  askId: number,
  from: NodeId,
  request: PrepareRequest,
): void {
  learnCommit(turn, request.committed, null)
  const foreign = request.record.record.smap.primary !== from
  const outcome = foreign
    ? `p[${from}] is not the primary of that record`
    : accept(turn, request.record, request.committed)
  if (outcome === '') heard(turn, from, {...request, settled: 0})
  const {durable} = turn.node
  emitDurably(turn, {
    type: 'answer',
    askId,
    answer: {
      type: 'prepare',
      accepted: outcome === '',
      reason: outcome,
      voter: selfVoter(turn.node),
      promisedEpoch: durable.promisedEpoch,
      position: positionOf(durable.accepted),
    },
  })
}

/**
 * Accepts a record, or says why not; '' when it is held. What the sender knows committed may be
 * this very record.
 */
export function accept(turn: Turn, offered: StoredRecord, committed: RecordPosition): string {
  const {durable, facts} = turn.node
  const verdict = judgeRecord(
    {...durable, id: facts.self.id, levelMax: facts.self.speaks[1]},
    offered,
  )
  switch (verdict.type) {
    case 'accept': {
      const {epoch} = offered.record
      const raises = epoch > durable.promisedEpoch
      persist(
        turn,
        {
          accepted: offered,
          committed: isNamed(offered, committed, null) ? offered : durable.committed,
          promisedEpoch: Math.max(epoch, durable.promisedEpoch),
          votedFor: raises ? null : durable.votedFor,
          ...inheritance(durable, offered),
        },
        isInherited(turn.node, offered)
          ? [{type: 'inheritance-stored', position: positionOf(offered)}]
          : [],
      )
      // A candidate that stands on an older record than it has would lose this one.
      if (turn.node.stage.stage === 'standing') stepDown(turn, 'a newer record has come')
      return ''
    }
    case 'held':
      return ''
    default:
      if (verdict.alarm !== 'none') {
        log(
          turn,
          'error',
          `refused record ${offered.record.epoch}.${offered.record.index}: ${verdict.reason}`,
          {
            alarm: verdict.alarm,
            sha: offered.sha,
          },
        )
      }
      return verdict.reason
  }
}

/** Activates the accepted record if it is exactly the one that is named as committed. */
function learnCommit(turn: Turn, committed: RecordPosition, sha: string | null): void {
  const {durable} = turn.node
  if (!isNamed(durable.accepted, committed, sha)) return
  const known = durable.committed
  if (known !== null && comparePositions(known.record, committed) >= 0) return
  persist(turn, {committed: durable.accepted}, [])
}

/** How long a beat waits for a commit to come into use: an fsync and a round of the workers. */
const BEAT_HOLD_MS = 200

/** A beat came. Its answer speaks of what is on disk, so it need not wait for the disk. */
export function onBeatAsked(turn: Turn, askId: number, from: NodeId, request: BeatRequest): void {
  const reason = whyNotFollow(turn.node, request)
  if (reason === '') {
    if (request.epoch > turn.node.durable.promisedEpoch) {
      persist(turn, {promisedEpoch: request.epoch, votedFor: null}, [])
    }
    learnCommit(turn, request.committed, request.committedSha)
    heard(turn, from, request)
    update(turn, {clusterStarted: turn.node.clusterStarted || request.started})
    takeLease(turn, request)
    if (isTakingUp(turn.node)) {
      const {nowMs, waitingBeats} = turn.node
      update(turn, {waitingBeats: [...waitingBeats, {askId, untilMs: nowMs + BEAT_HOLD_MS}]})
      return
    }
  }
  answerBeat(turn, askId, reason)
}

/** Whether a commit is known here that the workers do not use yet: a matter of milliseconds. */
function isTakingUp(node: NodeState): boolean {
  return (node.durable.committed?.record.index ?? 0) > node.held.index
}

/** Answers beats that waited for a commit to come into use: all when it has, else those in time. */
export function answerWaitingBeats(turn: Turn, inUse: boolean): void {
  const {waitingBeats, nowMs} = turn.node
  const ready = waitingBeats.filter(({untilMs}) => inUse || untilMs <= nowMs)
  if (ready.length === 0) return
  update(turn, {waitingBeats: waitingBeats.filter((one) => !ready.includes(one))})
  for (const {askId} of ready) answerBeat(turn, askId, '')
}

function answerBeat(turn: Turn, askId: number, reason: string): void {
  update(turn, {lease: answerSent(turn.node.lease, turn.node.nowMs)})
  answer(turn, askId, beatAnswer(turn.node, reason))
}

function whyNotFollow(node: NodeState, request: BeatRequest): string {
  const {durable, onDisk} = node
  if (request.uuid !== durable.uuid) {
    return `this node belongs to cluster ${durable.uuid || '(none)'}`
  }
  if (onDisk.run !== durable.run) return 'this node is starting'
  if (durable.inc === 0) return 'this node has not joined yet'
  if (request.epoch < durable.promisedEpoch) {
    return `this node has promised epoch ${durable.promisedEpoch}`
  }
  if (request.to.inc !== durable.inc) {
    return `this node is incarnation ${durable.inc}, the beat is for ${request.to.inc}`
  }
  return ''
}

function takeLease(turn: Turn, request: BeatRequest): void {
  const {node} = turn
  if (node.facts.self.role !== 'target') return
  const run = {inc: node.durable.inc, run: node.durable.run}
  const lease = leaseFromBeat(node.lease, request, {run, held: node.held})
  if (lease === node.lease) return
  update(turn, {lease})
  emit(turn, {type: 'lease', untilMs: lease.untilMs})
}

function beatAnswer(node: NodeState, reason: string): PeerAnswer {
  const {onDisk} = node
  return {
    type: 'beat',
    accepted: reason === '',
    reason,
    voter: {id: node.facts.self.id, inc: onDisk.inc},
    run: onDisk.run,
    promisedEpoch: onDisk.promisedEpoch,
    position: onDisk.accepted === null ? POSITION_NONE : positionOf(onDisk.accepted),
    held: node.held,
    nonce: node.lease.lastNonce,
    stopping: node.stop !== null,
    move: node.move,
    reclaim: node.reclaim,
    cleared: node.cleared,
  }
}

/** A primary of this epoch has spoken: whoever thought to lead, or looked for one, follows it. */
function heard(
  turn: Turn,
  from: NodeId,
  {epoch, committed, settled}: Pick<BeatRequest, 'epoch' | 'committed' | 'settled'>,
): void {
  const {followed, nowMs, stage} = turn.node
  // What was settled once stays settled, whoever leads.
  const settledIndex = Math.max(settled, followed?.settledIndex ?? 0)
  const next = {id: from, epoch, heardMs: nowMs, settledIndex, committed}
  update(turn, {followed: next, watch: NO_WATCH, granted: null})
  const isNew = followed === null || followed.id !== from || followed.epoch !== epoch
  if (stage.stage === 'following' && !isNew) return
  if (stage.stage === 'leading' && stage.epoch >= epoch) return
  const ordered = handedOver(turn, from)
  if (stage.stage !== 'following') {
    stepDown(turn, `p[${from}] leads epoch ${epoch}`, ordered ? 'info' : 'warn')
  }
  const {live, silentSinceMs} = turn.node.view.primary
  const gap = live ? '' : `, after ${Math.round(turn.node.wallMs - silentSinceMs)} ms without one`
  update(turn, {led: 0})
  enter(turn, {stage: 'following'})
  log(turn, 'info', `following p[${from}] in epoch ${epoch}${gap}`, {epoch})
  announceStop(turn)
}

/** Whether this record hands the office over to this node. */
function isInherited(node: NodeState, offered: StoredRecord): boolean {
  const {heir} = offered.record
  return heir !== null && heir.id === node.facts.self.id && heir.inc === node.durable.inc
}
