/** `aisctl node start`: units running, nodes active in the map again. */

import {namesOf, nodesJson, nodeSteps, openIntent, runOf} from '../lifecycle.ts'
import type {LifecycleOptions, LifecyclePlan} from '../lifecycle.ts'
import {labelOf, waitForHealth} from '../cluster/health.ts'
import {lookCloserAt} from './explain.ts'
import {controlUnit} from './unit.ts'

/** Hosts at work at once. */
const HOSTS_PARALLEL = 16

export async function planNodeStart(options: LifecycleOptions): Promise<LifecyclePlan> {
  const intent = await openIntent(options)
  const {fleet, nodes} = intent
  const names = namesOf(nodes)
  const starts = nodeSteps(nodes, 'start', (node) => controlUnit(fleet, node, 'start'), 'parallel')
  return {
    plan: {
      title: `start ${names}`,
      steps: [
        ...starts,
        {
          id: 'cluster/wait',
          title: 'wait until they are active',
          after: starts.map(({id}) => id),
          preview: () => [`${nodes.length} nodes in the map, each answering`],
          run: ({signal, report}) =>
            waitForHealth(fleet.topology, {
              timeoutMs: options.timeoutMs,
              signal,
              nodes,
              report: (text, ratio) => report({text, ratio}),
              lookCloser: lookCloserAt(fleet),
            }),
        },
      ],
      parallel: HOSTS_PARALLEL,
    },
    run: runOf(intent, 'node start'),
    nodes: nodes.map(labelOf),
    question: `Start ${names}?`,
    destructive: false,
    conclude: () => ({
      line: `${names} started and active. Look: aisctl show cluster`,
      json: nodesJson(intent),
    }),
    close: () => fleet.close(),
  }
}
