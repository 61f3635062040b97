/** What any node says about itself, and how it is told to come. */

import {refusal} from '../../base/errors.ts'
import type {NodeId} from '../../model/ids.ts'
import type {InviteRequest, PeerRequest} from '../../model/peer-messages.ts'
import {refuseVote} from './follow.ts'
import {refuseJoin} from './outcome.ts'
import {followHint} from './seek.ts'
import {seek} from './stage.ts'
import type {NodeState} from './state.ts'
import type {Turn} from './turn.ts'
import {acceptedOf, answer, log, update} from './turn.ts'
import {positionOf} from './view.ts'

/** Who are you, and whom do you follow? */
export function onProbeAsked(turn: Turn, askId: number): void {
  const {node} = turn
  const {self} = node.facts
  answer(turn, askId, {
    type: 'probe',
    id: self.id,
    role: self.role,
    uuid: node.durable.uuid,
    hasState: node.onDisk.accepted !== null,
    position: positionOf(node.onDisk.accepted),
    promisedEpoch: node.onDisk.promisedEpoch,
    primary: knownPrimary(node),
    clusterStarted: node.clusterStarted,
    leads: node.stage.stage === 'leading' ? node.stage.epoch : 0,
  })
}

/** Nobody asks for a vote, a place or an absence in the name of another. */
export function refuseSpeaker(turn: Turn, askId: number, from: NodeId, request: PeerRequest): void {
  const reason = `${from} speaks in the name of another node`
  log(turn, 'error', `refused: ${reason}`, {type: request.type})
  if (request.type === 'leaving') answer(turn, askId, {type: 'leaving', recorded: false})
  else if (request.type === 'join') refuseJoin(turn, askId, refusal('FORBIDDEN', reason))
  else refuseVote(turn, askId, reason)
}

/** Itself while it leads or means to; else whom it follows; else whom its record names. */
function knownPrimary(node: NodeState) {
  const {self} = node.facts
  const {stage} = node.stage
  if (stage === 'leading' || stage === 'standing' || stage === 'founding') {
    return {id: self.id, control: self.control}
  }
  const record = acceptedOf(node)?.record
  const id = node.followed?.id ?? record?.smap.primary
  const member = id === undefined ? undefined : record?.smap.nodes[id]
  return member === undefined ? null : {id: member.id, control: member.control}
}

/** An administrator wants this node in a cluster. */
export function onInviteAsked(turn: Turn, askId: number, request: InviteRequest): void {
  const {durable, stage} = turn.node
  if (durable.uuid !== '' && durable.uuid !== request.uuid) {
    const why = refusal('WRONG_CLUSTER', `this node belongs to cluster ${durable.uuid}`, {
      hint: 'decommission it there, or correct its configuration',
    })
    answer(turn, askId, {type: 'invite', refusal: why})
    return
  }
  answer(turn, askId, {type: 'invite', refusal: null})
  update(turn, {standby: false, invitation: {nonElectable: request.nonElectable}})
  if (stage.stage === 'leading' || stage.stage === 'following') return
  log(turn, 'info', `invited to cluster ${request.uuid}`, {uuid: request.uuid})
  seek(turn, request.primary)
  followHint(turn, request.primary)
}
