/**
 * The sending half of a move: names are offered to their owner, what it lacks is sent, small
 * objects many in a request, a large one by itself. Counted as moved is only what the owner has
 * called durable. Whoever is not ready is asked again; what stays unanswered fails by name, and the
 * walk comes back to it.
 */

import {AisError} from '../../base/errors.ts'
import {
  BATCH_BYTES_MAX,
  CALM_BATCH_BYTES_MAX,
  STREAMED_BYTES_MIN,
  cutBatches,
  isBusy,
  restMs,
  stillMoves,
  withSent,
} from '../../core/objects/move.ts'
import {bucketLabel, type Bucket} from '../../model/bucket.ts'
import type {NodeId} from '../../model/ids.ts'
import type {ObjectAttributes} from '../../model/object.ts'
import type {ObjectsAnswer, OfferAnswer} from '../../wire/move.ts'
import {
  OBJECTS_PATH,
  OBJECT_PATH,
  OFFER_PATH,
  decodeObjectsAnswer,
  decodeOfferAnswer,
  encodeOffer,
  framesPath,
} from '../../wire/move.ts'
import {reasonOf} from '../observe/log.ts'
import type {TargetQuestion} from '../peer/data-client.ts'
import type {ObjectKey} from '../store/object-store.ts'
import {pause, tally, tallyFailure, type Run} from './context.ts'
import {SendingStopped, frameOf, openCopy, streamOf} from './copy.ts'
import {createRoom, eachInRoom} from './room.ts'

/** A key that lies here and belongs elsewhere, as the index knows it. */
export interface Misplaced {
  readonly digest: bigint
  readonly attributes: ObjectAttributes
}

/** What goes to one owner: names of one bucket. */
export interface Batch {
  readonly to: NodeId
  readonly bucket: Bucket
  readonly keys: readonly Misplaced[]
}

/** A receiver looks at a thousand files on a slow disk. */
const OFFER_TIMEOUT_MS = 10_000
/**
 * It makes them durable, beside those of others. What is sent again costs the way, not the disk.
 */
const OBJECTS_TIMEOUT_MS = 20_000
/** Requests with objects of an offer at a time: one is made durable while the next is sent. */
const REQUESTS_MAX = 2
/** First pause before an owner that was not ready is asked again; doubled each time. */
const RETRY_MS = 50
const RETRY_MAX_MS = 2000
/** Then the rest of the walk goes on without it: some seconds. */
const TRIES_MAX = 8

/** Offers a batch, and sends what is wanted. Never throws what the world is to blame for. */
export async function sendBatch(run: Run, batch: Batch): Promise<void> {
  const began = run.deps.nowMs()
  const answer = await withRetries(run, batch, () => offer(run, batch))
  if (answer === null) return
  run.heard = true
  tally(run, {offered: batch.keys.length})
  for (const {at, why} of answer.failed) {
    if (batch.keys[at] !== undefined) tally(run, {wanted: 1})
    tallyFailure(run, 1, `t[${batch.to}]: ${why}`)
  }
  await pause(run, restMs(run.deps.traffic.now(), run.deps.nowMs() - began))
  const wanted = answer.wanted.flatMap((at) => batch.keys[at] ?? [])
  if (wanted.length === 0) return
  tally(run, {wanted: wanted.length})
  await sendWanted(run, {...batch, keys: wanted}, answer.busy)
}

async function sendWanted(run: Run, batch: Batch, calmly: boolean): Promise<void> {
  const {traffic, nowMs} = run.deps
  const isCalm = calmly || isBusy(traffic.now())
  const bytesMax = isCalm ? CALM_BATCH_BYTES_MAX : BATCH_BYTES_MAX
  const sizes = batch.keys.map(({attributes}) => attributes.sizeBytes)
  const room = createRoom(() => (isCalm ? 1 : REQUESTS_MAX))
  let at = 0
  const parts = cutBatches(sizes, bytesMax).map((count) => {
    const keys = batch.keys.slice(at, at + count)
    at += count
    return {...batch, keys}
  })
  await eachInRoom(room, parts, async (part) => {
    if (run.signal.aborted) return
    const began = nowMs()
    await sendPart(run, part)
    await pause(run, restMs(traffic.now(), nowMs() - began))
  })
}

function sendPart(run: Run, part: Batch): Promise<void> {
  const [first] = part.keys
  const isLarge = first !== undefined && first.attributes.sizeBytes >= STREAMED_BYTES_MIN
  return isLarge ? inStreams(run, () => sendLarge(run, part, first)) : sendMany(run, part)
}

/** Under a limit few large objects go at a time: many at once would only take longer each. */
async function inStreams(run: Run, send: () => Promise<void>): Promise<void> {
  const leave = await run.streams.enter()
  try {
    if (!run.signal.aborted) await send()
  } finally {
    leave()
  }
}

/** Waits for the next turn. @returns how many of so many bytes may go then */
async function granted(run: Run, bytes: number): Promise<number> {
  const count = run.bandwidth.pieceOf(bytes)
  await pause(run, run.bandwidth.waitMs(count))
  return count
}

/** The same until all of them may go. @throws SendingStopped */
async function grantedAll(run: Run, bytes: number): Promise<void> {
  for (let left = bytes; left > 0 && !run.signal.aborted;) left -= await granted(run, left)
  if (run.signal.aborted) throw new SendingStopped()
}

async function sendMany(run: Run, batch: Batch): Promise<void> {
  const {store, hash} = run.deps
  const parts: Uint8Array[] = []
  const sent: Misplaced[] = []
  for (const item of batch.keys) {
    const frame = await orFailure(run, batch, async () =>
      frameOf(store, await openCopy(store, keyOf(batch, item)), hash),
    )
    if (frame === null) continue
    parts.push(...frame)
    sent.push(item)
  }
  if (sent.length === 0) return
  const body = Buffer.concat(parts)
  const path = framesPath(OBJECTS_PATH, run.task)
  const answer = await withRetries(run, {...batch, keys: []}, async () => {
    await grantedAll(run, body.byteLength)
    return decodeObjectsAnswer(await ask(run, batch.to, {path, body}))
  })
  concluded(run, {...batch, keys: sent}, answer)
}

async function sendLarge(run: Run, batch: Batch, item: Misplaced): Promise<void> {
  const {store, hash} = run.deps
  const copy = await orFailure(run, batch, () => openCopy(store, keyOf(batch, item)))
  if (copy === null) return
  const {file} = copy
  // Deleted since the index was read: a tombstone is small.
  if (file === null) return await sendMany(run, batch)
  const damages: string[] = []
  const path = framesPath(OBJECT_PATH, run.task)
  try {
    const answer = await withRetries(run, {...batch, keys: []}, async () => {
      const body = streamOf(store, file, {
        hash,
        granted: (bytes) => granted(run, bytes),
        signal: run.signal,
        onError: (error) => {
          if (error instanceof AisError) damages.push(error.message)
        },
      })
      try {
        return decodeObjectsAnswer(await ask(run, batch.to, {path, body}))
      } catch (error) {
        const [why] = damages
        if (why === undefined) throw error
        return {failed: [{at: 0, why}]}
      }
    })
    concluded(run, batch, answer)
  } finally {
    store.close(file)
  }
}

/** Counts what the owner has made durable; null: it has not said, and that is counted already. */
function concluded(run: Run, batch: Batch, answer: ObjectsAnswer | null): void {
  if (answer === null) return
  const failed = new Set(answer.failed.map(({at}) => at))
  const moved = batch.keys.filter((_key, at) => !failed.has(at))
  const bytes = moved.reduce((sum, {attributes}) => sum + attributes.sizeBytes, 0)
  const label = bucketLabel(batch.bucket.ref)
  run.deps.stats.add('stream.out.n', label, moved.length)
  run.deps.stats.add('stream.out.size', label, bytes)
  run.totals = withSent(run.totals, batch.to, {objects: moved.length, bytes})
  for (const {why} of answer.failed) tallyFailure(run, 1, `t[${batch.to}]: ${why}`)
  tally(run, {moved: moved.length})
}

function keyOf({bucket}: Batch, {attributes, digest}: Misplaced): ObjectKey {
  return {bid: bucket.bid, name: attributes.name, digest}
}

async function offer(run: Run, {to, bucket, keys}: Batch): Promise<OfferAnswer> {
  const {rebalance, entry} = run.task
  const names = keys.map(({attributes}) => attributes)
  const body = encodeOffer({rebalance, entry, bid: bucket.bid, names})
  return decodeOfferAnswer(await ask(run, to, {path: OFFER_PATH, body}))
}

/** The body of a 200. @throws Error for everything else */
export async function ask(
  run: Run,
  id: NodeId,
  question: Pick<TargetQuestion, 'path'> & {body: NonNullable<TargetQuestion['body']>},
): Promise<string> {
  const to = run.deps.view().record?.smap.nodes[id]
  if (to === undefined) throw new Error('it is not in the map')
  const reply = await run.deps.askTarget({
    to,
    method: 'POST',
    timeoutMs: question.path === OFFER_PATH ? OFFER_TIMEOUT_MS : OBJECTS_TIMEOUT_MS,
    ...question,
  })
  const chunks: Buffer[] = []
  for await (const chunk of reply.body as AsyncIterable<Buffer>) chunks.push(chunk)
  const text = Buffer.concat(chunks).toString('utf8')
  if (reply.status !== 200) throw new Error(`status ${reply.status}: ${text.slice(0, 300)}`)
  return text
}

/** A step that reads here: what it fails at is one object's failure. */
async function orFailure<T>(run: Run, batch: Batch, step: () => Promise<T>): Promise<T | null> {
  try {
    return await step()
  } catch (error) {
    if (!(error instanceof AisError)) throw error
    // The data of a bucket that was destroyed meanwhile is gone, and nobody misses it.
    if (stillMoves(run.deps.view(), batch.bucket)) tallyFailure(run, 1, error.message)
    return null
  }
}

/**
 * Repeats a question until it is answered, with growing pauses. Null when it was not: then the keys
 * of the batch count as failed.
 */
export async function withRetries<T>(
  run: Run,
  batch: Batch,
  step: () => Promise<T>,
): Promise<T | null> {
  let problem = ''
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    if (run.signal.aborted) return null
    try {
      return await step()
    } catch (error) {
      problem = `t[${batch.to}]: ${reasonOf(error)}`
      run.deps.log.debug('an owner is asked again', {problem})
    }
    await pause(run, Math.min(RETRY_MS * 2 ** tries, RETRY_MAX_MS))
    if (!stillMoves(run.deps.view(), batch.bucket)) return null
  }
  if (run.signal.aborted) return null
  tally(run, {wanted: batch.keys.length})
  tallyFailure(run, Math.max(batch.keys.length, 1), problem)
  return null
}
