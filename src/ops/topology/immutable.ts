/**
 * What may not change once a cluster is deployed: its name and uuid, the ids of its nodes, and the
 * mountpaths of a target, which hold data. Removing a node is an operation of its own, never an
 * edit; what that operation has removed may stay in the file or be taken out of it.
 */

import {AisError} from '../../base/errors.ts'
import type {Topology, TopologyNode} from './resolve.ts'
import {nodesOf} from './resolve.ts'

/**
 * @param back places of nodes that have left and are to come back
 * @throws AisError REFUSED that names every change which a deploy may not make.
 */
export function checkImmutable(
  deployed: Topology,
  wanted: Topology,
  back: ReadonlySet<string> = new Set(),
): void {
  const problems = [
    ...clusterChanges(deployed, wanted),
    ...nodeChanges(deployed, wanted),
    ...returns(deployed, wanted)
      .filter((place) => !back.has(place))
      .map(returnText),
  ]
  if (problems.length === 0) return
  throw new AisError({
    code: 'REFUSED',
    message: `the topology contradicts the deployed cluster:\n${problems.join('\n')}`,
    hint: 'nothing was changed; put the old values back',
    details: {problems},
  })
}

function clusterChanges(deployed: Topology, wanted: Topology): string[] {
  const problems: string[] = []
  if (deployed.cluster.name !== wanted.cluster.name) {
    problems.push(`cluster.name was ${deployed.cluster.name}, is now ${wanted.cluster.name}`)
  }
  if (deployed.cluster.uuid !== wanted.cluster.uuid) {
    problems.push(`cluster.uuid was ${deployed.cluster.uuid}, is now ${wanted.cluster.uuid}`)
  }
  return problems
}

function nodeChanges(deployed: Topology, wanted: Topology): string[] {
  const now = new Map(nodesOf(wanted).map((node) => [placeOf(node), node]))
  const marked = new Set(wanted.hosts.flatMap(({removed}) => removed ?? []).map(placeOf))
  return nodesOf(deployed).flatMap((before) => {
    const place = placeOf(before)
    const after = now.get(place)
    if (after === undefined) {
      const what = marked.has(place)
        ? 'is marked as removed, but has not left the cluster'
        : 'is gone; a deploy removes no node'
      return [`${place} (${before.id}) ${what} (aisctl node decommission ${before.id})`]
    }
    const problems: string[] = []
    if (after.id !== before.id) problems.push(`${place}: id was ${before.id}, is now ${after.id}`)
    const kept = new Set(after.mountpaths.map(({path}) => path))
    for (const {path} of before.mountpaths) {
      if (!kept.has(path)) problems.push(`${place}: mountpath ${path} is gone; it may hold objects`)
    }
    return problems
  })
}

/** Places of nodes that have left according to one topology and are to run according to another. */
export function returns(deployed: Topology, wanted: Topology): string[] {
  const left = new Set(
    deployed.hosts
      .flatMap(({removed}) => removed ?? [])
      .map((node) => `${placeOf(node)} ${node.id}`),
  )
  return nodesOf(wanted)
    .filter((node) => left.has(`${placeOf(node)} ${node.id}`))
    .map(placeOf)
}

function returnText(place: string): string {
  return `${place} has left the cluster; it comes back by name alone (aisctl scale-out ${place})`
}

/** `HOST/INSTANCE`. */
export function placeOf(node: TopologyNode): string {
  return `${node.host}/${node.instance}`
}
