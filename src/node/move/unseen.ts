/**
 * What a walk cannot see: mountpaths that are away, files that cannot be read. Files are read again
 * before each walk, and replaced where this target has another copy. What is left then is named
 * with its reason, and keeps the walk from proving anything.
 */

import {bucketOfId} from '../../core/objects/move.ts'
import {objectDigest} from '../../core/placement/locate.ts'
import type {UnreadableFile} from '../store/names/unreadable.ts'
import type {ObjectKey} from '../store/object-store.ts'
import {tally, type Run} from './context.ts'

/** Files for which another copy is looked for before one walk. */
const MENDED_MAX = 64
/** Named in a report; all are in the log. */
const NAMED_MAX = 3

/** Reads again what could not be read, and has it replaced by another copy where there is one. */
export async function mendUnreadable(run: Run): Promise<void> {
  const {store} = run.deps
  store.lookAgain()
  for (const file of store.unreadable().slice(0, MENDED_MAX)) {
    if (run.signal.aborted) return
    const key = mirroredKey(run, file)
    if (key !== null) await new Promise<void>((resolve) => store.place(key, () => resolve()))
  }
}

/** Null: its name is not known, or there never was another copy. */
function mirroredKey({deps}: Run, {bid, name}: UnreadableFile): ObjectKey | null {
  const bucket = bucketOfId(deps.view(), bid)
  if (bucket === undefined || name === null || !deps.store.copies.has(bid)) return null
  return {bid, name, digest: objectDigest(bucket.ref, name)}
}

/** Counts what the walk did not see, and says what it is. */
export function noteUnseen(run: Run): void {
  const {store} = run.deps
  const missing = store.missing().map(({path, why}) => `${path}: ${why}`)
  const unreadable = store
    .unreadable()
    .map(({mountpath, path, why}) => `mountpath ${mountpath}: ${path} cannot be read: ${why}`)
  const unseen = [...missing, ...unreadable]
  if (unseen.length === 0) return
  const more = unseen.length > NAMED_MAX ? [`and ${unseen.length - NAMED_MAX} more`] : []
  const problem = [...unseen.slice(0, NAMED_MAX), ...more].join('; ')
  run.totals = {...run.totals, problem}
  tally(run, {unseen: unseen.length})
}
