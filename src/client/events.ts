/**
 * What happens to a cluster, as events: from the history that its record keeps, and from what is
 * different between two looks at it. Pure; looking is watch-events.ts's business.
 */

import {nodeLabel} from '../model/ids.ts'
import {NODE_FLAG, type Member} from '../model/node.ts'
import type {ElectionNote} from '../model/record.ts'
import type {OperationAnswer, RebalanceNote} from '../wire/operation.ts'

export interface ClusterEvent {
  /** Ms since 1970: by the cluster's own clock for what its record remembers, else when we saw it. */
  readonly atMs: number
  readonly kind: 'election' | 'member' | 'operation' | 'rebalance'
  readonly text: string
}

/** What is looked at. */
export interface ClusterMoment {
  readonly elections: readonly ElectionNote[]
  readonly members: readonly Member[]
  readonly op: OperationAnswer['op']
  readonly rebalances: readonly RebalanceNote[]
}

/** What the record remembers, oldest first. */
export function pastEvents({elections, rebalances}: ClusterMoment): readonly ClusterEvent[] {
  const events = [...elections.map(electionEvent), ...rebalances.flatMap(rebalanceEvents)]
  return events.toSorted(byTime)
}

/** What has happened between two looks, oldest first. @param nowMs when the second was taken */
export function eventsBetween(
  before: ClusterMoment,
  after: ClusterMoment,
  nowMs: number,
): readonly ClusterEvent[] {
  const epochs = new Set(before.elections.map(({epoch}) => epoch))
  const known = new Set(before.rebalances.flatMap(rebalanceEvents).map(({text}) => text))
  const events = [
    ...after.elections.filter(({epoch}) => !epochs.has(epoch)).map(electionEvent),
    ...memberEvents(before.members, after.members, nowMs),
    ...operationEvents(before.op, after.op, nowMs),
    ...after.rebalances.flatMap(rebalanceEvents).filter(({text}) => !known.has(text)),
  ]
  return events.toSorted(byTime)
}

function byTime(a: ClusterEvent, b: ClusterEvent): number {
  return a.atMs - b.atMs
}

function electionEvent({
  epoch,
  primary,
  before,
  reason,
  votes,
  voters,
  atMs,
}: ElectionNote): ClusterEvent {
  const after = before === '' || before === primary ? '' : ` after ${nodeLabel('proxy', before)}`
  const text = `${nodeLabel('proxy', primary)} is primary of epoch ${epoch}${after}: ${reason}, ${votes} of ${voters} votes`
  return {atMs, kind: 'election', text}
}

function rebalanceEvents({id, state, beganMs, endedMs, nodes}: RebalanceNote): ClusterEvent[] {
  const began: ClusterEvent = {atMs: beganMs, kind: 'rebalance', text: `rebalance ${id} has begun`}
  if (endedMs === null) return [began]
  const objects = nodes.reduce((sum, {objects: moved}) => sum + moved, 0)
  const text = `rebalance ${id} has ended: ${state}, ${objects} objects moved`
  return [began, {atMs: endedMs, kind: 'rebalance', text}]
}

function memberEvents(
  before: readonly Member[],
  after: readonly Member[],
  atMs: number,
): ClusterEvent[] {
  const had = new Map(before.map((member) => [member.id, member]))
  const has = new Set(after.map(({id}) => id))
  const gone = before.filter(({id}) => !has.has(id)).map((member) => `${labelOf(member)} has left`)
  const changed = after.flatMap((member) => {
    const old = had.get(member.id)
    if (old === undefined) return `${labelOf(member)} has joined (${stateOf(member)})`
    const [was, is] = [stateOf(old), stateOf(member)]
    if (was !== is) return `${labelOf(member)} is ${is}, was ${was}`
    if (old.inc === member.inc) return []
    return `${labelOf(member)} is back without its state (incarnation ${member.inc})`
  })
  return [...gone, ...changed].map((text) => ({atMs, kind: 'member', text}))
}

function operationEvents(
  before: OperationAnswer['op'],
  after: OperationAnswer['op'],
  atMs: number,
): ClusterEvent[] {
  const event = (text: string): ClusterEvent => ({atMs, kind: 'operation', text})
  if (before?.id !== after?.id) {
    return [
      ...(before === null ? [] : [event(`${before.action} ${before.id} has ended`)]),
      ...(after === null
        ? []
        : [event(`${after.action} ${after.id} of ${after.nodes.join(', ')}: ${after.phase}`)]),
    ]
  }
  if (before === null || after === null) return []
  if (before.phase === after.phase) return []
  return [event(`${after.action} ${after.id}: ${after.phase}`)]
}

function labelOf({role, id}: Member): string {
  return nodeLabel(role, id)
}

function stateOf({away, flags, learner}: Member): string {
  if (away !== null) return away.kind
  if ((flags & NODE_FLAG.decommission) !== 0) return 'leaving for good'
  if ((flags & NODE_FLAG.maintenance) !== 0) return 'in maintenance'
  return learner ? 'joining' : 'active'
}
