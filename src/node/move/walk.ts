/**
 * One walk over everything that lies here: bucket by bucket, in the order of names, all mountpaths
 * merged. What belongs to another target under the entry is dealt with in batches, a few at a
 * time. What the walk could not see is counted, so that it proves nothing then.
 */

import {OFFER_NAMES_MAX, destinationOf, moveBuckets, stillMoves} from '../../core/objects/move.ts'
import {objectDigest} from '../../core/placement/locate.ts'
import type {Bucket} from '../../model/bucket.ts'
import type {NodeId} from '../../model/ids.ts'
import {pause, tally, turn, type Run} from './context.ts'
import {createRoom, type Room} from './room.ts'
import type {Batch, Misplaced} from './send.ts'

/** Batches in flight to one owner, and to all: they bound what is held in memory. */
const PER_OWNER_MAX = 2
const IN_FLIGHT_MAX = 6
/** Names read from the index at a time: a few milliseconds. */
const PAGE_NAMES = 512
/** Until the index of names is complete, after a start. */
const INDEX_WAIT_MS = 200

/** What is done with a batch. Never throws what the world is to blame for. */
export type Deal = (run: Run, batch: Batch) => Promise<void>

/** Walks, and resolves when everything that it found was dealt with. */
export async function walkAll(run: Run, deal: Deal): Promise<void> {
  const senders = new Senders(run, deal)
  for (const bucket of moveBuckets(run.deps.view())) {
    await walkBucket(run, bucket, senders)
    if (run.signal.aborted) break
    await senders.flush(bucket)
  }
  await senders.ended()
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

async function walkBucket(run: Run, bucket: Bucket, senders: Senders): Promise<void> {
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
      if (to !== null) await senders.add(to, bucket, {attributes, digest})
    }
    const last = page.at(-1)
    if (last === undefined || page.length < PAGE_NAMES) return
    after = last.attributes.name
    await turn()
  }
}

/** Collects names by owner; a full batch is sent as soon as there is room. */
class Senders {
  readonly #run: Run
  readonly #deal: Deal
  readonly #waiting = new Map<NodeId, Misplaced[]>()
  readonly #rooms = new Map<NodeId, Room>()
  readonly #all = createRoom(() => IN_FLIGHT_MAX)
  readonly #sending = new Set<Promise<void>>()
  #failed: Promise<void> | null = null

  constructor(run: Run, deal: Deal) {
    this.#run = run
    this.#deal = deal
  }

  async add(to: NodeId, bucket: Bucket, key: Misplaced): Promise<void> {
    const keys = this.#waiting.get(to) ?? []
    keys.push(key)
    this.#waiting.set(to, keys)
    if (keys.length < OFFER_NAMES_MAX) return
    this.#waiting.delete(to)
    await this.#send(to, bucket, keys)
  }

  /** Sends what has not filled a batch: the names of a bucket travel together. */
  async flush(bucket: Bucket): Promise<void> {
    const left = [...this.#waiting]
    this.#waiting.clear()
    for (const [to, keys] of left) await this.#send(to, bucket, keys)
  }

  /** @throws what is no failure of a disk or a node */
  async ended(): Promise<void> {
    await Promise.all(this.#sending)
    await this.#failed
  }

  async #send(to: NodeId, bucket: Bucket, keys: readonly Misplaced[]): Promise<void> {
    const room = this.#rooms.get(to) ?? createRoom(() => PER_OWNER_MAX)
    this.#rooms.set(to, room)
    const leave = await room.enter()
    const leaveAll = await this.#all.enter()
    const batch = this.#deal(this.#run, {to, bucket, keys})
    const ended = (): void => {
      leave()
      leaveAll()
      this.#sending.delete(sending)
    }
    const sending = batch.then(ended, () => {
      this.#failed ??= batch
      ended()
    })
    this.#sending.add(sending)
  }
}
