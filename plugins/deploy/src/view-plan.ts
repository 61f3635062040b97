import {runPlan, type Plan, type PlanOutcome} from 'aisctl/kit'

export function viewPlan(plan: Plan, {quiet}: {quiet: boolean}): Promise<PlanOutcome> {
  const abort = new AbortController()
  process.once('SIGINT', () => abort.abort())
  return runPlan(plan, {
    signal: abort.signal,
    onEvent: (event) => {
      if (!quiet) process.stderr.write(`${event.step}: ${event.state} ${event.text ?? ''}\n`)
    },
  })
}
