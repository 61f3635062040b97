/**
 * Performs a plan: as many steps at once as it allows, each when what it waits for is done; a
 * failed step ends its dependants only. Cancelling lets running steps end and starts no further
 * one.
 */

import {AisError, type ErrorCode} from '../../base/errors.ts'
import type {Plan, Step, StepEvent, StepState} from './plan.ts'

export interface RunOptions {
  readonly signal?: AbortSignal
  onEvent?(event: StepEvent): void
}

export interface PlanOutcome {
  /** By step id, of steps that were run. */
  readonly results: ReadonlyMap<string, unknown>
  /** Ids of steps that failed, in the order in which they did. */
  readonly failed: readonly string[]
  readonly errors: ReadonlyMap<string, Error>
  /** Ids of steps that were not run because of a failure or an interruption. */
  readonly blocked: readonly string[]
  readonly skipped: ReadonlyMap<string, string>
}

/** Runs every step that can be run. Never rejects for a failed step: the outcome says which. */
export async function runPlan(plan: Plan, options: RunOptions = {}): Promise<PlanOutcome> {
  checkPlan(plan)
  const run = newRun(plan, options)
  const running = new Map<string, Promise<void>>()
  for (;;) {
    for (const step of nextSteps(run, plan.parallel - running.size)) {
      run.states.set(step.id, 'running')
      running.set(
        step.id,
        runStep(run, step).finally(() => running.delete(step.id)),
      )
    }
    if (running.size === 0) break
    await Promise.race(running.values())
  }
  for (const step of plan.steps) {
    if (run.states.get(step.id) === 'waiting') settle(run, step, {state: 'blocked'})
  }
  return outcomeOf(run)
}

/** The error that a command ends with when steps failed; undefined when none did. */
export function planError(plan: Plan, outcome: PlanOutcome): Error | undefined {
  const [first] = outcome.failed
  const error = first === undefined ? undefined : outcome.errors.get(first)
  if (error === undefined) {
    if (outcome.blocked.length === 0) return undefined
    return new AisError({code: 'INTERRUPTED', message: `${plan.title}: interrupted`})
  }
  if (outcome.failed.length === 1 && plan.steps.length === 1) return error
  const lines = outcome.failed.map((id) => outcome.errors.get(id)?.message ?? id)
  return new AisError(
    {
      code: commonCode([...outcome.errors.values()]) ?? 'PARTIAL',
      message: [...new Set(lines)].join('\n'),
      hint:
        (error instanceof AisError ? error.hint : undefined) ?? 'mend it and repeat the command',
      details: {
        ...(error instanceof AisError ? error.details : {}),
        failed: outcome.failed,
        blocked: outcome.blocked,
      },
    },
    error,
  )
}

/** The code of all errors when it is one and the same; undefined when they differ. */
function commonCode(errors: readonly Error[]): ErrorCode | undefined {
  const codes = new Set(errors.map((error) => (error instanceof AisError ? error.code : undefined)))
  const [code] = codes
  return codes.size === 1 ? code : undefined
}

interface Run {
  readonly plan: Plan
  readonly options: RunOptions
  readonly states: Map<string, StepState>
  readonly results: Map<string, unknown>
  readonly errors: Map<string, Error>
  readonly failed: string[]
  readonly skipped: Map<string, string>
}

function newRun(plan: Plan, options: RunOptions): Run {
  return {
    plan,
    options,
    states: new Map(plan.steps.map((step) => [step.id, 'waiting'])),
    results: new Map(),
    errors: new Map(),
    failed: [],
    skipped: new Map(),
  }
}

function nextSteps(run: Run, room: number): Step[] {
  if (run.options.signal?.aborted === true) return []
  const ready = run.plan.steps.filter(
    (step) =>
      run.states.get(step.id) === 'waiting' &&
      (step.after ?? []).every((id) => ['done', 'skipped'].includes(run.states.get(id) ?? '')),
  )
  return ready.slice(0, Math.max(room, 0))
}

async function runStep(run: Run, step: Step): Promise<void> {
  const {signal = new AbortController().signal} = run.options
  try {
    const reason = (await step.skip?.()) ?? null
    if (reason !== null) {
      run.skipped.set(step.id, reason)
      settle(run, step, {state: 'skipped', text: reason})
      return
    }
    emit(run, {step: step.id, state: 'running'})
    const report = (progress: {text: string; ratio?: number}): void =>
      emit(run, {step: step.id, state: 'running', ...progress})
    const result = await step.run({signal, report})
    run.results.set(step.id, result)
    settle(run, step, {state: 'done', result})
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown))
    run.errors.set(step.id, error)
    run.failed.push(step.id)
    settle(run, step, {state: 'failed', error})
  }
}

function settle(run: Run, step: Step, event: Omit<StepEvent, 'step'>): void {
  run.states.set(step.id, event.state)
  emit(run, {step: step.id, ...event})
}

function emit(run: Run, event: StepEvent): void {
  run.options.onEvent?.(event)
}

function outcomeOf(run: Run): PlanOutcome {
  const {results, failed, errors, skipped} = run
  const blocked = [...run.states].flatMap(([id, state]) => (state === 'blocked' ? [id] : []))
  return {results, failed, errors, blocked, skipped}
}

/**
 * A plan that waits for itself, or for a step that it has not, is a defect: found before it runs.
 */
function checkPlan(plan: Plan): void {
  const seen = new Set<string>()
  for (const step of plan.steps) {
    const missing = (step.after ?? []).find((id) => !seen.has(id))
    if (missing !== undefined)
      throw new Error(`step ${step.id} waits for ${missing}, not before it`)
    if (seen.has(step.id)) throw new Error(`two steps are called ${step.id}`)
    seen.add(step.id)
  }
}
