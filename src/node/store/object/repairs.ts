/**
 * Keys of which a copy could not be read, or was left behind by a failed write: each is brought
 * back to all its mountpaths, one at a time, as soon as possible. What does not fit here is found
 * again by the next read of it.
 */

import type {AisError} from '../../../base/errors.ts'
import type {Placed} from './place-key.ts'
import {placeKey} from './place-key.ts'
import {lockName, type ObjectKey, type Writing} from './writing.ts'

/** Keys that wait: a disk that is going needs a resilver, not this. */
const REPAIRS_MAX = 4096

/** What became of a key. */
export interface Repair {
  readonly key: ObjectKey
  /** Why it is not whole again; null when it is. */
  readonly error: AisError | null
  readonly placed: Placed
}

export interface Repairs {
  readonly add: (key: ObjectKey) => void
  readonly waiting: () => number
  readonly stop: () => void
}

export function createRepairs(
  writing: () => Writing,
  onRepaired: (repair: Repair) => void,
): Repairs {
  const waiting = new Map<string, ObjectKey>()
  /** The one that is being repaired: what it meets on the way is no reason to begin again. */
  let current: string | null = null
  let stopped = false

  function next(): void {
    const [first] = waiting
    if (current !== null || stopped || first === undefined) return
    const [name, key] = first
    waiting.delete(name)
    current = name
    placeKey(writing(), key, true, (error, placed) => {
      current = null
      onRepaired({key, error, placed})
      setImmediate(next)
    })
  }

  return {
    add: (key) => {
      if (waiting.size >= REPAIRS_MAX || lockName(key) === current) return
      waiting.set(lockName(key), key)
      setImmediate(next)
    },
    waiting: () => waiting.size + (current === null ? 0 : 1),
    stop: () => {
      stopped = true
      waiting.clear()
    },
  }
}
