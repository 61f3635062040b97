/** `aisctl node stop`: daemons off now, data stays, the nodes are absent and keep their votes. */

import {namesOf, nodesJson, nodeSteps, openIntent, runOf} from '../lifecycle.ts'
import type {LifecycleOptions, LifecyclePlan} from '../lifecycle.ts'
import {labelOf} from '../cluster/health.ts'
import {controlUnit} from './unit.ts'

export async function planNodeStop(options: LifecycleOptions): Promise<LifecyclePlan> {
  const intent = await openIntent(options)
  const {fleet, nodes} = intent
  const names = namesOf(nodes)
  const ids = nodes.map(({id}) => id).join(' ')
  const targets = nodes.some(({role}) => role === 'target')
  return {
    plan: {
      title: `stop ${names}`,
      steps: nodeSteps(nodes, 'stop', (node) => controlUnit(fleet, node, 'stop'), 'serial'),
      parallel: 1,
    },
    run: runOf(intent, 'node stop'),
    nodes: nodes.map(labelOf),
    question: `Stop ${names}?`,
    destructive: true,
    conclude: () => ({
      line: `${names} stopped; 0 B moved${targets ? '; its objects answer 503' : ''}. Start again: aisctl node start ${ids}`,
      json: nodesJson(intent),
    }),
    close: () => fleet.close(),
  }
}
