/**
 * An ordered stop (DESIGN: states): announced, so that the cluster counts an absence and not a
 * loss. A primary hands its office over first; one without an heir ends what is under way and goes.
 */

import {refusal, type Refusal} from '../../base/errors.ts'
import {handOverToNext} from './hand-over.ts'
import {failAsks} from './stage.ts'
import type {Turn} from './turn.ts'
import {acceptedOf, emit, enter, isAsking, log, selfVoter, send, update} from './turn.ts'

/** How long it may take: two commits, or nobody is there to hear of it. */
const STOP_MS = 3000

/** The process is to end. */
export function onStopOrdered(turn: Turn): void {
  const {node} = turn
  if (node.stop !== null) return
  update(turn, {stop: {untilMs: node.nowMs + STOP_MS, announced: false}})
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
    return announced(turn)
  }
  send(turn, primary, {
    request: {
      type: 'leaving',
      uuid: record.uuid,
      voter: selfVoter(node),
      run: node.durable.run,
      gone: node.leaving === 'wiped',
    },
    timeoutMs: STOP_MS,
    purpose: {type: 'leaving'},
  })
}

/** The primary has recorded the absence, or cannot. */
export function announced(turn: Turn): void {
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
  emit(turn, {type: 'exit', status: 0, reason: 'ordered stop'})
  update(turn, {stop: {untilMs: Infinity, announced: false}})
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
