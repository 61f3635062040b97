/**
 * Hands what a walk finds to those who deal with it, by owner: names of one bucket are gathered,
 * put into the order of the folders that they lie in, and dealt with in batches, a few at a time.
 * An owner that gets the files of a folder together makes all of them durable with one flush of it.
 */

import {OFFER_NAMES_MAX} from '../../core/objects/move.ts'
import {folderOf} from '../../core/objects/file-name.ts'
import type {Bucket} from '../../model/bucket.ts'
import type {NodeId} from '../../model/ids.ts'
import type {Run} from './context.ts'
import {createRoom, type Room} from './room.ts'
import type {Batch, Misplaced} from './send.ts'

/** Batches in flight to one owner, and to all: they bound what is held in memory. */
const PER_OWNER_MAX = 2
const IN_FLIGHT_MAX = 6
/** Names gathered or on their way, over all owners: some 10 MB. */
const NAMES_HELD_MAX = 32_768

/** What is done with a batch. Never throws what the world is to blame for. */
export type Deal = (run: Run, batch: Batch) => Promise<void>

export interface Dealing {
  /** Resolves when there is room for the next. */
  readonly add: (to: NodeId, bucket: Bucket, key: Misplaced) => Promise<void>
  /** Nothing more of this bucket comes: the names of a bucket travel together. */
  readonly flush: (bucket: Bucket) => void
  /** Resolves when all were dealt with. @throws what is no failure of a disk or a node */
  readonly ended: () => Promise<void>
}

export function startDealing(run: Run, deal: Deal): Dealing {
  const gathered = new Map<NodeId, Misplaced[]>()
  const rooms = new Map<NodeId, Room>()
  const all = createRoom(() => IN_FLIGHT_MAX)
  const dealing = new Set<Promise<void>>()
  // Half of the names are gathered while the other half is on its way.
  const gatherMax = Math.ceil(NAMES_HELD_MAX / 2 / Math.max(1, run.task.ring.candidates.length))
  let held = 0
  let failed: Promise<void> | null = null

  async function dealOne(batch: Batch): Promise<void> {
    const room = rooms.get(batch.to) ?? createRoom(() => PER_OWNER_MAX)
    rooms.set(batch.to, room)
    const leave = await room.enter()
    const leaveAll = await all.enter()
    try {
      await deal(run, batch)
    } finally {
      leave()
      leaveAll()
      held -= batch.keys.length
    }
  }

  function begin(batch: Batch): void {
    const one = dealOne(batch)
    const ended = one
      .catch(() => {
        failed ??= one
      })
      .finally(() => dealing.delete(ended))
    dealing.add(ended)
  }

  function dealGathered(to: NodeId, bucket: Bucket): void {
    const keys = inFolders(gathered.get(to) ?? [])
    gathered.delete(to)
    for (let at = 0; at < keys.length; at += OFFER_NAMES_MAX) {
      begin({to, bucket, keys: keys.slice(at, at + OFFER_NAMES_MAX)})
    }
  }

  return {
    add: async (to, bucket, key) => {
      const keys = gathered.get(to) ?? []
      keys.push(key)
      gathered.set(to, keys)
      held += 1
      if (keys.length >= gatherMax) dealGathered(to, bucket)
      while (held >= NAMES_HELD_MAX) await Promise.race(dealing)
    },
    flush: (bucket) => {
      for (const to of gathered.keys()) dealGathered(to, bucket)
    },
    ended: async () => {
      await Promise.all(dealing)
      await failed
    },
  }
}

/** By the folder that each lies in, and in the order of names within it. */
function inFolders(keys: readonly Misplaced[]): readonly Misplaced[] {
  return keys
    .map((key, at) => ({key, at, folder: folderOf(key.attributes.name)}))
    .sort((a, b) => (a.folder < b.folder ? -1 : a.folder > b.folder ? 1 : a.at - b.at))
    .map(({key}) => key)
}
