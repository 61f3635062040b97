/**
 * Clears away the data of destroyed buckets, on every mountpath: aside at once, and away when its
 * time in the trash is over; sooner where the operator said so or the disk is filling up. It
 * concerns buckets that the committed record calls destroyed, never those that it leaves out.
 */

import type {CopiesLog} from './object/bucket-copies.ts'
import type {SpaceStat} from './fs/fs.ts'
import {errnoOf} from './fs/fs.ts'
import type {Mountpath, Mountpaths} from './mountpath/mountpaths.ts'
import type {NameIndexes} from './names/name-indexes.ts'
import {isLeft, moveToTrash, removeSome, trashOn} from './trash.ts'

/** A bucket that the record calls destroyed. */
export interface Marked {
  readonly bid: string
  /** Index of the record that marked it. */
  readonly deletedAt: number
  readonly purge?: boolean
}

export interface ClearOrder {
  /** Oldest first. */
  readonly marked: readonly Marked[]
  /** Of the record that says so. */
  readonly recordIndex: number
  readonly wallMs: number
  /** How long data stays in the trash. */
  readonly keptMs: number
  /** Percent of a mountpath in use from which on its trash is removed at once. */
  readonly highWatermark: number
}

export interface Cleared {
  /** Of what this and earlier records have marked, nothing is left here. */
  readonly upTo: number
  /** There is more that is due. */
  readonly more: boolean
}

export interface Clearing {
  readonly clear: (order: ClearOrder) => Cleared
  /** Mountpaths have come or gone: one that is back may hold data of a destroyed bucket. */
  readonly again: () => void
}

export interface ClearingParts {
  readonly mountpaths: Mountpaths
  readonly indexes: Pick<NameIndexes, 'dropBucket'>
  readonly copies: Pick<CopiesLog, 'drop'>
  /** A bucket's data is aside: nobody asks for it any more. */
  readonly dropped: (bid: string) => void
  /** Whether a mountpath is away that may hold objects. */
  readonly isAnyAway: () => boolean
}

/** Marks in the record that may wait their time in the trash; older ones make room. */
const WAITING_MAX = 500

export function createClearing(parts: ClearingParts): Clearing {
  const moved = new Set<string>()
  let upTo = 0

  function clear(order: ClearOrder): Cleared {
    const fresh = order.marked.filter(({bid}) => !moved.has(bid))
    const open = order.marked.filter(({deletedAt}) => deletedAt > upTo)
    let more = false
    let failed = false
    let oldestLeft = Number.POSITIVE_INFINITY
    for (const mountpath of parts.mountpaths.used) {
      if (mountpath.calls.disabled() !== null) continue
      try {
        for (const {bid} of fresh) {
          if (moveToTrash(mountpath, bid, order.wallMs)) parts.indexes.dropBucket(bid)
        }
        more = emptyTrash(mountpath, order) || more
        const trash = trashOn(mountpath)
        const left = open.find(({bid}) => isLeft(mountpath, bid, trash))
        if (left !== undefined) oldestLeft = Math.min(oldestLeft, left.deletedAt)
      } catch (error) {
        // What is left waits for the next turn.
        if (errnoOf(error) === '') throw error
        mountpath.calls.note(error)
        failed = true
      }
    }
    for (const {bid} of fresh) {
      parts.copies.drop(bid)
      parts.dropped(bid)
      if (!failed) moved.add(bid)
    }
    if (!failed && !parts.isAnyAway()) {
      upTo = Math.max(upTo, Math.min(order.recordIndex, oldestLeft - 1))
    }
    return {upTo, more}
  }

  return {
    clear,
    again: () => {
      moved.clear()
      upTo = 0
    },
  }
}

/** Removes some of what is due. @returns whether more of it is */
function emptyTrash(mountpath: Mountpath, order: ClearOrder): boolean {
  const {marked, wallMs, keptMs, highWatermark} = order
  const waiting = trashOn(mountpath)
  if (waiting.length === 0) return false
  const pressed = usedPercent(mountpath.port.space(mountpath.path)) >= highWatermark
  const crowded = marked.slice(0, -WAITING_MAX)
  const due = waiting.filter(({bid, sinceMs}) => {
    const mark = marked.find((one) => one.bid === bid)
    // Not unless the record still says so.
    if (mark === undefined) return false
    return mark.purge === true || pressed || crowded.includes(mark) || wallMs - sinceMs >= keptMs
  })
  const [first] = due
  if (first === undefined) return false
  const done = removeSome(mountpath, first)
  return !done || due.length > 1
}

/** How full a filesystem is, for who may not use what is reserved. */
export function usedPercent({totalBytes, availableBytes}: SpaceStat): number {
  return totalBytes === 0 ? 0 : ((totalBytes - availableBytes) * 100) / totalBytes
}
