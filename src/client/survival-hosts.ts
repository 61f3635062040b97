/**
 * How many hosts may fail, where some carry several nodes: what fails in a rack is a host. Counts
 * the worst choice of hosts, for the majority and for the gateways that may lead.
 */

import {isElectable, isVoter} from '../model/node.ts'
import type {Weighed} from '../model/resilience.ts'
import {resilienceOf} from '../model/resilience.ts'

/** The nodes of one host. */
export interface HostNodes {
  readonly host: string
  readonly nodes: readonly Weighed[]
}

export interface HostSurvival {
  readonly hosts: number
  /** Whichever this many fail, changes go on. */
  readonly spare: number
  /** Hosts without which, one by one, nothing can be changed. */
  readonly heavy: readonly string[]
}

export function hostSurvival(hosts: readonly HostNodes[]): HostSurvival {
  const heavy = hosts.filter((one) => !survives(hosts, [one]))
  let spare = heavy.length > 0 ? 0 : 1
  const next = (): boolean =>
    [isVoter, isElectable].every((counts) => survives(hosts, heaviest(hosts, counts, spare + 1)))
  while (spare > 0 && spare < hosts.length && next()) spare++
  return {hosts: hosts.length, spare, heavy: heavy.map(({host}) => host)}
}

function survives(hosts: readonly HostNodes[], failed: readonly HostNodes[]): boolean {
  const nodes = hosts.flatMap((one) => one.nodes)
  const down = new Set<string>(failed.flatMap((one) => one.nodes.map(({id}) => id)))
  return resilienceOf(nodes, {primary: null, down}).spare >= 0
}

/** So many hosts with the most of the nodes that count. */
function heaviest(
  hosts: readonly HostNodes[],
  counts: (node: Weighed) => boolean,
  many: number,
): readonly HostNodes[] {
  const weight = ({nodes}: HostNodes): number => nodes.filter(counts).length
  return hosts.toSorted((a, b) => weight(b) - weight(a)).slice(0, many)
}
