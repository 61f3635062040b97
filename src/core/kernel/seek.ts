/** A node without a primary: asks where there is one, and to be let in (DESIGN: founding). */

import type {Refusal} from '../../base/errors.ts'
import type {Endpoint, Member} from '../../model/node.ts'
import {formatEndpoint} from '../../model/node.ts'
import type {JoinAnswer, ProbeAnswer} from '../../model/peer-messages.ts'
import {comparePositions} from '../../model/record.ts'
import {ownFlags} from '../membership/changes.ts'
import {
  FIRST_WAIT_MS,
  nextRound,
  placeToJoin,
  placesToAsk,
  REFUSED_WAIT_MS,
} from '../membership/discovery.ts'
import type {Discovery} from '../membership/discovery.ts'
import {EXIT_CONFIGURATION} from './events.ts'
import {accept} from './follow.ts'
import {stepDown} from './stage.ts'
import {tellLeaving} from './stop.ts'
import type {NodeState, Purpose} from './state.ts'
import type {Turn} from './turn.ts'
import {emit, enter, isAsking, log, persist, send, update} from './turn.ts'
import {positionOf} from './view.ts'

const PROBE_TIMEOUT_MS = 3000
/** A join is answered after a commit; a founder may hold it until it has founded. */
const JOIN_TIMEOUT_MS = 6000

/** A double gives up after this long: longer than a node that moved is held to answer still. */
const DUPLICATE_MS = 8000
const DUPLICATE_WAIT_MS = 2000

/** Between two lines about the same trouble. */
const SAY_EVERY_MS = 10_000

/** The search of a node that looks for a primary, or that stands and would rather find one. */
function discoveryOf(node: NodeState): Discovery | undefined {
  const {stage} = node
  return stage.stage === 'seeking' || stage.stage === 'standing' ? stage.discovery : undefined
}

function setDiscovery(turn: Turn, discovery: Discovery): void {
  const {stage} = turn.node
  if (stage.stage === 'seeking' || stage.stage === 'standing') enter(turn, {...stage, discovery})
}

/** The next round, when it is due. */
export function tickSeeking(turn: Turn): void {
  const {nowMs, standby, durable} = turn.node
  const discovery = discoveryOf(turn.node)
  if (discovery === undefined || nowMs < discovery.nextAtMs) return
  setDiscovery(turn, nextRound(discovery, nowMs))
  if (standby && durable.accepted === null) return
  askToJoin(turn, discovery)
  const {facts} = turn.node
  const saved = durable.accepted?.record.smap ?? null
  for (const control of placesToAsk(facts.self, saved, [...facts.askFirst, ...facts.peers])) {
    const place = formatEndpoint(control)
    if (isAsking(turn.node, (purpose) => purpose.type === 'probe' && purpose.place === place))
      continue
    send(
      turn,
      {control, id: null},
      {
        request: {type: 'probe', uuid: durable.uuid},
        timeoutMs: PROBE_TIMEOUT_MS,
        purpose: {type: 'probe', place},
      },
    )
  }
}

/**
 * Asks to be let in where the primary is said to be, unless that question is under way; one that
 * was on its way out asks for nothing but to be gone.
 */
function askToJoin(turn: Turn, discovery: Discovery): void {
  const {node} = turn
  const {durable, facts} = node
  const saved = durable.accepted?.record.smap ?? null
  const place = placeToJoin(facts.self.id, saved, discovery.hint)
  if (place === null || isAsking(node, ({type}) => type === 'join' || type === 'leaving')) return
  if (node.leaving === 'wiped') return tellLeaving(turn, {control: place, id: null})
  send(
    turn,
    {control: place, id: null},
    {
      request: {
        type: 'join',
        member: selfMember(node),
        uuid: durable.uuid,
        by: node.invitation === null ? 'self' : 'admin',
        hasState: durable.accepted !== null && durable.inc > 0,
        run: durable.run,
      },
      timeoutMs: JOIN_TIMEOUT_MS,
      purpose: {type: 'join', place},
    },
  )
}

/** This node as it would be recorded. */
function selfMember(node: NodeState): Member {
  const {self} = node.facts
  return {
    id: self.id,
    role: self.role,
    public: self.public,
    control: self.control,
    data: self.data,
    flags: ownFlags(self.nonElectable || node.invitation?.nonElectable === true),
    inc: node.durable.inc,
    learner: node.durable.accepted === null,
    away: null,
    speaks: self.speaks,
  }
}

/** A place said who it is and whom it follows. */
export function onProbeAnswered(turn: Turn, place: string, answer: ProbeAnswer): void {
  const {durable, facts} = turn.node
  const discovery = discoveryOf(turn.node)
  if (discovery === undefined) return
  if (durable.uuid !== '' && answer.uuid !== '' && answer.uuid !== durable.uuid) {
    log(turn, 'warn', `${place} belongs to cluster ${answer.uuid}, this node to ${durable.uuid}`)
    return
  }
  const {primary} = answer
  if (primary === null) return
  if (primary.id === facts.self.id) {
    if (durable.accepted === null) sayOrphaned(turn, place)
    return
  }
  const newer = answer.promisedEpoch > discovery.hintEpoch
  if (discovery.hint === null || newer || place === formatEndpoint(primary.control)) {
    const hintEpoch = Math.max(discovery.hintEpoch, answer.promisedEpoch)
    setDiscovery(turn, {...discovery, hintEpoch})
    followHint(turn, primary.control)
  }
}

/** Nobody answered there: a place that was named meanwhile is asked at once, this one later. */
export function onJoinSilent(turn: Turn, place: Endpoint): void {
  const hint = discoveryOf(turn.node)?.hint ?? null
  const other = hint !== null && formatEndpoint(hint) !== formatEndpoint(place)
  followHint(turn, other ? hint : null)
}

/**
 * The primary of the others is this node, which has lost what it knew. It may not found anew; the
 * others elect another, if they have one to elect.
 */
function sayOrphaned(turn: Turn, place: string): void {
  const {nowMs} = turn.node
  const discovery = discoveryOf(turn.node)
  if (discovery === undefined || nowMs - discovery.saidAtMs < SAY_EVERY_MS) return
  setDiscovery(turn, {...discovery, saidAtMs: nowMs})
  log(
    turn,
    'error',
    `${place} follows this node, whose state is lost: waiting for another primary; ` +
      'if there is no other electable gateway, bring its disk back',
  )
}

/** Asks there at once. */
export function followHint(turn: Turn, hint: Endpoint | null): void {
  const found = discoveryOf(turn.node)
  if (found === undefined) return
  const discovery = {...found, hint}
  setDiscovery(turn, discovery)
  if (hint !== null) askToJoin(turn, discovery)
}

/** The primary, or somebody who knows better, answered. */
export function onJoinAnswered(
  turn: Turn,
  purpose: Extract<Purpose, {type: 'join'}>,
  answer: JoinAnswer,
): void {
  const {nowMs, durable} = turn.node
  const discovery = discoveryOf(turn.node)
  if (discovery === undefined) return
  if (answer.refusal !== null) {
    if (answer.refusal.code === 'DUPLICATE_NODE')
      return onDuplicate(turn, discovery, answer.refusal)
    const soon = answer.refusal.code === 'NOT_READY' || answer.refusal.code === 'NO_QUORUM'
    log(turn, soon ? 'debug' : 'error', `not admitted: ${answer.refusal.message}`, {
      code: answer.refusal.code,
      place: formatEndpoint(purpose.place),
    })
    const nextAtMs = nowMs + (soon ? FIRST_WAIT_MS : REFUSED_WAIT_MS)
    setDiscovery(turn, {...discovery, nextAtMs})
    return
  }
  if (answer.committed !== null) {
    admitted(turn, answer)
    setDiscovery(turn, {...discovery, nextAtMs: nowMs + turn.node.timers.electMs})
    return
  }
  const elsewhere = answer.primary
  if (elsewhere !== null && formatEndpoint(elsewhere) !== formatEndpoint(purpose.place)) {
    const ownPlace = formatEndpoint(turn.node.facts.self.control)
    if (formatEndpoint(elsewhere) !== ownPlace) followHint(turn, elsewhere)
  }
  if (durable.uuid === '') log(turn, 'debug', 'no cluster known yet')
}

/**
 * Another node has this id or address and answers. A moment later it may be gone, when this node
 * has moved; one that stays makes this one a double, which no restart mends.
 */
function onDuplicate(turn: Turn, discovery: Discovery, refused: Refusal): void {
  const {nowMs} = turn.node
  const sinceMs = discovery.duplicateSinceMs ?? nowMs
  log(turn, 'error', `not admitted: ${refused.message}`, {code: refused.code})
  if (nowMs - sinceMs >= DUPLICATE_MS) {
    emit(turn, {type: 'exit', status: EXIT_CONFIGURATION, reason: refused.message, left: false})
    return
  }
  setDiscovery(turn, {
    ...discovery,
    duplicateSinceMs: sinceMs,
    nextAtMs: nowMs + DUPLICATE_WAIT_MS,
  })
}

/** The cluster has recorded this node: under the incarnation that it holds, or under a new one. */
function admitted(turn: Turn, answer: JoinAnswer): void {
  const {committed, inc} = answer
  const {durable, facts} = turn.node
  if (committed === null) return
  const member = committed.record.smap.nodes[facts.self.id]
  if (member === undefined || member.inc !== inc || inc === 0) return
  if (durable.uuid !== '' && durable.uuid !== committed.record.uuid) return
  update(turn, {standby: false})
  if (inc === durable.inc) {
    accept(turn, committed, positionOf(committed))
    return
  }
  if (
    durable.accepted !== null &&
    comparePositions(committed.record, durable.accepted.record) < 0
  ) {
    log(turn, 'error', 'admitted by an older record than the one accepted here; asking again')
    return
  }
  if (turn.node.stage.stage === 'standing') stepDown(turn, 'admitted under a new incarnation')
  const {epoch, uuid} = committed.record
  const raises = epoch > durable.promisedEpoch
  persist(
    turn,
    {
      uuid,
      inc,
      accepted: committed,
      committed,
      promisedEpoch: Math.max(epoch, durable.promisedEpoch),
      votedFor: raises ? null : durable.votedFor,
    },
    [],
  )
  log(turn, 'info', `admitted to cluster ${uuid} as incarnation ${inc}`, {inc})
}
