/** Which stage a node belongs in, and how it leaves the primary's. */

import {refusal} from '../../base/errors.ts'
import {formatEndpoint} from '../../model/node.ts'
import type {NodeId} from '../../model/ids.ts'
import type {Endpoint} from '../../model/node.ts'
import type {ElectionReason} from '../../model/record.ts'
import {discoveryFrom} from '../membership/discovery.ts'
import {founding} from '../membership/founding.ts'
import {standing, standingAsHeir} from '../election/state.ts'
import type {Ask, NodeState, Queued, StandingStage, WaitingCommand} from './state.ts'
import type {Turn} from './turn.ts'
import {answer, emit, enter, log, persist, selfVoter, update} from './turn.ts'
import {positionOf} from './view.ts'

/**
 * Whether this node may form the cluster (DESIGN: founding): the id that the environment names,
 * else its word about this node, else the configuration; and never with any state.
 */
export function mayFound(node: NodeState): boolean {
  const {facts, durable} = node
  const {id, isPrimary} = facts.primaryHint
  const chosen = id !== null ? id === facts.self.id : (isPrimary ?? facts.bootstrap)
  return (
    chosen &&
    facts.self.role === 'proxy' &&
    !facts.self.nonElectable &&
    facts.uuid !== '' &&
    durable.accepted === null &&
    (durable.votedFor === null || durable.votedFor.id === facts.self.id)
  )
}

/** Configured places besides this node itself, each once. */
export function otherPlaces(node: NodeState): readonly Endpoint[] {
  const places = new Map(node.facts.peers.map((place) => [formatEndpoint(place), place]))
  places.delete(formatEndpoint(node.facts.self.control))
  return [...places.values()]
}

/** Looks for a primary, beginning at once. */
export function seek(turn: Turn, hint: Endpoint | null): void {
  enter(turn, {stage: 'seeking', discovery: discoveryFrom(turn.node.nowMs, hint)})
}

/** How a node comes to stand. */
export interface Candidacy {
  readonly reason: ElectionReason
  /** The epoch after the record that it has inherited (R16). */
  readonly heirOf?: number
  /** By an operator's command (R17). */
  readonly forced?: {
    readonly survivors: readonly NodeId[]
    readonly askId: number
    readonly untilMs: number
  }
}

/** Begins to stand; the caller carries on with `begun`. */
export function stand(turn: Turn, candidacy: Candidacy): void {
  const {node} = turn
  const {accepted, committed, promisedEpoch} = node.durable
  const {reason, heirOf, forced} = candidacy
  if (accepted === null) return
  const own = {voter: selfVoter(node), accepted, committed: positionOf(committed)}
  enter(turn, {
    stage: 'standing',
    election:
      heirOf === undefined
        ? standing(own, promisedEpoch, forced?.survivors ?? null)
        : standingAsHeir(own, heirOf),
    reason,
    beganMs: node.nowMs,
    discovery: discoveryFrom(node.nowMs, null),
    forced: forced === undefined ? null : {askId: forced.askId, untilMs: forced.untilMs},
    nextAskMs: node.nowMs,
    saidAtMs: node.nowMs,
  })
}

/** Begins to found; the caller carries on with `begun`. */
export function foundCluster(turn: Turn): void {
  enter(turn, {
    stage: 'founding',
    founding: founding(otherPlaces(turn.node).length),
    nextAskMs: turn.node.nowMs,
    heardFrom: [],
    saidAtMs: turn.node.nowMs,
  })
}

/**
 * Ends a reign, if there is one. Whoever waits for a record under way is told that the outcome is
 * unknown: it may yet be committed by whoever leads next. What was never proposed waits for that
 * one.
 */
export function stepDown(turn: Turn, why: string, level: 'info' | 'warn' = 'warn'): void {
  const {stage} = turn.node
  if (stage.stage === 'standing') endForced(turn, stage, why)
  if (stage.stage === 'standing' || stage.stage === 'founding') seek(turn, null)
  if (stage.stage !== 'leading') return
  log(turn, level, `no longer primary of epoch ${stage.epoch}: ${why}`, {epoch: stage.epoch})
  const commands = stage.queue.flatMap((item) => waitingAgain(item, turn.node.nowMs))
  const unproposed = stage.queue.filter(({change}) => change.type !== 'command')
  for (const {askId, result} of stage.spreading) emit(turn, {type: 'reply', askId, result})
  const waiters = [
    ...stage.startWaiters,
    ...stage.invitations.map(({askId}) => askId),
    ...(stage.handing?.askIds ?? []),
  ]
  seek(turn, null)
  update(turn, {led: stage.epoch, waitingCommands: [...turn.node.waitingCommands, ...commands]})
  failAsks(turn, asksOf(unproposed), why, false)
  failAsks(turn, asksOf(stage.underWay), why, true)
  failAsks(
    turn,
    waiters.map((askId) => ({kind: 'command', askId})),
    why,
    true,
  )
}

function asksOf(items: readonly Queued[]): readonly Ask[] {
  return items.flatMap((item) => item.asks)
}

/** How long a client's command waits for a primary. */
export const COMMAND_HOLD_MS = 5000

function waitingAgain(item: Queued, nowMs: number): readonly WaitingCommand[] {
  const {change} = item
  if (change.type !== 'command') return []
  const untilMs = nowMs + COMMAND_HOLD_MS
  return item.asks.map(({askId}) => ({askId, command: change.command, untilMs}))
}

/** Tells the operator whose command made this node stand that nothing has come of it. */
export function endForced(turn: Turn, stage: StandingStage, why: string): void {
  if (stage.forced === null) return
  const refused = refusal('REFUSED', `not recovered: ${why}`, {
    hint: 'look at the state of the nodes, then repeat the command',
  })
  emit(turn, {
    type: 'reply',
    askId: stage.forced.askId,
    result: {type: 'refused', refusal: refused},
  })
}

/**
 * Answers those who wait. @param proposed whether the change may yet be committed: who asked for it
 * must not simply repeat it then
 */
export function failAsks(turn: Turn, asks: readonly Ask[], why: string, proposed: boolean): void {
  for (const {kind, askId} of asks) {
    if (kind === 'leaving') {
      answer(turn, askId, {type: 'leaving', recorded: false})
      continue
    }
    const refused = proposed
      ? refusal('OUTCOME_UNKNOWN', `the outcome is unknown: ${why}`, {
          hint: 'look at the state of the cluster, then repeat the request',
        })
      : refusal('NO_QUORUM', `nothing was changed: ${why}`, {hint: 'try again in a second'})
    if (kind === 'command')
      emit(turn, {type: 'reply', askId, result: {type: 'refused', refusal: refused}})
    else
      answer(turn, askId, {type: 'join', refusal: refused, primary: null, inc: 0, committed: null})
  }
}

/**
 * Told of a higher epoch, any node keeps to it, and whoever led below it does so no longer (R11).
 */
export function adoptEpoch(turn: Turn, epoch: number): void {
  if (epoch <= turn.node.durable.promisedEpoch) return
  persist(turn, {promisedEpoch: epoch, votedFor: null}, [])
  const {stage} = turn.node
  if (stage.stage === 'leading') stepDown(turn, `epoch ${epoch} was promised elsewhere`)
}
