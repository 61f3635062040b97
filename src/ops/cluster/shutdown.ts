/**
 * `aisctl cluster shutdown`: everything off in order — targets, then gateways, the primary last.
 * Data, uuid and map stay; units stay enabled, so that hosts which boot again start their nodes.
 */

import {nodesJson, nodeSteps, openIntent} from '../lifecycle.ts'
import type {LifecycleOptions, LifecyclePlan} from '../lifecycle.ts'
import {controlUnit} from '../node/unit.ts'
import {primaryLast} from '../node/rolling.ts'
import type {Step} from '../plan/plan.ts'
import type {TopologyNode} from '../topology/resolve.ts'
import {labelOf} from './health.ts'

/** Hosts at work at once. */
const HOSTS_PARALLEL = 16

export async function planClusterShutdown(options: LifecycleOptions): Promise<LifecyclePlan> {
  const intent = openIntent({...options, nodes: []})
  const {fleet} = intent
  const {name} = fleet.topology.cluster
  const nodes = await primaryLast(fleet.topology, intent.nodes)
  const stop = (node: TopologyNode): Promise<unknown> => controlUnit(fleet, node, 'stop')
  const last = nodes.at(-1)
  const groups = [
    nodes.filter(({role}) => role === 'target'),
    nodes.filter((node) => node.role === 'proxy' && node !== last),
    nodes.filter((node) => node.role === 'proxy' && node === last),
  ]
  let before: readonly Step[] = []
  const steps: Step[] = []
  for (const group of groups) {
    const after = before.map(({id}) => id)
    const next = nodeSteps(group, 'stop', stop, 'parallel').map((step) => ({...step, after}))
    steps.push(...next)
    if (next.length > 0) before = next
  }
  return {
    plan: {title: `shut ${name} down`, steps, parallel: HOSTS_PARALLEL},
    nodes: nodes.map(labelOf),
    question: `Shut ${name} down, ${nodes.length} nodes?`,
    destructive: true,
    conclude: () => ({
      line: `${name} is off; its data, uuid and map are kept. Start it: aisctl cluster start`,
      json: nodesJson(intent),
    }),
    close: () => fleet.close(),
  }
}
