/**
 * A plan that is kept: what is intended, and the hash of what was read for each step. It is no list
 * of orders: whoever applies it makes the plan anew and goes on only when both are the same.
 */

import {AisError} from '../../base/errors.ts'
import {parseJsonObject} from '../host/output.ts'
import type {DeployIntent} from './deploy-run.ts'
import type {PlannedStep} from './planned.ts'

export const PLAN_FORMAT = 1

export interface PlanFile {
  readonly format: 1
  readonly cluster: string
  readonly uuid: string
  /** Of the topology that the hosts will have. */
  readonly generation: number
  readonly madeAt: string
  readonly intent: DeployIntent
  readonly steps: readonly PlannedStep[]
}

export function planFileOf(
  intent: DeployIntent,
  generation: number,
  steps: readonly PlannedStep[],
): PlanFile {
  const {name, uuid} = intent.topology.cluster
  const madeAt = new Date().toISOString()
  return {format: PLAN_FORMAT, cluster: name, uuid, generation, madeAt, intent, steps}
}

export function formatPlan(plan: PlanFile): string {
  return `${JSON.stringify(plan, null, 2)}\n`
}

/** @param where its name, for messages. @throws AisError BAD_CONFIG, INCOMPATIBLE */
export function parsePlan(text: string, where: string): PlanFile {
  const plan = parseJsonObject(text) as Partial<PlanFile> | undefined
  if (plan?.format !== undefined && plan.format !== PLAN_FORMAT) {
    throw new AisError({
      code: 'INCOMPATIBLE',
      message: `${where}: format ${String(plan.format)} is not known`,
      hint: 'use the aisctl that made it, or make it anew: aisctl plan -o FILE',
    })
  }
  if (plan?.intent !== undefined && Array.isArray(plan.steps)) return plan as PlanFile
  throw new AisError({
    code: 'BAD_CONFIG',
    message: `${where} is no plan`,
    hint: 'make one: aisctl plan -o FILE',
  })
}

/** @throws AisError REFUSED that tells what is different now */
export function requireSame(
  plan: PlanFile,
  generation: number,
  differences: readonly string[],
): void {
  const other =
    generation === plan.generation
      ? []
      : [`the topology has generation ${generation} now; the plan was made for ${plan.generation}`]
  const lines = [...other, ...differences]
  if (lines.length === 0) return
  throw new AisError({
    code: 'REFUSED',
    message: `the plan does not fit any more\n${lines.join('\n')}`,
    hint: 'nothing was changed; look again: aisctl plan -o FILE',
    details: {differences: lines},
  })
}
