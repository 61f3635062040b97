/** Configuration as a table, whole or one section; as AIStore's tool prints it. */

import {AisError} from '../../base/errors.ts'
import type {ClusterClient} from '../../client/cluster.ts'
import {resolveNode} from '../../client/node-name.ts'
import {nodeLabel} from '../../model/ids.ts'
import type {JsonMap} from '../../wire/json.ts'
import {decodeSmap} from '../../wire/smap.ts'
import {flatten, propertyTable} from '../render/properties.ts'
import type {Page} from './cluster-page.ts'

/**
 * The cluster's configuration. @param section `rebalance`, or a longer dotted start; absent: all
 */
export async function clusterConfigPage(
  client: ClusterClient,
  section: string | undefined,
): Promise<Page> {
  return configPage(await client.clusterConfig(), section)
}

export function configPage(config: JsonMap, section: string | undefined): Page {
  const pairs = flatten(config).toSorted(([a], [b]) => (a < b ? -1 : 1))
  if (section === undefined) return {lines: propertyTable(pairs), json: config}
  const found = pairs.filter(([key]) => key === section || key.startsWith(`${section}.`))
  if (found.length === 0) throw unknownSection(config, section)
  return {lines: propertyTable(found), json: pick(config, section.split('.'))}
}

/** The section within its parents: `{"proxy": {…}}`. */
function pick(config: JsonMap, [word = '', ...rest]: readonly string[]): JsonMap {
  const below = config[word] ?? null
  return {[word]: rest.length === 0 ? below : pick(below as JsonMap, rest)}
}

function unknownSection(config: JsonMap, section: string): AisError {
  return new AisError({
    code: 'USAGE',
    message: `there is no section ${JSON.stringify(section)} in the configuration`,
    hint: `sections: ${Object.keys(config).toSorted().join(', ')}`,
  })
}

/** Keys of a node's configuration that are its own. */
const LOCAL_KEYS = ['fspaths', 'confdir', 'log_dir', 'test_fspaths', 'host_net']

export interface NodeConfigOptions {
  readonly node: string
  /** Which half; absent: both. */
  readonly scope: 'inherited' | 'local' | undefined
  readonly section: string | undefined
}

/** A node's configuration: what it inherits from the cluster, and its own. */
export async function nodeConfigPage(
  client: ClusterClient,
  {node, scope, section}: NodeConfigOptions,
): Promise<Page> {
  const {smap} = decodeSmap(await client.smap())
  const member = resolveNode(smap, node)
  const config = await client.nodeConfig(member.id)
  const wanted = Object.entries(config).filter(([key]) =>
    scope === undefined ? true : LOCAL_KEYS.includes(key) === (scope === 'local'),
  )
  const page = configPage(Object.fromEntries(wanted), section)
  return {...page, lines: [`${nodeLabel(member.role, member.id)}:`, ...page.lines]}
}
