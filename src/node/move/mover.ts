/**
 * A target's part in what its record says about data: moves what belongs elsewhere (R24), removes
 * what is its owner's when all has moved, drops tombstones when nobody can hold anything older
 * (R21). One at a time, each as long as the record says so. Of their progress only the place of a
 * moving walk is kept, as a hint: after a restart they walk again, and questions to the owners make
 * that cheap.
 */

import {moveTask} from '../../core/objects/move.ts'
import {reclaimTask} from '../../core/objects/reclaim.ts'
import {createCollector} from './collect.ts'
import type {MoveDeps} from './context.ts'
import {reclaimBatch, sealReclaim} from './reclaim.ts'
import {sendBatch} from './send.ts'
import {createWorker, type Worker} from './worker.ts'

export type Mover = Worker

/** @param onDefect what no disk and no node explains */
export function createMover(deps: MoveDeps, onDefect: (error: unknown) => void): Mover {
  const workers: readonly Worker[] = [
    createWorker(
      deps,
      {
        verb: 'moved',
        task: moveTask,
        deal: sendBatch,
        seal: () => Promise.resolve(),
        report: deps.report,
        resumes: true,
        counts: true,
      },
      onDefect,
    ),
    createWorker(
      deps,
      {
        verb: 'reclaimed',
        task: reclaimTask,
        deal: reclaimBatch,
        seal: sealReclaim,
        report: deps.reclaimed,
        resumes: false,
        counts: false,
      },
      onDefect,
    ),
    createCollector(deps, onDefect),
  ]
  return {
    look: () => {
      for (const worker of workers) worker.look()
    },
    stop: () => {
      for (const worker of workers) worker.stop()
    },
  }
}
