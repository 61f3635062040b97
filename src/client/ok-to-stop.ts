/**
 * What would be missing if these nodes were off: a majority, objects, names that can be written.
 * From what the cluster says of itself now; what it does not say is named.
 */

import type {Member} from '../model/node.ts'
import {ownsKeys} from '../model/node.ts'
import type {Resilience} from '../model/resilience.ts'
import {resilienceOf} from '../model/resilience.ts'
import {AisError} from '../base/errors.ts'
import type {OperationAnswer} from '../wire/operation.ts'
import type {ClusterClient} from './cluster.ts'
import {mapParallel} from './cluster.ts'
import {resolveNode} from './node-name.ts'
import type {NodeOverview} from './overview.ts'
import {downOf, gatherOverview} from './overview.ts'
import type {Stored} from './take-out.ts'
import {storedBy} from './take-out.ts'

/** One of the nodes that are to be stopped. */
export interface Stoppable {
  readonly id: string
  readonly role: 'proxy' | 'target'
  /** It does not answer, or is off already. */
  readonly down: boolean
  readonly isPrimary: boolean
  /** Objects that only it has; null: not known. */
  readonly only: Stored | null
  /** Its share of names could not be written meanwhile. */
  readonly serves: boolean
}

export interface OkToStop {
  readonly safe: boolean
  /** Why not; empty when it is safe. */
  readonly reasons: readonly string[]
  /** What the answer does not take into account. */
  readonly unknown: readonly string[]
  readonly nodes: readonly Stoppable[]
  readonly quorum: {readonly holds: boolean; readonly now: Resilience; readonly without: Resilience}
  /** What taking them out in order would have to move, and who could take it. */
  readonly toMove: Stored
  /** How long that would take, by how fast the last rebalance went; null: none has moved anything. */
  readonly moveTime: {readonly seconds: number; readonly rebalance: string} | null
  readonly room: {readonly targets: number; readonly availableBytes: number | null}
}

/** @throws AisError NODE_NOT_FOUND, USAGE; and when no gateway answers */
export async function okToStop(client: ClusterClient, names: readonly string[]): Promise<OkToStop> {
  const overview = await gatherOverview(client)
  const {smap} = overview
  const wanted = new Set(names.map((name) => resolveNode(smap, name).id))
  const operation = await operationOf(client)
  const those = overview.nodes.filter(({member}) => wanted.has(member.id))
  const down = downOf(overview.nodes)
  const nodes = await mapParallel(those, (node) => weigh(client, {node, down, operation}))
  const members = Object.values(smap.nodes)
  const primary = overview.nodes.find(({isPrimary}) => isPrimary)?.member.id ?? null
  const quorum = quorumOf(members, {primary, down, wanted})
  const reasons = [...quorumReasons(quorum), ...nodes.flatMap(nodeReasons)]
  return {
    safe: reasons.length === 0,
    reasons,
    unknown: unknownOf(nodes, operation),
    nodes,
    quorum,
    toMove: sumOf(nodes),
    moveTime: moveTime(sumOf(nodes), operation),
    room: roomOf(overview.nodes, wanted),
  }
}

async function operationOf(client: ClusterClient): Promise<OperationAnswer | null> {
  try {
    return await client.membership.operation()
  } catch (error) {
    if (error instanceof AisError && error.code !== 'INTERRUPTED') return null
    throw error
  }
}

interface Weighing {
  readonly node: NodeOverview
  readonly down: ReadonlySet<string>
  readonly operation: OperationAnswer | null
}

const NOTHING: Stored = {objects: 0, bytes: 0}

async function weigh(client: ClusterClient, {node, down, operation}: Weighing): Promise<Stoppable> {
  const {member, isPrimary, departure} = node
  const {id, role} = member
  const spared = role === 'proxy' || departure?.safeToPowerOff === true
  // A target that newly serves, or has given its share away, has not all that its index counts; but
  // while it may be named as an owner nobody can say what of it is nowhere else.
  const holds = operation?.nodes.find((one) => one.id === id)?.holds ?? true
  const only = spared || !holds ? NOTHING : await storedBy(client, member)
  const away = down.has(id) || member.away !== null
  return {id, role, down: away, isPrimary, only, serves: ownsKeys(member)}
}

interface Picture {
  readonly primary: Member['id'] | null
  readonly down: ReadonlySet<string>
  readonly wanted: ReadonlySet<string>
}

function quorumOf(
  members: readonly Member[],
  {primary, down, wanted}: Picture,
): OkToStop['quorum'] {
  const now = resilienceOf(members, {primary, down})
  const without = resilienceOf(members, {primary, down: new Set([...down, ...wanted])})
  return {holds: without.up >= without.needed && without.electableUp > 0, now, without}
}

function quorumReasons({holds, without}: OkToStop['quorum']): readonly string[] {
  if (holds) return []
  const {up, voters, needed, electableUp} = without
  return electableUp === 0
    ? ['no gateway that may lead would be up: nothing could be changed']
    : [`${up} of ${voters} voters would be up, ${needed} are needed: nothing could be changed`]
}

function nodeReasons({id, only, serves}: Stoppable): readonly string[] {
  const share = serves ? [`the names that belong to t[${id}] could not be written`] : []
  if (only === null) return [`it is not known what only t[${id}] has: it does not say`, ...share]
  const {objects} = only
  const what = `${objects.toLocaleString('en-US')} ${objects === 1 ? 'object' : 'objects'}`
  const gone = objects === 0 ? [] : [`${what} of t[${id}] would answer 503`]
  return [...gone, ...share]
}

function unknownOf(
  nodes: readonly Stoppable[],
  operation: OperationAnswer | null,
): readonly string[] {
  const counts = nodes.some(({only}) => only !== null && only.objects > 0)
  return [
    ...(counts
      ? ['objects are counted by each target’s own index, copies that moved already included']
      : []),
    ...(counts && moveTime(sumOf(nodes), operation) === null
      ? ['how long moving them takes: no rebalance has moved anything yet']
      : []),
    ...(operation === null || !operation.live ? ['the primary does not say what moves now'] : []),
  ]
}

/** By the newest rebalance that moved something: as many objects or bytes a second again. */
function moveTime(
  {objects, bytes}: Stored,
  operation: OperationAnswer | null,
): OkToStop['moveTime'] {
  if (objects === 0) return {seconds: 0, rebalance: ''}
  for (const {id, beganMs, endedMs, nodes} of (operation?.rebalances ?? []).toReversed()) {
    const moved = nodes.reduce((sum, node) => sum + node.objects, 0)
    const movedBytes = nodes.reduce((sum, node) => sum + node.bytes, 0)
    if (endedMs === null || moved === 0) continue
    const tookS = Math.max(0.1, (endedMs - beganMs) / 1000)
    const ratio = Math.max(objects / moved, movedBytes === 0 ? 0 : bytes / movedBytes)
    return {seconds: Math.ceil(tookS * ratio), rebalance: id}
  }
  return null
}

function sumOf(nodes: readonly Stoppable[]): Stored {
  return nodes.reduce(
    (sum, {only}) => ({
      objects: sum.objects + (only?.objects ?? 0),
      bytes: sum.bytes + (only?.bytes ?? 0),
    }),
    NOTHING,
  )
}

function roomOf(nodes: readonly NodeOverview[], wanted: ReadonlySet<string>): OkToStop['room'] {
  const others = nodes.filter(
    ({member}) => ownsKeys(member) && member.away === null && !wanted.has(member.id),
  )
  const sizes = others.map(({facts}) => facts?.capacity.availableBytes ?? null)
  const known = sizes.every((size) => size !== null)
  return {
    targets: others.length,
    availableBytes: known ? sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0) : null,
  }
}
