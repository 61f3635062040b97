/** What `show cluster …` draws, and what it gives with `--json`: one gathering, two readings. */

import {AisError} from '../../base/errors.ts'
import type {ClusterClient} from '../../client/cluster.ts'
import type {Departure} from '../../client/departure.ts'
import {resolveNode} from '../../client/node-name.ts'
import type {ClusterOverview} from '../../client/overview.ts'
import {downOf, gatherOverview} from '../../client/overview.ts'
import type {Role} from '../../model/node.ts'
import {resilienceOf} from '../../model/resilience.ts'
import {encodeElections} from '../../wire/elections.ts'
import type {Json, JsonMap} from '../../wire/json.ts'
import {decodeSmap} from '../../wire/smap.ts'
import {silentLines} from '../render/departure-view.ts'
import {leaderlessLines} from '../render/leader-view.ts'
import type {Paint} from '../render/paint.ts'
import {proxyTable, summary, targetTable} from '../render/status-view.ts'

export interface Page {
  readonly lines: readonly string[]
  readonly json: unknown
}

/** Proxies, targets, summary. */
export async function clusterPage(client: ClusterClient, paint: Paint): Promise<Page> {
  const overview = await gatherOverview(client)
  const [config, backends] = await Promise.all([
    orNull(client.clusterConfig()),
    orNull(client.backends()),
  ])
  const facts = {overview, config, backends: backends ?? []}
  return {
    lines: [
      ...tables(overview, paint),
      ...leaderlessLines(overview, paint),
      ...summary(facts),
      ...(overview.operation === null ? [] : silentLines(overview.operation, paint)),
    ],
    json: {
      Smap: overview.rawSmap,
      ...statuses(overview),
      nodes: conditions(overview),
      ...leadership(overview),
    },
  }
}

/** What our clusters tell besides AIStore's answers. */
function leadership({leader, smap, nodes}: ClusterOverview): JsonMap {
  if (leader === null) return {}
  const members = Object.values(smap.nodes)
  const resilience = resilienceOf(members, {primary: smap.primary, down: downOf(nodes)})
  return {leader: encodeElections({...leader, elections: []}), resilience: {...resilience}}
}

/** The table of one role, or of one node of it. */
export async function rolePage(
  client: ClusterClient,
  role: Role,
  {node, paint}: {readonly node: string | undefined; readonly paint: Paint},
): Promise<Page> {
  const wanted = node === undefined ? undefined : [await nodeIdOf(client, node, role)]
  const overview = await gatherOverview(client, {
    role,
    ...(wanted === undefined ? {} : {nodeIds: wanted}),
  })
  const table = role === 'proxy' ? proxyTable : targetTable
  return {
    lines: table(overview.nodes, paint),
    json: {...statuses(overview), nodes: conditions(overview)},
  }
}

/** The row of one node, whatever its role. */
export async function nodePage(client: ClusterClient, node: string, paint: Paint): Promise<Page> {
  const {smap} = decodeSmap(await client.smap())
  const member = resolveNode(smap, node)
  return rolePage(client, member.role, {node: member.id, paint})
}

async function nodeIdOf(client: ClusterClient, node: string, role: Role): Promise<string> {
  const {smap} = decodeSmap(await client.smap())
  return resolveNode(smap, node, role).id
}

function tables({nodes}: ClusterOverview, paint: Paint): readonly string[] {
  const proxies = nodes.filter(({member}) => member.role === 'proxy')
  const targets = nodes.filter(({member}) => member.role === 'target')
  return [...proxyTable(proxies, paint), '', ...targetTable(targets, paint), '']
}

/** The nodes' own answers by role, as AIStore's tool prints them. */
function statuses({nodes}: ClusterOverview): JsonMap {
  const of = (role: Role): JsonMap =>
    Object.fromEntries(
      nodes
        .filter(({member, raw}) => member.role === role && raw !== null)
        .map(({member, raw}) => [member.id, raw]),
    )
  return {proxy_status: of('proxy'), target_status: of('target')}
}

function conditions({nodes}: ClusterOverview): readonly JsonMap[] {
  return nodes.map(({member, isPrimary, condition, departure, problem}) => ({
    id: member.id,
    role: member.role,
    primary: isPrimary,
    status: condition,
    ...(departure === null ? {} : departureJson(departure)),
    ...(problem === null ? {} : {problem}),
  }))
}

function departureJson({state, safeToPowerOff, left, secondsLeft, problem}: Departure): JsonMap {
  return {
    safe_to_power_off: safeToPowerOff,
    data: state,
    objects_left: left,
    seconds_left: secondsLeft,
    ...(problem === '' ? {} : {move_problem: problem}),
  }
}

/** A part of the picture that may be missing without spoiling the rest. */
async function orNull<T extends JsonMap | readonly Json[]>(part: Promise<T>): Promise<T | null> {
  try {
    return await part
  } catch (error) {
    if (error instanceof AisError && error.code !== 'INTERRUPTED') return null
    throw error
  }
}
