/**
 * What a node has seen of the primary by its own looking (R4): that a new connection to it was
 * refused, or that the process there says it leads no more. Evidence ages within a second, so who
 * goes by it keeps looking. Silence is not evidence; it is counted apart (`patience.ts`).
 */

import type {NodeId} from '../../model/ids.ts'

/** That this primary is gone. */
export interface Evidence {
  readonly id: NodeId
  /** When it was first seen without being contradicted since, ms of this process. */
  readonly sinceMs: number
  /** When it was last seen. */
  readonly lastMs: number
}

/** A node's watch over its primary. Memory of one run. */
export interface Watch {
  readonly evidence: Evidence | null
  /** Not to be looked for again before this. */
  readonly nextLookMs: number
  /** Who was told of the evidence at hand. */
  readonly nominated: readonly NodeId[]
}

/** How long evidence counts after it was seen. */
export const EVIDENCE_MS = 1000

/** Nothing seen. */
export const NO_WATCH: Watch = {evidence: null, nextLookMs: -Infinity, nominated: []}

/** The primary was seen to be gone. */
export function sawGone(watch: Watch, id: NodeId, nowMs: number): Watch {
  const old = watch.evidence
  const goesOn = old !== null && old.id === id
  return {
    ...watch,
    evidence: {id, sinceMs: goesOn ? old.sinceMs : nowMs, lastMs: nowMs},
    nominated: goesOn ? watch.nominated : [],
  }
}

/** The evidence against this node, when it is fresh. */
export function freshEvidence(watch: Watch, id: NodeId, nowMs: number): Evidence | null {
  const {evidence} = watch
  if (evidence === null || evidence.id !== id) return null
  return nowMs - evidence.lastMs <= EVIDENCE_MS ? evidence : null
}
