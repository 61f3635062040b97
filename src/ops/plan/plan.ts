/**
 * Operator intent as data. A plan is made by pure functions from facts; one runner performs it, and
 * `--dry-run`, the progress tree and `--json` are other readers of the same value. It mentions
 * neither terminals nor listr2.
 */

/** What a step reports while it runs. `ratio` 0..1 when the total is known. */
export interface StepProgress {
  readonly text: string
  readonly ratio?: number
}

/** What a running step may use. */
export interface StepContext {
  readonly signal: AbortSignal
  report(progress: StepProgress): void
}

/**
 * One idempotent step. `skip` says why nothing is to be done (then it is not run), or null.
 * Invariant: running it twice has the effect of running it once.
 */
export interface Step<Result = unknown> {
  /** Unique in its plan: `h1/files`, `cluster/wait`. */
  readonly id: string
  readonly title: string
  /** Name of the host that it touches, when it touches one. */
  readonly host?: string
  /** Ids of steps that must be done before it. Absent: none. */
  readonly after?: readonly string[]
  skip?(): Promise<string | null>
  /** Lines for `--dry-run`. */
  preview(): readonly string[]
  run(context: StepContext): Promise<Result>
}

/** Steps with how many may run at once (1 = in order). A failed step ends its dependants only. */
export interface Plan {
  readonly title: string
  readonly steps: readonly Step[]
  readonly parallel: number
}

export type StepState = 'waiting' | 'running' | 'done' | 'skipped' | 'failed' | 'blocked'

/** What the runner tells its readers. */
export interface StepEvent {
  readonly step: string
  readonly state: StepState
  readonly text?: string
  readonly ratio?: number
  readonly error?: Error
  readonly result?: unknown
}
