/**
 * Nodes that have left the cluster for good: how the saved state remembers them, and how it speaks
 * to the operator's file. Pure. A node is removed by an operation of the cluster (a decommission, a
 * removal from the map), is recorded here afterwards, and comes back by name alone (scale-out).
 */

import {placeOf} from './immutable.ts'
import {parted, type Topology, type TopologyHost} from './resolve.ts'

/** The topology with these nodes among those that have left. */
export function withRemoved(topology: Topology, ids: readonly string[]): Topology {
  const gone = new Set(ids)
  return {...topology, hosts: topology.hosts.map((host) => parted(host, ({id}) => gone.has(id)))}
}

/**
 * The operator's topology with what the deployed one knows to have left: a file that still names
 * such a node as if nothing had happened does not bring it back. One that drops it forgets it.
 * @param back places that are to come back
 */
export function keepRemoved(
  deployed: Topology | undefined,
  wanted: Topology,
  back: ReadonlySet<string> = new Set(),
): Topology {
  const left = new Set((deployed?.hosts ?? []).flatMap(({removed}) => removed ?? []).map(nameOf))
  const hosts = wanted.hosts.map((host) =>
    parted(host, (node) => left.has(nameOf(node)) && !back.has(placeOf(node))),
  )
  return {...wanted, hosts}
}

/** Nodes that have left and still stand in the topology. */
export function removedOf(topology: Topology): NonNullable<TopologyHost['removed']> {
  return topology.hosts.flatMap(({removed}) => removed ?? [])
}

/** A node is the same while its place and its id are. */
function nameOf(node: {
  readonly host: string
  readonly instance: string
  readonly id: string
}): string {
  return `${node.host}/${node.instance} ${node.id}`
}
