/**
 * `aisctl cluster destroy`: the cluster is decommissioned, then every host is rid of what aisctl has
 * installed there, and this machine of what it keeps. Objects stay on the disks unless they are to
 * be wiped. Every host is reached before anything ends; one that is not is a debt when it is told
 * to be left out, and the cluster is remembered until that is paid.
 */

import {AisError} from '../../base/errors.ts'
import {forgetCluster} from '../../client/known-clusters.ts'
import {endCluster, wholeCluster} from '../../client/whole-cluster.ts'
import {parseJsonObject} from '../host/output.ts'
import {commandError, runScript} from '../host/script.ts'
import {nodesJson, openIntent, type Intent} from '../lifecycle.ts'
import type {LifecycleOptions, LifecyclePlan} from '../lifecycle.ts'
import type {Step, StepContext} from '../plan/plan.ts'
import type {NewDebt} from '../run/debts.ts'
import {forgetSite} from '../site/site.ts'
import type {TopologyHost} from '../topology/resolve.ts'
import {labelOf} from './health.ts'

/** Hosts at work at once. */
const HOSTS_PARALLEL = 16
const REACH_TIMEOUT_MS = 20_000
/** A target may take 300 s to finish what it has begun to write. */
const DESTROY_TIMEOUT_MS = 10 * 60_000

export interface DestroyOptions extends LifecycleOptions {
  /** The objects on all disks, too. */
  readonly wipe: boolean
  /** Go on without hosts that cannot be reached. */
  readonly skipUnreachable: boolean
}

interface Work {
  readonly intent: Intent
  readonly options: DestroyOptions
  /** Host → why it is not reached. */
  readonly lost: Map<string, string>
  readonly stays: Map<string, readonly string[]>
  /** Objects are on the disks still: nobody wiped them. */
  unwiped: boolean
  /** Nothing speaks against it: what is left out from now on is owed. */
  agreed: boolean
}

export async function planClusterDestroy(options: DestroyOptions): Promise<LifecyclePlan> {
  const intent = await openIntent({...options, nodes: []})
  const {fleet} = intent
  const {hosts, cluster} = fleet.topology
  const work: Work = {
    intent,
    options,
    lost: new Map(),
    stays: new Map(),
    unwiped: !options.wipe,
    agreed: false,
  }
  const reach = hosts.map((host) => reachStep(work, host))
  const agree = agreeStep(work, reach)
  const end = endStep(work, agree)
  const removes = hosts.map((host) => removeStep(work, host, end))
  const objects = options.wipe
    ? 'all objects are wiped, which cannot be undone'
    : 'the objects stay on the disks, and nobody serves them'
  return {
    plan: {
      title: `destroy ${cluster.name} on ${hosts.length} hosts`,
      steps: [...reach, agree, end, ...removes, forgetStep(work, removes)],
      parallel: HOSTS_PARALLEL,
    },
    nodes: intent.nodes.map(labelOf),
    question: `Destroy ${cluster.name}? Everything that aisctl installed on ${hosts.length} hosts is removed; ${objects}.`,
    destructive: true,
    debts: () => debtsOf(work),
    conclude: () => ({line: lineOf(work), json: nodesJson(intent)}),
    close: () => fleet.close(),
  }
}

function reachStep({intent, lost}: Work, host: TopologyHost): Step {
  return {
    id: `${host.name}/reach`,
    title: 'connect',
    host: host.name,
    preview: () => [`ssh to ${host.address}`],
    run: async () => {
      try {
        await intent.fleet.host(host.name).run({argv: ['true'], timeoutMs: REACH_TIMEOUT_MS})
      } catch (error) {
        if (!(error instanceof AisError) || error.code !== 'UNREACHABLE') throw error
        lost.set(host.name, error.message)
      }
    },
  }
}

function agreeStep(work: Work, reach: readonly Step[]): Step {
  const {lost, options} = work
  return {
    id: 'cluster/agree',
    title: 'see that every host can be reached',
    after: reach.map(({id}) => id),
    preview: () => ['nothing ends before that'],
    run: () => {
      if (lost.size > 0 && !options.skipUnreachable) {
        const names = [...lost.keys()].join(', ')
        throw new AisError({
          code: 'UNREACHABLE',
          message: [...lost.values()].join('\n'),
          hint: `nothing was done. Without ${names}: --skip-unreachable`,
        })
      }
      work.agreed = true
      return Promise.resolve()
    },
  }
}

/** The cluster's own end: only it can wipe what only it knows to be its own. */
function endStep(work: Work, agree: Step): Step {
  const {intent, options} = work
  const {wipe, client, timeoutMs} = options
  return {
    id: 'cluster/decommission',
    title: wipe ? 'decommission and wipe' : 'decommission',
    after: [agree.id],
    preview: () => [wipe ? 'every node wipes its disks and ends' : 'every node ends'],
    run: async ({report}: StepContext) => {
      try {
        const whole = await wholeCluster(client, intent.fleet.topology.cluster.uuid)
        const order = {
          action: 'decommission',
          removeUserData: wipe,
          keepInitialConfig: false,
        } as const
        const onProgress = (text: string): void => report({text})
        await endCluster(client, whole, {order, timeoutMs, onProgress})
        work.unwiped ||= whole.off.length > 0
      } catch (error) {
        // Nobody is there to be told; what is left are hosts.
        const silent =
          error instanceof AisError &&
          ['UNREACHABLE', 'NOT_READY', 'NO_PRIMARY', 'NO_QUORUM'].includes(error.code)
        if (!silent) throw error
        work.unwiped = true
        report({text: 'no gateway answers'})
      }
    },
  }
}

function removeStep(work: Work, host: TopologyHost, end: Step): Step {
  const {intent, lost, stays} = work
  return {
    id: `${host.name}/remove`,
    title: 'remove what aisctl installed',
    host: host.name,
    after: [end.id],
    skip: () => Promise.resolve(lost.has(host.name) ? 'it cannot be reached' : null),
    preview: () => ['units, programs, configuration, state, the user aisnode'],
    run: async () => {
      const remote = intent.fleet.host(host.name)
      const result = await runScript(remote, {
        script: 'destroy.sh',
        args: [remote.root ?? ''],
        timeoutMs: DESTROY_TIMEOUT_MS,
      })
      const said = result.stdout
        .split('\n')
        .map(parseJsonObject)
        .filter((one) => one !== undefined)
      if (!said.some((one) => one['done'] === true)) {
        const why = said.find((one) => typeof one['error'] === 'string')?.['error']
        throw commandError(
          remote,
          'destroy.sh',
          result,
          typeof why === 'string' ? why : 'ended before its work was done',
        )
      }
      const left = said.flatMap((one) =>
        typeof one['stays'] === 'string' ? [`${one['stays']}: ${String(one['why'])}`] : [],
      )
      if (left.length > 0) stays.set(host.name, left)
    },
  }
}

function forgetStep({intent, lost}: Work, removes: readonly Step[]): Step {
  const {name, uuid} = intent.fleet.topology.cluster
  return {
    id: 'cluster/forget',
    title: 'forget it here',
    after: removes.map(({id}) => id),
    skip: () => Promise.resolve(lost.size > 0 ? 'a host is left to be cleaned up' : null),
    preview: () => ['its key, its topology as deployed, the keys of its hosts'],
    run: () => {
      forgetSite(name, uuid)
      forgetCluster(name)
      return Promise.resolve()
    },
  }
}

function debtsOf({lost, stays, agreed}: Work): readonly NewDebt[] {
  if (!agreed) return []
  const pay = 'aisctl cluster destroy'
  return [
    ...[...lost].map(([host, why]) => ({
      key: `not-removed:${host}`,
      what: `${host} has everything still: ${why}`,
      pay,
    })),
    ...[...stays].map(([host, left]) => ({
      key: `left-over:${host}`,
      what: `${host}: ${left.join('; ')}`,
      pay: `remove it there`,
    })),
  ]
}

function lineOf({intent, lost, unwiped}: Work): string {
  const {cluster, hosts} = intent.fleet.topology
  const clean = hosts.length - lost.size
  const objects = unwiped ? 'the objects are on the disks still' : 'the disks are wiped'
  const next = lost.size > 0 ? 'The rest: aisctl cluster destroy' : 'A new one: aisctl init'
  return `${cluster.name} is no more: ${clean} of ${hosts.length} hosts are as before it; ${objects}. ${next}`
}
