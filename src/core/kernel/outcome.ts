/** What those who asked for a change hear: after the commit, or that it is refused. */

import type {Refusal} from '../../base/errors.ts'
import type {StoredRecord} from '../../model/peer-messages.ts'
import type {Queued, UnderWay} from './state.ts'
import type {Turn} from './turn.ts'
import {answer, emit, enter} from './turn.ts'
import {positionOf} from './view.ts'

/** Answers after the commit. */
export function answerAsks(turn: Turn, item: UnderWay, committed: StoredRecord): void {
  for (const {kind, askId} of item.asks) {
    if (kind === 'leaving') answer(turn, askId, {type: 'leaving', recorded: true})
    else if (kind === 'join') answerJoin(turn, askId, joinerOf(item), committed)
    else {
      const position = positionOf(committed)
      const bucket = item.bucket === null ? {} : {bucket: item.bucket}
      emit(turn, {type: 'reply', askId, result: {type: 'done', position, ...bucket}})
    }
  }
  answerInvitation(turn, item, committed)
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
