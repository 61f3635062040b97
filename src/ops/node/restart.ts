/**
 * `aisctl node restart`: one after the other, each only while all others are well, the primary
 * last. No maintenance, no change of the map.
 */

import {namesOf, nodesJson, nodeSteps, openIntent} from '../lifecycle.ts'
import type {LifecycleOptions, LifecyclePlan} from '../lifecycle.ts'
import {labelOf} from '../cluster/health.ts'
import {primaryLast, restartOne} from './rolling.ts'

export async function planNodeRestart(options: LifecycleOptions): Promise<LifecyclePlan> {
  const intent = openIntent(options)
  const {fleet} = intent
  const nodes = await primaryLast(fleet.topology, intent.nodes)
  const names = namesOf(nodes)
  const steps = nodeSteps(
    nodes,
    'restart',
    (node, {signal, report}) =>
      restartOne(fleet, node, {
        timeoutMs: options.timeoutMs,
        signal,
        report: (text) => report({text}),
      }),
    'serial',
  )
  return {
    plan: {title: `restart ${names}, one after the other`, steps, parallel: 1},
    nodes: nodes.map(labelOf),
    question: `Restart ${names}, one after the other?`,
    destructive: true,
    conclude: () => ({
      line: `${names} restarted; the map is unchanged. Look: aisctl show cluster`,
      json: nodesJson(intent),
    }),
    close: () => fleet.close(),
  }
}
