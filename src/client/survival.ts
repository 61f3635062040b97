/**
 * What a set of nodes survives, in words: said before and after a deploy, when it can still be
 * changed, and in every picture of the cluster.
 */

import type {NodeId} from '../model/ids.ts'
import {nodeLabel} from '../model/ids.ts'
import type {Role} from '../model/node.ts'
import {isElectable, NODE_FLAG} from '../model/node.ts'
import type {Resilience, Weighed} from '../model/resilience.ts'
import {resilienceOf} from '../model/resilience.ts'

export interface Survival {
  /** How many failures leadership and changes survive. */
  readonly cluster: string
  /** How many each bucket survives. */
  readonly buckets: string
  /** Why fewer than one would expect, and what helps; null when nothing is odd. */
  readonly warning: {readonly what: string; readonly why: string; readonly fix: string} | null
}

/** A node that is to be: of a topology, or of a playground. */
export interface PlannedNode {
  readonly id: string
  readonly role: Role
  /** Whether it may become primary; means nothing for targets. */
  readonly electable: boolean
}

/** What these nodes survive when all of them are up. */
export function survivalOf(planned: readonly PlannedNode[]): Survival {
  const nodes = planned.map(({id, role, electable}): Weighed => ({
    id: id as NodeId,
    role,
    flags: electable ? 0 : NODE_FLAG.nonElectable,
    learner: false,
  }))
  const all = resilienceOf(nodes, {primary: null, down: new Set()})
  const targets = nodes.filter(({role}) => role === 'target').length
  return {
    cluster: clusterText(nodes, all, targets),
    buckets: bucketsText(all, targets),
    warning: warningOf(nodes, all, targets),
  }
}

function clusterText(nodes: readonly Weighed[], all: Resilience, targets: number): string {
  if (all.sole !== null) {
    const rest = targets === 0 ? '' : `; targets may fail in any number without stopping changes`
    return `The cluster survives no failure of ${nodeLabel('proxy', all.sole)}, which alone may lead${rest}.`
  }
  if (all.electable === 0) return 'No gateway may lead: the cluster cannot begin.'
  if (all.spare === 0) {
    return `The cluster survives no failure: changes need ${all.needed} of its ${all.voters} nodes.`
  }
  const which = all.spare === 1 ? 'Any one' : `Any ${all.spare}`
  return `${which} of the ${nodes.length} nodes may fail at a time: a gateway takes over by itself and changes go on.`
}

function bucketsText({dataSpare}: Resilience, targets: number): string {
  if (targets === 0) return 'There is no target: nothing can be stored.'
  return dataSpare > 0
    ? `Every bucket survives ${count(dataSpare, 'target failure', 'target failures')}.`
    : 'Every bucket survives 0 target failures: objects have one copy; those of a target that is off answer 503 until it is back.'
}

function warningOf(
  nodes: readonly Weighed[],
  {sole, electable, voters}: Resilience,
  targets: number,
): Survival['warning'] {
  const gateways = nodes.filter(({role}) => role === 'proxy').length
  if (sole !== null) {
    const only = gateways === 1 ? 'there is one gateway' : `one of ${gateways} gateways may lead`
    return {
      what: `${only}, ${nodeLabel('proxy', sole)}: no other can take over`,
      why: `while it is off ${gateways === 1 ? 'nobody is served' : 'nothing can be changed'}; two leaders are impossible, and nothing is lost`,
      fix: 'have three gateways that may lead, on hosts of their own',
    }
  }
  if (electable !== 2) return null
  if (targets === 0 && voters === 2) {
    return {
      what: 'there are two gateways and no target: no failover, and no change while one is off',
      why: 'neither of two can be a majority without the other',
      fix: 'add a target or a third gateway: any one of three nodes may fail',
    }
  }
  return {
    what: 'two gateways may lead: when one is off no other can take over from the second',
    why: 'a second failure among them stops all changes, however many targets are up',
    fix: 'have three gateways that may lead',
  }
}

/** How it stands now: `7 of 7 voters up, 4 needed · any 2 more may fail · …`. */
export function presentText(nodes: readonly Weighed[], now: Resilience): string {
  const {voters, needed, up, spare, electableUp, failover, sole} = now
  if (sole !== null) {
    const label = nodeLabel('proxy', sole)
    return electableUp === 0
      ? `frozen: ${label} alone may lead, and it is off`
      : `${label} alone may lead: without it nothing can be changed`
  }
  if (electableUp === 0) {
    const those = nodes.filter(isElectable).map(({id}) => nodeLabel('proxy', id))
    return `frozen: no gateway that may lead is up (${those.join(', ')})`
  }
  const counts = `${up} of ${voters} voters up, ${needed} needed`
  if (up < needed) return `frozen: ${counts}, nothing can be changed`
  const more = spare === 0 ? 'one more failure may stop changes' : `any ${spare} more may fail`
  return `${counts} · ${more} · ${failover ? 'another' : 'no other'} primary can be elected`
}

function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`
}
