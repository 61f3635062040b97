/** What moving shares: the node's standing, its store, the way to other targets, who is told. */

import type {MoveTask, MoveTotals, WalkCursor, WalkTally} from '../../core/objects/move.ts'
import type {OwnRing} from '../../core/objects/ring.ts'
import type {ClusterView} from '../../model/cluster-view.ts'
import type {MoveReport} from '../../model/peer-messages.ts'
import type {HashBytes} from '../../wire/footer.ts'
import type {Log} from '../observe/log.ts'
import type {Stats} from '../observe/stats.ts'
import type {AskTarget} from '../peer/data-client.ts'
import type {ObjectStore} from '../store/object-store.ts'
import type {WalkCursorFile} from '../store/state/walk-cursor.ts'
import type {Bandwidth} from './bandwidth.ts'
import type {Room} from './room.ts'
import type {TrafficWatch} from './traffic.ts'

export interface MoveDeps {
  readonly view: () => ClusterView
  /** Of the view's record. */
  readonly ring: () => OwnRing
  readonly store: ObjectStore
  /** XXH64 seed 0, of this thread. */
  readonly hash: HashBytes
  readonly askTarget: AskTarget
  readonly traffic: TrafficWatch
  readonly stats: Pick<Stats, 'add'>
  readonly report: (report: MoveReport) => void
  /** The same on what is removed when all has moved. */
  readonly reclaimed: (report: MoveReport) => void
  /** Where a walk that was interrupted goes on. */
  readonly cursor: WalkCursorFile
  readonly nowMs: () => number
  /** Runs something later, once; the result takes it back. */
  readonly after: (ms: number, act: () => void) => () => void
  readonly log: Log
}

/** One piece of work under way at this target, from its first walk to the clean one or its end. */
export interface Run {
  readonly deps: MoveDeps
  /** What becomes of objects: `moved`. */
  readonly verb: string
  readonly task: MoveTask
  /** Aborted: another rebalance, none any more, or a stop. Nothing more is begun. */
  readonly signal: AbortSignal
  totals: MoveTotals
  tally: WalkTally
  /** Whether any owner has answered: before, nobody knows how much there is to do. */
  heard: boolean
  /** Where this walk begins; null: at the first name, so that it can prove something. */
  from: Pick<WalkCursor, 'bid' | 'after'> | null
  /** Everything up to there has been dealt with. */
  readonly reached: (at: Pick<WalkCursor, 'bid' | 'after'>) => void
  /** What is sent keeps to it. */
  readonly bandwidth: Bandwidth
  /** Large objects on their way. */
  readonly streams: Room
  /** Something has changed that is worth a report. */
  readonly noted: () => void
}

/** Adds to a walk's tally. */
export function tally(run: Run, by: Partial<WalkTally>): void {
  const {found = 0, offered = 0, wanted = 0, moved = 0, failed = 0, unseen = 0} = by
  run.tally = {
    found: run.tally.found + found,
    offered: run.tally.offered + offered,
    wanted: run.tally.wanted + wanted,
    moved: run.tally.moved + moved,
    failed: run.tally.failed + failed,
    unseen: run.tally.unseen + unseen,
  }
  run.noted()
}

/** Counts failures, and remembers the last for the report. */
export function tallyFailure(run: Run, failed: number, problem: string): void {
  run.totals = {...run.totals, problem}
  run.deps.log.warn(`objects could not be ${run.verb}`, {count: failed, problem})
  tally(run, {failed})
}

/** Waits, or less when the run ends. */
export function pause(run: Run, ms: number): Promise<void> {
  const {signal, deps} = run
  if (ms <= 0 || signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const end = (): void => {
      takeBack()
      signal.removeEventListener('abort', end)
      resolve()
    }
    const takeBack = deps.after(ms, end)
    signal.addEventListener('abort', end)
  })
}

/** Lets everybody else have a turn. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
