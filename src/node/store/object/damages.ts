/** Objects of which a copy was found damaged, until it is replaced: an operator should know of them. */

import {lockName, type ObjectKey} from './writing.ts'

/** Remembered at most; beyond, it is enough to know that there are very many. */
const DAMAGES_MAX = 10_000

export interface Damages {
  readonly add: (key: ObjectKey) => void
  /** It was repaired, overwritten or removed. */
  readonly mended: (key: Pick<ObjectKey, 'bid' | 'name'>) => void
  readonly dropBucket: (bid: string) => void
  readonly count: () => number
}

export function createDamages(): Damages {
  const names = new Set<string>()
  return {
    add: (key) => {
      if (names.size < DAMAGES_MAX) names.add(lockName(key))
    },
    mended: (key) => {
      if (names.size > 0) names.delete(lockName(key))
    },
    dropBucket: (bid) => {
      for (const name of names) if (name.startsWith(`${bid}/`)) names.delete(name)
    },
    count: () => names.size,
  }
}
