/** What those who asked for a change hear: after the commit, or that it is refused. */

import type {Refusal} from '../../base/errors.ts'
import type {StoredRecord} from '../../model/peer-messages.ts'
import type {LeadingStage, NodeState, Queued, UnderWay} from './state.ts'
import type {Turn} from './turn.ts'
import {answer, emit, enter} from './turn.ts'
import {positionOf} from './view.ts'

/** How long a new primary waits for the first word of a member. */
const NEWCOMER_MS = 200
/** How long a client waits for members that are slow to take a committed record into use. */
const SPREAD_MS = 1000

/** Answers after the commit. */
export function answerAsks(turn: Turn, item: UnderWay, committed: StoredRecord): void {
  for (const {kind, askId} of item.asks) {
    if (kind === 'leaving') answer(turn, askId, {type: 'leaving', recorded: true})
    else if (kind === 'join') answerJoin(turn, askId, joinerOf(item), committed)
    else spread(turn, askId, item, committed)
  }
  answerInvitation(turn, item, committed)
}

/**
 * The commit is the point of safety; a client hears of it when every active member uses the record,
 * so that what it asks next of any gateway or target is judged under it.
 */
function spread(turn: Turn, askId: number, item: UnderWay, committed: StoredRecord): void {
  const {stage, nowMs} = turn.node
  if (stage.stage !== 'leading') return
  const position = positionOf(committed)
  const bucket = item.bucket === null ? {} : {bucket: item.bucket}
  const result = {type: 'done' as const, position, ...bucket, ...rebalanceOf(item, committed)}
  const waiting = {askId, result, index: position.index, untilMs: nowMs + SPREAD_MS}
  enter(turn, {...stage, spreading: [...stage.spreading, waiting]})
}

/** Who takes nodes out or in hears which rebalance follows. */
function rebalanceOf({change}: UnderWay, {record}: StoredRecord): {readonly rebalance?: number} {
  const asks =
    change.type === 'command' &&
    (change.command.type === 'lifecycle' || change.command.type === 'start-rebalance')
  return asks && record.move !== null ? {rebalance: record.rmd.version} : {}
}

/** Answers clients whose change is in use everywhere, or has waited long enough. */
export function answerSpread(turn: Turn): void {
  const {stage, nowMs} = turn.node
  if (stage.stage !== 'leading' || stage.spreading.length === 0) return
  const index = usedEverywhere(turn.node, stage)
  const waits = stage.spreading.filter((one) => one.index > index && one.untilMs > nowMs)
  if (waits.length === stage.spreading.length) return
  enter(turn, {...stage, spreading: waits})
  for (const {askId, result} of stage.spreading.filter((one) => !waits.includes(one))) {
    emit(turn, {type: 'reply', askId, result})
  }
}

/** The newest record index that every member in reach has in use, this node included. */
function usedEverywhere(node: NodeState, stage: LeadingStage): number {
  const members = node.durable.committed?.record.smap.nodes ?? {}
  let index = node.held.index
  for (const peer of Object.values(stage.peers)) {
    const member = members[peer.id]
    if (member === undefined || member.learner || member.away !== null || peer.stopping) continue
    if (node.nowMs - peer.answeredMs > node.timers.leaseMs) continue
    // Silent from the first day of this reign: it may be what the last one died with.
    if (peer.contactMs === -Infinity && node.nowMs - stage.electedAtMs > NEWCOMER_MS) continue
    index = Math.min(index, peer.held.index)
  }
  return index
}

/** Tells a member that the cluster has it, and as whom. */
export function answerJoin(turn: Turn, askId: number, id: string, committed: StoredRecord): void {
  const inc = committed.record.smap.nodes[id]?.inc ?? 0
  answer(turn, askId, {type: 'join', refusal: null, primary: null, inc, committed})
}

function joinerOf(item: Queued): string {
  const {change} = item
  return change.type === 'admit' || change.type === 'describe' ? change.member.id : ''
}

/** An administrator's join is done when the node has been promoted. */
function answerInvitation(turn: Turn, item: UnderWay, committed: StoredRecord): void {
  const {stage} = turn.node
  const {change} = item
  if (stage.stage !== 'leading' || change.type !== 'promote') return
  const position = positionOf(committed)
  for (const {id, askId} of stage.invitations) {
    if (id === change.id) emit(turn, {type: 'reply', askId, result: {type: 'done', position}})
  }
  const invitations = stage.invitations.filter(({id}) => id !== change.id)
  enter(turn, {...stage, invitations})
}

/** Tells everybody who asked for it that a change is refused. */
export function refuseChange(turn: Turn, item: Queued, refused: Refusal): void {
  for (const {kind, askId} of item.asks) {
    if (kind === 'leaving') answer(turn, askId, {type: 'leaving', recorded: false})
    else if (kind === 'join') refuseJoin(turn, askId, refused)
    else emit(turn, {type: 'reply', askId, result: {type: 'refused', refusal: refused}})
  }
}

/** Tells a node that it may not come in. */
export function refuseJoin(turn: Turn, askId: number, refused: Refusal): void {
  answer(turn, askId, {type: 'join', refusal: refused, primary: null, inc: 0, committed: null})
}
