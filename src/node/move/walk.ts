/**
 * One walk over everything that lies here: bucket by bucket, in the order of names, all mountpaths
 * merged. What belongs to another target under the entry is dealt with in batches, a few at a
 * time. What the walk could not see is counted, so that it proves nothing then.
 */

import {destinationOf, moveBuckets, stillMoves} from '../../core/objects/move.ts'
import {objectDigest} from '../../core/placement/locate.ts'
import type {Bucket} from '../../model/bucket.ts'
import {pause, turn, type Run} from './context.ts'
import {startDealing, type Deal, type Dealing} from './dealing.ts'
import {mendUnreadable, noteUnseen} from './unseen.ts'

/** Names read from the index at a time: a few milliseconds. */
const PAGE_NAMES = 512
/** Between two places that are remembered: the way is emptied for it, for a moment. */
const CHECKPOINT_MS = 15_000
/** Until the index of names is complete, after a start. */
const INDEX_WAIT_MS = 200

/** Walks, and resolves when everything that it found was dealt with. */
export async function walkAll(run: Run, deal: Deal): Promise<void> {
  await mendUnreadable(run)
  const dealing = startDealing(run, deal)
  const {bid: first, after} = run.from ?? {bid: '', after: ''}
  const checkpoint = createCheckpoint(run, dealing)
  for (const bucket of moveBuckets(run.deps.view())) {
    if (bucket.bid < first) continue
    const walk = {bucket, after: bucket.bid === first ? after : ''}
    await walkBucket(run, walk, {dealing, checkpoint})
    if (run.signal.aborted) break
    dealing.flush(bucket)
  }
  await dealing.ended()
  noteUnseen(run)
}

/** Waits, now and then, until all that was found is dealt with, and remembers the place. */
type Checkpoint = (bucket: Bucket, after: string) => Promise<void>

function createCheckpoint(run: Run, dealing: Dealing): Checkpoint {
  let lastMs = run.deps.nowMs()
  return async (bucket, after) => {
    if (run.deps.nowMs() - lastMs < CHECKPOINT_MS) return
    dealing.flush(bucket)
    await dealing.ended()
    if (!run.signal.aborted) run.reached({bid: bucket.bid, after})
    lastMs = run.deps.nowMs()
  }
}

interface BucketWalk {
  readonly bucket: Bucket
  /** Names after this one; '' for all. */
  readonly after: string
}

interface Dealt {
  readonly dealing: Dealing
  readonly checkpoint: Checkpoint
}

async function walkBucket(run: Run, walk: BucketWalk, dealt: Dealt): Promise<void> {
  const {store, view} = run.deps
  const {dealing, checkpoint} = dealt
  const {bucket} = walk
  const {self} = view()
  let {after} = walk
  while (!run.signal.aborted && stillMoves(view(), bucket)) {
    const page = store.page({bid: bucket.bid, prefix: '', after, limit: PAGE_NAMES})
    if (page === null) {
      await pause(run, INDEX_WAIT_MS)
      continue
    }
    for (const {attributes} of page) {
      const digest = objectDigest(bucket.ref, attributes.name)
      const to = destinationOf(run.task, self.id, digest)
      if (to !== null) await dealing.add(to, bucket, {attributes, digest})
    }
    const last = page.at(-1)
    if (last === undefined || page.length < PAGE_NAMES) return
    after = last.attributes.name
    await turn()
    await checkpoint(bucket, after)
  }
}
