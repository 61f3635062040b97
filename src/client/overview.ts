/**
 * The cluster at one moment, gathered from its map and from every node's own status. A node that
 * does not answer is part of the picture, not an error.
 */

import {AisError} from '../base/errors.ts'
import type {Member, Role} from '../model/node.ts'
import {isLeaving, NODE_FLAG} from '../model/node.ts'
import type {Smap} from '../model/record.ts'
import type {JsonMap} from '../wire/json.ts'
import type {ElectionsAnswer} from '../wire/elections.ts'
import type {OperationAnswer} from '../wire/operation.ts'
import {decodeSmap} from '../wire/smap.ts'
import type {ClusterClient} from './cluster.ts'
import {mapParallel} from './cluster.ts'
import type {Departure} from './departure.ts'
import {departureOf} from './departure.ts'
import {findLeader} from './leader.ts'
import type {NodeFacts} from './node-row.ts'
import {nodeFacts} from './node-row.ts'

/** What the STATUS column says, in the words of DESIGN: states and of AIStore. */
export type Condition =
  'online' | 'joining' | 'absent' | 'lost' | 'maintenance' | 'decommission' | 'unreachable'

export interface NodeOverview {
  readonly member: Member
  /** Leads at present; nobody does while the gateways hear no primary. */
  readonly isPrimary: boolean
  readonly condition: Condition
  /** Null when the node did not answer. */
  readonly facts: NodeFacts | null
  /** How far it is with being taken out; null when it is not. */
  readonly departure: Departure | null
  /** Why it did not. */
  readonly problem: string | null
  /** Its answer as it came, for `--json`. */
  readonly raw: JsonMap | null
}

export interface ClusterOverview {
  readonly endpoint: string
  readonly uuid: string
  readonly smap: Smap
  readonly rawSmap: JsonMap
  /** What the best informed gateway knows of the primary; null when it does not tell. */
  readonly leader: ElectionsAnswer | null
  /** Null when nobody is away or on its way out, or nobody tells. */
  readonly operation: OperationAnswer | null
  /** Proxies first, each role by id. */
  readonly nodes: readonly NodeOverview[]
}

export interface OverviewFilter {
  readonly role?: Role
  readonly nodeIds?: readonly string[]
}

export async function gatherOverview(
  client: ClusterClient,
  filter: OverviewFilter = {},
): Promise<ClusterOverview> {
  const rawSmap = await client.smap()
  const {uuid, smap} = decodeSmap(rawSmap)
  const members = Object.values(smap.nodes)
    .filter(({role}) => filter.role === undefined || role === filter.role)
    .filter(({id}) => filter.nodeIds === undefined || filter.nodeIds.includes(id))
    .toSorted(byRoleAndId)
  const leaves = members.some((member) => isLeaving(member) || member.away !== null)
  const [leader, found, operation] = await Promise.all([
    orNull(findLeader(client, smap)),
    mapParallel(members, (member) => overviewOf(client, member)),
    leaves ? orNull(client.membership.operation()) : null,
  ])
  const primary = leader?.primary ?? smap.primary
  const nodes = found.map((node) => ({
    ...node,
    isPrimary: node.member.id === primary && leader?.live !== false,
    departure: departureOf(node.member, operation),
  }))
  return {endpoint: client.endpoint(), uuid, smap, rawSmap, leader, operation, nodes}
}

/** Ids of the nodes of a picture that cannot take part in anything now. */
export function downOf(nodes: readonly NodeOverview[]): ReadonlySet<string> {
  const down: readonly Condition[] = ['absent', 'lost', 'unreachable']
  const those = nodes.filter(({condition}) => down.includes(condition))
  return new Set(those.map(({member}) => member.id))
}

/** A part of the picture that may be missing without spoiling the rest. */
async function orNull<Part>(part: Promise<Part | undefined>): Promise<Part | null> {
  try {
    return (await part) ?? null
  } catch (error) {
    if (error instanceof AisError && error.code !== 'INTERRUPTED') return null
    throw error
  }
}

function byRoleAndId(a: Member, b: Member): number {
  if (a.role !== b.role) return a.role === 'proxy' ? -1 : 1
  return a.id < b.id ? -1 : 1
}

async function overviewOf(client: ClusterClient, member: Member): Promise<NodeOverview> {
  const base = {member, isPrimary: false, departure: null}
  try {
    const raw = await client.nodeStatus(member.id)
    const facts = nodeFacts(raw)
    const reached = facts === null ? 'unreachable' : 'online'
    return {...base, condition: conditionOf(member) ?? reached, facts, problem: null, raw}
  } catch (error) {
    if (!(error instanceof AisError) || error.code === 'INTERRUPTED') throw error
    const condition = conditionOf(member) ?? 'unreachable'
    return {...base, condition, facts: null, problem: error.message, raw: null}
  }
}

/** What the map says of a member; undefined when it says nothing against it. */
function conditionOf({away, flags, learner}: Member): Condition | undefined {
  if ((flags & NODE_FLAG.decommission) !== 0) return 'decommission'
  if ((flags & NODE_FLAG.maintenance) !== 0) return 'maintenance'
  if (away !== null) return away.kind
  return learner ? 'joining' : undefined
}
