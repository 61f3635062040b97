/**
 * One walk over everything that lies here: bucket by bucket, in the order of names, all mountpaths
 * merged. What belongs to another target under the entry is dealt with in batches, a few at a
 * time. What the walk could not see is counted, so that it proves nothing then.
 */

import {destinationOf, moveBuckets, stillMoves} from '../../core/objects/move.ts'
import {objectDigest} from '../../core/placement/locate.ts'
import type {Bucket} from '../../model/bucket.ts'
import {pause, tally, turn, type Run} from './context.ts'
import {startDealing, type Deal, type Dealing} from './dealing.ts'

/** Names read from the index at a time: a few milliseconds. */
const PAGE_NAMES = 512
/** Until the index of names is complete, after a start. */
const INDEX_WAIT_MS = 200

/** Walks, and resolves when everything that it found was dealt with. */
export async function walkAll(run: Run, deal: Deal): Promise<void> {
  const dealing = startDealing(run, deal)
  for (const bucket of moveBuckets(run.deps.view())) {
    await walkBucket(run, bucket, dealing)
    if (run.signal.aborted) break
    dealing.flush(bucket)
  }
  await dealing.ended()
  noteUnseen(run)
}

function noteUnseen(run: Run): void {
  const {store} = run.deps
  const missing = store.missing().map(({path, why}) => `${path}: ${why}`)
  const unreadable = store.unreadable().map((path) => `${path} has no footer that verifies`)
  const [first] = [...missing, ...unreadable]
  if (first === undefined) return
  run.totals = {...run.totals, problem: first}
  tally(run, {unseen: missing.length + unreadable.length})
}

async function walkBucket(run: Run, bucket: Bucket, dealing: Dealing): Promise<void> {
  const {store, view} = run.deps
  const {self} = view()
  let after = ''
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
  }
}
