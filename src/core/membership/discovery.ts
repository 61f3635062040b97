/**
 * Whom a node without a primary asks, and how often: where a primary is said to
 * be, the saved map, the places it was started with. Answers only ever change whom it asks next.
 */

import type {NodeId} from '../../model/ids.ts'
import type {Endpoint} from '../../model/node.ts'
import {formatEndpoint} from '../../model/node.ts'
import type {Smap} from '../../model/record.ts'

export interface Discovery {
  readonly nextAtMs: number
  readonly waitMs: number
  /** Where the primary is said to be; null: nobody has said. */
  readonly hint: Endpoint | null
  /** The highest epoch promised by those who said so: the newest word counts. */
  readonly hintEpoch: number
  /** Since when it is refused as a double; null: it is not. */
  readonly duplicateSinceMs: number | null
  /** When the operator was last told why this takes so long. */
  readonly saidAtMs: number
}

/** The first round comes at once; later ones spread out while nobody answers. */
export const FIRST_WAIT_MS = 100
const WAIT_MS_MAX = 2000
const WAIT_GROWTH = 1.5
/**
 * A refused node asks again, because the reason may go away: another node stops, a file is mended.
 */
export const REFUSED_WAIT_MS = 5000
/** Places asked in one round; a cluster has at most 51 members. */
const PLACES_MAX = 64

/** A search that begins now. */
export function discoveryFrom(nowMs: number, hint: Endpoint | null): Discovery {
  return {
    nextAtMs: nowMs,
    waitMs: FIRST_WAIT_MS,
    hint,
    hintEpoch: 0,
    duplicateSinceMs: null,
    saidAtMs: -Infinity,
  }
}

/** After a round. */
export function nextRound(discovery: Discovery, nowMs: number): Discovery {
  const {waitMs} = discovery
  return {
    ...discovery,
    nextAtMs: nowMs + waitMs,
    waitMs: Math.min(WAIT_MS_MAX, waitMs * WAIT_GROWTH),
  }
}

/** Places to probe, each once, in the documented order, without the node itself. */
export function placesToAsk(
  self: {readonly id: NodeId; readonly control: Endpoint},
  saved: Smap | null,
  configured: readonly Endpoint[],
): readonly Endpoint[] {
  const members = Object.values(saved?.nodes ?? {}).filter(({id}) => id !== self.id)
  const places = new Map<string, Endpoint>()
  for (const place of [...members.map(({control}) => control), ...configured]) {
    places.set(formatEndpoint(place), place)
  }
  places.delete(formatEndpoint(self.control))
  return [...places.values()].slice(0, PLACES_MAX)
}

/** Where to ask for admission: the hint, else the primary of the saved map. */
export function placeToJoin(
  self: NodeId,
  saved: Smap | null,
  hint: Endpoint | null,
): Endpoint | null {
  if (hint !== null) return hint
  const primary = saved === null ? undefined : saved.nodes[saved.primary]
  return primary === undefined || primary.id === self ? null : primary.control
}
