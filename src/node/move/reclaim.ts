/**
 * Removing what is another target's, when all has moved (R24): the owner is asked, and what it says
 * it holds is removed here, judged again under the key's lock. What the owner does not confirm
 * stays, is named, and keeps the walk from being clean.
 */

import {OFFER_NAMES_MAX, restMs} from '../../core/objects/move.ts'
import {mayReclaim} from '../../core/objects/reclaim.ts'
import type {AisError} from '../../base/errors.ts'
import type {HeldAnswer} from '../../wire/reclaim.ts'
import {HELD_PATH, decodeHeldAnswer, encodeHeldQuestion} from '../../wire/reclaim.ts'
import {pause, tally, tallyFailure, turn, type Run} from './context.ts'
import {ask, withRetries, type Batch, type Misplaced} from './send.ts'

/** Files removed between two turns of the event loop: an unlink takes 0.3 ms on a slow disk. */
const REMOVED_PER_TURN = 8

/** Removes what the owner holds of a batch. Never throws what the world is to blame for. */
export async function reclaimBatch(run: Run, batch: Batch): Promise<void> {
  const began = run.deps.nowMs()
  const answer = await withRetries(run, batch, () => askHeld(run, batch))
  if (answer === null) return
  run.heard = true
  tally(run, {wanted: batch.keys.length})
  for (const {why} of answer.failed) tallyFailure(run, 1, `t[${batch.to}]: ${why}`)
  noteAbsent(run, batch, answer)
  await pause(run, restMs(run.deps.traffic.now(), run.deps.nowMs() - began))
  const held = answer.held.flatMap((at) => batch.keys[at] ?? [])
  for (let at = 0; at < held.length && !run.signal.aborted; at += REMOVED_PER_TURN) {
    const since = run.deps.nowMs()
    for (const item of held.slice(at, at + REMOVED_PER_TURN)) await removeOne(run, batch, item)
    await turn()
    await pause(run, restMs(run.deps.traffic.now(), run.deps.nowMs() - since))
  }
}

async function askHeld(run: Run, {to, bucket, keys}: Batch): Promise<HeldAnswer> {
  const names = keys.slice(0, OFFER_NAMES_MAX).map(({attributes: {name, gen}}) => ({name, gen}))
  const body = encodeHeldQuestion({entry: run.task.entry, bid: bucket.bid, names})
  return decodeHeldAnswer(await ask(run, to, {path: HELD_PATH, body}))
}

/** What the owner lacks is there nowhere else: a rebalance by hand would bring it there. */
function noteAbsent(run: Run, {to, keys}: Batch, {held, failed}: HeldAnswer): void {
  const told = new Set([...held, ...failed.map(({at}) => at)])
  const absent = keys.filter((_key, at) => !told.has(at))
  const [first] = absent
  if (first === undefined) return
  const name = JSON.stringify(first.attributes.name)
  tallyFailure(run, absent.length, `t[${to}] does not hold ${name}: aisctl rebalance start`)
}

function removeOne(run: Run, {bucket}: Batch, {attributes, digest}: Misplaced): Promise<void> {
  const {store, view, ring} = run.deps
  const {name, gen, sizeBytes} = attributes
  return new Promise((resolve) => {
    const allowed = (): boolean =>
      !run.signal.aborted && mayReclaim(view(), ring(), {mark: run.task, digest})
    store.discard({key: {bid: bucket.bid, name, digest}, gen, allowed}, (error, removed) => {
      if (error !== null) tallyFailure(run, 1, error.message)
      else if (removed) {
        const {objects, bytes} = run.totals
        run.totals = {...run.totals, objects: objects + 1, bytes: bytes + sizeBytes}
        tally(run, {moved: 1})
      } else if (!run.signal.aborted) tallyFailure(run, 1, `${JSON.stringify(name)} has changed`)
      resolve()
    })
  })
}

/** What was removed must not be here again after a power cut. @throws AisError */
export function sealReclaim({deps}: Run): Promise<void> {
  return new Promise((resolve, reject) => {
    deps.store.flushDiscarded((error: AisError | null) => {
      if (error === null) resolve()
      else reject(error)
    })
  })
}
