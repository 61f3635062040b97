/** A node's status and statistics: `what=node_status`, `what=node_stats`, `what=metrics`. */

import type {ClusterView} from '../model/cluster-view.ts'
import type {Member} from '../model/node.ts'
import {LEAVING_FLAGS, NODE_FLAG} from '../model/node.ts'
import type {Capacity, MountpathFacts} from './capacity.ts'
import {decodeCapacity, encodeCapacity} from './capacity.ts'
import {json, looseStruct, mapOf, num, strInt, text, withDefault} from './decode.ts'
import type {Json, JsonMap} from './json.ts'
import type {NodeState} from './state-flags.ts'
import {decodeNodeState, encodeNodeState, NO_VERSIONS} from './state-flags.ts'
import {encodeMember} from './smap.ts'
import {encodeSnode, snode} from './snode.ts'
import type {SystemFacts, SystemInfo} from './system-info.ts'
import {decodeSystemInfo, encodeSystemInfo} from './system-info.ts'

/** Release of AIStore whose tools this daemon speaks to; they compare `major.minor`. */
export const AIS_VERSION = '5.0.0'

/** What a node knows of itself. */
export interface NodeFacts {
  readonly view: ClusterView
  /** The node as it started, for the time before it is in a map. */
  readonly self: Member
  /** Release of this program; shown as the build. */
  readonly build: string
  /** Statistics by AIStore's names. */
  readonly tracker: Readonly<Record<string, number>>
  readonly mountpaths: readonly MountpathFacts[]
  /** What is wrong with the mountpaths; '' when nothing is. */
  readonly mountpathProblem: string
  readonly system: SystemFacts
  /** A target's part in the last rebalance, as `job.ts` writes it; absent: it knows of none. */
  readonly rebalance?: JsonMap
  /** STATE_FLAG bits beyond those of the view. */
  readonly moreFlags: number
}

/**
 * The word for a member's state: '' when it is online, else AIStore's `maintenance` or
 * `decommission`, or ours, `absent` or `lost`.
 */
export function statusWord(member: Member): string {
  if ((member.flags & NODE_FLAG.decommission) !== 0) return 'decommission'
  if ((member.flags & LEAVING_FLAGS) !== 0) return 'maintenance'
  return member.away?.kind ?? ''
}

/** `what=node_status`, keys in Go's order. */
export function encodeNodeStatus(facts: NodeFacts): JsonMap {
  const {view} = facts
  const member = view.record?.smap.nodes[view.self.id] ?? facts.self
  return {
    ...(facts.rebalance === undefined ? {} : {rebalance_snap: facts.rebalance}),
    status: statusWord(member),
    deployment: 'linux',
    ais_version: AIS_VERSION,
    build_time: facts.build,
    k8s_pod_name: '',
    ...encodeNodeStats(facts),
    cluster: encodeNodeState(view, facts.moreFlags),
    sys_info: encodeSystemInfo(facts.system),
    smap_version: String(view.record?.smap.version ?? 0),
  }
}

/** `what=node_stats`, keys in Go's order. */
export function encodeNodeStats(facts: NodeFacts): JsonMap {
  const {view} = facts
  const member = view.record?.smap.nodes[view.self.id]
  const descriptor =
    member === undefined || view.record === null
      ? encodeSnode(facts.self, {center: false})
      : encodeMember(view.record.smap, member)
  return {
    snode: descriptor,
    tracker: sortedNumbers(facts.tracker),
    capacity: encodeCapacity(facts.mountpaths, facts.mountpathProblem),
  }
}

/** What a gateway answers for a node that cannot answer itself: its name and state alone. */
export function encodeAwayStatus(member: Member): JsonMap {
  return {
    status: statusWord(member),
    deployment: '',
    ais_version: '',
    build_time: '',
    k8s_pod_name: '',
    snode: encodeSnode(member, {center: false}),
    tracker: null,
    capacity: encodeCapacity([]),
    cluster: {...NO_VERSIONS, flags: 0},
    sys_info: {
      mem_used: 0,
      mem_avail: 0,
      pct_mem_used: 0,
      pct_cpu_used: 0,
      load_avg: {One: 0, Five: 0, Fifteen: 0},
      cpu_util: 0,
    },
    smap_version: '0',
  }
}

function sortedNumbers(numbers: Readonly<Record<string, number>>): JsonMap {
  return Object.fromEntries(Object.entries(numbers).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

/** A node's status as a client reads it. */
export interface NodeStatus {
  readonly member: Member
  readonly status: string
  readonly version: string
  readonly build: string
  readonly tracker: Readonly<Record<string, number>>
  readonly capacity: Capacity
  readonly state: NodeState | null
  readonly system: SystemInfo
  readonly smapVersion: number
}

const NODE_STATUS = looseStruct({
  status: withDefault(text, ''),
  ais_version: withDefault(text, ''),
  build_time: withDefault(text, ''),
  snode,
  tracker: withDefault(mapOf(num), {}),
  capacity: withDefault(json, null),
  cluster: withDefault(json, null),
  sys_info: withDefault(json, null),
  smap_version: withDefault(strInt, 0),
})

/** @throws AisError BAD_REQUEST */
export function decodeNodeStatus(value: Json): NodeStatus {
  const found = NODE_STATUS(value, 'node status')
  return {
    member: found.snode,
    status: found.status,
    version: found.ais_version,
    build: found.build_time,
    tracker: found.tracker,
    capacity: decodeCapacity(found.capacity),
    state: found.cluster === null ? null : decodeNodeState(found.cluster),
    system: decodeSystemInfo(found.sys_info),
    smapVersion: found.smap_version,
  }
}
