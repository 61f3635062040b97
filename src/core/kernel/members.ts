/**
 * The primary's dealings with membership: who comes in, who is promoted, who is gone, who is back.
 */

import {refusal} from '../../base/errors.ts'
import {nextInt} from '../../base/prng.ts'
import {MEMBERS_MAX} from '../../model/limits.ts'
import type {Member} from '../../model/node.ts'
import {formatEndpoint, isLeaving, nodeLabelOf} from '../../model/node.ts'
import type {NodeId} from '../../model/ids.ts'
import type {
  CheckAnswer,
  InviteAnswer,
  JoinRequest,
  LeavingRequest,
} from '../../model/peer-messages.ts'
import {brake, mostActive, suspicionAfter, suspicionAt} from '../keepalive/suspicion.ts'
import type {Peer} from '../keepalive/state.ts'
import {judgeJoin, redescribe} from '../membership/join.ts'
import {LEARNER_ACKS, updatePeer} from './beats.ts'
import {enqueue, isQueued} from './lead.ts'
import {answerJoin, refuseJoin} from './outcome.ts'
import type {Change, LeadingStage, Purpose} from './state.ts'
import type {Turn} from './turn.ts'
import {acceptedOf, answer, emit, enter, log, send, update} from './turn.ts'
import {isCommitting} from './view.ts'

/** How long a join may wait for this node to take office. Below the joiner's own time-out. */
const JOIN_HOLD_MS = 3000
const CHECK_TIMEOUT_MS = 2500
/** The window in which the most active members are the measure of the floor (R13). */
const ACTIVE_WINDOW_MS = 600_000
const BRAKE_SAID_MS = 60_000

/** A node asks to come in, or says that it is back. */
export function onJoinAsked(turn: Turn, askId: number, request: JoinRequest): void {
  const {stage, nowMs} = turn.node
  const record = acceptedOf(turn.node)?.record
  if (stage.stage === 'leading' && stage.confirmed && record !== undefined) {
    admit(turn, stage, askId, request)
    return
  }
  if (stage.stage === 'seeking' || stage.stage === 'following') {
    answer(turn, askId, {
      type: 'join',
      refusal: null,
      primary: primaryPlace(turn),
      inc: 0,
      committed: null,
    })
    return
  }
  if (turn.node.waitingJoins.length >= MEMBERS_MAX) {
    refuseJoin(turn, askId, refusal('NOT_READY', 'too many nodes wait to join'))
    return
  }
  const waiting = {askId, request, untilMs: nowMs + JOIN_HOLD_MS}
  update(turn, {waitingJoins: [...turn.node.waitingJoins, waiting]})
}

function primaryPlace(turn: Turn) {
  const record = acceptedOf(turn.node)?.record
  const id = turn.node.followed?.id ?? record?.smap.primary
  const member = id === undefined ? undefined : record?.smap.nodes[id]
  return member === undefined || member.id === turn.node.facts.self.id ? null : member.control
}

/** Lets in who waited for this node to take office; refuses whom it cannot keep waiting. */
export function serveWaitingJoins(turn: Turn): void {
  const {waitingJoins, nowMs, stage} = turn.node
  if (waitingJoins.length === 0) return
  if (stage.stage === 'leading' && stage.confirmed) {
    update(turn, {waitingJoins: []})
    for (const {askId, request} of waitingJoins) onJoinAsked(turn, askId, request)
    return
  }
  const expired = waitingJoins.filter(({untilMs}) => untilMs <= nowMs)
  if (expired.length === 0) return
  update(turn, {waitingJoins: waitingJoins.filter(({untilMs}) => untilMs > nowMs)})
  const notYet = refusal('NOT_READY', 'no majority has confirmed a primary yet')
  for (const {askId} of expired) refuseJoin(turn, askId, notYet)
}

function admit(turn: Turn, stage: LeadingStage, askId: number, request: JoinRequest): void {
  const record = acceptedOf(turn.node)?.record
  const committed = turn.node.onDisk.committed
  if (record === undefined || committed === null) return
  const {id} = request.member
  const old = record.smap.nodes[id]
  const stays = old !== undefined && !isVacant(turn, old, request, stage.peers[id])
  const verdict = judgeJoin(record, request, stays)
  switch (verdict.type) {
    case 'refused':
      log(turn, 'warn', `not admitted: ${verdict.refusal.message}`, {code: verdict.refusal.code})
      return refuseJoin(turn, askId, verdict.refusal)
    case 'known':
      updatePeer(turn, id, {beatDueMs: turn.node.nowMs})
      return answerJoin(turn, askId, id, committed)
    default:
      return enqueue(turn, {change: verdict.change, asks: [{kind: 'join', askId}]})
  }
}

/**
 * Whether the place of a member may be taken. At its own address only the node itself can ask, so
 * silence is enough. From elsewhere it takes more: it is recorded as away, or its address refuses;
 * a busy node that is slow to answer must not lose its place to a double of it.
 */
function isVacant(turn: Turn, old: Member, {member}: JoinRequest, peer: Peer | undefined): boolean {
  const own = formatEndpoint(old.control) === formatEndpoint(member.control)
  if (own || old.away !== null) return !isAnswering(turn, peer)
  return peer !== undefined && isRefusing(turn, peer)
}

/** Beats come every second, so an address that refuses has done so lately. */
function isRefusing(turn: Turn, {answeredMs, refusedMs}: Peer): boolean {
  const {nowMs, timers} = turn.node
  return refusedMs > answeredMs && nowMs - refusedMs <= 2 * timers.beatMs
}

function isAnswering(turn: Turn, peer: Peer | undefined): boolean {
  if (peer === undefined || peer.heard === null) return false
  return turn.node.nowMs - peer.answeredMs < turn.node.timers.electMs
}

/** A node announces an ordered stop. */
export function onLeavingAsked(turn: Turn, askId: number, request: LeavingRequest): void {
  const {id} = request.voter
  const member = acceptedOf(turn.node)?.record.smap.nodes[id]
  const known = member !== undefined && member.inc === request.voter.inc
  const {stage} = turn.node
  // Who has just taken office records it with its first change.
  const takes = isCommitting(turn.node) || (stage.stage === 'leading' && !stage.confirmed)
  const isGone = request.gone && member === undefined && isCommitting(turn.node)
  if (!takes || !known || request.uuid !== turn.node.durable.uuid) {
    const recorded = isGone && request.uuid === turn.node.durable.uuid
    answer(turn, askId, {type: 'leaving', recorded})
    return
  }
  updatePeer(turn, id, {stopping: true})
  const asks = [{kind: 'leaving' as const, askId}]
  if (request.gone) return enqueue(turn, {change: {type: 'left', id, gone: true}, asks})
  enqueue(turn, {change: {type: 'mark-absent', id, sinceMs: turn.node.wallMs}, asks})
}

/** Looks at every member: promotions, returns, absences that have lasted, suspicions. */
export function reviewMembers(turn: Turn): void {
  const {stage} = turn.node
  const record = acceptedOf(turn.node)?.record
  if (stage.stage !== 'leading' || !stage.confirmed || record === undefined) return
  for (const peer of Object.values(stage.peers)) {
    const member = record.smap.nodes[peer.id]
    if (member !== undefined) review(turn, member, peer)
  }
  const own = record.smap.nodes[stage.self.id]
  if (own === undefined) return
  const member = redescribe(own, turn.node.facts.self)
  if (member !== own) order(turn, {type: 'describe', member})
}

function review(turn: Turn, member: Member, peer: Peer): void {
  const {nowMs, timers} = turn.node
  const {id, inc, away} = member
  if (member.learner) {
    if (peer.learnerAcks >= LEARNER_ACKS) order(turn, {type: 'promote', id, inc})
    return
  }
  if (away !== null && isBack(turn, peer)) {
    order(turn, {type: 'mark-active', id})
    return
  }
  // Who was taken out owns nothing: it is nobody's loss.
  if (away?.kind === 'lost' || isLeaving(member)) return
  if (away?.kind === 'absent') {
    const silentMs = nowMs - peer.answeredMs
    if (silentMs >= timers.absentGraceMs) markLost(turn, member)
    return
  }
  suspect(turn, member, peer)
}

/** The first accepted beat makes it active again; the last words of a stopping process do not. */
function isBack(turn: Turn, peer: Peer): boolean {
  return (
    peer.heard !== null &&
    !peer.stopping &&
    turn.node.nowMs - peer.answeredMs < turn.node.timers.leaseMs
  )
}

function suspect(turn: Turn, member: Member, peer: Peer): void {
  const {nowMs, timers, stage} = turn.node
  if (stage.stage !== 'leading' || !isCommitting(turn.node)) return
  const helpers = (): readonly NodeId[] => helpersAgainst(turn, stage, peer.id)
  const suspicion = suspicionAt({peer, nowMs, suspectMs: timers.suspectMs, helpers})
  if (suspicion.phase === 'confirmed') markLost(turn, member)
  if (suspicion === peer.suspicion) return
  updatePeer(turn, peer.id, {suspicion})
  if (suspicion.phase !== 'checking') return
  const record = acceptedOf(turn.node)?.record
  log(
    turn,
    'warn',
    `${nodeLabelOf(member)} is silent; asking ${suspicion.asked.join(', ')} to look`,
  )
  for (const helper of suspicion.asked) {
    const to = record?.smap.nodes[helper]
    if (to === undefined || record === undefined) continue
    send(turn, to, {
      request: {type: 'check', uuid: record.uuid, subject: member.id, control: member.control},
      timeoutMs: CHECK_TIMEOUT_MS * 2,
      purpose: {type: 'check', helper, subject: member.id},
    })
  }
}

/** Members that answered lately, from one drawn by lot on: not the same three every time. */
function helpersAgainst(turn: Turn, stage: LeadingStage, gone: NodeId): readonly NodeId[] {
  const {nowMs, timers} = turn.node
  const ids = Object.values(stage.peers)
    .filter(({answeredMs, heard}) => heard !== null && nowMs - answeredMs < timers.leaseMs)
    .map(({id}) => id)
    .filter((id) => id !== gone)
    .sort()
  if (ids.length === 0) return ids
  const [first, prng] = nextInt(turn.node.prng, 0, ids.length - 1)
  update(turn, {prng})
  return [...ids.slice(first), ...ids.slice(0, first)]
}

/** A helper looked; undefined: it did not answer. */
export function onChecked(
  turn: Turn,
  purpose: Extract<Purpose, {type: 'check'}>,
  found: CheckAnswer | undefined,
): void {
  const {stage, nowMs} = turn.node
  const peer = stage.stage === 'leading' ? stage.peers[purpose.subject] : undefined
  if (peer === undefined) return
  const suspicion = suspicionAfter(peer.suspicion, purpose.helper, found?.reachable, nowMs)
  if (suspicion !== peer.suspicion) updatePeer(turn, purpose.subject, {suspicion})
}

/** Looks for a node because the primary asked. */
export function onCheckAsked(
  turn: Turn,
  askId: number,
  request: {readonly uuid: string; readonly subject: NodeId; readonly control: Member['control']},
): void {
  send(
    turn,
    {control: request.control, id: request.subject},
    {
      request: {type: 'probe', uuid: turn.node.durable.uuid},
      timeoutMs: CHECK_TIMEOUT_MS,
      purpose: {type: 'look', askId},
    },
  )
}

function markLost(turn: Turn, member: Member): void {
  const {stage, nowMs, timers, wallMs} = turn.node
  const record = acceptedOf(turn.node)?.record
  if (stage.stage !== 'leading' || record === undefined || !isCommitting(turn.node)) return
  // One at a time, so that each is held against the brakes with the one before it counted.
  if ([...stage.queue, ...stage.underWay].some((item) => item.change.type === 'mark-lost')) return
  const why = brake({
    record,
    member,
    activeBefore: mostActive(turn.node.activeNotes, nowMs - ACTIVE_WINDOW_MS),
    nowMs,
    settledIndex: stage.settledIndex,
    lastTargetLostMs: stage.lastTargetLostMs,
    settleMs: timers.settleMs,
  })
  if (why === '') {
    const change: Change = {type: 'mark-lost', id: member.id, sinceMs: wallMs}
    enqueue(turn, {change, asks: []})
    return
  }
  if (nowMs - stage.brakeSaidAtMs < BRAKE_SAID_MS) return
  log(turn, 'error', `brake: ${nodeLabelOf(member)} is gone, but not marked lost: ${why}`, {
    id: member.id,
    brake: true,
  })
  enter(turn, {...stage, brakeSaidAtMs: nowMs})
}

function order(turn: Turn, change: Change): void {
  const {stage} = turn.node
  if (stage.stage === 'leading' && !isQueued(stage, change)) enqueue(turn, {change, asks: []})
}

/** An invited node answered: it comes, or says why not. */
export function onInviteAnswered(
  turn: Turn,
  purpose: Extract<Purpose, {type: 'invite'}>,
  answered: InviteAnswer,
): void {
  if (answered.refusal !== null) endInvitation(turn, purpose.id, answered.refusal)
}

/** Tells the administrator that the node does not come. */
export function endInvitation(turn: Turn, id: NodeId, refused: ReturnType<typeof refusal>): void {
  const {stage} = turn.node
  if (stage.stage !== 'leading') return
  const invitations = stage.invitations.filter((one) => one.id !== id)
  for (const one of stage.invitations) {
    if (one.id === id) {
      emit(turn, {type: 'reply', askId: one.askId, result: {type: 'refused', refusal: refused}})
    }
  }
  enter(turn, {...stage, invitations})
}
