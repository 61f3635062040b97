/**
 * `aisctl cluster shutdown`: everything off in order — targets, then gateways, the primary last.
 * Data, uuid and map stay; units stay enabled, so that hosts which boot again start their nodes. No
 * node is stopped before every host has been reached; a host that is dead, by the cluster's own
 * word or the operator's, is a debt and keeps nobody on.
 */

import {AisError} from '../../base/errors.ts'
import {nodesJson, nodeSteps, openIntent, runOf, type Intent} from '../lifecycle.ts'
import type {LifecycleOptions, LifecyclePlan} from '../lifecycle.ts'
import {controlUnit} from '../node/unit.ts'
import type {Step} from '../plan/plan.ts'
import type {NewDebt} from '../run/debts.ts'
import {newRoll, look, orderOf} from '../sequence/roll.ts'
import type {TopologyHost, TopologyNode} from '../topology/resolve.ts'
import {labelOf} from './health.ts'

/** Hosts at work at once. */
const HOSTS_PARALLEL = 16
const REACH_TIMEOUT_MS = 20_000

export interface ShutdownOptions extends LifecycleOptions {
  /** Go on without hosts that cannot be reached, whatever the cluster thinks of their nodes. */
  readonly skipUnreachable: boolean
}

interface Work {
  readonly intent: Intent
  readonly skipUnreachable: boolean
  /** Ids of nodes that the cluster knows to be absent or lost. */
  readonly away: ReadonlySet<string>
  /** Host → why it is not reached. */
  readonly lost: Map<string, string>
  /** Nothing speaks against it: what is left out from now on is owed. */
  agreed: boolean
}

export async function planClusterShutdown(options: ShutdownOptions): Promise<LifecyclePlan> {
  const intent = await openIntent({...options, nodes: []})
  const {fleet} = intent
  const {name} = fleet.topology.cluster
  const roll = newRoll(fleet, options.timeoutMs)
  const {health} = await look(roll)
  const nodes = orderOf(roll, intent.nodes, health.primary)
  const away = (health.members ?? []).filter((member) => member.away !== null).map(({id}) => id)
  const {skipUnreachable} = options
  const work: Work = {intent, skipUnreachable, away: new Set(away), lost: new Map(), agreed: false}
  const hosts = fleet.topology.hosts.filter((host) => host.nodes.length > 0)
  const reach = hosts.map((host) => reachStep(work, host))
  const agree = agreeStep(work, {hosts, after: reach.map(({id}) => id)})
  return {
    plan: {
      title: `shut ${name} down`,
      steps: [...reach, agree, ...stopSteps(work, nodes, agree)],
      parallel: HOSTS_PARALLEL,
    },
    run: {
      ...runOf(intent, 'cluster shutdown', {skipUnreachable}),
      looks: [...reach.map(({id}) => id), agree.id],
    },
    nodes: nodes.map(labelOf),
    question: `Shut ${name} down, ${nodes.length} nodes?`,
    destructive: true,
    debts: () => debtsOf(work),
    conclude: () => ({
      line: lineOf(work, name),
      json: {...nodesJson(intent), lost: [...work.lost.keys()]},
    }),
    close: () => fleet.close(),
  }
}

function reachStep(work: Work, host: TopologyHost): Step {
  return {
    id: `${host.name}/reach`,
    title: 'connect',
    host: host.name,
    preview: () => [`ssh to ${host.address}`],
    run: () =>
      unlessLost(work, host.name, () =>
        work.intent.fleet.host(host.name).run({argv: ['true'], timeoutMs: REACH_TIMEOUT_MS}),
      ),
  }
}

/** Runs it; a host that cannot be reached is remembered instead. */
async function unlessLost({lost}: Work, host: string, run: () => Promise<unknown>): Promise<void> {
  try {
    await run()
  } catch (error) {
    if (!(error instanceof AisError) || error.code !== 'UNREACHABLE') throw error
    lost.set(host, error.message)
  }
}

function agreeStep(
  work: Work,
  {hosts, after}: {readonly hosts: readonly TopologyHost[]; readonly after: readonly string[]},
): Step {
  return {
    id: 'cluster/agree',
    title: 'see that every host can be reached',
    after,
    preview: () => ['nothing is stopped before that'],
    run: () => {
      const missing = hosts.filter(({name}) => work.lost.has(name))
      requireDead(work, missing)
      work.agreed = true
      return Promise.resolve(missing.map(({name}) => name))
    },
  }
}

/** @throws AisError when one of these hosts is not known to be dead */
function requireDead(work: Work, missing: readonly TopologyHost[]): void {
  const unexpected = missing.filter(({nodes}) => !nodes.every(({id}) => work.away.has(id)))
  if (work.skipUnreachable || unexpected.length === 0) return
  const names = unexpected.map(({name}) => name)
  throw new AisError({
    code: 'UNREACHABLE',
    message: names.map((name) => work.lost.get(name) ?? name).join('\n'),
    hint: `nothing was stopped. Without ${names.join(', ')}: --skip-unreachable`,
    details: {hosts: names},
  })
}

function stopSteps(work: Work, nodes: readonly TopologyNode[], agree: Step): Step[] {
  const {fleet} = work.intent
  const last = nodes.at(-1)
  const stop = (node: TopologyNode): Promise<void> =>
    unlessLost(work, node.host, async () => {
      if (!work.lost.has(node.host)) await controlUnit(fleet, node, 'stop')
    }).then(() => requireDead(work, lostHostOf(work, node)))
  const groups = [
    nodes.filter(({role}) => role === 'target'),
    nodes.filter((node) => node.role === 'proxy' && node !== last),
    nodes.filter((node) => node.role === 'proxy' && node === last),
  ]
  let before: readonly Step[] = [agree]
  const steps: Step[] = []
  for (const group of groups) {
    const after = before.map(({id}) => id)
    const next = nodeSteps(group, 'stop', stop, 'parallel').map((step) => ({...step, after}))
    steps.push(...next)
    if (next.length > 0) before = next
  }
  return steps
}

function lostHostOf({intent, lost}: Work, {host}: TopologyNode): readonly TopologyHost[] {
  if (!lost.has(host)) return []
  return intent.fleet.topology.hosts.filter(({name}) => name === host)
}

function debtsOf({intent, lost, agreed}: Work): readonly NewDebt[] {
  if (!agreed) return []
  return [...lost].map(([host, why]) => {
    const ids = intent.nodes.filter((node) => node.host === host).map(({id}) => id)
    return {
      key: `not-stopped:${host}`,
      what: `${ids.join(', ')} may still run: ${why}`,
      pay: `aisctl node stop ${ids.join(' ')}`,
    }
  })
}

function lineOf({lost}: Work, name: string): string {
  const but = lost.size === 0 ? '' : `, but for ${[...lost.keys()].join(', ')}`
  return `${name} is off${but}; its data, uuid and map are kept. Start it: aisctl cluster start`
}
