/**
 * `aisctl deploy` as a plan: ask every host, agree that nothing speaks against it, bring each host
 * to its manifest, restart what runs with old files one node at a time, wait until the cluster is
 * well, keep the state. Nothing is changed anywhere before every host has been asked.
 */

import {AisError} from '../../base/errors.ts'
import {rememberCluster} from '../../client/known-clusters.ts'
import {findProblems, type Finding} from '../check/findings.ts'
import {survivalFindings} from '../check/survival.ts'
import {waitForHealth, type ClusterHealth} from '../cluster/health.ts'
import type {Fleet} from '../fleet.ts'
import {applyManifest, isContentMissing, type ApplyReport} from '../host/apply.ts'
import {readFacts} from '../host/facts.ts'
import type {Manifest} from '../host/manifest.ts'
import {withoutGoneMark} from '../host/manifest.ts'
import {lookCloserAt} from '../node/explain.ts'
import {restartPending} from '../node/rolling.ts'
import type {Runtime} from '../payload/runtime.ts'
import type {Plan, Step} from '../plan/plan.ts'
import {noteDeployed} from '../release/kept.ts'
import {writeSite, type SavedState, type Site} from '../site/site.ts'
import {checkImmutable, placeOf, returns} from '../topology/immutable.ts'
import {nodesOf, type TopologyHost} from '../topology/resolve.ts'
import type {Deployment} from './deployment.ts'
import {
  learnFacts,
  manifestOf,
  missingPayload,
  missingSecrets,
  newestState,
  runtimeFor,
  stateToSave,
} from './deployment.ts'
import {knownAs} from './open.ts'
import {requireSame, type PlanFile} from './plan-file.ts'
import {
  changesOf,
  planDifferences,
  plannedHost,
  type HostChanges,
  type PlannedStep,
} from './planned.ts'
import {questionFor} from './questions.ts'

/** Hosts at work at once: each costs a handshake and, the first time, 40 MB of uplink. */
export const HOSTS_PARALLEL = 16

export interface DeployOptions {
  /** Compare and say what differs; write nothing. */
  readonly dryRun: boolean
  /** A plan that must still fit when the lock is held. */
  readonly expects?: PlanFile
  /** How long the cluster may take to become well. */
  readonly timeoutMs: number
  readonly site: Site
  /** This machine's saved state, when it has deployed the cluster before. */
  readonly before: SavedState | undefined
  /** Places of nodes that have left and are to come back. */
  readonly back?: ReadonlySet<string>
  /** Restart without asking how the cluster is. */
  readonly ungated?: boolean
  readonly now: () => number
}

/** What a deploy did, for the last line and `--json`. */
export interface DeployOutcome {
  readonly reports: readonly ApplyReport[]
  readonly restarted: readonly string[]
  readonly findings: readonly Finding[]
  readonly health?: ClusterHealth
  readonly generation?: number
  /** What each host would become; of a comparison alone. */
  readonly changes?: readonly HostChanges[]
}

/** A deploy that can be run, and its outcome as far as it got. */
export interface DeployPlan {
  readonly plan: Plan
  outcome(): DeployOutcome
  /** Its steps as a plan keeps them, once the hosts were compared. */
  planned(): readonly PlannedStep[]
}

interface Work {
  readonly fleet: Fleet
  readonly deployment: Deployment
  readonly options: DeployOptions
  readonly reports: Map<string, ApplyReport>
  readonly planned: Map<string, PlannedStep>
  readonly changes: Map<string, HostChanges>
  findings: readonly Finding[]
  restarted: readonly string[]
  state?: SavedState
  health?: ClusterHealth
}

export function planDeploy(
  fleet: Fleet,
  deployment: Deployment,
  options: DeployOptions,
): DeployPlan {
  const work: Work = {
    fleet,
    deployment,
    options,
    reports: new Map(),
    planned: new Map(),
    changes: new Map(),
    findings: [],
    restarted: [],
  }
  const {hosts, cluster} = fleet.topology
  const asks = hosts.map((host) => askStep(work, host))
  const agree = agreeStep(work, asks)
  const compares = options.expects === undefined ? [] : expectSteps(work, agree, options.expects)
  const applies = hosts.map((host) => applyStep(work, host, compares.at(-1) ?? agree))
  const last = options.dryRun ? [] : finishSteps(work, applies)
  return {
    plan: {
      title: `${options.dryRun ? 'compare' : 'deploy'} ${cluster.name} on ${hosts.length} hosts`,
      steps: [...asks, agree, ...compares, ...applies, ...last],
      parallel: HOSTS_PARALLEL,
    },
    outcome: () => outcomeOf(work),
    planned: () => [...work.planned.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1)),
  }
}

/** Renders a kept plan anew, under the lock, and ends the run when it is another one. */
function expectSteps(work: Work, agree: Step, expects: PlanFile): Step[] {
  const compares = work.fleet.topology.hosts.map((host): Step => ({
    id: `${host.name}/compare`,
    title: 'compare with the plan',
    host: host.name,
    after: [agree.id],
    preview: () => ['what is there must be what was there when the plan was made'],
    run: () => compareHost(work, host),
  }))
  const same: Step = {
    id: 'cluster/same',
    title: 'see that the plan still fits',
    after: compares.map(({id}) => id),
    preview: () => ['else nothing is changed'],
    run: () => {
      const now = [...work.planned.values()]
      requireSame(expects, work.state?.generation ?? 0, planDifferences(expects.steps, now))
      return Promise.resolve()
    },
  }
  return [...compares, same]
}

async function compareHost(work: Work, host: TopologyHost): Promise<ApplyReport> {
  const {manifest} = await wantedOf(work, host)
  const nothing = {payload: [], secrets: {}}
  const remote = work.fleet.host(host.name)
  const report = await applyManifest(remote, manifest, {mode: 'diff', ...nothing})
  work.planned.set(host.name, plannedHost(manifest, report))
  work.changes.set(host.name, changesOf(manifest, report))
  return report
}

function outcomeOf(work: Work): DeployOutcome {
  return {
    reports: [...work.reports.values()],
    restarted: work.restarted,
    findings: work.findings,
    ...(work.options.dryRun ? {changes: [...work.changes.values()]} : {}),
    ...(work.health === undefined ? {} : {health: work.health}),
    ...(work.state === undefined ? {} : {generation: work.state.generation}),
  }
}

function askStep(work: Work, host: TopologyHost): Step {
  const {fleet, deployment, options} = work
  return {
    id: `${host.name}/ask`,
    title: 'connect and look',
    host: host.name,
    preview: () => [`ssh to ${host.address}: architecture, space, ports, mount points, clock`],
    run: async () => {
      const runtimes = await Promise.all(
        deployment.payload.architectures.map((arch) => runtimeFor(deployment, arch)),
      )
      const question = questionFor(host, runtimes, deployment.release)
      learnFacts(
        deployment,
        host.name,
        await readFacts(fleet.host(host.name), question, options.now),
      )
    },
  }
}

function agreeStep(work: Work, asks: readonly Step[]): Step {
  const {deployment, options} = work
  const {topology} = deployment
  return {
    id: 'cluster/agree',
    title: 'check what speaks against it',
    after: asks.map(({id}) => id),
    preview: () => ['nothing is changed on any host before all have been checked'],
    run: () => {
      const problems = findProblems({
        topology,
        facts: deployment.facts,
        saved: deployment.saved,
        architectures: deployment.payload.architectures,
      })
      work.findings = [...problems, ...survivalFindings(topology)]
      refuseFindings(work.findings)
      const states = [options.before, ...deployment.saved.values()]
      const deployed = newestState(states)
      if (deployed !== undefined) {
        learnRemovals(deployed, options)
        checkImmutable(deployed.topology, topology, options.back)
      }
      work.state = stateToSave(topology, states)
      return Promise.resolve(work.findings)
    },
  }
}

/** Another machine has taken nodes out since: this one learns it, and the command is made anew. */
function learnRemovals(deployed: SavedState, {before, site, back}: DeployOptions): void {
  if (before === undefined || before.generation >= deployed.generation) return
  const news = returns(deployed.topology, before.topology).filter((place) => !back?.has(place))
  if (news.length === 0) return
  writeSite(site, deployed)
  throw new AisError({
    code: 'REFUSED',
    message: `${news.join(', ')} left the cluster by an order from another machine; nothing was changed`,
    hint: 'this machine knows it now: repeat the command',
    details: {removed: news},
  })
}

function refuseFindings(findings: readonly Finding[]): void {
  const errors = findings.filter(({severity}) => severity === 'error')
  const [first] = errors
  if (first === undefined) return
  throw new AisError({
    code: 'REFUSED',
    message: errors.map(({host, what}) => `${host}: ${what}`).join('\n'),
    hint: `nothing was changed; ${first.host}: ${first.fix}${errors.length > 1 ? ' (all of it: aisctl check)' : ''}`,
    details: {findings: errors},
  })
}

function applyStep(work: Work, host: TopologyHost, agree: Step): Step {
  const {deployment, options, reports} = work
  const units = host.nodes.map(({instance}) => instance).join(', ')
  return {
    id: `${host.name}/install`,
    title: options.dryRun ? 'compare' : 'install and start',
    host: host.name,
    after: [agree.id],
    preview: () => [
      `user, directories, Node.js, aisnode ${deployment.release.version}, units: ${units}`,
    ],
    run: async ({report}) => {
      const done = await bringTo(work, host, (text) => report({text}))
      reports.set(host.name, done)
      report({text: `${done.changed} changed`})
      return done
    },
  }
}

/** What must be on a host. */
async function wantedOf(
  {deployment, options, state: agreed}: Work,
  host: TopologyHost,
): Promise<{readonly manifest: Manifest; readonly runtime: Runtime}> {
  const runtime = await runtimeFor(deployment, deployment.facts.get(host.name)?.arch ?? '')
  const state = agreed ?? stateToSave(deployment.topology, [])
  const made = manifestOf(deployment, host, runtime, state)
  const returning = host.nodes.filter((node) => options.back?.has(placeOf(node)))
  const manifest = {...made, entries: [...returning.map(withoutGoneMark), ...made.entries]}
  return {manifest, runtime}
}

/** Compares or applies. A file that is there but damaged is sent after all, once. */
async function bringTo(
  work: Work,
  host: TopologyHost,
  report: (text: string) => void,
): Promise<ApplyReport> {
  const {fleet, deployment, options} = work
  if (options.dryRun) return compareHost(work, host)
  const {manifest, runtime} = await wantedOf(work, host)
  const remote = fleet.host(host.name)
  const apply = async (all: boolean): Promise<ApplyReport> => {
    const payload = await missingPayload(deployment, host, {runtime, all})
    const bytes = payload.reduce((sum, {length}) => sum + length, 0)
    if (bytes > 0) report(`sending ${Math.ceil(bytes / 1e6)} MB`)
    const secrets = missingSecrets(deployment, host)
    return applyManifest(remote, manifest, {mode: 'apply', payload, secrets})
  }
  try {
    return await apply(false)
  } catch (error) {
    if (!(error instanceof AisError) || !isContentMissing(error)) throw error
    return apply(true)
  }
}

function finishSteps(work: Work, applies: readonly Step[]): Step[] {
  const {fleet, deployment, options} = work
  const {topology} = deployment
  const restart: Step = {
    id: 'cluster/restart',
    title: 'restart what runs with old files, one node at a time',
    after: applies.map(({id}) => id),
    skip: () =>
      Promise.resolve(pendingOf(work).length === 0 ? 'nothing runs with old files' : null),
    preview: () => ['each restart waits until the cluster is well; the primary comes last'],
    run: async ({signal, report}) => {
      const text = (line: string): void => report({text: line})
      work.restarted = await restartPending(fleet, pendingOf(work), {
        timeoutMs: options.timeoutMs,
        signal,
        ungated: options.ungated ?? false,
        report: text,
      })
    },
  }
  const wait: Step = {
    id: 'cluster/wait',
    title: 'wait until the cluster is well',
    after: [restart.id],
    preview: () => [`${nodesOf(topology).length} nodes in the map, each answering`],
    run: async ({signal, report}) => {
      work.health = await waitForHealth(topology, {
        timeoutMs: options.timeoutMs,
        signal,
        report: (text, ratio) => report({text, ratio}),
        lookCloser: lookCloserAt(fleet),
      })
      return work.health
    },
  }
  const keep: Step = {
    id: 'cluster/keep',
    title: 'keep the state',
    after: [wait.id],
    preview: () => [`in ${options.site.directory}; on hosts in /var/lib/aisctl`],
    run: () => {
      keepState(work)
      return Promise.resolve()
    },
  }
  return [restart, wait, keep]
}

function keepState({deployment, options, state}: Work): void {
  const {topology} = deployment
  if (state !== undefined) writeSite(options.site, state)
  noteDeployed(options.site, deployment.release)
  rememberCluster(knownAs(topology, options.site))
}

function pendingOf(work: Work): {host: string; unit: string}[] {
  return [...work.reports.values()].flatMap(({host, pending}) =>
    pending.map((unit) => ({host, unit})),
  )
}
