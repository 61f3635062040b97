/**
 * A target's part in the rebalance that its record speaks of: begins, walks until a walk is clean,
 * says how far it is, and ends at once when the owners change or the rebalance is over. Nothing of
 * it is kept: after a restart it walks again, and offers make that cheap. Never deletes.
 */

import {
  isSameMove,
  moveReport,
  moveTask,
  walkAgainMs,
  walkVerdict,
} from '../../core/objects/move.ts'
import {NO_TALLY, type MoveTask} from '../../core/objects/move.ts'
import type {MoveReport} from '../../model/peer-messages.ts'
import {errnoOf} from '../store/fs.ts'
import {AisError} from '../../base/errors.ts'
import {reasonOf} from '../observe/log.ts'
import {pause, tallyFailure, type MoveDeps, type Run} from './context.ts'
import {walkAll} from './walk.ts'

export interface Mover {
  /** The view may be another one. */
  readonly look: () => void
  readonly stop: () => void
}

/** Between two words about progress. */
const REPORT_EVERY_MS = 500

/** @param onDefect what no disk and no node explains */
export function createMover(deps: MoveDeps, onDefect: (error: unknown) => void): Mover {
  let current: {readonly task: MoveTask; readonly abort: AbortController} | null = null

  function look(): void {
    const task = moveTask(deps.view(), deps.ring())
    const same = isSameMove(current?.task ?? null, task)
    if (same && current?.task.waits === task?.waits) return
    current?.abort.abort()
    current = null
    if (task === null) return
    const abort = new AbortController()
    current = {task, abort}
    const run = startRun(deps, task, abort.signal)
    if (task.waits !== '') return run.say('waiting')
    deps.log.info('rebalance begins', {rebalance: `g${task.rebalance}`, entry: task.entry})
    walkUntilClean(run).catch(onDefect)
  }

  return {
    look,
    stop: () => {
      current?.abort.abort()
      current = null
    },
  }
}

interface Told extends Run {
  readonly say: (state: MoveReport['state']) => void
}

function startRun(deps: MoveDeps, task: MoveTask, signal: AbortSignal): Told {
  let state: MoveReport['state'] = 'waiting'
  let saidMs = Number.NEGATIVE_INFINITY
  let takeBack: (() => void) | null = null

  function tell(): void {
    takeBack?.()
    takeBack = null
    if (signal.aborted) return
    saidMs = deps.nowMs()
    deps.report(moveReport(task, state, run.totals, run.heard ? run.tally : null))
  }

  const run: Told = {
    deps,
    task,
    signal,
    totals: {objects: 0, bytes: 0, problem: ''},
    tally: NO_TALLY,
    heard: false,
    noted: () => {
      takeBack ??= deps.after(Math.max(0, saidMs + REPORT_EVERY_MS - deps.nowMs()), tell)
    },
    say: (now) => {
      state = now
      tell()
    },
  }
  return run
}

async function walkUntilClean(run: Told): Promise<void> {
  const {deps, signal, task} = run
  run.say('walking')
  // A write that was admitted under an older entry may still end, and must not be missed.
  await new Promise<void>((resolve) => deps.store.whenWritesEnded(resolve))
  let failures = 0
  while (!signal.aborted) {
    run.tally = NO_TALLY
    await walkOnce(run)
    if (signal.aborted) return
    const verdict = walkVerdict(run.tally)
    if (verdict === 'clean') {
      run.heard = true
      deps.log.info('rebalance: nothing is left to move', {
        rebalance: `g${task.rebalance}`,
        ...run.totals,
      })
      return run.say('clean')
    }
    failures = verdict === 'failing' ? failures + 1 : 0
    run.say(verdict === 'failing' ? 'failing' : 'walking')
    await pause(run, walkAgainMs(failures))
  }
}

/** A disk that fails in the middle is the walk's failure; anything else is a defect. */
async function walkOnce(run: Run): Promise<void> {
  try {
    await walkAll(run)
  } catch (error) {
    if (!(error instanceof AisError) && errnoOf(error) === '') throw error
    tallyFailure(run, 1, reasonOf(error))
  }
}
