/**
 * `aisctl deploy` and `aisctl check`, from a file name to a plan that can be run. Connects to
 * nothing yet.
 */

import {planCheck, type CheckResult} from '../check/check.ts'
import {planMend, planUndo} from '../check/mend.ts'
import {openFleet, type FleetOptions} from '../fleet.ts'
import {openPayload} from '../payload/payload.ts'
import {settleLeaving} from '../node/removal.ts'
import type {Plan} from '../plan/plan.ts'
import {clusterKey, hasClusterKey} from '../site/site.ts'
import type {Topology} from '../topology/resolve.ts'
import {planDeploy, type DeployOutcome} from './deploy.ts'
import {newDeployment} from './deployment.ts'
import {openTopology} from './open.ts'

export interface PrepareOptions extends Omit<FleetOptions, 'site'> {
  /** The operator's topology. */
  readonly file: string
}

export interface PrepareDeployOptions extends PrepareOptions {
  readonly dryRun: boolean
  readonly timeoutMs: number
  /** A file of `aisctl bundle create`, or another daemon than this installation's. */
  readonly bundle?: string
  /** Places (HOST/INSTANCE) of nodes that have left and are to come back. */
  readonly back?: ReadonlySet<string>
  /** Restart without asking how the cluster is: for one that is down anyway. */
  readonly ungated?: boolean
}

export interface Prepared<Result> {
  readonly topology: Topology
  readonly plan: Plan
  /** What has come out so far. */
  result(): Result
  /** Closes the connections. Call it whatever happened. */
  close(): Promise<void>
}

/** A check, and what may follow it on the same connections. */
export interface PreparedCheck extends Prepared<CheckResult> {
  /** Mends what the check has found and what is safe to mend. Make it when the check has run. */
  mend(): Plan
  /** Sets again what was before. */
  undo(): Plan
}

/** A plan that looks and changes nothing. */
export function prepareCheck(options: PrepareOptions): PreparedCheck {
  const {topology, site} = openTopology(options.file, {keep: false})
  const fleet = openFleet(topology, {...options, site})
  const check = planCheck(fleet, Date.now)
  return {
    topology,
    plan: check.plan,
    result: check.result,
    mend: () => planMend(fleet, check.surveys),
    undo: () => planUndo(fleet),
    close: () => fleet.close(),
  }
}

/** A plan that makes the hosts what the topology says, or says what it would change. */
export async function prepareDeploy(
  options: PrepareDeployOptions,
): Promise<Prepared<DeployOutcome>> {
  const {dryRun, timeoutMs, back} = options
  const {site: known} = openTopology(options.file, {keep: false})
  await settleLeaving(known)
  const {topology, site, before} = openTopology(options.file, {
    keep: !dryRun,
    ...(back === undefined ? {} : {back}),
  })
  const payload = await openPayload(options.bundle)
  const key = dryRun && !hasClusterKey(site) ? 'not made yet\n' : clusterKey(site)
  const fleet = openFleet(topology, {...options, site})
  const {plan, outcome} = planDeploy(fleet, newDeployment(topology, payload, key), {
    dryRun,
    timeoutMs,
    site,
    before,
    ...(back === undefined ? {} : {back}),
    ungated: options.ungated ?? false,
    now: Date.now,
  })
  return {topology, plan, result: outcome, close: () => fleet.close()}
}
