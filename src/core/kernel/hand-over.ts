/**
 * The primary hands its office over (R16): a record that names the heir, in which everybody who
 * stores it has voted for that one in the next epoch; then it proposes nothing more. After a crash
 * at any point the next epoch is the heir's, or the one after anybody's.
 */

import {refusal, type Refusal} from '../../base/errors.ts'
import type {NodeId} from '../../model/ids.ts'
import {isElectable, nodeLabelOf, NODE_FLAG, type Member} from '../../model/node.ts'
import {succession} from '../placement/next-primary.ts'
import {enqueue} from './lead.ts'
import {stepDown} from './stage.ts'
import type {LeadingStage, NodeState} from './state.ts'
import type {Turn} from './turn.ts'
import {acceptedOf, emit, enter, log} from './turn.ts'
import {isCommitting, positionOf} from './view.ts'

/** How long the heir may take, from the decision on; then anybody may stand. */
const HAND_OVER_MS = 3000

/** An operator names the next primary. */
export function setPrimary(turn: Turn, stage: LeadingStage, askId: number, id: NodeId): void {
  const {node} = turn
  if (id === stage.self.id) {
    const position = positionOf(node.durable.committed)
    return emit(turn, {type: 'reply', askId, result: {type: 'done', position}})
  }
  const refused = whyNotHeir(node, stage, id)
  if (refused !== undefined) {
    return emit(turn, {type: 'reply', askId, result: {type: 'refused', refusal: refused}})
  }
  handOver(turn, stage, id, [askId])
}

function handOver(turn: Turn, stage: LeadingStage, id: NodeId, askIds: readonly number[]): void {
  const member = acceptedOf(turn.node)?.record.smap.nodes[id]
  if (member === undefined) return
  const heir = {id, inc: member.inc}
  log(turn, 'info', `handing the office over to ${nodeLabelOf(member)}`, {heir: id})
  enter(turn, {...stage, handing: {heir, untilMs: turn.node.nowMs + HAND_OVER_MS, askIds}})
  enqueue(turn, {change: {type: 'hand-over', heir}, asks: []})
}

function whyNotHeir(node: NodeState, stage: LeadingStage, id: NodeId): Refusal | undefined {
  const member = acceptedOf(node)?.record.smap.nodes[id]
  if (member === undefined) return refusal('NODE_NOT_FOUND', `node "${id}" is not in the cluster`)
  const label = nodeLabelOf(member)
  // Compat: a target is none of those that the reference looks among.
  if (member.role === 'target') {
    return refusal('NODE_NOT_FOUND', `${label} is a target: only a gateway can be primary`)
  }
  if (!isElectable(member)) return refusal('REFUSED', `${label} ${whyNotElectable(member)}`)
  if (member.away !== null || !isAnswering(node, stage, id)) {
    return refusal('REFUSED', `${label} does not answer: it cannot lead now`, {
      hint: 'see: aisctl show cluster',
    })
  }
  return undefined
}

function whyNotElectable(member: Member): string {
  if (member.learner) return 'has just joined and has no vote yet'
  if ((member.flags & NODE_FLAG.nonElectable) !== 0) {
    return 'is non-electable: it cannot become primary'
  }
  return (member.flags & NODE_FLAG.decommission) !== 0
    ? 'is being decommissioned: it cannot become primary'
    : 'is under maintenance: it cannot become primary'
}

/** Whether a member has answered lately; what it lacks, the votes bring (R6). */
function isAnswering(node: NodeState, stage: LeadingStage, id: NodeId): boolean {
  const peer = stage.peers[id]
  return (
    peer !== undefined &&
    !peer.stopping &&
    peer.contactMs > -Infinity &&
    node.nowMs - peer.answeredMs <= node.timers.leaseMs
  )
}

/** On an ordered stop: hands over to the next in succession. False: there is nobody. */
export function handOverToNext(turn: Turn): boolean {
  const {node} = turn
  const {stage} = node
  const record = acceptedOf(node)?.record
  if (stage.stage !== 'leading' || record === undefined) return false
  if (stage.handing !== null) return true
  if (!isCommitting(node)) return false
  const next = succession(record.smap).find(
    (id) =>
      id !== stage.self.id && record.smap.nodes[id]?.away === null && isAnswering(node, stage, id),
  )
  if (next === undefined) return false
  handOver(turn, stage, next, [])
  return true
}

/** Whether the record that hands the office over is this reign's last. */
export function hasHandedOver(node: NodeState, stage: LeadingStage): boolean {
  const record = acceptedOf(node)?.record
  return record !== undefined && record.heir !== null && record.epoch === stage.epoch
}

/** The heir has not taken office in time: whoever can may stand now. */
export function tickHandOver(turn: Turn): void {
  const {stage, nowMs} = turn.node
  if (stage.stage !== 'leading' || stage.handing === null || nowMs < stage.handing.untilMs) return
  if (hasHandedOver(turn.node, stage)) {
    return stepDown(turn, `p[${stage.handing.heir.id}] has not taken the office in time`)
  }
  // It was never proposed, for want of a majority: nothing has happened.
  const {askIds} = stage.handing
  const why = refusal('NO_QUORUM', 'no majority of the members answers: nothing can be changed')
  const queue = stage.queue.filter(({change}) => change.type !== 'hand-over')
  enter(turn, {...stage, handing: null, queue})
  for (const askId of askIds) {
    emit(turn, {type: 'reply', askId, result: {type: 'refused', refusal: why}})
  }
}

/**
 * The heir leads: those who asked for it hear so. To be called before the reign ends. True: it is
 * this reign's heir.
 */
export function handedOver(turn: Turn, to: NodeId): boolean {
  const {stage, durable} = turn.node
  if (stage.stage !== 'leading' || stage.handing?.heir.id !== to) return false
  const position = positionOf(durable.accepted)
  for (const askId of stage.handing.askIds) {
    emit(turn, {type: 'reply', askId, result: {type: 'done', position}})
  }
  enter(turn, {...stage, handing: null})
  return true
}
