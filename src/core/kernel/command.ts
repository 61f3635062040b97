/**
 * What clients ask of the primary: queued, merged into the next record, answered after its commit.
 */

import {refusal, type Refusal} from '../../base/errors.ts'
import type {Command, CommandResult} from '../../model/command.ts'
import {COMMANDS_WAITING_MAX} from '../../model/limits.ts'
import type {Member} from '../../model/node.ts'
import {NODE_FLAG} from '../../model/node.ts'
import {endInvitation} from './members.ts'
import {enqueue, proposeQueued} from './lead.ts'
import {failAsks} from './stage.ts'
import type {LeadingStage} from './state.ts'
import type {Turn} from './turn.ts'
import {acceptedOf, emit, enter, send} from './turn.ts'
import {isCommitting, positionOf} from './view.ts'

/** An administrator's join: the invited node's own join, its admission and promotion. */
const INVITATION_MS = 15_000
const INVITE_TIMEOUT_MS = 3000

/** A client's command. */
export function onCommanded(turn: Turn, askId: number, command: Command): void {
  const {stage} = turn.node
  const problem = whyNotNow(turn)
  if (problem !== undefined) return reply(turn, askId, problem)
  if (stage.stage !== 'leading') return
  switch (command.type) {
    case 'await-started':
      if (stage.started) return reply(turn, askId, done(turn))
      return enter(turn, {...stage, startWaiters: [...stage.startWaiters, askId]})
    case 'set-primary':
    case 'recover':
      return reply(turn, askId, refused(refusal('UNSUPPORTED', 'not in this release')))
    case 'join-by-admin':
      return invite(turn, stage, askId, command.member)
    default:
      enqueue(turn, {
        change: {type: 'command', command, wallMs: turn.node.wallMs},
        asks: [{kind: 'command', askId}],
      })
      return proposeQueued(turn)
  }
}

function whyNotNow(turn: Turn): CommandResult | undefined {
  const {node} = turn
  const {stage} = node
  if (node.stop !== null) return refused(refusal('NOT_READY', 'this node is stopping'))
  if (stage.stage !== 'leading') return elsewhere(turn)
  if (!stage.confirmed) {
    return refused(refusal('NOT_READY', 'the primary has not been confirmed by a majority yet'))
  }
  if (!isCommitting(node)) {
    return refused(
      refusal('NO_QUORUM', 'no majority of the members answers: nothing can be changed', {
        hint: 'start the missing nodes; data stays readable meanwhile',
      }),
    )
  }
  const waiting = stage.queue.length + stage.startWaiters.length + stage.invitations.length
  if (waiting < COMMANDS_WAITING_MAX) return undefined
  return refused(refusal('TOO_BUSY', `${waiting} commands wait already`))
}

function elsewhere(turn: Turn): CommandResult {
  const {followed, nowMs, timers} = turn.node
  const record = acceptedOf(turn.node)?.record
  const live = followed !== null && nowMs - followed.heardMs <= timers.electMs
  const primary = live ? record?.smap.nodes[followed.id] : undefined
  if (primary !== undefined) return {type: 'elsewhere', primary: primary.control}
  return refused(
    refusal('NO_PRIMARY', 'the cluster has no primary at present', {
      hint: 'look at the state of the cluster; it finds one when a majority is up',
    }),
  )
}

function invite(turn: Turn, stage: LeadingStage, askId: number, member: Member): void {
  const accepted = acceptedOf(turn.node)
  const primary = accepted?.record.smap.nodes[stage.self.id]
  if (accepted === null || primary === undefined) return
  const known = accepted.record.smap.nodes[member.id]
  if (known !== undefined && !known.learner && known.away === null) {
    return reply(turn, askId, done(turn))
  }
  const untilMs = turn.node.nowMs + INVITATION_MS
  enter(turn, {...stage, invitations: [...stage.invitations, {id: member.id, askId, untilMs}]})
  send(turn, member, {
    request: {
      type: 'invite',
      uuid: accepted.record.uuid,
      primary: primary.control,
      nonElectable: (member.flags & NODE_FLAG.nonElectable) !== 0,
    },
    timeoutMs: INVITE_TIMEOUT_MS,
    purpose: {type: 'invite', id: member.id},
  })
}

/** The invited node could not be reached. */
export function onInviteSilent(turn: Turn, id: Member['id'], detail: string): void {
  endInvitation(turn, id, refusal('UNREACHABLE', `node ${id} does not answer: ${detail}`))
}

/** Ends what has waited too long, and what cannot be committed without a majority. */
export function tickCommands(turn: Turn): void {
  const {stage, nowMs} = turn.node
  if (stage.stage !== 'leading') return
  for (const {id, untilMs} of stage.invitations) {
    if (untilMs > nowMs) continue
    endInvitation(turn, id, refusal('TIMED_OUT', `node ${id} was invited and has not come`))
  }
  if (stage.confirmed && !isCommitting(turn.node)) dropAsks(turn)
}

/** Nobody is kept waiting for a majority; the change under way may still be committed. */
function dropAsks(turn: Turn): void {
  const {stage} = turn.node
  if (stage.stage !== 'leading') return
  const asks = [...stage.queue, ...stage.underWay].flatMap((item) => item.asks)
  if (asks.length === 0) return
  const queue = stage.queue
    .filter(({change}) => change.type !== 'command')
    .map((item) => ({...item, asks: []}))
  const underWay = stage.underWay.map((item) => ({...item, asks: []}))
  enter(turn, {...stage, queue, underWay})
  failAsks(turn, asks, 'no majority of the members answers')
}

function done(turn: Turn): CommandResult {
  return {type: 'done', position: positionOf(turn.node.durable.committed)}
}

function refused(why: Refusal): CommandResult {
  return {type: 'refused', refusal: why}
}

function reply(turn: Turn, askId: number, result: CommandResult): void {
  emit(turn, {type: 'reply', askId, result})
}
