/**
 * A deploy as a run on its hosts: looks first, then the lock, then the same looks count only while
 * nobody has deployed meanwhile. Its intent holds the topology, so that any machine with the same
 * release can take it up again.
 */

import {AisError} from '../../base/errors.ts'
import type {ClusterClient} from '../../client/cluster.ts'
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
  /** The cluster, when it was deployed before. */
  readonly client?: ClusterClient
}

export function deployRun(
  plan: Plan,
  fleet: Fleet,
  deployment: Deployment,
  {resumes, client, ...told}: DeployRunOptions,
): JournaledPlan {
  return journaled(plan, {
    fleet,
    intent: {verb: 'deploy', nodes: [], options: {...intentOf(deployment, told)}},
    looks: looksOf(plan),
    checkLocked: (lock) => requireUnchanged(deployment, lock),
    ...(resumes === undefined ? {} : {resumes}),
    ...(client === undefined ? {} : {client}),
  })
}

/** What a deploy is told, to be kept. */
export function intentOf(
  {topology, release}: Deployment,
  told: Omit<DeployIntent, 'topology' | 'release'>,
): DeployIntent {
  return {...told, topology, release: {version: release.version, sha256: release.sha256}}
}

/** @throws AisError INCOMPATIBLE when another release would be deployed than was intended */
export function requireRelease(
  {release: wanted}: DeployIntent,
  release: {readonly version: string; readonly sha256: string},
): void {
  if (wanted.sha256 === release.sha256) return
  const name = (one: typeof release): string => `${one.version} (${one.sha256.slice(0, 12)})`
  throw new AisError({
    code: 'INCOMPATIBLE',
    message: `aisnode ${name(wanted)} is to be deployed, here is ${name(release)}`,
    hint: 'use the aisctl that began it, or begin anew: aisctl deploy',
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
