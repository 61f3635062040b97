/** The clusters that this machine knows, each asked for a sign of life; or how to get one. */

import type {ProbeAnswer} from '../../client/probe.ts'
import {probe} from '../../client/probe.ts'
import type {KnownCluster} from '../../client/known-clusters.ts'
import {knownClusters} from '../../client/known-clusters.ts'
import {isLeaving} from '../../model/node.ts'
import {AisError} from '../../base/errors.ts'
import {decodeElections} from '../../wire/elections.ts'
import type {ClusterMap} from '../../wire/smap.ts'
import {decodeSmap} from '../../wire/smap.ts'
import type {Json} from '../../wire/json.ts'
import {parseJson} from '../../wire/json.ts'
import type {Paint} from '../render/paint.ts'
import {renderTable} from '../render/table.ts'
import type {Page} from './cluster-page.ts'

/** One dead cluster must not keep the others waiting. */
const PROBE_MS = 1_500

interface Sign {
  readonly cluster: KnownCluster
  readonly map: ClusterMap | null
  readonly endpoint: string
  /** Whether a gateway hears a primary; where none tells, the map's is believed. */
  readonly led: boolean
}

export async function clustersPage(paint: Paint): Promise<Page> {
  const {clusters} = knownClusters()
  if (clusters.length === 0) return {lines: WAYS_TO_START, json: {clusters: []}}
  const signs = await Promise.all(clusters.map(signOf))
  const lines = renderTable(signs, [
    {heading: 'CLUSTER', cell: ({cluster}) => cluster.name},
    {heading: 'KIND', cell: ({cluster}) => cluster.kind},
    {heading: 'UUID', cell: ({cluster}) => cluster.uuid},
    {heading: 'GATEWAY', cell: ({endpoint}) => endpoint},
    {heading: 'HEALTH', cell: (sign) => healthText(sign, paint)},
  ])
  const [first] = clusters
  const next = `Look closer: aisctl show cluster --cluster ${first?.name ?? 'NAME'}`
  return {lines: [...lines, '', next], json: {clusters: signs.map(toJson)}}
}

const WAYS_TO_START: readonly string[] = [
  'No cluster is known on this machine. Three ways to start:',
  '  on this machine, in seconds      aisctl playground up',
  '  on Linux hosts, over SSH         aisctl init',
  '  a cluster that runs already      aisctl show cluster --cluster http://HOST:PORT',
]

async function signOf(cluster: KnownCluster): Promise<Sign> {
  let sign: Sign = {cluster, map: null, endpoint: cluster.endpoints[0] ?? '', led: false}
  for (const endpoint of cluster.endpoints) {
    const [smap, elections] = await Promise.all([
      probe(`${endpoint}/v1/daemon?what=smap`, PROBE_MS),
      probe(`${endpoint}/v1/cluster?what=elections`, PROBE_MS),
    ])
    const map = decoded(smap, decodeSmap)
    if (map === null) continue
    const led = decoded(elections, decodeElections)?.live ?? true
    if (sign.map === null || led) sign = {cluster, map, endpoint, led}
    // One that is cut off hears nobody: another one may.
    if (led) break
  }
  return sign
}

function decoded<T>(answer: ProbeAnswer | undefined, decode: (value: Json) => T): T | null {
  if (answer?.status !== 200) return null
  try {
    return decode(parseJson(answer.text))
  } catch (error) {
    // Somebody else listens there, or the node is not in a cluster yet.
    if (error instanceof AisError) return null
    throw error
  }
}

function healthText({map, led}: Sign, paint: Paint): string {
  if (map === null) return paint('red', 'does not answer')
  const members = Object.values(map.smap.nodes)
  const away = members.filter((member) => member.away !== null || isLeaving(member)).length
  const total = `${members.length} nodes`
  if (!led) return paint('red', `${total}, no primary: nothing can be changed`)
  return away === 0
    ? paint('green', `${total}, all active`)
    : paint('yellow', `${total}, ${away} not active`)
}

function toJson({cluster, map, endpoint, led}: Sign): unknown {
  const nodes = map === null ? null : Object.keys(map.smap.nodes).length
  return {...cluster, answers: map !== null, primary: led, endpoint, nodes}
}
