/**
 * Restarts of nodes whose files have changed, for a deploy: one after the other through the gates
 * of a sequence (ops/sequence/roll.ts), the primary last. Stops at the first that does not come
 * back.
 */

import {AisError} from '../../base/errors.ts'
import {labelOf} from '../cluster/health.ts'
import type {Fleet} from '../fleet.ts'
import {unitOf} from '../host/manifest.ts'
import {look, lookOrRefuse, newRoll, orderOf, rollOne} from '../sequence/roll.ts'
import {nodesOf, type TopologyNode} from '../topology/resolve.ts'
import {controlUnit} from './unit.ts'

export interface RollingOptions {
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** Without asking how the cluster is: the operator's own word, never a conclusion. */
  readonly ungated?: boolean
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

/** Restarts the nodes in a safe order. @throws AisError REFUSED when nobody says how it is */
export async function restartAll(
  fleet: Fleet,
  nodes: readonly TopologyNode[],
  {timeoutMs, signal, report, ungated = false}: RollingOptions,
): Promise<string[]> {
  const roll = newRoll(fleet, timeoutMs)
  const {health} = await (ungated ? look(roll) : lookOrRefuse(roll))
  const done: string[] = []
  for (const node of orderOf(roll, nodes, health.primary)) {
    if (signal.aborted) {
      const restarted = done.length === 0 ? 'none' : done.join(', ')
      throw new AisError({code: 'INTERRUPTED', message: `interrupted; restarted: ${restarted}`})
    }
    const act = (): Promise<unknown> => {
      report(`restarting ${labelOf(node)}`)
      return controlUnit(fleet, node, 'restart')
    }
    await (ungated ? act() : rollOne(roll, node, {signal, report, act}))
    done.push(labelOf(node))
  }
  return done
}
