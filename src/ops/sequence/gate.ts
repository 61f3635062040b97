/**
 * Whether a node may go down now: asked before each node of a sequence, from what the cluster says
 * of itself at that moment. What majority and movement allow is judged where a gateway judges it,
 * too (`model/ok-to-stop.ts`); here stands who of the topology must be well. Pure.
 */

import type {NodeId} from '../../model/ids.ts'
import {isElectable} from '../../model/node.ts'
import {movingReasons, restartQuorumReasons} from '../../model/ok-to-stop.ts'
import type {OperationAnswer} from '../../wire/operation.ts'
import {labelOf, type ClusterHealth} from '../cluster/health.ts'
import type {Topology, TopologyHost, TopologyNode} from '../topology/resolve.ts'

/** What is known when the question is asked. */
export interface Picture {
  readonly health: ClusterHealth
  /** What moves; null: the cluster does not tell. */
  readonly operation: OperationAnswer | null
}

export interface GateOptions {
  readonly node: TopologyNode
  /** Ids of nodes that the sequence has given up, and goes on without. */
  readonly givenUp: ReadonlySet<string>
}

/** Why it may not; empty when it may. */
export function whyClosed({health, operation}: Picture, options: GateOptions): readonly string[] {
  const {members} = health
  if (members === undefined) return ['no gateway says how the cluster is']
  const unwell = health.nodes.filter(
    ({node, ok}) => !ok && node.id !== options.node.id && !options.givenUp.has(node.id),
  )
  const memberIds = (holds: (id: string) => boolean): ReadonlySet<NodeId> =>
    new Set(members.map(({id}) => id).filter(holds))
  const silent = memberIds((id) => health.nodes.some(({node, ok}) => node.id === id && !ok))
  const wanted = memberIds((id) => id === options.node.id)
  return [
    ...unwell.map(({node, why}) => `${labelOf(node)} ${why}`),
    ...restartQuorumReasons({members, primary: null, silent, wanted}),
    ...movingReasons(movementOf(operation)),
  ]
}

function movementOf(operation: OperationAnswer | null): Parameters<typeof movingReasons>[0] {
  if (operation === null) return {op: null, moving: ''}
  const {op, move, rebalance} = operation
  return {op, moving: move === null ? '' : rebalance}
}

/**
 * The order of every sequence, ids: targets, then gateways, in both one failure domain (zone, else
 * host) after the other. Who is primary is known only when it begins, and comes last: primaryLast.
 */
export function restartOrder({hosts}: Topology): readonly string[] {
  const nodes = hosts.flatMap((host) => host.nodes.map((node) => ({node, zone: zoneOf(host)})))
  const zones = [...new Set(hosts.map(zoneOf))]
  const rank = ({node, zone}: (typeof nodes)[number]): number =>
    (node.role === 'target' ? 0 : zones.length) + zones.indexOf(zone)
  return nodes.toSorted((a, b) => rank(a) - rank(b)).map(({node}) => node.id)
}

/** The same order with the primary at the end. */
export function primaryLast(order: readonly string[], primary: string | undefined): string[] {
  const others = order.filter((id) => id !== primary)
  return primary !== undefined && order.includes(primary) ? [...others, primary] : others
}

function zoneOf({zone, name}: TopologyHost): string {
  return zone ?? name
}

/** Who takes office before the primary goes down: one that has been through it, if there is any. */
export function heirOf(
  {health: {members = [], nodes}}: Picture,
  primary: string,
  done: ReadonlySet<string>,
): TopologyNode | undefined {
  const able = nodes.filter(({node, ok}) => {
    const member = members.find(({id}) => id === node.id)
    if (!ok || node.id === primary || member === undefined) return false
    return isElectable(member) && member.away === null
  })
  return (able.find(({node}) => done.has(node.id)) ?? able[0])?.node
}
