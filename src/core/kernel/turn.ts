/**
 * One step of the kernel while it is being made: the node as it will be and the effects so far. The
 * only mutable thing in `core/`; it does not outlive `step()`, and the values in it are immutable.
 */

import {assert} from '../../base/assert.ts'
import type {NodeId} from '../../model/ids.ts'
import type {Endpoint} from '../../model/node.ts'
import type {PeerAnswer, PeerRequest, StoredRecord} from '../../model/peer-messages.ts'
import type {Voter} from '../../model/record.ts'
import {timersOf} from '../../model/timers.ts'
import type {DurableState, KernelEffect} from './events.ts'
import type {Deferred, NodeState, Purpose, Stage} from './state.ts'

export interface Turn {
  node: NodeState
  readonly effects: KernelEffect[]
}

/** Orders an effect. */
export function emit(turn: Turn, effect: KernelEffect): void {
  turn.effects.push(effect)
}

/** Alters fields of the node. */
export function update(turn: Turn, fields: Partial<NodeState>): void {
  turn.node = {...turn.node, ...fields}
}

/** Goes over to another stage. */
export function enter(turn: Turn, stage: Stage): void {
  turn.node = {...turn.node, stage}
}

/** A line for the operator. */
export function log(
  turn: Turn,
  level: 'debug' | 'info' | 'warn' | 'error',
  text: string,
  facts: Readonly<Record<string, unknown>> = {},
): void {
  turn.effects.push({type: 'log', level, text, facts})
}

/** This node as a voter. */
export function selfVoter(node: NodeState): Voter {
  return {id: node.facts.self.id, inc: node.durable.inc}
}

/**
 * Decides on new durable content: nothing in `after` happens before it is on disk. Everything
 * decided earlier is on disk then, too, because writes are whole and in order.
 */
export function persist(
  turn: Turn,
  fields: Partial<DurableState>,
  after: readonly Deferred[],
): void {
  const {node} = turn
  const state = {...node.durable, ...fields}
  const token = node.nextToken
  assert(state.promisedEpoch >= node.durable.promisedEpoch, 'a promise never falls')
  assert(
    state.accepted === null || state.accepted.record.epoch <= state.promisedEpoch,
    'what is accepted is promised',
  )
  const timers =
    state.committed === node.durable.committed || state.committed === null
      ? node.timers
      : timersOf(state.committed.record.conf.set)
  turn.node = {
    ...node,
    durable: state,
    timers,
    nextToken: token + 1,
    writes: [...node.writes, {token, state, after}],
  }
  turn.effects.push({type: 'persist', token, state})
}

/** Orders an effect that says something about durable content: not before all of it is on disk. */
export function emitDurably(turn: Turn, effect: KernelEffect): void {
  const {writes} = turn.node
  const last = writes.at(-1)
  if (last === undefined) {
    turn.effects.push(effect)
    return
  }
  const write = {...last, after: [...last.after, {type: 'effect' as const, effect}]}
  turn.node = {...turn.node, writes: [...writes.slice(0, -1), write]}
}

/** Answers another node. */
export function answer(turn: Turn, askId: number, content: PeerAnswer): void {
  turn.effects.push({type: 'answer', askId, answer: content})
}

/** Puts a question to a node; its answer, or that there was none, comes back with the purpose. */
export function send(
  turn: Turn,
  to: {readonly control: Endpoint; readonly id: NodeId | null},
  question: {
    readonly request: PeerRequest
    readonly timeoutMs: number
    readonly purpose: Purpose
    /** Over a connection made now. */
    readonly fresh?: boolean
  },
): void {
  const {node} = turn
  const sendId = node.nextSendId
  turn.node = {
    ...node,
    nextSendId: sendId + 1,
    sends: {...node.sends, [sendId]: question.purpose},
  }
  turn.effects.push({
    type: 'send',
    sendId,
    to: to.control,
    toId: to.id,
    request: question.request,
    timeoutMs: question.timeoutMs,
    fresh: question.fresh === true,
  })
}

/** Takes back the purpose of a question; undefined when it was answered before. */
export function takePurpose(turn: Turn, sendId: number): Purpose | undefined {
  const {[sendId]: purpose, ...sends} = turn.node.sends
  if (purpose !== undefined) turn.node = {...turn.node, sends}
  return purpose
}

/** Whether a question of this kind is under way. */
export function isAsking(node: NodeState, matches: (purpose: Purpose) => boolean): boolean {
  return Object.values(node.sends).some(matches)
}

/** The newest record that this node has accepted. */
export function acceptedOf(node: NodeState): StoredRecord | null {
  return node.durable.accepted
}
