/**
 * Whether a cluster says of itself that all is well: its map names every node of the topology, none
 * away, and each answers for itself. How they are asked is ask.ts's business.
 */

import {setTimeout as sleep} from 'node:timers/promises'
import {AisError} from '../../base/errors.ts'
import {formatDuration} from '../../base/units.ts'
import {nodeLabel} from '../../model/ids.ts'
import {isLeaving, type Member} from '../../model/node.ts'
import {parseJson} from '../../wire/json.ts'
import {decodeSmap, type ClusterMap} from '../../wire/smap.ts'
import {nodesOf, type Topology, type TopologyNode} from '../topology/resolve.ts'
import {askDirectly, publicUrl, type Ask} from './ask.ts'

export {publicUrl}
const POLL_MS = 100
/** A start takes a second or two: who takes longer may have failed for good. */
const LOOK_CLOSER_MS = 10_000

export interface NodeHealth {
  readonly node: TopologyNode
  readonly ok: boolean
  /** Why not: `does not answer`, `not in the map`, `lost`. Empty when ok. */
  readonly why: string
}

export interface ClusterHealth {
  readonly ok: boolean
  readonly nodes: readonly NodeHealth[]
  /** Id of the primary; absent when no gateway knows one. */
  readonly primary?: string
  readonly mapVersion?: number
  /** Whom the map names; absent when nobody knows one. */
  readonly members?: readonly Member[]
}

/** Asks everybody once. */
export async function readHealth(
  topology: Topology,
  ask: Ask = askDirectly(topology),
): Promise<ClusterHealth> {
  const nodes = nodesOf(topology)
  const [map, answers] = await Promise.all([
    readMap(topology, ask),
    Promise.all(nodes.map((node) => answersFor(node, ask))),
  ])
  return healthFrom(topology, map, answers)
}

/**
 * Asks for the map, and the nodes themselves once it names those wanted: a poll of a cluster that
 * starts is to cost the starting nodes little.
 */
async function pollHealth(
  topology: Topology,
  wanted: readonly TopologyNode[],
  ask: Ask,
): Promise<ClusterHealth> {
  const nodes = nodesOf(topology)
  const map = await readMap(topology, ask)
  const all = nodes.map(() => true)
  const byMap = healthFrom(topology, map, all)
  if (map === undefined || unwellOf(byMap, wanted).length > 0) return byMap
  const answers = await Promise.all(nodes.map((node) => answersFor(node, ask)))
  return healthFrom(topology, map, answers)
}

function unwellOf(health: ClusterHealth, wanted: readonly TopologyNode[]): NodeHealth[] {
  return health.nodes.filter(({node, ok}) => !ok && wanted.includes(node))
}

function healthFrom(
  topology: Topology,
  map: ClusterMap | undefined,
  answers: readonly boolean[],
): ClusterHealth {
  const nodes = nodesOf(topology)
  const healths = nodes.map((node, index) => healthOf(node, map, answers[index] ?? false))
  return {
    ok: healths.every(({ok}) => ok),
    nodes: healths,
    ...(map === undefined
      ? {}
      : {
          primary: map.smap.primary,
          mapVersion: map.smap.version,
          members: Object.values(map.smap.nodes),
        }),
  }
}

export interface WaitOptions {
  readonly timeoutMs: number
  readonly signal?: AbortSignal
  /** Nodes that must be well. Absent: all. */
  readonly nodes?: readonly TopologyNode[]
  /** Absent: over the public network. */
  readonly ask?: Ask
  report?(text: string, ratio: number): void
  /** Looks closer at who is not well; an error that it gives ends the waiting. */
  lookCloser?(unwell: readonly NodeHealth[], last: boolean): Promise<Error | undefined>
}

/** Waits until the cluster is well. @throws AisError TIMED_OUT that names who is not, and why */
export async function waitForHealth(
  topology: Topology,
  options: WaitOptions,
): Promise<ClusterHealth> {
  const deadline = performance.now() + options.timeoutMs
  let closer = performance.now() + LOOK_CLOSER_MS
  const wanted = options.nodes ?? nodesOf(topology)
  const ask = options.ask ?? askDirectly(topology)
  for (;;) {
    const last = performance.now() > deadline
    const look = last || performance.now() > closer
    const health = look ? await readHealth(topology, ask) : await pollHealth(topology, wanted, ask)
    const unwell = unwellOf(health, wanted)
    const well = wanted.length - unwell.length
    options.report?.(`${well} of ${wanted.length} nodes are well`, well / wanted.length)
    if (unwell.length === 0) return health
    if (options.signal?.aborted === true) {
      throw new AisError({code: 'INTERRUPTED', message: 'interrupted while the cluster started'})
    }
    if (look) {
      closer = performance.now() + LOOK_CLOSER_MS
      const reason = await options.lookCloser?.(unwell, last)
      if (reason !== undefined) throw reason
    }
    if (last) throw notHealthy(topology, unwell, options.timeoutMs)
    await sleep(POLL_MS)
  }
}

function notHealthy(
  topology: Topology,
  unwell: readonly NodeHealth[],
  timeoutMs: number,
): AisError {
  const list = unwell.map(({node, why}) => `${labelOf(node)}: ${why}`)
  const [first] = unwell
  const where =
    first === undefined ? '' : ` ${first.node.host} (journalctl -u aisnode@${first.node.instance})`
  return new AisError({
    code: 'TIMED_OUT',
    message: `${topology.cluster.name} is not well after ${formatDuration(timeoutMs)}: ${list.join('; ')}`,
    hint: `look at the journal of${where}; repeating the command is safe`,
    details: {unwell: unwell.map(({node, why}) => ({node: node.id, host: node.host, why}))},
  })
}

/** `t[id] (host/instance)`. */
export function labelOf(node: TopologyNode): string {
  return `${nodeLabel(node.role, node.id)} (${node.host}/${node.instance})`
}

/** The map, by the first gateway that has one; undefined when none of them does. */
export async function readMap(topology: Topology, ask: Ask): Promise<ClusterMap | undefined> {
  const proxies = nodesOf(topology).filter(({role}) => role === 'proxy')
  for (const proxy of proxies) {
    const answer = await ask(proxy, '/v1/daemon?what=smap')
    if (answer?.status !== 200) continue
    const map = decodeMap(answer.text)
    if (map?.uuid === topology.cluster.uuid) return map
  }
  return undefined
}

/** A node that is just starting may answer with half a map: as good as no answer. */
function decodeMap(text: string): ClusterMap | undefined {
  try {
    return decodeSmap(parseJson(text))
  } catch (error) {
    if (error instanceof AisError) return undefined
    throw error
  }
}

async function answersFor(node: TopologyNode, ask: Ask): Promise<boolean> {
  return (await ask(node, '/v1/health'))?.status === 200
}

function healthOf(node: TopologyNode, map: ClusterMap | undefined, answers: boolean): NodeHealth {
  const members: Readonly<Record<string, Member>> = map?.smap.nodes ?? {}
  const member = members[node.id]
  const why = ((): string => {
    if (map === undefined) return answers ? 'waits for the cluster' : 'does not answer'
    if (member === undefined) return answers ? 'has not joined' : 'does not answer'
    // A node in maintenance may be off by intent.
    if (isLeaving(member)) return ''
    if (member.away !== null) return member.away.kind
    if (member.learner) return 'is catching up'
    return answers ? '' : 'does not answer'
  })()
  return {node, ok: why === '', why}
}
