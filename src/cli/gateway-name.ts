/**
 * Nodes by the names of their hosts, as only the topology of a deployed cluster can tell. Ids and
 * their starts are the cluster's business (client/node-name.ts).
 */

import {existsSync} from 'node:fs'
import type {FoundCluster} from '../client/find-cluster.ts'
import type {Role} from '../model/node.ts'

/** The id of the one gateway on HOST, or at HOST/INSTANCE; any other text as it is. */
export async function gatewayNamed(text: string, found: FoundCluster): Promise<string> {
  const [id = text] = await nodesNamed([text], found, 'proxy')
  return id
}

/** The ids of the nodes that are the only ones on HOST, or at HOST/INSTANCE; others as they are. */
export async function nodesNamed(
  texts: readonly string[],
  {known}: FoundCluster,
  only?: Role,
): Promise<readonly string[]> {
  const file = known?.topologyFile
  if (file === undefined || !existsSync(file)) return texts
  // Loaded here alone: with YAML and its schema it costs more than the command.
  const [{openDeployed}, {nodesOf}] = await Promise.all([
    import('../ops/deploy/open.ts'),
    import('../ops/topology/resolve.ts'),
  ])
  const nodes = nodesOf(openDeployed(file).topology).filter(
    ({role}) => only === undefined || role === only,
  )
  return texts.map((text) => {
    const matches = nodes.filter(
      ({host, instance}) => host === text || `${host}/${instance}` === text,
    )
    const [first, ...others] = matches
    return first === undefined || others.length > 0 ? text : first.id
  })
}
