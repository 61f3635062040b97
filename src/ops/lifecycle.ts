/**
 * What commands of the cluster's life have in common: which nodes are meant, a plan over their
 * units, and the line that says what is true afterwards.
 */

import type {ClusterClient} from '../client/cluster.ts'
import type {JsonMap} from '../wire/json.ts'
import {openDeployed} from './deploy/open.ts'
import {labelOf, publicUrl} from './cluster/health.ts'
import {openFleet, type Fleet} from './fleet.ts'
import {settleLeaving} from './node/removal.ts'
import type {Plan, Step, StepContext} from './plan/plan.ts'
import type {NewDebt} from './run/debts.ts'
import type {RunHeader} from './run/journal.ts'
import type {RunSpec} from './run/journaled.ts'
import {findNodes} from './topology/find-node.ts'
import {nodesOf, type TopologyNode} from './topology/resolve.ts'

export interface LifecycleOptions {
  /** The state that deploy keeps (KnownCluster.topologyFile), or the operator's topology. */
  readonly topologyFile: string
  readonly client: ClusterClient
  /** As typed; empty: all nodes of the cluster. */
  readonly nodes: readonly string[]
  readonly timeoutMs: number
  readonly acceptNew?: boolean
  readonly askSecret?: (question: string) => Promise<string>
  /** The run that is taken up again. */
  readonly resumes?: RunHeader
  /** The hosts, when they are open already. Absent: over SSH. */
  readonly fleet?: Fleet
}

/** What a command shows, asks, runs and concludes with. */
export interface LifecyclePlan {
  readonly plan: Plan
  /** Resolved labels, echoed before asking. */
  readonly nodes: readonly string[]
  readonly question: string
  readonly destructive: boolean
  conclude(results: ReadonlyMap<string, unknown>): {readonly line: string; readonly json: JsonMap}
  /** What makes it a run on the hosts (ops/run); absent: it touches none. */
  readonly run?: Pick<RunSpec, 'fleet' | 'intent' | 'looks' | 'client'>
  /** What is left to do after it ran, as far as it got: told, and an exit code of its own. */
  debts?(): readonly NewDebt[]
  /** Closes the connections. Call it whatever happened. */
  close(): Promise<void>
}

/** A lifecycle command at work. */
export interface Intent {
  readonly fleet: Fleet
  readonly nodes: readonly TopologyNode[]
  readonly options: LifecycleOptions
}

/**
 * Resolves the topology and the nodes that are meant; connects to no host yet. Nodes that have left
 * since they were ordered out are none of its nodes any more.
 */
export async function openIntent(options: LifecycleOptions): Promise<Intent> {
  await settleLeaving(openDeployed(options.topologyFile).site)
  const {topology, site} = openDeployed(options.topologyFile)
  const fleet =
    options.fleet ??
    openFleet(topology, {
      site,
      ...(options.acceptNew === undefined ? {} : {acceptNew: options.acceptNew}),
      ...(options.askSecret === undefined ? {} : {askSecret: options.askSecret}),
    })
  const nodes = options.nodes.length === 0 ? nodesOf(topology) : findNodes(topology, options.nodes)
  return {fleet, nodes, options}
}

/**
 * What makes a lifecycle command a run that can be resumed.
 * @param more flags that its plan depends on
 */
export function runOf(
  {fleet, nodes, options}: Intent,
  verb: string,
  more: Readonly<Record<string, unknown>> = {},
): NonNullable<LifecyclePlan['run']> {
  const ids = options.nodes.length === 0 ? [] : nodes.map(({id}) => id)
  const {client} = options
  return {
    fleet,
    client,
    intent: {verb, nodes: ids, options: {timeoutMs: options.timeoutMs, ...more}},
  }
}

/** One step per node, each after the one before it, or all at once. */
export function nodeSteps(
  nodes: readonly TopologyNode[],
  verb: string,
  run: (node: TopologyNode, context: StepContext) => Promise<unknown>,
  order: 'serial' | 'parallel',
): Step[] {
  const id = (node: TopologyNode): string => `${node.host}/${node.instance}/${verb}`
  return nodes.map((node, index) => {
    const before = nodes[index - 1]
    return {
      id: id(node),
      title: `${verb} ${labelOf(node)}`,
      host: node.host,
      ...(order === 'serial' && before !== undefined ? {after: [id(before)]} : {}),
      preview: () => [`systemctl ${verb} aisnode@${node.instance}`],
      run: (context) => run(node, context),
    }
  })
}

/** Facts for `--json`. */
export function nodesJson(intent: Intent): JsonMap {
  const {fleet, nodes} = intent
  return {
    cluster: fleet.topology.cluster.name,
    uuid: fleet.topology.cluster.uuid,
    nodes: nodes.map((node) => ({
      id: node.id,
      role: node.role,
      host: node.host,
      instance: node.instance,
      url: publicUrl(fleet.topology, node),
    })),
  }
}

/** `t[a] (h1/target)`, or a count when there are many. */
export function namesOf(nodes: readonly TopologyNode[]): string {
  const shown = nodes.map(labelOf)
  return shown.length <= 4 ? shown.join(', ') : `${shown.length} nodes`
}
