/**
 * When passed keys may be answered by their new owners (DESIGN: leases): the primary's side. An
 * entry of `own` is settled when every target that owned keys under an entry since the last settled
 * one has stored it, or runs anew since it last was given a lease, or cannot have a lease any more.
 */

import type {NodeId} from '../../model/ids.ts'
import type {RunMark} from '../../model/peer-messages.ts'
import type {OwnEntry} from '../../model/record.ts'

/** What the primary knows of one target. */
export interface TargetMark {
  /** Index of the newest committed record that it holds, as it said in this reign; 0: not heard. */
  readonly heldIndex: number
  readonly heard: RunMark | null
  /**
   * The run that was last given a lease in this reign, and when the answer arrived from whose
   * sending the lease counts: beats to a silent target echo the same answer and prolong nothing.
   * Null: none.
   */
  readonly leased: {readonly run: RunMark; readonly atMs: number} | null
}

export interface SettlementFacts {
  readonly settledIndex: number
  /** `own` of the committed record. */
  readonly own: readonly OwnEntry[]
  readonly targets: Readonly<Record<string, TargetMark | undefined>>
  readonly nowMs: number
  /** Leases that another primary may have given count from here. */
  readonly electedAtMs: number
  readonly ownMs: number
}

/** Clocks run within 10 % of each other: 1.2 covers a fast giver and a slow receiver. */
const CLOCK_MARGIN = 1.2

/** Index up to which entries are settled now. Never falls within a reign. */
export function settledIndex(facts: SettlementFacts): number {
  const {own} = facts
  const newest = own.at(-1)
  if (newest === undefined || newest.index <= facts.settledIndex) return facts.settledIndex
  if (own.length === 1 && newest.merged === undefined) return newest.index
  const open = formerOwners(own, facts.settledIndex).filter(
    (id) => !hasLetGo(facts, facts.targets[id], newest.index),
  )
  return open.length === 0 ? newest.index : facts.settledIndex
}

/** Targets that owned keys under the entry in force at the last settled index, or a later one. */
function formerOwners(own: readonly OwnEntry[], settled: number): readonly NodeId[] {
  const inForce = own.findLastIndex((entry) => entry.index <= settled)
  const former = own.slice(Math.max(0, inForce), -1)
  return [...new Set(former.flatMap((entry) => [entry.targets, ...(entry.merged ?? [])].flat()))]
}

function hasLetGo(facts: SettlementFacts, mark: TargetMark | undefined, index: number): boolean {
  if (mark !== undefined && mark.heldIndex >= index) return true
  const leased = mark?.leased ?? null
  if (leased !== null && mark?.heard != null && isNewerRun(mark.heard, leased.run)) return true
  const since = Math.max(facts.electedAtMs, leased?.atMs ?? 0)
  return facts.nowMs > since + CLOCK_MARGIN * facts.ownMs
}

function isNewerRun(a: RunMark, b: RunMark): boolean {
  return a.inc !== b.inc ? a.inc > b.inc : a.run > b.run
}
