/**
 * What the record tells of rebalances, for people and for those who wait for one: that it began,
 * what became of it, what each target had moved by then. Nothing is decided by it.
 */

import {REBALANCES_KEPT, REBALANCE_SHARES_KEPT} from '../../model/limits.ts'
import {NOTHING_MOVED, moveOutcome, receivedBy} from '../../model/movement.ts'
import type {MoveReport} from '../../model/peer-messages.ts'
import type {ClusterRecord, MoveNote, MoveShare} from '../../model/record.ts'
import type {Peer} from '../keepalive/state.ts'

/** What the primary sees while it drafts. */
export interface Seen {
  readonly wallMs: number
  readonly peers: Readonly<Record<string, Pick<Peer, 'id' | 'move'>>>
}

/** The notes of a record that follows another one. */
export function rebalanceNotes(next: ClusterRecord, seen: Seen): readonly MoveNote[] {
  const notes = next.rebalances.map((note) =>
    note.endedMs === null ? ended(note, next, seen) : note,
  )
  const {move, rmd} = next
  if (move === null || notes.at(-1)?.rebalance === rmd.version) return same(next.rebalances, notes)
  const began: MoveNote = {
    rebalance: rmd.version,
    entry: move.entry,
    state: 'running',
    beganMs: seen.wallMs,
    endedMs: null,
    shares: [],
  }
  return [...notes, began].slice(-REBALANCES_KEPT).map(withoutOldShares)
}

function ended(note: MoveNote, next: ClusterRecord, {wallMs, peers}: Seen): MoveNote {
  const state = moveOutcome(next, note)
  if (state === 'running') return note
  const said = Object.values(peers).flatMap(({id, move}) =>
    move !== null && isOf(move, note) ? [{id, move}] : [],
  )
  const received = receivedBy(said.map(({move}) => move))
  const shares = said.map(({id, move: {objects, bytes}}): MoveShare => {
    const {objects: inObjects, bytes: inBytes} = received.get(id) ?? NOTHING_MOVED
    return {id, objects, bytes, inObjects, inBytes}
  })
  return {
    ...note,
    state,
    endedMs: wallMs,
    shares: shares.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
  }
}

function isOf(report: MoveReport, {rebalance, entry}: MoveNote): boolean {
  return report.rebalance === rebalance && report.entry === entry
}

/** The very list when nothing in it has changed. */
function same(before: readonly MoveNote[], after: readonly MoveNote[]): readonly MoveNote[] {
  return after.every((note, at) => note === before[at]) ? before : after
}

function withoutOldShares(note: MoveNote, at: number, notes: readonly MoveNote[]): MoveNote {
  const keeps = at >= notes.length - REBALANCE_SHARES_KEPT || note.shares.length === 0
  return keeps ? note : {...note, shares: []}
}
