/**
 * A gateway by the name of its host, as only the topology of a deployed cluster can tell. Ids and
 * their starts are the cluster's business (client/node-name.ts).
 */

import {existsSync} from 'node:fs'
import type {FoundCluster} from '../client/find-cluster.ts'

/** The id of the one gateway on HOST, or at HOST/INSTANCE; any other text as it is. */
export async function gatewayNamed(text: string, {known}: FoundCluster): Promise<string> {
  const file = known?.topologyFile
  if (file === undefined || !existsSync(file)) return text
  // Loaded here alone: with YAML and its schema it costs more than the command.
  const [{openDeployed}, {nodesOf}] = await Promise.all([
    import('../ops/deploy/open.ts'),
    import('../ops/topology/resolve.ts'),
  ])
  const matches = nodesOf(openDeployed(file).topology).filter(
    ({role, host, instance}) =>
      role === 'proxy' && (host === text || `${host}/${instance}` === text),
  )
  const [only, ...others] = matches
  return only === undefined || others.length > 0 ? text : only.id
}
