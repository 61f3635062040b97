/**
 * What would be missing if some nodes were off: a majority, objects, names that can be written; and
 * whether they may go down for the moment that a restart takes. For people and for whoever stops
 * nodes one after the other; a judgement of what is known at one moment, by one gateway. What is
 * not known is named, and never taken for good.
 */

import {nodeLabel, type NodeId} from './ids.ts'
import {isElectable, isLeaving, nodeLabelOf, NODE_FLAG, ownsKeys} from './node.ts'
import type {Member, Role} from './node.ts'
import type {Operation} from './record.ts'
import {resilienceOf, type Resilience} from './resilience.ts'

/** What a target stores, by its own index of names. */
export interface Stored {
  readonly objects: number
  readonly bytes: number
}

/** One of the nodes that are to be stopped. */
export interface Stoppable {
  readonly id: string
  readonly role: Role
  /** It does not answer, or is off already. */
  readonly down: boolean
  readonly isPrimary: boolean
  /** Objects that only it has; null: not known. */
  readonly only: Stored | null
  /** Its share of names could not be written meanwhile. */
  readonly serves: boolean
}

export interface OkToStop {
  readonly safe: boolean
  /** Why not; empty when it is safe. */
  readonly reasons: readonly string[]
  /** What the answer does not take into account. */
  readonly unknown: readonly string[]
  readonly nodes: readonly Stoppable[]
  readonly quorum: {readonly holds: boolean; readonly now: Resilience; readonly without: Resilience}
  /** What taking them out in order would have to move, and who could take it. */
  readonly toMove: Stored
  /** How long that would take, by how fast the last rebalance went; null: none has moved anything. */
  readonly moveTime: {readonly seconds: number; readonly rebalance: string} | null
  readonly room: {readonly targets: number; readonly availableBytes: number | null}
  readonly restart: RestartVerdict
}

/** Whether they may go down and come back at once, with their data where it is. */
export interface RestartVerdict {
  readonly safe: boolean
  /** Why not yet; empty when it is safe. */
  readonly reasons: readonly string[]
  /** Who can take office first, when the primary is one of them; null: nobody, or no need. */
  readonly heir: string | null
}

/** A rebalance that has been: what it moved in which time. */
export interface PastMove extends Stored {
  readonly id: string
  /** Ms since 1970; `endedMs` null while it runs. */
  readonly beganMs: number
  readonly endedMs: number | null
}

/** What is known when the question is asked. */
export interface StopFacts {
  readonly members: readonly Member[]
  /** Who is to be stopped. */
  readonly wanted: ReadonlySet<NodeId>
  /** Who leads; null: nobody is heard. */
  readonly primary: NodeId | null
  /** It is the primary that says what moves now. */
  readonly live: boolean
  /** Nodes that do not answer. */
  readonly silent: ReadonlySet<NodeId>
  /** Whether a node may have what is nowhere else, as the primary has watched; absent: not watched. */
  readonly holds: ReadonlyMap<string, boolean>
  /** What those wanted say that they store; absent: they do not say. */
  readonly stored: ReadonlyMap<string, Stored>
  /** Free bytes of targets; absent: they do not say. */
  readonly availableBytes: ReadonlyMap<string, number>
  /** Oldest first. */
  readonly moves: readonly PastMove[]
  /** What was ordered and is under way. */
  readonly op: Pick<Operation, 'action' | 'nodes' | 'phase'> | null
  /** The rebalance that goes on, `g3`; '' when none does. */
  readonly moving: string
}

const NOTHING: Stored = {objects: 0, bytes: 0}
/** A rebalance that took less says nothing about the next. */
const MOVE_SECONDS_MIN = 0.1

/** Whether these nodes may be off now, why not, and what it would take. */
export function judgeStop(facts: StopFacts): OkToStop {
  const wanted = facts.members.filter(({id}) => facts.wanted.has(id)).toSorted(byRoleAndId)
  const nodes = wanted.map((member) => weigh(member, facts))
  const quorum = quorumOf(facts)
  const reasons = [...quorumReasons(quorum), ...nodes.flatMap(nodeReasons)]
  const toMove = sumOf(nodes)
  const takes = moveTime(toMove, facts.moves)
  return {
    safe: reasons.length === 0,
    reasons,
    unknown: unknownOf(nodes, {timed: takes !== null, live: facts.live}),
    nodes,
    quorum,
    toMove,
    moveTime: takes,
    room: roomOf(facts),
    restart: judgeRestart(facts),
  }
}

/** Proxies first, each role by id. */
function byRoleAndId(a: Member, b: Member): number {
  if (a.role !== b.role) return a.role === 'proxy' ? -1 : 1
  return a.id < b.id ? -1 : 1
}

function weigh(member: Member, facts: StopFacts): Stoppable {
  const {id, role, away} = member
  return {
    id,
    role,
    down: facts.silent.has(id) || away !== null,
    isPrimary: id === facts.primary,
    only: mayHold(member, facts) ? (facts.stored.get(id) ?? null) : NOTHING,
    serves: ownsKeys(member),
  }
}

/**
 * A target that newly serves, or has given its share away, has not all that its index counts; but
 * while it may be named as an owner nobody can say what of it is nowhere else.
 */
function mayHold(member: Member, {holds}: StopFacts): boolean {
  if (member.role === 'proxy') return false
  const verified = (member.flags & NODE_FLAG.maintenancePostRebalance) !== 0
  return holds.get(member.id) ?? !(isLeaving(member) && verified)
}

function quorumOf({
  members,
  primary,
  silent,
  wanted,
}: Pick<StopFacts, 'members' | 'primary' | 'silent' | 'wanted'>): OkToStop['quorum'] {
  const away = members.filter((member) => member.away !== null).map(({id}) => id)
  const down = new Set([...silent, ...away])
  const now = resilienceOf(members, {primary, down})
  const without = resilienceOf(members, {primary, down: new Set([...down, ...wanted])})
  return {holds: without.up >= without.needed && without.electableUp > 0, now, without}
}

function quorumReasons({holds, without}: OkToStop['quorum']): readonly string[] {
  if (holds) return []
  const {up, voters, needed, electableUp} = without
  return electableUp === 0
    ? ['no gateway that may lead would be up: nothing could be changed']
    : [`${up} of ${voters} voters would be up, ${needed} are needed: nothing could be changed`]
}

function nodeReasons({id, role, only, serves}: Stoppable): readonly string[] {
  const label = nodeLabel(role, id)
  const share = serves ? [`the names that belong to ${label} could not be written`] : []
  if (only === null) return [`it is not known what only ${label} has: it does not say`, ...share]
  const {objects} = only
  const what = `${objects.toLocaleString('en-US')} ${objects === 1 ? 'object' : 'objects'}`
  const gone = objects === 0 ? [] : [`${what} of ${label} would answer 503`]
  return [...gone, ...share]
}

function unknownOf(
  nodes: readonly Stoppable[],
  {timed, live}: {readonly timed: boolean; readonly live: boolean},
): readonly string[] {
  const counts = nodes.some(({only}) => only !== null && only.objects > 0)
  return [
    ...(counts
      ? ['objects are counted by each target’s own index, copies that moved already included']
      : []),
    ...(counts && !timed
      ? ['how long moving them takes: no rebalance has moved anything yet']
      : []),
    ...(live ? [] : ['the primary does not say what moves now']),
  ]
}

/** By the newest rebalance that moved something: as many objects or bytes a second again. */
function moveTime({objects, bytes}: Stored, moves: readonly PastMove[]): OkToStop['moveTime'] {
  if (objects === 0) return {seconds: 0, rebalance: ''}
  for (const move of moves.toReversed()) {
    if (move.endedMs === null || move.objects === 0) continue
    const tookS = Math.max(MOVE_SECONDS_MIN, (move.endedMs - move.beganMs) / 1000)
    const ratio = Math.max(objects / move.objects, move.bytes === 0 ? 0 : bytes / move.bytes)
    return {seconds: Math.ceil(tookS * ratio), rebalance: move.id}
  }
  return null
}

function sumOf(nodes: readonly Stoppable[]): Stored {
  return nodes.reduce(
    (sum, {only}) => ({
      objects: sum.objects + (only?.objects ?? 0),
      bytes: sum.bytes + (only?.bytes ?? 0),
    }),
    NOTHING,
  )
}

function roomOf({members, wanted, availableBytes}: StopFacts): OkToStop['room'] {
  const others = members.filter(
    (member) => ownsKeys(member) && member.away === null && !wanted.has(member.id),
  )
  const sizes = others.map(({id}) => availableBytes.get(id) ?? null)
  const known = sizes.every((size) => size !== null)
  return {
    targets: others.length,
    availableBytes: known ? sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0) : null,
  }
}

function judgeRestart(facts: StopFacts): RestartVerdict {
  const {members, wanted, primary} = facts
  const others = members.filter(({id}) => !wanted.has(id))
  const reasons = [
    ...(primary === null ? ['nobody leads at present'] : []),
    ...others.flatMap((member) => unwellReasons(member, facts)),
    ...restartQuorumReasons(facts),
    ...movingReasons(facts),
  ]
  const heirs = others.filter(
    (one) => isElectable(one) && isSound(one) && !facts.silent.has(one.id),
  )
  const leads = primary !== null && wanted.has(primary)
  const heir = leads ? (heirs.toSorted(byRoleAndId)[0]?.id ?? null) : null
  return {safe: reasons.length === 0, reasons, heir}
}

/** A node that is being taken out may be off. */
function unwellReasons(member: Member, {silent}: StopFacts): readonly string[] {
  const label = nodeLabelOf(member)
  if (isLeaving(member)) return []
  if (member.away !== null) return [`${label} is ${member.away.kind}`]
  if (silent.has(member.id)) return [`${label} does not answer`]
  return member.learner ? [`${label} is catching up`] : []
}

/**
 * Why the majority forbids that they go down for a moment; empty when it does not. A cluster too
 * small to keep its majority without these, even when all others are up, is not held back: nothing
 * could ever be restarted there.
 */
export function restartQuorumReasons(
  facts: Pick<StopFacts, 'members' | 'primary' | 'silent' | 'wanted'>,
): readonly string[] {
  const {members, wanted} = facts
  const {up, needed, electableUp} = resilienceOf(members, {primary: null, down: wanted})
  return up >= needed && electableUp > 0 ? quorumReasons(quorumOf(facts)) : []
}

/** What moves now: a node that restarts in the middle of it would hold it up. */
export function movingReasons({op, moving}: Pick<StopFacts, 'op' | 'moving'>): readonly string[] {
  if (op !== null) return [`${op.action} of ${op.nodes.join(', ')} is ${op.phase}`]
  return moving === '' ? [] : [`data moves (${moving})`]
}

function isSound({away, flags, learner}: Member): boolean {
  return away === null && flags === 0 && !learner
}
