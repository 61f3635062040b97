/**
 * The kernel: one event in, the next state and the effects out. The only place that knows all
 * protocols; it hands each event to the one it concerns and the outcome to the next. It decides
 * nothing about time, sockets or disks: those are events and effects.
 */

import {assert, unreachable} from '../../base/assert.ts'
import type {NodeId} from '../../model/ids.ts'
import type {BeatAnswer, PeerAnswer, PeerRequest, PrepareAnswer} from '../../model/peer-messages.ts'
import {noteActive} from '../keepalive/suspicion.ts'
import {
  onBeatAnswered,
  onMemberSilent,
  onPrepareAnswered,
  sendDueBeats,
  settle,
  weighMajority,
} from './beats.ts'
import {bootedNode, onBooted} from './boot.ts'
import {onCommanded, onInviteSilent, serveWaitingCommands, tickCommands} from './command.ts'
import type {KernelEffect, KernelEvent, StoredRecord} from './events.ts'
import {answerWaitingBeats, onBeatAsked, onPrepareAsked, onVoteAsked} from './follow.ts'
import {onFoundAnswered, stepFounder, tickFounding} from './found.ts'
import {tickHandOver} from './hand-over.ts'
import {onProposalStored, proposeQueued, stepProposer, weighStart} from './lead.ts'
import {
  onChecked,
  onCheckAsked,
  onInviteAnswered,
  onJoinAsked,
  onLeavingAsked,
  reviewMembers,
  serveWaitingJoins,
} from './members.ts'
import {answerSpread} from './outcome.ts'
import {
  onClearedReported,
  onDecommissioned,
  onMoveReported,
  onReclaimReported,
  reviewOperation,
  takePart,
} from './operation.ts'
import {onInviteAsked, onProbeAsked, refuseSpeaker} from './place.ts'
import {onGivenUpAnswered} from './recover.ts'
import {onJoinAnswered, onJoinSilent, onProbeAnswered, tickSeeking} from './seek.ts'
import {
  onInheritanceStored,
  onVoteAnswered,
  standIfDue,
  stepCandidate,
  tickStanding,
} from './stand.ts'
import {seek} from './stage.ts'
import type {Deferred, KernelState, NodeState, Purpose} from './state.ts'
import {exitIfDone, onLeavingAnswered, onStopOrdered, tickGone, unheard} from './stop.ts'
import type {Turn} from './turn.ts'
import {answer, emit, log, takePurpose, update} from './turn.ts'
import {onViewHeld, publishView} from './view.ts'
import {
  onConnectionLost,
  onNominateAsked,
  onNominated,
  onWatchAnswered,
  onWatchSilent,
  primaryWatch,
  tickWatch,
} from './watch.ts'

/**
 * A tick this late means that this process, not the others, was away (local-health damping, R13).
 */
const TICK_LATE_MS = 600

/** What a step gives. */
export interface KernelStep {
  readonly state: KernelState
  readonly effects: readonly KernelEffect[]
}

/** Before `booted`. */
export function initialKernel(): KernelState {
  return {phase: 'idle'}
}

/** Takes one event. */
export function step(state: KernelState, event: KernelEvent): KernelStep {
  if (event.type === 'booted') {
    assert(state.phase === 'idle', 'a kernel boots once')
    const turn: Turn = {node: bootedNode(event), effects: []}
    onBooted(turn, event)
    return finish(turn)
  }
  if (state.phase === 'idle') return {state, effects: []}
  const turn: Turn = {node: withTime(state, event), effects: []}
  route(turn, event)
  noteCommitted(turn, state.durable.committed)
  return finish(turn)
}

function noteCommitted(turn: Turn, before: StoredRecord | null): void {
  const {activeNotes, durable, nowMs} = turn.node
  if (durable.committed === null || durable.committed === before) return
  update(turn, {activeNotes: noteActive(activeNotes, durable.committed.record, nowMs)})
}

function withTime(node: NodeState, event: Exclude<KernelEvent, {type: 'booted'}>): NodeState {
  assert(event.nowMs >= node.nowMs, 'monotonic time does not run backwards')
  const wallMs = 'wallMs' in event ? Math.floor(event.wallMs) : node.wallMs
  return {...node, nowMs: event.nowMs, wallMs}
}

/**
 * What every step ends with: changes found on the way are proposed, beats sent, the view published.
 */
function finish(turn: Turn): KernelStep {
  serveWaitingCommands(turn)
  if (turn.node.stage.stage === 'leading') {
    reviewMembers(turn)
    reviewOperation(turn)
    proposeQueued(turn)
    sendDueBeats(turn)
    answerSpread(turn)
  }
  takePart(turn)
  exitIfDone(turn)
  publishView(turn)
  return {state: turn.node, effects: turn.effects}
}

function route(turn: Turn, event: Exclude<KernelEvent, {type: 'booted'}>): void {
  switch (event.type) {
    case 'tick':
      return onTick(turn)
    case 'persisted':
      return onPersisted(turn, event.token, event.sha)
    case 'peer-asked':
      return onAsked(turn, event.askId, event.from.id, event.request)
    case 'peer-answered':
      return onAnswered(turn, takePurpose(turn, event.sendId), event.answer)
    case 'peer-silent':
      return onSilent(turn, takePurpose(turn, event.sendId), event)
    case 'commanded':
      return onCommanded(turn, event.askId, event.command)
    case 'view-held':
      return answerWaitingBeats(turn, onViewHeld(turn, event.index))
    case 'connection-lost':
      return onConnectionLost(turn, event.from)
    case 'move-reported':
      return onMoveReported(turn, event.report)
    case 'reclaim-reported':
      return onReclaimReported(turn, event.report)
    case 'cleared-reported':
      return onClearedReported(turn, event.upTo)
    case 'decommissioned':
      return onDecommissioned(turn)
    case 'stop-ordered':
      return onStopOrdered(turn)
    default:
      return unreachable(event)
  }
}

function onTick(turn: Turn): void {
  const {nowMs, tickedMs} = turn.node
  if (nowMs - tickedMs > TICK_LATE_MS) forgiveSilence(turn)
  update(turn, {tickedMs: nowMs})
  answerWaitingBeats(turn, false)
  serveWaitingJoins(turn)
  tickGone(turn)
  switch (turn.node.stage.stage) {
    case 'seeking':
      tickWatch(turn)
      standIfDue(turn)
      return tickSeeking(turn)
    case 'founding':
      return tickFounding(turn)
    case 'standing':
      tickWatch(turn)
      tickStanding(turn)
      return tickSeeking(turn)
    case 'following':
      tickWatch(turn)
      standIfDue(turn)
      return tickFollowing(turn)
    case 'leading':
      // Every answer weighs it anew; here it is for a primary that needs none.
      if (nowMs - turn.node.stage.majorityAtMs > turn.node.timers.leaseMs / 2) weighMajority(turn)
      settle(turn)
      weighStart(turn)
      tickHandOver(turn)
      return tickCommands(turn)
    default:
      return unreachable(turn.node.stage)
  }
}

/** A process that was away suspects itself first: what it did not hear, it could not. */
function forgiveSilence(turn: Turn): void {
  const {stage, nowMs} = turn.node
  update(turn, {awakeMs: nowMs})
  if (stage.stage !== 'leading') return
  const peers = Object.fromEntries(
    Object.entries(stage.peers).map(([id, peer]) => [
      id,
      {...peer, suspicion: {phase: 'none' as const, notBeforeMs: nowMs}},
    ]),
  )
  update(turn, {stage: {...stage, peers}})
}

function tickFollowing(turn: Turn): void {
  const {nowMs, stage, timers} = turn.node
  const {quietSinceMs} = primaryWatch(turn.node)
  if (stage.stage !== 'following' || nowMs - quietSinceMs <= timers.electMs) return
  log(turn, 'warn', `nothing heard from the primary for ${Math.round(nowMs - quietSinceMs)} ms`)
  seek(turn, null)
}

function onPersisted(turn: Turn, token: number, sha: string): void {
  const [first, ...rest] = turn.node.writes
  assert(first !== undefined && first.token === token, 'writes are reported in their order')
  const state = withSha(first.state, sha)
  update(turn, {
    onDisk: state,
    writes: rest.map((write) => ({...write, state: sealed(write.state, state.accepted)})),
    durable: sealed(turn.node.durable, state.accepted),
  })
  for (const deferred of first.after) resume(turn, deferred)
  if (turn.node.writes.length === 0) standIfDue(turn)
}

type Durable = NodeState['durable']

/** The store's hash of an own proposal, wherever that proposal stands. */
function withSha(state: Durable, sha: string): Durable {
  if (state.accepted === null || state.accepted.sha !== '') return state
  return sealed(state, {...state.accepted, sha})
}

function sealed(state: Durable, accepted: StoredRecord | null): Durable {
  const stale = state.accepted
  if (stale === null || accepted === null || stale.sha !== '' || stale.record !== accepted.record) {
    return state
  }
  return {...state, accepted}
}

function resume(turn: Turn, deferred: Deferred): void {
  switch (deferred.type) {
    case 'effect':
      return emit(turn, deferred.effect)
    case 'ballot-stored':
      return stepCandidate(turn, {type: 'stored', epoch: deferred.epoch})
    case 'founding-stored':
      return stepFounder(turn, {type: 'stored'})
    case 'proposal-stored':
      return onProposalStored(turn, deferred.position)
    case 'commit-sealed':
      stepProposer(turn, {type: 'sealed', position: deferred.position})
      return serveWaitingJoins(turn)
    case 'inheritance-stored':
      return onInheritanceStored(turn, deferred.position)
    default:
      return unreachable(deferred)
  }
}

function onAsked(turn: Turn, askId: number, from: NodeId, request: PeerRequest): void {
  if (speakerOf(request, from) !== from) return refuseSpeaker(turn, askId, from, request)
  switch (request.type) {
    case 'vote':
      return onVoteAsked(turn, askId, request)
    case 'prepare':
      return onPrepareAsked(turn, askId, from, request)
    case 'beat':
      return onBeatAsked(turn, askId, from, request)
    case 'join':
      return onJoinAsked(turn, askId, request)
    case 'leaving':
      return onLeavingAsked(turn, askId, request)
    case 'probe':
      return onProbeAsked(turn, askId)
    case 'check':
      return onCheckAsked(turn, askId, request)
    case 'invite':
      return onInviteAsked(turn, askId, request)
    case 'nominate':
      return onNominateAsked(turn, askId, request)
    default:
      return unreachable(request)
  }
}

/** In whose name a request speaks; the connection has proven who asks. */
function speakerOf(request: PeerRequest, from: NodeId): NodeId {
  switch (request.type) {
    case 'vote':
      return request.candidate.id
    case 'join':
      return request.member.id
    case 'leaving':
      return request.voter.id
    default:
      return from
  }
}

/** An answer that is not of the question's kind is as good as none. */
function onAnswered(turn: Turn, purpose: Purpose | undefined, content: PeerAnswer): void {
  if (purpose === undefined) return
  const heard =
    onMemberAnswered(turn, purpose, content) ||
    onPlaceAnswered(turn, purpose, content) ||
    onWatchingAnswered(turn, purpose, content)
  if (!heard) {
    onSilent(turn, purpose, {reason: 'rejected', detail: `answered with a ${content.type}`})
  }
}

/** Answers that the primary, or a candidate, hears from members. True: it was one. */
function onMemberAnswered(turn: Turn, purpose: Purpose, content: PeerAnswer): boolean {
  if (purpose.type === 'beat' && content.type === 'beat') {
    onBeatAnswered(turn, purpose, content)
    acknowledge(turn, content)
    weighMajority(turn)
    settle(turn)
  } else if (purpose.type === 'prepare' && content.type === 'prepare') {
    onPrepareAnswered(turn, purpose, content)
    acknowledge(turn, content)
  } else if (purpose.type === 'vote' && content.type === 'vote') {
    onVoteAnswered(turn, purpose, content)
  } else if (purpose.type === 'check' && content.type === 'check') {
    onChecked(turn, purpose, content)
  } else if (purpose.type === 'invite' && content.type === 'invite') {
    onInviteAnswered(turn, purpose, content)
  } else return false
  return true
}

/**
 * Any answer that names the proposal's position acknowledges it, also where the answer to the
 * prepare itself was lost: a position of this epoch has one content (R1).
 */
function acknowledge(turn: Turn, {voter, position}: BeatAnswer | PrepareAnswer): void {
  stepProposer(turn, {type: 'acknowledged', voter, position})
}

/** Answers that a node hears which looks for a cluster, forms one, or leaves. True: it was one. */
function onPlaceAnswered(turn: Turn, purpose: Purpose, content: PeerAnswer): boolean {
  if (purpose.type === 'found' && content.type === 'vote') onFoundAnswered(turn, purpose, content)
  else if (purpose.type === 'join' && content.type === 'join')
    onJoinAnswered(turn, purpose, content)
  else if (purpose.type === 'probe' && content.type === 'probe') {
    onProbeAnswered(turn, purpose.place, content)
  } else if (purpose.type === 'leaving' && content.type === 'leaving') {
    onLeavingAnswered(turn, content.recorded)
  } else if (purpose.type === 'look' && content.type === 'probe') {
    answer(turn, purpose.askId, {type: 'check', reachable: true, detail: ''})
  } else return false
  return true
}

/** Answers about a primary that may be gone, or about nodes that were given up. True: it was one. */
function onWatchingAnswered(turn: Turn, purpose: Purpose, content: PeerAnswer): boolean {
  if (purpose.type === 'watch' && content.type === 'probe') {
    onWatchAnswered(turn, purpose.id, content)
    standIfDue(turn)
  } else if (purpose.type === 'nominate' && content.type === 'nominate') {
    onNominated(turn, content.noted)
  } else if (purpose.type === 'given-up' && content.type === 'probe') {
    onGivenUpAnswered(turn, purpose.id)
  } else return false
  return true
}

function onSilent(
  turn: Turn,
  purpose: Purpose | undefined,
  {reason, detail}: {readonly reason: string; readonly detail: string},
): void {
  if (purpose === undefined) return
  switch (purpose.type) {
    case 'beat':
    case 'prepare':
      return onMemberSilent(turn, purpose, reason)
    case 'join':
      return onJoinSilent(turn, purpose.place)
    case 'leaving':
      return unheard(turn)
    case 'check':
      return onChecked(turn, purpose, undefined)
    case 'look':
      return answer(turn, purpose.askId, {type: 'check', reachable: false, detail})
    case 'invite':
      return onInviteSilent(turn, purpose.id, detail)
    case 'watch':
      onWatchSilent(turn, purpose.id, reason)
      return standIfDue(turn)
    case 'nominate':
      return onNominated(turn, false)
    case 'given-up':
      return stepCandidate(turn, {type: 'begun'})
    case 'vote':
    case 'found':
    case 'probe':
      return undefined
    default:
      return unreachable(purpose)
  }
}
