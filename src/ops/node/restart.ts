/**
 * `aisctl node restart` and `aisctl cluster restart`: one after the other, each only while all
 * others are well and the majority holds without it, the primary last and after handing over. No
 * maintenance, no change of the map but the handover.
 */

import {namesOf, nodesJson, openIntent, runOf} from '../lifecycle.ts'
import type {LifecycleOptions, LifecyclePlan} from '../lifecycle.ts'
import {labelOf} from '../cluster/health.ts'
import {look, lookOrRefuse, newRoll, orderOf} from '../sequence/roll.ts'
import {sequenceOf} from '../sequence/steps.ts'
import {controlUnit} from './unit.ts'

export interface RestartOptions extends LifecycleOptions {
  /** Nodes that may fail before no other is touched. */
  readonly maxFailed: number
  /** Without asking how the cluster is. */
  readonly ungated: boolean
}

export async function planNodeRestart(options: RestartOptions): Promise<LifecyclePlan> {
  const {maxFailed, ungated} = options
  const intent = await openIntent(options)
  const {fleet} = intent
  const {name} = fleet.topology.cluster
  const roll = newRoll(fleet, options.timeoutMs)
  const {health} = await (ungated ? look(roll) : lookOrRefuse(roll)).catch(closing(fleet))
  const nodes = orderOf(roll, intent.nodes, health.primary)
  const whole = options.nodes.length === 0
  const names = whole ? `${name}, ${nodes.length} nodes` : namesOf(nodes)
  const sequence = sequenceOf({
    roll,
    nodes,
    verb: 'restart',
    maxFailed,
    ungated,
    preview: (node) => [
      ...(ungated ? [] : ['when all others are well, and the majority holds without it']),
      ...(node.id === health.primary ? ['hand its office over first'] : []),
      `systemctl restart aisnode@${node.instance}`,
    ],
    act: (node) => controlUnit(fleet, node, 'restart'),
  })
  return {
    plan: {title: `restart ${names}, one after the other`, steps: sequence.steps, parallel: 1},
    run: runOf(intent, whole ? 'cluster restart' : 'node restart', {maxFailed, ungated}),
    nodes: nodes.map(labelOf),
    question: `Restart ${names}, one after the other?`,
    destructive: true,
    debts: sequence.debts,
    conclude: () => ({
      line: `${names} restarted, one after the other; no data has moved. Look: aisctl show cluster`,
      json: nodesJson(intent),
    }),
    close: () => fleet.close(),
  }
}

/** Closes connections when the plan is not made after all. */
export function closing(fleet: {close(): Promise<void>}): (error: unknown) => Promise<never> {
  return async (error) => {
    await fleet.close()
    throw error
  }
}
