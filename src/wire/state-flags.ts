/** What a node says of itself in a few words: `NodeStateInfo` of health and status answers. */

import {defined} from '../base/assert.ts'
import {endpointUrl, NODE_FLAG} from '../model/node.ts'
import type {ClusterView} from '../model/cluster-view.ts'
import type {ClusterRecord} from '../model/record.ts'
import {count, looseStruct, strInt, text, withDefault} from './decode.ts'
import type {Json, JsonMap} from './json.ts'

/** AIStore's `NodeStateFlags`, bit for bit; those that are set by this release. */
export const STATE_FLAG = {
  voteInProgress: 1 << 0,
  clusterStarted: 1 << 1,
  nodeStarted: 1 << 2,
  rebalancing: 1 << 3,
  resilvering: 1 << 5,
  restarted: 1 << 7,
  outOfSpace: 1 << 8,
  maintenance: 1 << 10,
  lowCapacity: 1 << 11,
  diskFault: 1 << 13,
  keepaliveErrors: 1 << 19,
} as const

/** State bits that follow from the view alone. */
export function stateFlags(view: ClusterView): number {
  const flags = view.record?.smap.nodes[view.self.id]?.flags ?? 0
  const moves = (view.record?.move ?? null) !== null
  const leaving = (flags & (NODE_FLAG.maintenance | NODE_FLAG.decommission)) !== 0
  return (
    (view.clusterStarted ? STATE_FLAG.clusterStarted : 0) |
    (view.nodeStarted ? STATE_FLAG.nodeStarted : 0) |
    (leaving ? STATE_FLAG.maintenance : 0) |
    (moves ? STATE_FLAG.rebalancing : 0)
  )
}

/**
 * The state as a JSON value, keys in Go's order.
 * @param moreFlags bits that the view cannot know
 */
export function encodeNodeState(view: ClusterView, moreFlags = 0): JsonMap {
  const {record} = view
  return {
    ...(record === null ? NO_VERSIONS : encodeVersions(record)),
    flags: stateFlags(view) | moreFlags,
  }
}

function encodeVersions(record: ClusterRecord): JsonMap {
  const {uuid, smap} = record
  const primary = defined(smap.nodes[smap.primary], 'the primary is in the map')
  return {
    smap: {
      Primary: {
        pub_url: endpointUrl(primary.public),
        control_url: endpointUrl(primary.control),
        id: primary.id,
      },
      uuid,
      version: String(smap.version),
    },
    bmd: {uuid, version: String(record.bmd.version)},
    rmd: {version: String(record.rmd.version)},
    config: {version: String(record.conf.version)},
    etlmd: {version: '0'},
  }
}

/** Of a node of which nothing is known, or that belongs to no cluster yet. */
export const NO_VERSIONS: JsonMap = {
  smap: {Primary: {pub_url: '', control_url: '', id: ''}, uuid: '', version: '0'},
  bmd: {uuid: '', version: '0'},
  rmd: {version: '0'},
  config: {version: '0'},
  etlmd: {version: '0'},
}

/** What a client reads of it. */
export interface NodeState {
  readonly uuid: string
  readonly primaryId: string
  readonly primaryUrl: string
  readonly smapVersion: number
  readonly bmdVersion: number
  readonly configVersion: number
  /** STATE_FLAG bits. */
  readonly flags: number
}

const VERSION = looseStruct({version: withDefault(strInt, 0)})
const PRIMARY = looseStruct({
  pub_url: withDefault(text, ''),
  control_url: withDefault(text, ''),
  id: withDefault(text, ''),
})
const NODE_STATE = looseStruct({
  smap: looseStruct({
    primary: withDefault(PRIMARY, {pub_url: '', control_url: '', id: ''}),
    uuid: withDefault(text, ''),
    version: withDefault(strInt, 0),
  }),
  bmd: withDefault(VERSION, {version: 0}),
  config: withDefault(VERSION, {version: 0}),
  flags: withDefault(count, 0),
})

/** @throws AisError BAD_REQUEST */
export function decodeNodeState(value: Json): NodeState {
  const found = NODE_STATE(value, 'node state')
  return {
    uuid: found.smap.uuid,
    primaryId: found.smap.primary.id,
    primaryUrl: found.smap.primary.pub_url,
    smapVersion: found.smap.version,
    bmdVersion: found.bmd.version,
    configVersion: found.config.version,
    flags: found.flags,
  }
}
