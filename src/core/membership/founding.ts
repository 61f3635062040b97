/**
 * Forming a cluster that nobody has a record of (DESIGN: founding). A founder first asks whether a
 * majority of the configured nodes would have it, then stores its own vote, then takes theirs: a
 * founding vote is durable and for good, so that two founders, a mistake of configuration, cannot
 * both succeed. There is no epoch to outbid and no time-out: the founder waits, and says for whom.
 */

import {assert, unreachable} from '../../base/assert.ts'
import type {NodeId} from '../../model/ids.ts'

export interface Founding {
  /** `forbidden`: there was a cluster, of which somebody has the data; for this run of the node. */
  readonly phase: 'asking' | 'storing' | 'voting' | 'forbidden'
  /** Configured nodes, the founder included. */
  readonly configured: number
  /** Who said yes in this phase, the founder not included. */
  readonly granted: readonly NodeId[]
}

export type FoundingEvent =
  | {readonly type: 'begun'}
  | {readonly type: 'granted'; readonly pre: boolean; readonly id: NodeId}
  | {readonly type: 'stored'}
  | {readonly type: 'forbidden'}

export type FoundingOrder =
  {readonly type: 'store-ballot'} | {readonly type: 'ask'} | {readonly type: 'found'}

/** The founding vote has one epoch: it is never outbid, only repeated. */
export const FOUNDING_EPOCH = 1

/** A founder's beginning. @param others configured nodes besides itself */
export function founding(others: number): Founding {
  return {phase: 'asking', configured: others + 1, granted: []}
}

/** The next state, and what to do. */
export function stepFounding(
  state: Founding,
  event: FoundingEvent,
): {readonly founding: Founding; readonly orders: readonly FoundingOrder[]} {
  switch (event.type) {
    case 'begun':
      assert(state.phase === 'asking', 'a founding begins with the question')
      return judge(state, [{type: 'ask'}])
    case 'granted': {
      const expected = state.phase === 'asking' ? event.pre : state.phase === 'voting' && !event.pre
      if (!expected || state.granted.includes(event.id)) return {founding: state, orders: []}
      return judge({...state, granted: [...state.granted, event.id]}, [])
    }
    case 'stored':
      if (state.phase !== 'storing') return {founding: state, orders: []}
      return judge({...state, phase: 'voting', granted: []}, [{type: 'ask'}])
    case 'forbidden':
      return {founding: {...state, phase: 'forbidden', granted: []}, orders: []}
    default:
      return unreachable(event)
  }
}

function judge(
  state: Founding,
  otherwise: readonly FoundingOrder[],
): {readonly founding: Founding; readonly orders: readonly FoundingOrder[]} {
  if ((state.granted.length + 1) * 2 <= state.configured)
    return {founding: state, orders: otherwise}
  return state.phase === 'asking'
    ? {founding: {...state, phase: 'storing', granted: []}, orders: [{type: 'store-ballot'}]}
    : {founding: state, orders: [{type: 'found'}]}
}
