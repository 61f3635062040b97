/**
 * Work that a target does as long as its record says so, by walking over all that it has: begins,
 * walks until a walk is clean, says how far it is, and ends at once when the owners change or it is
 * over. What is done with what a walk finds, and what follows a clean walk, is the kind of work's.
 */

import {
  NO_TALLY,
  NO_TOTALS,
  isSameMove,
  moveReport,
  walkAgainMs,
  walkBegins,
  walkVerdict,
  type MoveTask,
  type WalkCursor,
} from '../../core/objects/move.ts'
import type {OwnRing} from '../../core/objects/ring.ts'
import {setting} from '../../model/config/config.ts'
import type {ClusterView} from '../../model/cluster-view.ts'
import type {MoveReport} from '../../model/peer-messages.ts'
import {errnoOf} from '../store/fs/fs.ts'
import {AisError} from '../../base/errors.ts'
import {reasonOf} from '../observe/log.ts'
import {pause, tallyFailure, type MoveDeps, type Run} from './context.ts'
import {countAhead} from './ahead.ts'
import type {Deal} from './dealing.ts'
import {createBandwidth} from './bandwidth.ts'
import {createRoom} from './room.ts'
import {walkAll} from './walk.ts'

/** A kind of work. */
export interface Work {
  /** `moved`: what becomes of an object, for messages. */
  readonly verb: string
  readonly task: (view: ClusterView, ring: OwnRing) => MoveTask | null
  /** What is done with keys that belong to another target. */
  readonly deal: Deal
  /** Before a clean walk is said to be one. @throws AisError when it is none */
  readonly seal: (run: Run) => Promise<void>
  readonly report: (report: MoveReport) => void
  /** Whether a restarted node goes on where it was. */
  readonly resumes: boolean
  /** Whether people are told how much is left. */
  readonly counts: boolean
}

export interface Worker {
  /** The view may be another one. */
  readonly look: () => void
  readonly stop: () => void
}

/** Large objects under way at a time, over all owners, while there is a limit of bytes. */
const LIMITED_STREAMS_MAX = 2
/** Between two words about progress. */
const REPORT_EVERY_MS = 500

/** @param onDefect what no disk and no node explains */
export function createWorker(
  deps: MoveDeps,
  work: Work,
  onDefect: (error: unknown) => void,
): Worker {
  let current: {readonly task: MoveTask; readonly abort: AbortController} | null = null

  function look(): void {
    const task = work.task(deps.view(), deps.ring())
    const same = isSameMove(current?.task ?? null, task)
    if (same && current?.task.waits === task?.waits) return
    current?.abort.abort()
    current = null
    if (task === null) return
    const abort = new AbortController()
    current = {task, abort}
    const run = startRun(deps, work, {task, signal: abort.signal})
    if (task.waits !== '') return run.say('waiting')
    deps.log.info(`objects are to be ${work.verb}`, factsOf(task))
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
  readonly work: Work
  readonly say: (state: MoveReport['state']) => void
}

function startRun(
  deps: MoveDeps,
  work: Work,
  {task, signal}: {readonly task: MoveTask; readonly signal: AbortSignal},
): Told {
  let state: MoveReport['state'] = 'waiting'
  let saidMs = Number.NEGATIVE_INFINITY
  let takeBack: (() => void) | null = null

  function tell(): void {
    takeBack?.()
    takeBack = null
    if (signal.aborted) return
    saidMs = deps.nowMs()
    work.report(moveReport(task, state, run.totals, run.heard ? run.tally : null))
  }

  const bandwidth = createBandwidth(() => bandwidthOf(deps.view()), deps.nowMs)
  const run: Told = {
    deps,
    task,
    work,
    verb: work.verb,
    signal,
    bandwidth,
    streams: createRoom(() => (bandwidth.isLimited() ? LIMITED_STREAMS_MAX : Infinity)),
    totals: NO_TOTALS,
    tally: NO_TALLY,
    heard: false,
    from: work.resumes ? walkBegins(task, deps.cursor.load()) : null,
    reached: (at) => {
      if (work.resumes) keepCursor(deps, {rebalance: task.rebalance, entry: task.entry, ...at})
    },
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

function bandwidthOf({record}: ClusterView): number {
  return setting(record?.conf.set ?? {}, 'ext.rebalance.bandwidth')
}

/** What is not kept costs the next start some time and nothing else. */
function keepCursor({cursor, log}: MoveDeps, at: WalkCursor): void {
  try {
    cursor.keep(at)
  } catch (error) {
    if (errnoOf(error) === '') throw error
    log.warn('the place of a walk could not be kept', {problem: reasonOf(error)})
  }
}

async function walkUntilClean(run: Told): Promise<void> {
  const {deps, signal, task, verb} = run
  run.say('walking')
  // A write that was admitted under an older entry may still end, and must not be missed.
  await new Promise<void>((resolve) => deps.store.whenWritesEnded(resolve))
  let failures = 0
  while (!signal.aborted) {
    run.tally = NO_TALLY
    await walkCounted(run)
    if (signal.aborted) return
    const verdict = walkVerdict(run.tally, run.from === null)
    run.from = null
    if (verdict === 'clean') {
      run.heard = true
      deps.log.info(`nothing is left to be ${verb}`, {...factsOf(task), ...run.totals})
      return run.say('clean')
    }
    failures = verdict === 'failing' ? failures + 1 : 0
    run.say(verdict === 'failing' ? 'failing' : 'walking')
    await pause(run, walkAgainMs(failures))
  }
}

function factsOf({rebalance, entry}: MoveTask): Readonly<Record<string, unknown>> {
  return {rebalance: `g${rebalance}`, entry}
}

/** Of a later walk nothing is counted ahead: little is left for it. */
async function walkCounted(run: Told): Promise<void> {
  const over = new AbortController()
  const isFirst = run.totals === NO_TOTALS
  const counting = run.work.counts && isFirst ? countAhead(run, over.signal) : Promise.resolve()
  try {
    await walkOnce(run)
  } finally {
    over.abort()
  }
  await counting
}

/** A disk that fails in the middle is the walk's failure; anything else is a defect. */
async function walkOnce(run: Told): Promise<void> {
  try {
    await walkAll(run, run.work.deal)
    const verdict = walkVerdict(run.tally, run.from === null)
    if (!run.signal.aborted && verdict === 'clean') await run.work.seal(run)
  } catch (error) {
    if (!(error instanceof AisError) && errnoOf(error) === '') throw error
    tallyFailure(run, 1, reasonOf(error))
  }
}
