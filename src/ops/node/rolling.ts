/**
 * Restarts nodes one after the other, each only while all others are well, the primary last. Stops
 * at the first that does not come back.
 */

import {AisError} from '../../base/errors.ts'
import {labelOf, readHealth, waitForHealth} from '../cluster/health.ts'
import type {Fleet} from '../fleet.ts'
import {unitOf} from '../host/manifest.ts'
import {nodesOf, type Topology, type TopologyNode} from '../topology/resolve.ts'
import {controlUnit} from './unit.ts'

export interface RollingOptions {
  readonly timeoutMs: number
  readonly signal: AbortSignal
  report(text: string): void
}

/** Restarts units that run with old files. Gives the labels of the nodes that were restarted. */
export async function restartPending(
  fleet: Fleet,
  pending: readonly {readonly host: string; readonly unit: string}[],
  options: RollingOptions,
): Promise<string[]> {
  const nodes = nodesOf(fleet.topology).filter((node) =>
    pending.some(({host, unit}) => host === node.host && unit === unitOf(node)),
  )
  return restartAll(fleet, nodes, options)
}

/** Restarts the nodes in a safe order. */
export async function restartAll(
  fleet: Fleet,
  nodes: readonly TopologyNode[],
  options: RollingOptions,
): Promise<string[]> {
  const done: string[] = []
  const {primary} = await readHealth(fleet.topology)
  // Without a primary there is no cluster that a gate could protect, and none would ever open.
  const restart = primary === undefined ? restartUngated : restartOne
  for (const node of await primaryLast(fleet.topology, nodes)) {
    if (options.signal.aborted) {
      throw new AisError({
        code: 'INTERRUPTED',
        message: `interrupted; restarted: ${done.join(', ')}`,
      })
    }
    await restart(fleet, node, options)
    done.push(labelOf(node))
  }
  return done
}

/** Gate, restart, gate. */
export async function restartOne(
  fleet: Fleet,
  node: TopologyNode,
  {timeoutMs, signal, report}: RollingOptions,
): Promise<void> {
  const {topology} = fleet
  const others = nodesOf(topology).filter((other) => other !== node)
  const gate = {timeoutMs, signal, report: (text: string) => report(text)}
  await waitForHealth(topology, {...gate, nodes: others})
  report(`restarting ${labelOf(node)}`)
  await controlUnit(fleet, node, 'restart')
  await waitForHealth(topology, gate)
}

async function restartUngated(
  fleet: Fleet,
  node: TopologyNode,
  {report}: RollingOptions,
): Promise<void> {
  report(`restarting ${labelOf(node)}`)
  await controlUnit(fleet, node, 'restart')
}

/** The same nodes, proxies after targets, the present primary at the end. */
export async function primaryLast(
  topology: Topology,
  nodes: readonly TopologyNode[],
): Promise<TopologyNode[]> {
  const {primary} = await readHealth(topology)
  const rank = (node: TopologyNode): number => {
    if (node.id === primary) return 2
    return node.role === 'target' ? 0 : 1
  }
  return nodes.toSorted((a, b) => rank(a) - rank(b))
}
