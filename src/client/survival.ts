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
import type {HostNodes, HostSurvival} from './survival-hosts.ts'
import {hostSurvival} from './survival-hosts.ts'

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
  /** Where it runs. Absent: on a machine of its own, or of no concern. */
  readonly host?: string
}

/** What these nodes survive when all of them are up. */
export function survivalOf(planned: readonly PlannedNode[]): Survival {
  const nodes = planned.map(weigh)
  const hosts = hostSurvival(hostsOf(planned))
  const shared = hosts.hosts < planned.length ? hosts : null
  const all = resilienceOf(nodes, {primary: null, down: new Set()})
  const targets = nodes.filter(({role}) => role === 'target').length
  return {
    cluster: clusterText(nodes, all, {targets, shared}),
    buckets: bucketsText(all, targets),
    warning:
      loneWarning(nodes, all) ??
      pairWarning(all, targets) ??
      heavyWarning(shared) ??
      fewWarning(all),
  }
}

function weigh({id, role, electable}: PlannedNode): Weighed {
  const flags = electable ? 0 : NODE_FLAG.nonElectable
  return {id: id as NodeId, role, flags, learner: false}
}

function hostsOf(planned: readonly PlannedNode[]): readonly HostNodes[] {
  const hosts = new Map<string, Weighed[]>()
  for (const node of planned) {
    const host = node.host ?? node.id
    hosts.set(host, [...(hosts.get(host) ?? []), weigh(node)])
  }
  return [...hosts].map(([host, nodes]) => ({host, nodes}))
}

interface Shape {
  readonly targets: number
  /** How it is by host; null when every node has one of its own. */
  readonly shared: HostSurvival | null
}

function clusterText(nodes: readonly Weighed[], all: Resilience, {targets, shared}: Shape): string {
  if (all.sole !== null) {
    const rest = targets === 0 ? '' : `; targets may fail in any number without stopping changes`
    return `The cluster survives no failure of ${nodeLabel('proxy', all.sole)}, which alone may lead${rest}.`
  }
  if (all.electable === 0) return 'No gateway may lead: the cluster cannot begin.'
  if (all.spare === 0) {
    return `The cluster survives no failure: changes need ${all.needed} of its ${all.voters} nodes.`
  }
  const byHost = shared !== null && shared.spare > 0
  const which = byHost
    ? `${anyOf(shared.spare)} of the ${shared.hosts} hosts`
    : `${anyOf(all.spare)} of the ${nodes.length} nodes`
  const not = shared === null || byHost ? '' : `, but not host ${shared.heavy.join(' or ')}`
  return `${which} may fail at a time${not}: a gateway takes over by itself and changes go on.`
}

function anyOf(number: number): string {
  return number === 1 ? 'Any one' : `Any ${number}`
}

function bucketsText({dataSpare}: Resilience, targets: number): string {
  if (targets === 0) return 'There is no target: nothing can be stored.'
  return dataSpare > 0
    ? `Every bucket survives ${count(dataSpare, 'target failure', 'target failures')}.`
    : 'Every bucket survives 0 target failures: objects have one copy; those of a target that is off answer 503 until it is back.'
}

type Warning = Survival['warning']

function loneWarning(nodes: readonly Weighed[], {sole}: Resilience): Warning {
  if (sole === null) return null
  const gateways = nodes.filter(({role}) => role === 'proxy').length
  const only = gateways === 1 ? 'there is one gateway' : `one of ${gateways} gateways may lead`
  const off = gateways === 1 ? 'nobody is served' : 'nothing can be changed'
  return {
    what: `${only}, ${nodeLabel('proxy', sole)}: no other can take over`,
    why: `while it is off ${off}; two leaders are impossible, and nothing is lost`,
    fix: 'have three gateways that may lead, on hosts of their own',
  }
}

function pairWarning({electable, voters}: Resilience, targets: number): Warning {
  if (electable !== 2 || voters !== 2 || targets > 0) return null
  return {
    what: 'there are two gateways and no target: no failover, and no change while one is off',
    why: 'neither of two can be a majority without the other',
    fix: 'add a target or a third gateway: any one of three nodes may fail',
  }
}

function heavyWarning(shared: HostSurvival | null): Warning {
  if (shared === null || shared.heavy.length === 0) return null
  const hosts = shared.heavy.join(' or ')
  return {
    what: `without host ${hosts} nothing can be changed: too much of the cluster is on it`,
    why: 'a majority of the nodes and a gateway that may lead have to be left',
    fix: 'spread gateways and targets over more hosts, at least three',
  }
}

function fewWarning({electable}: Resilience): Warning {
  if (electable !== 2) return null
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
