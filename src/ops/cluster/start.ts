/** `aisctl cluster start`: everything on, and well: the same uuid, members and data as before. */

import type {LifecycleOptions, LifecyclePlan} from '../lifecycle.ts'
import {planNodeStart} from '../node/start.ts'
import {openDeployed} from '../deploy/open.ts'

export async function planClusterStart(options: LifecycleOptions): Promise<LifecyclePlan> {
  const {name} = openDeployed(options.topologyFile).topology.cluster
  const start = await planNodeStart({...options, nodes: []})
  const {length} = start.nodes
  return {
    ...start,
    ...(start.run === undefined
      ? {}
      : {run: {...start.run, intent: {...start.run.intent, verb: 'cluster start'}}}),
    plan: {...start.plan, title: `start ${name}`},
    question: `Start ${name}, ${length} nodes?`,
    conclude: (results) => ({
      line: `${name} is on: ${length} nodes active. Look: aisctl show cluster`,
      json: start.conclude(results).json,
    }),
  }
}
