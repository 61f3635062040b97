/**
 * An ordered stop (DESIGN: states): announced, so that the cluster counts an absence and not a
 * loss. The primary has nobody to announce it to; it ends what is under way and goes.
 */

import {refusal} from '../../base/errors.ts'
import {failAsks} from './stage.ts'
import type {Turn} from './turn.ts'
import {acceptedOf, emit, enter, log, selfVoter, send, update} from './turn.ts'

/** How long an announcement may take: one commit, or nobody is there to hear it. */
const STOP_MS = 2000

/** The process is to end. */
export function onStopOrdered(turn: Turn): void {
  const {node} = turn
  if (node.stop !== null) return
  update(turn, {stop: {untilMs: node.nowMs + STOP_MS, announced: false}})
  log(turn, 'info', 'stopping')
  const record = acceptedOf(node)?.record
  const {followed} = node
  const primary = followed === null ? undefined : record?.smap.nodes[followed.id]
  if (node.stage.stage === 'following' && record !== undefined && primary !== undefined) {
    send(turn, primary, {
      request: {
        type: 'leaving',
        uuid: record.uuid,
        voter: selfVoter(node),
        run: node.durable.run,
      },
      timeoutMs: STOP_MS,
      purpose: {type: 'leaving'},
    })
    return
  }
  announced(turn)
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
  emit(turn, {type: 'exit', status: 0, reason: 'ordered stop'})
  update(turn, {stop: {untilMs: Infinity, announced: false}})
}

function dropWaiting(turn: Turn): void {
  const {stage} = turn.node
  if (stage.stage !== 'leading') return
  for (const {askId, result} of stage.spreading) emit(turn, {type: 'reply', askId, result})
  const asks = [...stage.queue, ...stage.underWay].flatMap((item) => item.asks)
  failAsks(turn, asks, 'the primary is stopping')
  for (const askId of [...stage.startWaiters, ...stage.invitations.map((one) => one.askId)]) {
    const why = refusal('NOT_READY', 'the primary is stopping')
    emit(turn, {type: 'reply', askId, result: {type: 'refused', refusal: why}})
  }
  enter(turn, {...stage, queue: [], underWay: [], spreading: [], startWaiters: [], invitations: []})
}
