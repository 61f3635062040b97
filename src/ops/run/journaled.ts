/**
 * Makes a plan a run: the lock before its first change, a line in the journal around every step of
 * the cluster, debts and an end when it is over. What happens on a host is journaled there, by the
 * script that does it (host/journal.sh). The result is a plan as any other.
 */

import {AisError} from '../../base/errors.ts'
import type {ClusterClient} from '../../client/cluster.ts'
import type {Fleet} from '../fleet.ts'
import type {Host} from '../host/host.ts'
import type {Plan, Step, StepContext} from '../plan/plan.ts'
import {debtLine, debtsOf, paidBy, type NewDebt} from './debts.ts'
import {newHolder, type Holder} from './holder.ts'
import {
  isOver,
  journalOver,
  type Intent,
  type Journal,
  type RunHeader,
  type RunOutcome,
} from './journal.ts'
import {holdLease, type HeldLease} from './lease.ts'
import {takeLock, type RunLock} from './lock.ts'
import {readAllStates} from './read-state.ts'
import {debtsOfRuns, missedEnds, supersedes, unfinishedRuns} from './runs.ts'

/** Id of the step that takes the lock. */
export const LOCK_STEP = 'cluster/lock'

export interface RunSpec {
  readonly fleet: Fleet
  readonly intent: Intent
  /** Ids of steps that change nothing and come before the lock. */
  readonly looks?: readonly string[]
  /** The run that is taken up again. */
  readonly resumes?: RunHeader
  /** The cluster that keeps the lease while it runs; absent: there is none. */
  readonly client?: ClusterClient
  /** What has come to be owed; asked when the steps are over. */
  debts?(): readonly NewDebt[]
  /** Keys of debts that are paid, besides those that the steps tell by themselves. */
  paid?(): readonly string[]
  /** Looks, under the lock, whether what was read before is still so. Throws when it is not. */
  checkLocked?(lock: RunLock): void
  readonly nowMs?: () => number
}

export interface JournaledPlan {
  readonly plan: Plan
  /** The run; undefined before it has the lock. */
  run(): string | undefined
  /** Writes the end and lets the lock go. Call it whatever happened, before the fleet closes. */
  close(): Promise<void>
  /** Line about open debts, once closed; undefined: none. */
  debtLine(): string | undefined
}

interface Running {
  readonly lease: HeldLease | undefined
  readonly lock: RunLock
  readonly journal: Journal
  readonly header: RunHeader
}

interface Work {
  readonly spec: RunSpec
  readonly holder: Holder
  readonly before: Plan
  readonly nowMs: () => number
  readonly settled: Set<string>
  readonly errors: Error[]
  running?: Running
  debts?: string | undefined
}

export function journaled(plan: Plan, spec: RunSpec): JournaledPlan {
  const nowMs = spec.nowMs ?? Date.now
  const {intent, resumes} = spec
  const what = [intent.verb, ...intent.nodes].join(' ')
  const holder = newHolder(resumes?.what ?? what, nowMs(), resumes?.run)
  const work: Work = {spec, holder, before: plan, nowMs, settled: new Set(), errors: []}
  const looks = new Set(spec.looks)
  const lock = lockStep(work)
  return {
    plan: {
      ...plan,
      steps: [
        ...plan.steps.filter(({id}) => looks.has(id)),
        lock,
        ...plan.steps.filter(({id}) => !looks.has(id)).map((step) => inRun(work, step)),
      ],
    },
    run: () => work.running?.header.run,
    close: () => finish(work),
    debtLine: () => work.debts,
  }
}

function lockStep(work: Work): Step {
  const {spec, before} = work
  const {hosts} = spec.fleet.topology
  return {
    id: LOCK_STEP,
    title: 'take the lock',
    ...(spec.looks === undefined ? {} : {after: spec.looks}),
    preview: () => [`on ${hosts.length} hosts; then journal and audit in /var/lib/aisctl`],
    run: async () => {
      const lock = await takeLock(hostsOf(spec.fleet), work.holder, work.nowMs)
      const {cluster} = spec.fleet.topology
      const header: RunHeader = {
        format: 1,
        ...work.holder,
        cluster: cluster.name,
        uuid: cluster.uuid,
        intent: spec.intent,
        steps: before.steps.map(({id}) => id),
        hosts: lock.hosts.map(({name}) => name),
      }
      const journal = journalOver(lock, work.nowMs)
      let lease: HeldLease | undefined
      try {
        spec.checkLocked?.(lock)
        if (spec.client !== undefined) lease = await holdLease(spec.client, work.holder)
        await journal.begin(header, spec.resumes !== undefined)
      } catch (error) {
        await lease?.release()
        await lock.release()
        throw error
      }
      work.running = {lock, lease, journal, header}
      spec.fleet.enter(header.run)
    },
  }
}

/** The step after the lock; journaled here when no host does it. */
function inRun(work: Work, step: Step): Step {
  const after = [...(step.after ?? []), LOCK_STEP]
  return {
    ...step,
    after,
    ...(step.skip === undefined ? {} : {skip: () => skipped(work, step)}),
    run: async (context) => {
      const {lock, lease, journal} = runningOf(work)
      const why = lock.lost() ?? lease?.lost()
      if (why !== undefined) throw keep(work, why)
      const note = (state: 'begin' | 'done' | 'failed', what = ''): Promise<void> =>
        step.host === undefined ? journal.note({act: step.id, state, what}) : Promise.resolve()
      await note('begin')
      const result = await attempt(work, step, context, (what) => note('failed', what))
      await note('done')
      work.settled.add(step.id)
      return result
    },
  }
}

async function attempt(
  work: Work,
  step: Step,
  context: StepContext,
  failed: (why: string) => Promise<void>,
): Promise<unknown> {
  try {
    return await step.run(context)
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown))
    keep(work, error)
    await failed(firstLine(error))
    throw error
  }
}

function keep(work: Work, error: Error): Error {
  work.errors.push(error)
  return error
}

async function skipped(work: Work, step: Step): Promise<string | null> {
  const reason = (await step.skip?.()) ?? null
  if (reason !== null) work.settled.add(step.id)
  return reason
}

async function finish(work: Work): Promise<void> {
  const {running, spec} = work
  if (running === undefined) return
  delete work.running
  spec.fleet.enter(undefined)
  const {lock, lease, journal, header} = running
  try {
    if (lock.lost() === undefined) await settle(work, journal, header)
  } finally {
    await lease?.release()
    await lock.release()
  }
}

async function settle(work: Work, journal: Journal, header: RunHeader): Promise<void> {
  const {spec, nowMs} = work
  const {states} = await readAllStates(hostsOf(spec.fleet))
  const debts = new Map(states.flatMap((state) => state.debts.map((debt) => [debt.key, debt])))
  const paid = [...(spec.paid?.() ?? []), ...paidBy([...debts.values()], work.settled)]
  for (const key of paid) debts.delete(key)
  const owed = debtsOf(spec.debts?.() ?? [], header.run, nowMs())
  for (const debt of owed) debts.set(debt.key, debt)
  const stillPaid = paid.filter((key) => !debts.has(key))
  await journal.owe(owed, stillPaid)
  const outcome = outcomeOf(work)
  await journal.end(outcome, work.errors.map(firstLine).join('; '))
  for (const {host, run} of missedEnds(states)) await journal.tell(host, run)
  const left = unfinishedRuns(states)
  const over = isOver(outcome) ? left.filter((one) => supersedes(header, one.header)) : []
  for (const {header: earlier} of over) await journal.close(earlier, 'superseded')
  const open = left.filter(
    (one) => !over.includes(one) && (one.run !== header.run || !isOver(outcome)),
  )
  work.debts = debtLine([...debts.values(), ...debtsOfRuns(open)])
}

function outcomeOf({errors, before, spec, settled}: Work): RunOutcome {
  if (errors.some(isUndone)) return 'undone'
  if (errors.length > 0) return 'failed'
  const looks = new Set(spec.looks)
  const all = before.steps.every(({id}) => looks.has(id) || settled.has(id))
  return all ? 'done' : 'interrupted'
}

/** A step that has put back what the run changed says so: `details.over`. */
function isUndone(error: Error): boolean {
  return error instanceof AisError && error.details?.['over'] === true
}

function hostsOf(fleet: Fleet): readonly Host[] {
  return fleet.topology.hosts.map(({name}) => fleet.host(name))
}

function runningOf({running}: Work): Running {
  if (running !== undefined) return running
  throw new AisError({code: 'INTERRUPTED', message: 'the lock is not held'})
}

function firstLine(error: Error): string {
  return error.message.split('\n')[0] ?? ''
}
