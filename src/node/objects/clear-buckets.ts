/** Keeps clearing away the data of destroyed buckets, and says how far it is. */

import {destroyedBuckets} from '../../core/metasync/destroyed.ts'
import {setting} from '../../model/config/config.ts'
import type {ClusterView} from '../../model/cluster-view.ts'
import type {ObjectStore} from '../store/object-store.ts'

export interface BucketClearing {
  /** The view may be another one, or time has passed. */
  readonly look: () => void
  readonly stop: () => void
}

export interface BucketClearingDeps {
  readonly view: () => ClusterView
  readonly store: Pick<ObjectStore, 'clearBuckets'>
  /** Ms since 1970. */
  readonly wallMs: () => number
  readonly after: (ms: number, act: () => void) => () => void
  /** Nothing is left of what was destroyed up to this record; told when it has changed. */
  readonly cleared: (upTo: number) => void
}

/** Between two turns while something is due: others have the disk for most of the time. */
const NEXT_TURN_MS = 20

export function createBucketClearing(deps: BucketClearingDeps): BucketClearing {
  let takeBack: (() => void) | null = null
  let told = 0
  let stopped = false

  function look(): void {
    const {record} = deps.view()
    if (record === null || stopped || takeBack !== null) return
    const marked = destroyedBuckets(record.bmd)
    const [oldest] = marked
    if (oldest === undefined) return
    const {upTo, more} = deps.store.clearBuckets({
      marked,
      recordIndex: record.index,
      wallMs: deps.wallMs(),
      keptMs: setting(record.conf.set, 'ext.space.trash_time'),
      highWatermark: setting(record.conf.set, 'space.highwm'),
    })
    // Worth a word only where a mark could go for it.
    const word = upTo >= oldest.deletedAt ? upTo : 0
    if (word !== told) {
      told = word
      deps.cleared(word)
    }
    if (!more) return
    takeBack = deps.after(NEXT_TURN_MS, () => {
      takeBack = null
      look()
    })
  }

  return {
    look,
    stop: () => {
      stopped = true
      takeBack?.()
    },
  }
}
