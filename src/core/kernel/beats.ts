/**
 * The primary's dealings with each member: beats, catching up, leases, settlement, who is gone and
 * who is back. Carries out what `core/keepalive` and `core/ownership` decide.
 */

import type {NodeId} from '../../model/ids.ts'
import {ownsKeys, type Member} from '../../model/node.ts'
import type {BeatAnswer, PrepareAnswer} from '../../model/peer-messages.ts'
import type {Voter} from '../../model/record.ts'
import {comparePositions} from '../../model/record.ts'
import {majoritySince} from '../keepalive/majority.ts'
import type {Peer} from '../keepalive/state.ts'
import {leaseToGive} from '../ownership/lease.ts'
import {settledIndex} from '../ownership/settlement.ts'
import type {LeadingStage, Purpose} from './state.ts'
import {adoptEpoch} from './stage.ts'
import type {Turn} from './turn.ts'
import {acceptedOf, enter, send} from './turn.ts'
import {positionOf} from './view.ts'

/**
 * Beats to one member under way at a time: a late answer holds the next ones back no longer than
 * this, and a dead one costs no more.
 */
const BEATS_OUT_MAX = 3
/** A prepare waits for the acceptor's fsync, and may carry megabytes. */
const PREPARE_TIMEOUT_MS = 3000
/** Answers of a learner before it is promoted (R14). */
export const LEARNER_ACKS = 2

/** The reign, if this node leads. */
function reign(turn: Turn): LeadingStage | undefined {
  const {stage} = turn.node
  return stage.stage === 'leading' ? stage : undefined
}

/** Alters what is known of one member. */
export function updatePeer(turn: Turn, id: NodeId, fields: Partial<Peer>): void {
  const stage = reign(turn)
  const peer = stage?.peers[id]
  if (stage === undefined || peer === undefined) return
  enter(turn, {...stage, peers: {...stage.peers, [id]: {...peer, ...fields}}})
}

/** Puts the newest accepted record to a member, unless one is on its way. */
export function sendPrepare(turn: Turn, member: Member): void {
  const stage = reign(turn)
  const record = acceptedOf(turn.node)
  const peer = stage?.peers[member.id]
  if (stage === undefined || record === null || record.sha === '') return
  if (peer === undefined || peer.prepareOut) return
  updatePeer(turn, member.id, {prepareOut: true})
  send(turn, member, {
    request: {
      type: 'prepare',
      uuid: record.record.uuid,
      epoch: stage.epoch,
      record,
      committed: positionOf(turn.node.durable.committed),
    },
    timeoutMs: PREPARE_TIMEOUT_MS,
    purpose: {type: 'prepare', id: member.id, epoch: stage.epoch, sentMs: turn.node.nowMs},
  })
}

/** Sends every beat that is due and not under way. */
export function sendDueBeats(turn: Turn): void {
  const stage = reign(turn)
  const accepted = acceptedOf(turn.node)
  const {committed} = turn.node.onDisk
  if (stage === undefined || accepted === null) return
  const members = accepted.record.smap.nodes
  for (const peer of Object.values(stage.peers)) {
    const member = members[peer.id]
    if (member === undefined || peer.beatsOut >= BEATS_OUT_MAX || peer.beatDueMs > turn.node.nowMs)
      continue
    const {nowMs, timers} = turn.node
    const leaseMs = leaseFor(turn, stage, peer, member)
    const leased =
      leaseMs > 0 && peer.heard !== null ? {run: peer.heard, atMs: peer.nonceAtMs} : peer.leased
    updatePeer(turn, peer.id, {
      beatsOut: peer.beatsOut + 1,
      beatDueMs: nextRoundMs(nowMs, timers.beatMs),
      leased,
    })
    send(turn, member, {
      request: {
        type: 'beat',
        uuid: accepted.record.uuid,
        epoch: stage.epoch,
        committed: positionOf(committed),
        committedSha: committed?.sha ?? '',
        settled: stage.settledIndex,
        started: stage.started,
        to: {inc: member.inc, run: peer.heard?.run ?? 0},
        echo: peer.nonce,
        leaseMs,
      },
      timeoutMs: timers.electMs,
      purpose: {type: 'beat', id: peer.id, epoch: stage.epoch, sentMs: nowMs},
    })
  }
}

/**
 * All members are due at the same moments, whenever each was added: a primary that dies is silent
 * for all since the same beat, and the order of succession (R4) is finer than the time between two.
 */
function nextRoundMs(nowMs: number, beatMs: number): number {
  return (Math.floor(nowMs / beatMs) + 1) * beatMs
}

/** A lease goes to a target in office, from a primary that is confirmed. */
function leaseFor(turn: Turn, stage: LeadingStage, peer: Peer, member: Member): number {
  const owner = ownsKeys(member) && member.away === null
  if (!owner || !stage.confirmed || peer.heard === null || peer.nonce === 0) return 0
  return leaseToGive(turn.node.timers.ownMs, peer.nonceAtMs, stage.majorityAtMs)
}

/** A member answered a beat. */
export function onBeatAnswered(
  turn: Turn,
  purpose: Extract<Purpose, {type: 'beat'}>,
  answer: BeatAnswer,
): void {
  const stage = reign(turn)
  if (stage === undefined || stage.epoch !== purpose.epoch) return
  beatReturned(turn, purpose.id)
  if (answer.promisedEpoch > stage.epoch) return adoptEpoch(turn, answer.promisedEpoch)
  const member = acceptedOf(turn.node)?.record.smap.nodes[purpose.id]
  const peer = reign(turn)?.peers[purpose.id]
  if (member === undefined || peer === undefined) return
  const {nowMs} = turn.node
  if (!isFrom(answer.voter, member)) {
    // A joiner that has not stored its admission yet: it will have in a moment.
    if (member.learner) updatePeer(turn, purpose.id, {beatDueMs: nowMs + CATCH_UP_MS})
    return
  }
  if (isOvertaken(peer, answer)) return
  updatePeer(turn, purpose.id, {
    contactMs: Math.max(peer.contactMs, purpose.sentMs),
    ...saidBy(peer, answer, nowMs),
  })
  if (!answer.accepted) return
  updatePeer(turn, purpose.id, {
    nonce: answer.nonce,
    nonceAtMs: nowMs,
    position: answer.position,
    held: answer.held,
    learnerAcks: member.learner && answer.held.index > 0 ? peer.learnerAcks + 1 : 0,
    beatDueMs: Math.min(peer.beatDueMs, nowMs + nextBeatMs(turn, {member, peer, answer})),
  })
  if (isBehind(turn, answer)) sendPrepare(turn, member)
}

/** Whether the member has not accepted the newest record yet. */
function isBehind(turn: Turn, {position}: BeatAnswer): boolean {
  const newest = acceptedOf(turn.node)
  return newest !== null && comparePositions(position, newest.record) < 0
}

/** What an answer says of its member, whether it takes the beat or not. */
function saidBy({heard, nonce}: Peer, answer: BeatAnswer, nowMs: number): Partial<Peer> {
  return {
    heard: {inc: answer.voter.inc, run: answer.run},
    // Nonces begin again with each run.
    nonce: heard?.run === answer.run ? nonce : 0,
    answeredMs: nowMs,
    stopping: answer.stopping,
    move: answer.move,
    reclaim: answer.reclaim,
    cleared: answer.cleared,
    suspicion: {phase: 'none', notBeforeMs: nowMs},
  }
}

/**
 * Answers travel on several connections: one that was given before the newest that is known says
 * nothing any more. That of a run which has ended would make its successor look like it, and what
 * the successor was leased would be forgotten.
 */
function isOvertaken({heard, nonce}: Peer, {run, nonce: given}: BeatAnswer): boolean {
  if (heard === null) return false
  return run < heard.run || (run === heard.run && given <= nonce)
}

function beatReturned(turn: Turn, id: NodeId): void {
  const peer = reign(turn)?.peers[id]
  if (peer !== undefined) updatePeer(turn, id, {beatsOut: Math.max(0, peer.beatsOut - 1)})
}

/** Another beat to a member that is slow to take a commit into use. */
const CATCH_UP_MS = 50

interface BeatOutcome {
  readonly member: Member
  readonly peer: Peer
  readonly answer: BeatAnswer
}

/**
 * When the next beat follows, from now: at once where somebody waits for it, a learner for its
 * promotion, a target for a lease; soon where the member has not taken the newest commit into use.
 */
function nextBeatMs(turn: Turn, of: BeatOutcome): number {
  const {member, peer, answer} = of
  const stage = reign(turn)
  if (stage === undefined || answer.stopping || member.away !== null) return Infinity
  if (member.learner) {
    return answer.held.index > 0 && peer.learnerAcks + 1 < LEARNER_ACKS ? 0 : CATCH_UP_MS
  }
  const committed = positionOf(turn.node.durable.committed)
  if (comparePositions(answer.held, committed) < 0) return CATCH_UP_MS
  if (wantsLease(turn, stage, of)) return 0
  return isMoveNearEnd(turn, stage, of) ? MOVE_WORD_MS : Infinity
}

/** Between two words of a target that has little to move: everybody waits for the last one. */
const MOVE_WORD_MS = 100
/** So many objects are moved within a second or so. */
const LITTLE_LEFT = 256

/** Whether a target's last word on the rebalance may follow soon: nothing else brings it. */
function isMoveNearEnd(turn: Turn, stage: LeadingStage, {member, answer}: BeatOutcome): boolean {
  const record = turn.node.onDisk.committed?.record
  const entry = record?.move?.entry
  if (entry === undefined || member.role !== 'target' || stage.settledIndex < entry) return false
  const report = answer.move
  const isOfThis = report?.entry === entry && report.rebalance === record?.rmd.version
  if (!isOfThis || report.state === 'waiting') return true
  return report.state === 'walking' && report.left < LITTLE_LEFT
}

/** A target in office that has just taken a record into use, or runs anew, can have a lease now. */
function wantsLease(turn: Turn, stage: LeadingStage, of: BeatOutcome): boolean {
  const {member, peer, answer} = of
  const {nowMs, timers} = turn.node
  if (!ownsKeys(member) || !stage.confirmed) return false
  if (leaseToGive(timers.ownMs, nowMs, stage.majorityAtMs) === 0) return false
  const {leased} = peer
  if (comparePositions(peer.held, answer.held) !== 0 || leased === null) return true
  return leased.run.run !== answer.run || leased.run.inc !== answer.voter.inc
}

/** A member answered a prepare; its position is an acknowledgement when it is the proposal's. */
export function onPrepareAnswered(
  turn: Turn,
  purpose: Extract<Purpose, {type: 'prepare'}>,
  answer: PrepareAnswer,
): void {
  const stage = reign(turn)
  if (stage === undefined || stage.epoch !== purpose.epoch) return
  updatePeer(turn, purpose.id, {prepareOut: false})
  if (answer.promisedEpoch > stage.epoch) return adoptEpoch(turn, answer.promisedEpoch)
  const record = acceptedOf(turn.node)?.record
  const member = record?.smap.nodes[purpose.id]
  const peer = reign(turn)?.peers[purpose.id]
  if (record === undefined || member === undefined || peer === undefined) return
  if (!isFrom(answer.voter, member)) return
  updatePeer(turn, purpose.id, {
    contactMs: Math.max(peer.contactMs, purpose.sentMs),
    answeredMs: turn.node.nowMs,
    position: answer.position,
  })
  // The proposal went on while this answer was on its way: this member lacks the newer one.
  if (answer.accepted && comparePositions(answer.position, record) < 0) sendPrepare(turn, member)
}

/** An answer counts for the incarnation that the record names, and for no other (R2, R3). */
function isFrom(voter: Voter, member: Member): boolean {
  return voter.id === member.id && voter.inc === member.inc
}

/** Nobody answered: the question may be asked anew. */
export function onMemberSilent(turn: Turn, purpose: Purpose, reason: string): void {
  const stage = reign(turn)
  if (stage === undefined) return
  if (purpose.type === 'beat' && purpose.epoch === stage.epoch) {
    beatReturned(turn, purpose.id)
    if (reason === 'refused') updatePeer(turn, purpose.id, {refusedMs: turn.node.nowMs})
  }
  if (purpose.type === 'prepare' && purpose.epoch === stage.epoch) {
    updatePeer(turn, purpose.id, {prepareOut: false})
  }
}

/**
 * Recounts since when a majority has been there (R10). A primary that has voted for its heir (R16)
 * is none of its own majority any more: what it has covered until then is the last that it covers.
 */
export function weighMajority(turn: Turn): void {
  const stage = reign(turn)
  const record = acceptedOf(turn.node)?.record
  if (stage === undefined || record === undefined) return
  if (turn.node.durable.promisedEpoch > stage.epoch) return
  const contacts = Object.values(stage.peers).flatMap((peer) =>
    peer.heard === null
      ? []
      : [{voter: {id: peer.id, inc: peer.heard.inc}, contactMs: peer.contactMs}],
  )
  const since = majoritySince(record, stage.self, contacts, turn.node.nowMs)
  const majorityAtMs = Math.max(since, stage.confirmed ? -Infinity : stage.electedAtMs)
  if (majorityAtMs !== stage.majorityAtMs) enter(turn, {...stage, majorityAtMs})
}

/** Recounts which entries of `own` are settled (DESIGN: leases). */
export function settle(turn: Turn): void {
  const stage = reign(turn)
  // What beats speak of: a commit that is still on its way to the disk settles nothing, or a
  // target could be leased under the one before it.
  const committed = turn.node.onDisk.committed?.record
  if (stage === undefined || committed === undefined || !stage.confirmed) return
  if ((committed.own.at(-1)?.index ?? 0) <= stage.settledIndex) return
  const settled = settledIndex({
    settledIndex: stage.settledIndex,
    own: committed.own,
    targets: Object.fromEntries(
      Object.values(stage.peers).map((peer) => [
        peer.id,
        {heldIndex: peer.held.index, heard: peer.heard, leased: peer.leased},
      ]),
    ),
    nowMs: turn.node.nowMs,
    electedAtMs: stage.electedAtMs,
    ownMs: turn.node.timers.ownMs,
  })
  if (settled === stage.settledIndex) return
  enter(turn, {...stage, settledIndex: settled, peers: hurried(stage, turn.node.nowMs)})
}

/** What has just been settled is worth a beat: passed keys wait for it. */
function hurried(stage: LeadingStage, nowMs: number): LeadingStage['peers'] {
  return Object.fromEntries(
    Object.entries(stage.peers).map(([id, peer]) => [id, {...peer, beatDueMs: nowMs}]),
  )
}
