/**
 * Draws a plan while it runs: a line per host with the step it is at, on a terminal in place
 * (listr2), elsewhere a line for every step that ends. Ctrl-C lets the running steps end and starts
 * no other.
 */

import {formatDuration} from '../../base/units.ts'
import type {Plan, Step, StepEvent} from '../../ops/plan/plan.ts'
import type {PlanOutcome} from '../../ops/plan/run.ts'
import {runPlan} from '../../ops/plan/run.ts'

export interface ViewOptions {
  /** Nothing is drawn: `--json`. */
  readonly quiet: boolean
}

type OnEvent = (event: StepEvent) => void

export async function viewPlan(plan: Plan, {quiet}: ViewOptions): Promise<PlanOutcome> {
  const abort = new AbortController()
  const interrupt = (): void => abort.abort()
  process.once('SIGINT', interrupt)
  const run = (onEvent: OnEvent): Promise<PlanOutcome> =>
    runPlan(plan, {signal: abort.signal, onEvent})
  try {
    if (quiet) return await run(() => undefined)
    return process.stderr.isTTY ? await drawTree(plan, run) : await run(lineWriter(plan))
  } finally {
    process.removeListener('SIGINT', interrupt)
  }
}

/** Steps of one host are one line of the tree; steps of none are each their own. */
interface Row {
  readonly title: string
  readonly steps: readonly Step[]
}

function rowsOf({steps}: Plan): readonly Row[] {
  const rows = new Map<string, Step[]>()
  for (const step of steps) {
    const key = step.host === undefined ? `step ${step.id}` : `host ${step.host}`
    rows.set(key, [...(rows.get(key) ?? []), step])
  }
  return [...rows.values()].map((own) => ({title: own[0]?.host ?? own[0]?.title ?? '', steps: own}))
}

/** What is drawn of a row: changed by events, read by its line. */
interface Line {
  readonly row: Row
  readonly left: Set<string>
  skipped: number
  readonly finished: Promise<void>
  finish(error?: Error): void
  show: (text: string) => void
  errors: Error[]
}

function lineOf(row: Row): Line {
  const {promise, resolve, reject} = Promise.withResolvers<void>()
  return {
    row,
    left: new Set(row.steps.map(({id}) => id)),
    skipped: 0,
    finished: promise,
    finish: (error) => (error === undefined ? resolve() : reject(error)),
    show: () => undefined,
    errors: [],
  }
}

async function drawTree(
  plan: Plan,
  run: (onEvent: OnEvent) => Promise<PlanOutcome>,
): Promise<PlanOutcome> {
  const {Listr, ListrLogger, ProcessOutput} = await import('listr2')
  const lines = rowsOf(plan).map(lineOf)
  const logger = new ListrLogger({processOutput: new ProcessOutput(process.stderr, process.stderr)})
  const tree = new Listr(
    lines.map((line) => ({
      title: line.row.title,
      task: async (_: unknown, task: {output: string; title: string}) => {
        line.show = (text) => void (task.output = text)
        await line.finished
        task.title = doneTitle(line)
      },
    })),
    {
      concurrent: true,
      exitOnError: false,
      registerSignalListeners: false,
      renderer: 'default',
      rendererOptions: {logger, showErrorMessage: true, collapseErrors: false},
    },
  )
  const drawn = tree.run()
  const outcome = await run((event) => follow(lines, event))
  await drawn
  return outcome
}

/** `h1: 5 done, 2 not needed`. */
function doneTitle({row: {title, steps}, skipped}: Line): string {
  const done = steps.length - skipped
  if (done === 0) return `${title}: nothing to do`
  if (steps.length === 1) return title
  return skipped === 0 ? `${title}: ${done} done` : `${title}: ${done} done, ${skipped} not needed`
}

function follow(lines: readonly Line[], event: StepEvent): void {
  const line = lines.find(({left}) => left.has(event.step))
  const step = line?.row.steps.find(({id}) => id === event.step)
  if (line === undefined || step === undefined) return
  if (event.state === 'running') line.show(runningText(step, event))
  else line.left.delete(step.id)
  if (event.state === 'skipped') line.skipped++
  if (event.error !== undefined) line.errors.push(event.error)
  if (event.state === 'blocked' && line.errors.length === 0) {
    line.errors.push(new Error('not done'))
  }
  if (line.left.size === 0) line.finish(line.errors[0])
}

function runningText(step: Step, {text, ratio}: StepEvent): string {
  const percent = ratio === undefined ? '' : ` ${Math.round(100 * ratio)} %`
  return text === undefined ? `${step.title}${percent}` : `${step.title}: ${text}${percent}`
}

/** A line for every step that ends: for logs and pipes. */
function lineWriter(plan: Plan): OnEvent {
  const beganMs = new Map<string, number>()
  const steps = new Map(plan.steps.map((step) => [step.id, step]))
  return (event) => {
    const step = steps.get(event.step)
    if (step === undefined) return
    if (event.state === 'running') {
      if (!beganMs.has(step.id)) beganMs.set(step.id, performance.now())
      return
    }
    const where = step.host === undefined ? '' : `${step.host}: `
    process.stderr.write(`${where}${step.title} ${endText(event, beganMs.get(step.id))}\n`)
  }
}

function endText({state, text, error}: StepEvent, beganMs: number | undefined): string {
  const took = beganMs === undefined ? 0 : Math.round((performance.now() - beganMs) / 10) * 10
  switch (state) {
    case 'done':
      return `— done in ${formatDuration(took)}`
    case 'skipped':
      return `— not needed: ${text ?? ''}`
    case 'failed':
      return `— failed: ${error?.message ?? ''}`
    default:
      return `— not done`
  }
}
