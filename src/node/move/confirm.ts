/**
 * The owner's word on keys that another target wants to remove: held here, durably, at least as
 * new. Given under the very entry that the question names and under no other (R24), judged again
 * after each pause.
 */

import {AisError} from '../../base/errors.ts'
import {bucketOfId, isWanted, restMs} from '../../core/objects/move.ts'
import {confirmingEntry} from '../../core/objects/reclaim.ts'
import {ownerUnder} from '../../core/objects/ring.ts'
import {objectDigest} from '../../core/placement/locate.ts'
import type {Failure} from '../../wire/move.ts'
import type {HeldAnswer, HeldQuestion} from '../../wire/reclaim.ts'
import type {ObjectKey} from '../store/object-store.ts'
import type {MoveDeps} from './context.ts'
import {turn} from './context.ts'
import {LOOKUPS_PER_TURN, heldOf, settled} from './held.ts'

/** @throws AisError NOT_READY: that entry does not hold here, or not alone */
export async function confirmHeld(deps: MoveDeps, question: HeldQuestion): Promise<HeldAnswer> {
  const held: number[] = []
  const failed: Failure[] = []
  let since = deps.nowMs()
  for (const [at, {name, gen}] of question.names.entries()) {
    if (at % LOOKUPS_PER_TURN === LOOKUPS_PER_TURN - 1) {
      await rest(deps, deps.nowMs() - since)
      since = deps.nowMs()
    }
    try {
      const key = ownKey(deps, question, name)
      await settled(deps, key)
      if (!isWanted(heldOf(deps, key), gen)) held.push(at)
    } catch (error) {
      if (!(error instanceof AisError) || error.code === 'NOT_READY') throw error
      failed.push({at, why: error.message})
    }
  }
  // Whatever was said under an entry that has passed meanwhile is void.
  checkEntry(deps, question.entry)
  return {held, failed}
}

/** Nobody waits for the answer, while clients may wait for this thread. */
function rest({traffic, after}: MoveDeps, workMs: number): Promise<void> {
  const ms = restMs(traffic.now(), workMs)
  return ms === 0 ? turn() : new Promise((resolve) => after(ms, resolve))
}

function checkEntry(
  deps: MoveDeps,
  entry: number,
): Exclude<ReturnType<typeof confirmingEntry>, string> {
  const found = confirmingEntry(deps.view(), deps.ring(), entry)
  if (typeof found === 'string') throw new AisError({code: 'NOT_READY', message: found})
  return found
}

/** The key of a name that this target owns. @throws AisError */
function ownKey(deps: MoveDeps, {entry, bid}: HeldQuestion, name: string): ObjectKey {
  const ring = checkEntry(deps, entry)
  const view = deps.view()
  const bucket = bucketOfId(view, bid)
  if (bucket === undefined) {
    throw new AisError({code: 'NOT_READY', message: `there is no bucket ${bid} here`})
  }
  const digest = objectDigest(bucket.ref, name)
  if (ownerUnder(ring, digest) === view.self.id) return {bid, name, digest}
  const message = `${JSON.stringify(name)} is another target's`
  throw new AisError({code: 'STALE_RECORD', message})
}
