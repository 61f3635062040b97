/** A plan as text, nothing run: what `--dry-run` prints. */

import type {Plan} from './plan.ts'

/** One line per step, what it would do below it; steps with nothing to do say why. */
export async function previewPlan(plan: Plan): Promise<string[]> {
  const lines = [plan.title]
  for (const step of plan.steps) {
    const skipped = (await step.skip?.()) ?? null
    const where = step.host === undefined ? '' : `${step.host}: `
    lines.push(`  ${where}${step.title}${skipped === null ? '' : ` (not needed: ${skipped})`}`)
    if (skipped === null) lines.push(...step.preview().map((line) => `    ${line}`))
  }
  return lines
}
