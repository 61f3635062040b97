/**
 * Which copy of a key is the newest, and may this target say so? While the `own` list has several
 * entries, a key may have been written at any owner under an entry newer than the local copy: those
 * are asked, the highest generation wins, tombstones included, and nobody is told "not found" while
 * an owner that could know better is silent (DESIGN: own, R23). Decides; asks nobody itself.
 */

import type {ClusterView} from '../../model/cluster-view.ts'
import type {Generation} from '../../model/generation.ts'
import {compareGenerations} from '../../model/generation.ts'
import type {NodeId} from '../../model/ids.ts'
import type {OwnRing} from './ring.ts'
import {ownersUnder} from './ring.ts'

/** A copy as it stands on some target: an object or a tombstone. */
export interface Copy {
  readonly gen: Generation
  readonly tombstone: boolean
}

/** What to do before answering. */
export type ReadPlan =
  /** The local state is authoritative, also when it is "nothing here". */
  | {readonly type: 'local'}
  /** Ask these first, then read the local copy again, then resolve. */
  | {readonly type: 'ask'; readonly targets: readonly NodeId[]}

/** The outcome of a read. */
export type Resolution =
  | {readonly type: 'local'}
  | {readonly type: 'remote'; readonly from: NodeId; readonly gen: Generation}
  /** Nothing was ever written, or the newest is a tombstone. */
  | {readonly type: 'missing'}
  /** An owner that may hold something newer has not answered: 503, never 404. */
  | {readonly type: 'unknown'; readonly silent: readonly NodeId[]}

/** Whose read of which key, under which ownership. */
export interface ReadQuestion {
  readonly ring: OwnRing
  readonly self: NodeId
  /** `objectDigest` of the key. */
  readonly digest: bigint
}

/**
 * Whom to ask.
 * @param local the local copy as far as known; null when there is none. A hint: it is read again
 *   after the answers.
 */
export function planRead(question: ReadQuestion, local: Copy | null): ReadPlan {
  const targets = ownersSince(question, local?.gen ?? null).filter((id) => id !== question.self)
  return targets.length === 0 ? {type: 'local'} : {type: 'ask', targets}
}

/**
 * Resolves a read from the local copy and the answers. A target that is not in `answers` has not
 * answered; one that is there with null holds nothing.
 */
export function resolveRead(
  question: ReadQuestion,
  local: Copy | null,
  answers: ReadonlyMap<NodeId, Copy | null>,
): Resolution {
  const {self} = question
  let best = local
  let from: NodeId = self
  for (const [id, copy] of answers) {
    if (copy === null) continue
    if (best === null || compareGenerations(copy.gen, best.gen) > 0) {
      best = copy
      from = id
    }
  }
  const silent = ownersSince(question, best?.gen ?? null).filter(
    (id) => id !== self && !answers.has(id),
  )
  if (silent.length > 0) return {type: 'unknown', silent}
  if (best === null || best.tombstone) return {type: 'missing'}
  return from === self ? {type: 'local'} : {type: 'remote', from, gen: best.gen}
}

/**
 * Different owners of the key under the entries newer than a generation; all entries for null.
 * Those that are forgotten are not waited for (R33).
 */
function ownersSince(question: ReadQuestion, gen: Generation | null): readonly NodeId[] {
  const {ring, digest} = question
  const owners = new Set<NodeId>()
  for (const entry of ring.entries) {
    if (gen !== null && entry.index <= gen.own) continue
    for (const owner of ownersUnder(entry, digest)) {
      if (!entry.forgotten.includes(owner)) owners.add(owner)
    }
  }
  return [...owners]
}

/** Under which record a target is asked what it holds, and which incarnation of it is meant. */
export interface AskMark {
  readonly recordIndex: number
  readonly inc: number
}

/**
 * Why this target does not say what it holds; null when it does (R33). One with an older record may
 * still take what the asker does not ask for any more; another incarnation may be an empty one that
 * the asker does not know to be.
 */
export function whyNotTold(view: ClusterView, mark: AskMark): string | null {
  const index = view.record?.index ?? 0
  if (index === 0 || index < mark.recordIndex) {
    return `here is record ${index}, the question names ${mark.recordIndex}`
  }
  const {inc} = view.self
  return inc === mark.inc ? null : `here is incarnation ${inc}, the question means ${mark.inc}`
}

/**
 * AIStore's visible version of a write: 1 for a new object or after a delete, else one more than
 * the highest known. For people and clients; conflicts are resolved by generation alone.
 */
export function nextVersion(known: {version: number; tombstone: boolean} | null): number {
  return known === null || known.tombstone ? 1 : known.version + 1
}
