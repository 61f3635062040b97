/**
 * `aisctl deploy` and `aisctl check`, from a file name to a plan that can be run. Connects to
 * nothing yet.
 */

import {defined} from '../../base/assert.ts'
import {AisError} from '../../base/errors.ts'
import {planCheck, type CheckResult} from '../check/check.ts'
import {planMend, planUndo} from '../check/mend.ts'
import {openCluster} from '../../client/cluster.ts'
import {openFleet, type FleetOptions} from '../fleet.ts'
import {openPayload, type Payload} from '../payload/payload.ts'
import {settleLeaving} from '../node/removal.ts'
import type {Plan} from '../plan/plan.ts'
import type {Release} from '../payload/release.ts'
import {withKept} from '../release/kept.ts'
import type {RunHeader} from '../run/journal.ts'
import {clusterKey, hasClusterKey, readSite, siteOf} from '../site/site.ts'
import type {Topology} from '../topology/resolve.ts'
import {planDeploy, type DeployOutcome} from './deploy.ts'
import {newDeployment} from './deployment.ts'
import {deployRun, intentOf, requireRelease, type DeployIntent} from './deploy-run.ts'
import {knownAs, openTopology, type OpenedTopology} from './open.ts'
import {planFileOf, type PlanFile} from './plan-file.ts'

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
  /** With `dryRun`: the plan is to be kept, so what it wants is settled: uuid and key. */
  readonly keeps?: boolean
  /** A kept plan, applied if it still fits; then nothing is read from the file. */
  readonly applies?: PlanFile
  /** The run that is taken up again; then nothing is read from the file. */
  readonly resumes?: RunHeader
  /** Restart without asking how the cluster is: for one that is down anyway. */
  readonly ungated?: boolean
}

export interface Prepared<Result> {
  readonly topology: Topology
  readonly plan: Plan
  /** What has come out so far. */
  result(): Result
  /** Writes on the hosts how it ended; `close` does so, too. Absent: it changes no host. */
  end?(): Promise<void>
  /** About open debts, once it has ended; undefined: there are none. */
  debtLine?(): string | undefined
  /** Closes the connections. Call it whatever happened. */
  close(): Promise<void>
}

/** A deploy, and its plan to be kept once the hosts have been compared. */
export interface PreparedDeploy extends Prepared<DeployOutcome> {
  keep(): PlanFile
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
export async function prepareDeploy(options: PrepareDeployOptions): Promise<PreparedDeploy> {
  const isTold = options.resumes !== undefined || options.applies !== undefined
  const byFile = isTold ? undefined : await toldByFile(options)
  const payload = await payloadFor(options)
  const told = byFile ?? toldBefore(options, payload.release)
  const {topology, site, before, back, timeoutMs, ungated} = told
  const {dryRun, resumes} = options
  const guess = dryRun && options.keeps !== true
  const key = guess && !hasClusterKey(site) ? 'not made yet\n' : clusterKey(site)
  const fleet = openFleet(topology, {...options, site})
  const deployment = newDeployment(topology, payload, key)
  const {plan, outcome, planned} = planDeploy(fleet, deployment, {
    dryRun,
    timeoutMs,
    site,
    before,
    back: new Set(back),
    ungated,
    now: Date.now,
    ...(options.applies === undefined ? {} : {expects: options.applies}),
  })
  const intent = intentOf(deployment, {timeoutMs, back, ungated})
  const keep = (): PlanFile => planFileOf(intent, outcome().generation ?? 0, planned())
  const base = {topology, result: outcome, keep}
  if (dryRun) return {...base, plan, close: () => fleet.close()}
  const run = deployRun(plan, fleet, deployment, {
    timeoutMs,
    back,
    ungated,
    ...(resumes === undefined ? {} : {resumes}),
    ...(before === undefined
      ? {}
      : {client: openCluster({endpoints: knownAs(topology, site).endpoints})}),
  })
  const close = async (): Promise<void> => {
    try {
      await run.close()
    } finally {
      await fleet.close()
    }
  }
  const {debtLine} = run
  return {...base, plan: run.plan, end: () => run.close(), debtLine, close}
}

/** What an upgrade has made the cluster run is shipped on; a bundle that is given wins. */
async function payloadFor(options: PrepareDeployOptions): Promise<Payload> {
  const {file, bundle, resumes, applies} = options
  const shipped = await openPayload(bundle)
  if (bundle !== undefined) return shipped
  const name = resumes?.cluster ?? applies?.cluster
  const site = name === undefined ? openTopology(file, {keep: false}).site : siteOf(name)
  return withKept(shipped, site)
}

interface Told extends OpenedTopology {
  readonly back: readonly string[]
  readonly timeoutMs: number
  readonly ungated: boolean
}

async function toldByFile(options: PrepareDeployOptions): Promise<Told> {
  const {dryRun, back, timeoutMs} = options
  const {site: known} = openTopology(options.file, {keep: false})
  await settleLeaving(known)
  const opened = openTopology(options.file, {
    keep: !dryRun || options.keeps === true,
    ...(back === undefined ? {} : {back}),
  })
  return {...opened, back: [...(back ?? [])], timeoutMs, ungated: options.ungated ?? false}
}

/** By the run that is taken up again, or by a plan that was kept. */
function toldBefore({resumes, applies}: PrepareDeployOptions, release: Release): Told {
  const kept = defined(resumes?.intent.options ?? applies?.intent, 'a deploy has been told what')
  const intent = kept as unknown as DeployIntent
  requireRelease(intent, release)
  const site = siteOf(intent.topology.cluster.name)
  if (!hasClusterKey(site)) throw keyMissing(intent)
  return {...intent, site, before: readSite(site)}
}

function keyMissing({topology}: DeployIntent): AisError {
  return new AisError({
    code: 'NOT_FOUND',
    message: `this machine does not have the key of ${topology.cluster.name}`,
    hint: 'fetch it from the hosts first: aisctl adopt HOST…',
  })
}
