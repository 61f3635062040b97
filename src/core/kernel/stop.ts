/**
 * An ordered stop (DESIGN: states): announced, so that the cluster counts an absence and not a
 * loss. A primary hands its office over first; one without an heir ends what is under way and goes.
 */

import {refusal, type Refusal} from '../../base/errors.ts'
import type {NodeId} from '../../model/ids.ts'
import type {Endpoint} from '../../model/node.ts'
import {handOverToNext} from './hand-over.ts'
import {failAsks} from './stage.ts'
import type {Stop} from './state.ts'
import type {Turn} from './turn.ts'
import {acceptedOf, emit, enter, isAsking, log, selfVoter, send, update} from './turn.ts'

/** How long it may take: two commits, or nobody is there to hear of it. */
const STOP_MS = 3000
/** A node whose decommission is done here is a member until somebody has heard of it. */
const GONE_MS = 600_000

/** A stop that begins now, of a node that has left or is about to be away. */
export function stopOfLeaver(nowMs: number): Stop {
  return {untilMs: nowMs + STOP_MS, goneMs: nowMs + GONE_MS, announced: false}
}

/** The process is to end. */
export function onStopOrdered(turn: Turn): void {
  const {node} = turn
  if (node.stop !== null) return
  update(turn, {stop: stopOfLeaver(node.nowMs)})
  log(turn, 'info', 'stopping')
  // The office first: the absence is then announced to whoever has it.
  if (!handOverToNext(turn)) announceStop(turn)
}

/** Announces the stop to the primary, if one was ordered and there is one. */
export function announceStop(turn: Turn): void {
  const {node} = turn
  if (node.stop === null || node.stop.announced) return
  if (isAsking(node, ({type}) => type === 'leaving')) return
  const record = acceptedOf(node)?.record
  const {followed} = node
  const primary = followed === null ? undefined : record?.smap.nodes[followed.id]
  if (node.stage.stage !== 'following' || record === undefined || primary === undefined) {
    return unheard(turn)
  }
  tellLeaving(turn, primary)
}

/** Says to a primary that this node will be away, or is gone for good. */
export function tellLeaving(
  turn: Turn,
  primary: {readonly control: Endpoint; readonly id: NodeId | null},
): void {
  const {node} = turn
  const {uuid} = node.durable
  if (uuid === '') return
  send(turn, primary, {
    request: {
      type: 'leaving',
      uuid,
      voter: selfVoter(node),
      run: node.durable.run,
      gone: node.leaving === 'wiped',
    },
    timeoutMs: STOP_MS,
    purpose: {type: 'leaving'},
  })
}

/** The primary has answered. */
export function onLeavingAnswered(turn: Turn, recorded: boolean): void {
  if (recorded) announced(turn)
  else unheard(turn)
}

/** Nobody has recorded it: an absence is seen anyway, a decommission is told again. */
export function unheard(turn: Turn): void {
  if (turn.node.leaving !== 'wiped') announced(turn)
}

/** Told again until it is recorded; a stop that was ordered waits for that. */
export function tickGone(turn: Turn): void {
  const {leaving, nowMs, stop} = turn.node
  if (leaving !== 'wiped' || stop === null || stop.announced) return
  const untilMs = Math.max(stop.untilMs, nowMs + STOP_MS)
  if (nowMs < stop.goneMs) update(turn, {stop: {...stop, untilMs}})
  announceStop(turn)
}

/** The absence is recorded, or cannot be. */
function announced(turn: Turn): void {
  const {stop} = turn.node
  if (stop === null) return
  update(turn, {stop: {...stop, announced: true}})
  exitIfDone(turn)
}

/** Exits when nothing is under way any more, or time is up. */
export function exitIfDone(turn: Turn): void {
  const {stop, nowMs, stage, writes} = turn.node
  if (stop === null) return
  const idle = writes.length === 0 && (stage.stage !== 'leading' || stage.metasync.phase === 'idle')
  if (nowMs < stop.untilMs && !(stop.announced && idle)) return
  dropWaiting(turn)
  for (const {askId} of turn.node.waitingCommands) {
    emit(turn, {type: 'reply', askId, result: {type: 'refused', refusal: stopping()}})
  }
  update(turn, {waitingCommands: []})
  const left = turn.node.leaving === 'wiped' && stop.announced
  emit(turn, {type: 'exit', status: 0, reason: left ? 'decommissioned' : 'ordered stop', left})
  update(turn, {stop: {untilMs: Infinity, goneMs: 0, announced: false}})
}

function dropWaiting(turn: Turn): void {
  const {stage} = turn.node
  if (stage.stage !== 'leading') return
  for (const {askId, result} of stage.spreading) emit(turn, {type: 'reply', askId, result})
  const queued = stage.queue.flatMap((item) => item.asks)
  const proposed = stage.underWay.flatMap((item) => item.asks)
  failAsks(turn, queued, 'the primary is stopping', false)
  failAsks(turn, proposed, 'the primary is stopping', true)
  const waiters = [
    ...stage.startWaiters,
    ...stage.invitations.map((one) => one.askId),
    ...(stage.handing?.askIds ?? []),
  ]
  for (const askId of waiters) {
    emit(turn, {type: 'reply', askId, result: {type: 'refused', refusal: stopping()}})
  }
  const empty = {queue: [], underWay: [], spreading: [], startWaiters: [], invitations: []}
  enter(turn, {...stage, ...empty, handing: null})
}

function stopping(): Refusal {
  return refusal('NOT_READY', 'this node is stopping')
}
