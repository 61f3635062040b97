/** What a target does by itself while it runs: looks after disks, copies and destroyed buckets. */

import type {CopiesShare} from '../../wire/copies-job.ts'
import {createCopiesKeeper, type KeeperDeps} from '../mirror/keeper.ts'
import {createBucketClearing} from '../objects/clear-buckets.ts'

export interface Upkeep {
  /** How far the copies of mirrored buckets are. */
  readonly copies: () => readonly CopiesShare[]
  readonly stop: () => void
}

export interface UpkeepDeps extends Omit<KeeperDeps, 'wallMs'> {
  /** Nothing is left of buckets that were destroyed up to this record. */
  readonly cleared: (upTo: number) => void
  readonly defect: (error: unknown) => void
}

/** How often disks are looked at for calls that hang. */
const CHECK_MS = 1000

export function createUpkeep(deps: UpkeepDeps): Upkeep {
  const timed = {...deps, wallMs: Date.now}
  const keeper = createCopiesKeeper(timed, deps.defect)
  const clearing = createBucketClearing(timed)
  const timer = setInterval(() => {
    deps.store.check()
    clearing.look()
    keeper.look()
  }, CHECK_MS)
  return {
    copies: keeper.shares,
    stop: () => {
      clearInterval(timer)
      keeper.stop()
      clearing.stop()
    },
  }
}
