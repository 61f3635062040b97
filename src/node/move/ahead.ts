/**
 * Counts what a long walk has still to find, so that people know how much is left. Proves nothing:
 * the walk itself finds what there is. Not begun for a walk that ends within seconds.
 */

import {destinationOf, moveBuckets, restMs, stillMoves} from '../../core/objects/move.ts'
import {objectDigest} from '../../core/placement/locate.ts'
import type {Bucket} from '../../model/bucket.ts'
import {pause, tally, turn, type Run} from './context.ts'

/** A shorter walk knows all that is left by its offers. */
const BEGIN_AFTER_MS = 2000
/** Names between two turns of the event loop: a few milliseconds. */
const PAGE_NAMES = 256

/** @param over aborted when the walk has ended: then nothing more is counted */
export async function countAhead(run: Run, over: AbortSignal): Promise<void> {
  const {bid: first, after} = run.from ?? {bid: '', after: ''}
  await pause({...run, signal: over}, BEGIN_AFTER_MS)
  for (const bucket of moveBuckets(run.deps.view())) {
    if (over.aborted) return
    if (bucket.bid < first) continue
    await countBucket(run, {bucket, after: bucket.bid === first ? after : ''}, over)
  }
}

async function countBucket(
  run: Run,
  from: {readonly bucket: Bucket; readonly after: string},
  over: AbortSignal,
): Promise<void> {
  const {store, view, traffic, nowMs} = run.deps
  const {bucket} = from
  let {after} = from
  while (!over.aborted && stillMoves(view(), bucket)) {
    const began = nowMs()
    const page = store.page({bid: bucket.bid, prefix: '', after, limit: PAGE_NAMES})
    const found = page?.filter(({attributes: {name}}) => {
      return destinationOf(run.task, view().self.id, objectDigest(bucket.ref, name)) !== null
    })
    tally(run, {found: found?.length ?? 0})
    const last = page?.at(-1)
    if (page === null || last === undefined || page.length < PAGE_NAMES) return
    after = last.attributes.name
    await turn()
    await pause({...run, signal: over}, restMs(traffic.now(), nowMs() - began))
  }
}
