/**
 * Whether a node may go down now: asked before each node of a sequence, from what the cluster says
 * of itself at that moment. Pure.
 */

import {isElectable, type Member} from '../../model/node.ts'
import {resilienceOf, type Resilience} from '../../model/resilience.ts'
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
  return [
    ...unwell.map(({node, why}) => `${labelOf(node)} ${why}`),
    ...quorumReasons(health, members, options.node),
    ...movingReasons(operation),
  ]
}

/**
 * A cluster too small to keep its majority without this node, even when all others are up, is not
 * held back: nothing could ever be restarted there.
 */
function quorumReasons(
  health: ClusterHealth,
  members: readonly Member[],
  node: TopologyNode,
): readonly string[] {
  const silent = health.nodes.filter(({ok}) => !ok).map((one) => one.node.id)
  const away = members.filter((member) => member.away !== null).map(({id}) => id)
  const without = (down: readonly string[]): Resilience =>
    resilienceOf(members, {primary: null, down: new Set([...down, node.id])})
  const holds = ({up, needed, electableUp}: Resilience): boolean => up >= needed && electableUp > 0
  const now = without([...silent, ...away])
  if (holds(now) || !holds(without([]))) return []
  return [`${now.up} of ${now.voters} voters would be up, ${now.needed} are needed`]
}

/** A node that restarts in the middle of a movement would hold it up. */
function movingReasons(operation: OperationAnswer | null): readonly string[] {
  if (operation === null) return []
  const {op, move, rebalance} = operation
  if (op !== null) return [`${op.action} of ${op.nodes.join(', ')} is ${op.phase}`]
  return move === null ? [] : [`data moves (${rebalance})`]
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
