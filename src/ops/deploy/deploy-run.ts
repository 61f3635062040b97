/**
 * A deploy as a run on its hosts: looks first, then the lock, then the same looks count only while
 * nobody has deployed meanwhile. Its intent holds the topology, so that any machine with the same
 * release can take it up again.
 */

import {AisError} from '../../base/errors.ts'
import type {Fleet} from '../fleet.ts'
import {sha256} from '../host/manifest.ts'
import type {Plan} from '../plan/plan.ts'
import type {RunHeader} from '../run/journal.ts'
import {journaled, type JournaledPlan} from '../run/journaled.ts'
import type {RunLock} from '../run/lock.ts'
import type {Topology} from '../topology/resolve.ts'
import type {Deployment} from './deployment.ts'

/** What a deploy was told, as far as its resumption needs it. */
export interface DeployIntent {
  readonly topology: Topology
  readonly release: {readonly version: string; readonly sha256: string}
  readonly timeoutMs: number
  readonly back: readonly string[]
  readonly ungated: boolean
}

export interface DeployRunOptions extends Omit<DeployIntent, 'topology' | 'release'> {
  readonly resumes?: RunHeader
}

export function deployRun(
  plan: Plan,
  fleet: Fleet,
  deployment: Deployment,
  {resumes, ...told}: DeployRunOptions,
): JournaledPlan {
  const {topology, release} = deployment
  const intent: DeployIntent = {
    ...told,
    topology,
    release: {version: release.version, sha256: release.sha256},
  }
  return journaled(plan, {
    fleet,
    intent: {verb: 'deploy', nodes: [], options: {...intent}},
    looks: looksOf(plan),
    checkLocked: (lock) => requireUnchanged(deployment, lock),
    ...(resumes === undefined ? {} : {resumes}),
  })
}

/** What a run's header holds of a deploy. @throws AisError INCOMPATIBLE for another release */
export function deployIntentOf(
  header: RunHeader,
  release: {readonly version: string; readonly sha256: string},
): DeployIntent {
  const intent = header.intent.options as unknown as DeployIntent
  if (intent.release.sha256 === release.sha256) return intent
  throw new AisError({
    code: 'INCOMPATIBLE',
    message: `run ${header.run} deploys aisnode ${intent.release.version} (${intent.release.sha256.slice(0, 12)}), here is ${release.version} (${release.sha256.slice(0, 12)})`,
    hint: 'resume it with the aisctl that began it, or begin anew: aisctl deploy',
  })
}

/** Steps of a deploy that change nothing. */
export function looksOf(plan: Plan): readonly string[] {
  return plan.steps.map(({id}) => id).filter((id) => /\/(ask|agree)$/.test(id))
}

/** What the hosts told before the lock was taken must still be so. */
function requireUnchanged({facts}: Deployment, {found}: RunLock): void {
  for (const [host, {state}] of found) {
    const saved = facts.get(host)?.savedState
    if (state === (saved === undefined ? '' : sha256(saved))) continue
    throw new AisError({
      code: 'BUSY',
      message: `${host}: another deploy has changed it since it was looked at`,
      hint: 'nothing was changed; repeat the command',
    })
  }
}
