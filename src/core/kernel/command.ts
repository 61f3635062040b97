/**
 * What clients ask of the primary: queued, merged into the next record, answered after its commit.
 */

import {refusal, type Refusal} from '../../base/errors.ts'
import type {Command, CommandResult} from '../../model/command.ts'
import {COMMANDS_WAITING_MAX} from '../../model/limits.ts'
import type {Endpoint, Member} from '../../model/node.ts'
import {NODE_FLAG} from '../../model/node.ts'
import {endInvitation} from './members.ts'
import {enqueue, proposeQueued} from './lead.ts'
import {setPrimary} from './hand-over.ts'
import {onRecoverCommanded} from './recover.ts'
import {COMMAND_HOLD_MS, failAsks} from './stage.ts'
import type {LeadingStage, NodeState, WaitingCommand} from './state.ts'
import type {Turn} from './turn.ts'
import {acceptedOf, emit, enter, send, update} from './turn.ts'
import {isCommitting, positionOf} from './view.ts'

/** An administrator's join: the invited node's own join, its admission and promotion. */
const INVITATION_MS = 15_000
const INVITE_TIMEOUT_MS = 3000

/** A client's command: done here, sent elsewhere, held until there is a primary, or refused. */
export function onCommanded(turn: Turn, askId: number, command: Command): void {
  const {stage, nowMs} = turn.node
  if (command.type === 'recover') return onRecoverCommanded(turn, askId, command)
  if (mustHold(turn.node)) {
    return hold(turn, {askId, command, untilMs: nowMs + COMMAND_HOLD_MS})
  }
  const problem = whyNotNow(turn)
  if (problem !== undefined) return reply(turn, askId, problem)
  if (stage.stage !== 'leading') return
  switch (command.type) {
    case 'await-started':
      if (stage.started) return reply(turn, askId, done(turn))
      return enter(turn, {...stage, startWaiters: [...stage.startWaiters, askId]})
    case 'set-primary':
      return setPrimary(turn, stage, askId, command.id)
    case 'join-by-admin':
      return invite(turn, stage, askId, command.member)
    default:
      enqueue(turn, {
        change: {
          type: 'command',
          command,
          wallMs: turn.node.wallMs,
          settledIndex: stage.settledIndex,
        },
        asks: [{kind: 'command', askId}],
      })
      return proposeQueued(turn)
  }
}

/**
 * Whether the answer will be another one in a moment: the office is on its way, or there is none
 * yet. A node outside of any cluster has nothing to wait for.
 */
function mustHold(node: NodeState): boolean {
  const {stage, stop} = node
  if (stage.stage === 'leading') {
    return stage.handing !== null || (!stage.confirmed && stop === null)
  }
  return stop === null && node.durable.accepted !== null && livePrimary(node) === undefined
}

function hold(turn: Turn, waiting: WaitingCommand): void {
  const {waitingCommands} = turn.node
  if (waitingCommands.length >= COMMANDS_WAITING_MAX) {
    const why = refusal('TOO_BUSY', `${waitingCommands.length} commands wait already`)
    return reply(turn, waiting.askId, refused(why))
  }
  update(turn, {waitingCommands: [...waitingCommands, waiting]})
}

/** Takes up what was held: all of it when there is a primary, what has waited too long otherwise. */
export function serveWaitingCommands(turn: Turn): void {
  const {waitingCommands, nowMs} = turn.node
  if (waitingCommands.length === 0) return
  const holds = mustHold(turn.node)
  const ready = waitingCommands.filter(({untilMs}) => !holds || untilMs <= nowMs)
  if (ready.length === 0) return
  update(turn, {waitingCommands: waitingCommands.filter((one) => !ready.includes(one))})
  for (const {askId, command} of ready) {
    if (holds) reply(turn, askId, whyNotNow(turn) ?? noPrimary())
    else onCommanded(turn, askId, command)
  }
}

function whyNotNow(turn: Turn): CommandResult | undefined {
  const {node} = turn
  const {stage} = node
  if (stage.stage !== 'leading') {
    const primary = livePrimary(node)
    if (primary !== undefined) return {type: 'elsewhere', primary}
    return node.stop === null ? noPrimary() : refused(refusal('NOT_READY', 'this node is stopping'))
  }
  if (node.stop !== null) return refused(refusal('NOT_READY', 'this node is stopping'))
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

/** Where the primary listens that was heard lately, and not seen to be gone since. */
function livePrimary(node: NodeState): Endpoint | undefined {
  const {followed, nowMs, timers, watch} = node
  const live =
    followed !== null && nowMs - followed.heardMs <= timers.electMs && watch.evidence === null
  return live ? acceptedOf(node)?.record.smap.nodes[followed.id]?.control : undefined
}

function noPrimary(): CommandResult {
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
  const queued = stage.queue.flatMap((item) => item.asks)
  const proposed = stage.underWay.flatMap((item) => item.asks)
  if (queued.length + proposed.length === 0) return
  const queue = stage.queue
    .filter(({change}) => change.type !== 'command')
    .map((item) => ({...item, asks: []}))
  const underWay = stage.underWay.map((item) => ({...item, asks: []}))
  enter(turn, {...stage, queue, underWay})
  failAsks(turn, queued, 'no majority of the members answers', false)
  failAsks(turn, proposed, 'no majority of the members answers', true)
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
