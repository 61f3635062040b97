/**
 * The cluster map as AIStore shows it. Who is absent or lost stands under `ext.abs`, who has not
 * been promoted yet under `ext.learners`; both are left out while there is nobody, so that the
 * usual map is AIStore's to the byte.
 */

import {defined} from '../base/assert.ts'
import {informationCenter} from '../model/information-center.ts'
import type {Away, Member} from '../model/node.ts'
import {NODE_FLAG} from '../model/node.ts'
import type {NodeId} from '../model/ids.ts'
import type {Smap} from '../model/record.ts'
import {
  bool,
  count,
  list,
  looseStruct,
  map,
  mapOf,
  mismatch,
  strInt,
  text,
  withDefault,
  word,
} from './decode.ts'
import type {Json, JsonMap} from './json.ts'
import {encodeSnode, snode} from './snode.ts'

/** The map of one cluster, by its uuid. */
export interface ClusterMap {
  readonly uuid: string
  readonly smap: Smap
}

/** The map as a JSON value, keys in Go's order. */
export function encodeSmap(uuid: string, smap: Smap): JsonMap {
  const center = new Set<string>(informationCenter(smap))
  const members = Object.values(smap.nodes).toSorted((a, b) => (a.id < b.id ? -1 : 1))
  const encode = (member: Member): JsonMap => encodeSnode(member, {center: center.has(member.id)})
  const table = (role: Member['role']): JsonMap =>
    Object.fromEntries(
      members
        .filter((member) => member.role === role)
        .map((member) => [member.id, encode(member)] as const),
    )
  const ext = encodeExt(members)
  return {
    ...(ext === undefined ? {} : {ext}),
    pmap: table('proxy'),
    proxy_si: encode(defined(smap.nodes[smap.primary], 'the primary is in the map')),
    tmap: table('target'),
    uuid,
    creation_time: smap.created,
    version: String(smap.version),
  }
}

/** The member of a map, as its descriptor (`what=snode`). */
export function encodeMember(smap: Smap, member: Member): JsonMap {
  return encodeSnode(member, {center: informationCenter(smap).includes(member.id)})
}

function encodeExt(members: readonly Member[]): JsonMap | undefined {
  const away = members.flatMap((member): readonly (readonly [string, JsonMap])[] =>
    member.away === null ? [] : [[member.id, encodeAway(member.away, member)]],
  )
  const learners = members.filter((member) => member.learner).map((member) => member.id)
  if (away.length === 0 && learners.length === 0) return undefined
  return {
    ...(away.length === 0 ? {} : {abs: Object.fromEntries(away)}),
    ...(learners.length === 0 ? {} : {learners}),
  }
}

// `maintenance` says that the flag was there before the node was lost.
function encodeAway(state: Away, member: Member): JsonMap {
  const maintenance = (member.flags & NODE_FLAG.maintenance) !== 0
  return {
    kind: state.kind,
    since_ms: state.sinceMs,
    ...(maintenance ? {maintenance} : {}),
  }
}

const AWAY = looseStruct({
  kind: word(['absent', 'lost']),
  since_ms: withDefault(count, 0),
  maintenance: withDefault(bool, false),
})

type AwayEntry = ReturnType<typeof AWAY>

const EXT = looseStruct({
  abs: withDefault(mapOf(AWAY), {}),
  learners: withDefault(list(text), []),
})

const SMAP = looseStruct({
  ext: withDefault(map, {}),
  pmap: withDefault(mapOf(snode), {}),
  proxy_si: snode,
  tmap: withDefault(mapOf(snode), {}),
  uuid: withDefault(text, ''),
  creation_time: withDefault(text, ''),
  version: withDefault(strInt, 0),
})

/**
 * Reads a map, of our nodes or of AIStore's. Roles under their ids, absences from `ext`.
 * @throws AisError BAD_REQUEST
 */
export function decodeSmap(value: Json): ClusterMap {
  const found = SMAP(value, 'smap')
  const ext = EXT(found.ext, 'smap.ext')
  const nodes: Record<string, Member> = {}
  for (const member of [...Object.values(found.pmap), ...Object.values(found.tmap)]) {
    nodes[member.id] = withExt(member, ext)
  }
  const primary: NodeId = found.proxy_si.id
  if (nodes[primary] === undefined) return mismatch('smap.proxy_si', 'a node of the map', primary)
  return {
    uuid: found.uuid,
    smap: {version: found.version, epoch: 0, created: found.creation_time, primary, nodes},
  }
}

function withExt(member: Member, ext: ReturnType<typeof EXT>): Member {
  const entry: AwayEntry | undefined = Object.hasOwn(ext.abs, member.id)
    ? ext.abs[member.id]
    : undefined
  const shown = entry?.kind === 'lost' && !entry.maintenance ? NODE_FLAG.maintenance : 0
  return {
    ...member,
    flags: member.flags & ~shown,
    away: entry === undefined ? null : {kind: entry.kind, sinceMs: entry.since_ms},
    learner: ext.learners.includes(member.id),
  }
}
