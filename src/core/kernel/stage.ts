/** Which stage a node belongs in, and how it leaves the primary's. */

import {refusal} from '../../base/errors.ts'
import {isElectable} from '../../model/node.ts'
import {formatEndpoint} from '../../model/node.ts'
import type {Endpoint} from '../../model/node.ts'
import {discoveryFrom} from '../membership/discovery.ts'
import {founding} from '../membership/founding.ts'
import {standing} from '../election/state.ts'
import type {Ask, NodeState} from './state.ts'
import type {Turn} from './turn.ts'
import {answer, emit, enter, log, persist, selfVoter} from './turn.ts'
import {positionOf} from './view.ts'

/**
 * Whether this node may stand for primary. The primary is fixed in this release: the one that the
 * record names, and no other. Succession by rank widens this one predicate, and its twin in
 * `election/voter.ts`.
 */
export function mayStand(node: NodeState): boolean {
  const record = node.durable.accepted?.record
  const member = record?.smap.nodes[node.facts.self.id]
  return (
    record !== undefined &&
    member !== undefined &&
    record.smap.primary === member.id &&
    member.inc === node.durable.inc &&
    isElectable(member) &&
    node.writes.length === 0
  )
}

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

/** Begins to stand; the caller carries on with `begun`. */
export function stand(turn: Turn): void {
  const {node} = turn
  const {accepted, committed, promisedEpoch} = node.durable
  if (accepted === null) return
  const own = {voter: selfVoter(node), accepted, committed: positionOf(committed)}
  enter(turn, {
    stage: 'standing',
    election: standing(own, promisedEpoch),
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
 * Ends a reign, if there is one. Whoever waits is told that the outcome is unknown: the record
 * under way may yet be committed by whoever leads next.
 */
export function stepDown(turn: Turn, why: string): void {
  const {stage} = turn.node
  if (stage.stage === 'standing' || stage.stage === 'founding') seek(turn, null)
  if (stage.stage !== 'leading') return
  log(turn, 'warn', `no longer primary of epoch ${stage.epoch}: ${why}`, {epoch: stage.epoch})
  const asks = [...stage.queue, ...stage.underWay].flatMap((item) => item.asks)
  for (const {askId, result} of stage.spreading) emit(turn, {type: 'reply', askId, result})
  const waiters = [...stage.startWaiters, ...stage.invitations.map(({askId}) => askId)]
  seek(turn, null)
  failAsks(turn, asks, why)
  failAsks(
    turn,
    waiters.map((askId) => ({kind: 'command', askId})),
    why,
  )
}

/** Answers those who wait with what is known: nothing. */
export function failAsks(turn: Turn, asks: readonly Ask[], why: string): void {
  for (const {kind, askId} of asks) {
    if (kind === 'leaving') {
      answer(turn, askId, {type: 'leaving', recorded: false})
      continue
    }
    const refused = refusal('NO_QUORUM', `the outcome is unknown: ${why}`, {
      hint: 'look at the state of the cluster, then repeat the request',
    })
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
