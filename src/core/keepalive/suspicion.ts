/**
 * Who may be marked lost (R13). The primary's own silence is a suspicion; others confirm it; brakes
 * keep one bad switch or one sick primary from moving half of the data.
 */

import type {NodeId} from '../../model/ids.ts'
import type {Member} from '../../model/node.ts'
import type {ClusterRecord} from '../../model/record.ts'
import type {Peer, Suspicion} from './state.ts'

/** Others that look before a member is called lost. */
export const CONFIRMERS = 3
/** Without anybody to look for it, a primary waits this many times longer. */
const ALONE_FACTOR = 2
/** The floor of R13: two thirds of the members that were active. */
const FLOOR_RATIO = 2 / 3

export interface SuspicionFacts {
  readonly peer: Peer
  readonly nowMs: number
  readonly suspectMs: number
  /** Other members that answered lately, in the order in which they are to be asked. */
  readonly helpers: () => readonly NodeId[]
}

/** The suspicion at this time; `checking` anew means: ask `asked`. */
export function suspicionAt(facts: SuspicionFacts): Suspicion {
  const {peer, nowMs, suspectMs} = facts
  if (peer.suspicion.phase !== 'none') return peer.suspicion
  const silentMs = nowMs - Math.max(peer.answeredMs, peer.suspicion.notBeforeMs)
  if (silentMs < suspectMs) return peer.suspicion
  const helpers = facts.helpers()
  if (helpers.length > 0) {
    return {phase: 'checking', asked: helpers.slice(0, CONFIRMERS), unreachable: []}
  }
  return silentMs < suspectMs * ALONE_FACTOR ? peer.suspicion : {phase: 'confirmed'}
}

/** After a helper's word. `undefined`: it did not answer, and its word is not needed. */
export function suspicionAfter(
  suspicion: Suspicion,
  helper: NodeId,
  reachable: boolean | undefined,
  nowMs: number,
): Suspicion {
  if (suspicion.phase !== 'checking' || !suspicion.asked.includes(helper)) return suspicion
  if (reachable === true) return {phase: 'none', notBeforeMs: nowMs}
  const asked =
    reachable === undefined ? suspicion.asked.filter((id) => id !== helper) : suspicion.asked
  const unreachable =
    reachable === false ? [...new Set([...suspicion.unreachable, helper])] : suspicion.unreachable
  if (asked.length === 0) return {phase: 'none', notBeforeMs: nowMs}
  return unreachable.length === asked.length
    ? {phase: 'confirmed'}
    : {...suspicion, asked, unreachable}
}

/** How many members were active since a moment, as a committed record said. */
export interface ActiveNote {
  readonly atMs: number
  readonly count: number
}

/** Changes of that number that are remembered; more within the window would be no cluster. */
const ACTIVE_NOTES_KEPT = 64

/**
 * The notes with what another committed record says. Every member takes them, whoever leads: a new
 * reign is held to the floor of the one before it.
 */
export function noteActive(
  notes: readonly ActiveNote[],
  record: ClusterRecord,
  nowMs: number,
): readonly ActiveNote[] {
  const count = activeCount(record)
  if (notes.at(-1)?.count === count) return notes
  return [...notes, {atMs: nowMs, count}].slice(-ACTIVE_NOTES_KEPT)
}

/** Most members active at one time since then; 0 without a note. */
export function mostActive(notes: readonly ActiveNote[], sinceMs: number): number {
  const inForce = notes.findLastIndex(({atMs}) => atMs <= sinceMs)
  return Math.max(0, ...notes.slice(Math.max(0, inForce)).map(({count}) => count))
}

export interface BrakeFacts {
  readonly record: ClusterRecord
  readonly member: Member
  /** Most members active at one time in the last ten minutes. */
  readonly activeBefore: number
  readonly nowMs: number
  /** Index up to which entries of `own` are settled (DESIGN: leases). */
  readonly settledIndex: number
  /** When the last target was marked lost in this reign; -Infinity: none was. */
  readonly lastTargetLostMs: number
  readonly settleMs: number
}

/** Why a confirmed member is not marked lost yet; '' when nothing holds it back. */
export function brake(facts: BrakeFacts): string {
  const {record, member} = facts
  const active = activeCount(record) - (member.away === null ? 1 : 0)
  const floor = Math.ceil(facts.activeBefore * FLOOR_RATIO)
  if (active < floor) {
    return `${active} members would remain active, the floor is ${floor} of ${facts.activeBefore}`
  }
  if (member.role === 'target' && (record.own.at(-1)?.index ?? 0) > facts.settledIndex) {
    return 'the last change of owners has not settled yet'
  }
  const sinceLost = facts.nowMs - facts.lastTargetLostMs
  if (member.role === 'target' && sinceLost < facts.settleMs) {
    return `another target was marked lost ${Math.round(sinceLost / 1000)} s ago`
  }
  return ''
}

/** Members that are not away and take part. */
export function activeCount(record: ClusterRecord): number {
  return Object.values(record.smap.nodes).filter(
    (member) => member.away === null && !member.learner,
  ).length
}
