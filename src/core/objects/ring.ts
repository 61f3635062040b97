/**
 * Who owned a key, entry by entry of the record's `own` list: the one view of ownership that
 * admission, commit and reads share. Built once per record, asked once per request. Knows nothing
 * of leases or of what is stored.
 */

import {forgottenIn} from '../../model/forgotten.ts'
import type {NodeId} from '../../model/ids.ts'
import type {ClusterRecord} from '../../model/record.ts'
import type {Candidate} from '../placement/locate.ts'
import {candidatesOf, highestWeight} from '../placement/locate.ts'

/** One ownership entry, ready for placement. */
export interface RingEntry {
  /** Index of the record that began it. */
  readonly index: number
  readonly candidates: readonly Candidate<NodeId>[]
  /**
   * Sets of older entries that were folded into this one: the owner under each is asked as well.
   */
  readonly merged: readonly (readonly Candidate<NodeId>[])[]
  /** Targets of it that were removed by force since: nobody asks them for what was theirs (R33). */
  readonly forgotten: readonly NodeId[]
}

export interface OwnRing {
  readonly recordIndex: number
  /** Oldest first. Invariant: indexes grow. Empty only before any target was active. */
  readonly entries: readonly RingEntry[]
}

/** The ring before the node has a record. */
export const NO_RING: OwnRing = {recordIndex: 0, entries: []}

/** Prepares the entries of a record. */
export function ringOf(record: ClusterRecord): OwnRing {
  return {
    recordIndex: record.index,
    entries: record.own.map((entry) => ({
      index: entry.index,
      candidates: candidatesOf(entry.targets),
      merged: (entry.merged ?? []).map((targets) => candidatesOf(targets)),
      forgotten: forgottenIn(record.smap, entry),
    })),
  }
}

/** The newest entry: it says who serves the key. Undefined when no target was ever active. */
export function newestEntry(ring: OwnRing): RingEntry | undefined {
  return ring.entries.at(-1)
}

/**
 * Which entries a record has, by the oldest and the newest: what a list over several targets is
 * true for. When all has moved, or the owners have changed, names are elsewhere.
 */
export function ownSpan({own}: Pick<ClusterRecord, 'own'>): {
  readonly from: number
  readonly to: number
} {
  return {from: own[0]?.index ?? 0, to: own.at(-1)?.index ?? 0}
}

/** The key's owner under an entry; undefined when the entry names nobody. */
export function ownerUnder(entry: RingEntry, digest: bigint): NodeId | undefined {
  return highestWeight(entry.candidates, digest)
}

/** All that may have written the key under an entry: its owner, and those of folded entries. */
export function ownersUnder(entry: RingEntry, digest: bigint): readonly NodeId[] {
  return [entry.candidates, ...entry.merged].flatMap((candidates) => {
    const owner = highestWeight(candidates, digest)
    return owner === undefined ? [] : [owner]
  })
}

/**
 * Whether a key changed hands in an entry that is not settled yet: until it is, the new owner
 * answers neither writes nor authoritative reads of it (DESIGN: leases). A key that stayed is
 * served throughout.
 */
export function isPassing(
  ring: OwnRing,
  settledIndex: number,
  self: NodeId,
  digest: bigint,
): boolean {
  const {entries} = ring
  const newest = entries.at(-1)
  if (newest === undefined || newest.index <= settledIndex) return false
  const lastSettled = entries.findLastIndex((entry) => entry.index <= settledIndex)
  return entries
    .slice(Math.max(lastSettled, 0))
    .some((entry) => ownersUnder(entry, digest).some((owner) => owner !== self))
}

/**
 * Whether two rings forget the same: what was asked under the one may be judged under the other. An
 * answer from before a removal may not have known what came to its giver since.
 */
export function forgetsTheSame(a: OwnRing, b: OwnRing): boolean {
  return forgottenText(a) === forgottenText(b)
}

function forgottenText({entries}: OwnRing): string {
  return entries.map(({index, forgotten}) => `${index}:${forgotten.join()}`).join(' ')
}
