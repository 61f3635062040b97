/**
 * A member as AIStore's node descriptor. What it cannot hold (incarnation, learner, levels) is not
 * on this wire; absence is on the map beside it (`smap.ts`).
 */

import {xxh64} from '../base/xxhash.ts'
import {parseNodeId} from '../model/ids.ts'
import type {Endpoint, Member} from '../model/node.ts'
import {endpointUrl, NODE_FLAG, parseEndpoint} from '../model/node.ts'
import {LEVEL} from '../model/record.ts'
import type {Decoder} from './decode.ts'
import {count, looseStruct, mismatch, optional, text, withDefault, word} from './decode.ts'
import type {JsonMap} from './json.ts'

/** What a descriptor shows besides the member itself. */
export interface SnodeMarks {
  /** Member of the information center. */
  readonly center: boolean
}

/** The descriptor, keys in Go's order. A lost node shows AIStore's maintenance flag. */
export function encodeSnode(member: Member, marks: SnodeMarks): JsonMap {
  const lost = member.away?.kind === 'lost' ? NODE_FLAG.maintenance : 0
  const center = marks.center && lost === 0 ? NODE_FLAG.informationCenter : 0
  return {
    public_net: encodeNet(member.public),
    intra_data_net: encodeNet(member.data),
    intra_control_net: encodeNet(member.control),
    daemon_type: member.role,
    daemon_id: member.id,
    flags: (member.flags & ~NODE_FLAG.informationCenter) | lost | center,
    id_digest: xxh64(member.id),
  }
}

function encodeNet(endpoint: Endpoint): JsonMap {
  return {
    node_ip_addr: endpoint.host,
    daemon_port: String(endpoint.port),
    direct_url: endpointUrl(endpoint),
  }
}

const NET_FIELDS = looseStruct({
  node_ip_addr: withDefault(text, ''),
  daemon_port: withDefault(text, ''),
  direct_url: withDefault(text, ''),
})

const net: Decoder<Endpoint> = (value, path) => {
  const found = NET_FIELDS(value, path)
  const host = found.node_ip_addr.includes(':') ? `[${found.node_ip_addr}]` : found.node_ip_addr
  return (
    parseEndpoint(`${host}:${found.daemon_port}`) ??
    parseEndpoint(found.direct_url) ??
    mismatch(path, 'a network address', value)
  )
}

const SNODE = looseStruct({
  public_net: optional(net),
  intra_data_net: optional(net),
  intra_control_net: net,
  daemon_type: word(['proxy', 'target']),
  daemon_id: text,
  flags: withDefault(count, 0),
})

/**
 * A member from its descriptor; the incarnation is 1 and the levels are this release's, because the
 * descriptor does not say. Flags are as they stand there.
 */
export const snode: Decoder<Member> = (value, path) => {
  const found = SNODE(value, path)
  const id = parseNodeId(found.daemon_id)
  if (typeof id !== 'string') return mismatch(`${path}.daemon_id`, 'a node id', found.daemon_id)
  return {
    id,
    role: found.daemon_type,
    public: found.public_net ?? found.intra_control_net,
    control: found.intra_control_net,
    data: found.intra_data_net ?? found.intra_control_net,
    flags: found.flags,
    inc: 1,
    learner: false,
    away: null,
    speaks: [LEVEL, LEVEL],
  }
}

const JOIN_SNODE = looseStruct({
  intra_control_net: net,
  daemon_type: withDefault(text, ''),
  daemon_id: withDefault(text, ''),
})

/**
 * The body of an administrator's join: an address and, usually, no id yet.
 * @throws AisError BAD_REQUEST
 */
export function decodeJoinRequest(value: JsonMap): {
  readonly control: Endpoint
  readonly role: string
  readonly id: string
} {
  const found = JOIN_SNODE(value, 'node')
  return {control: found.intra_control_net, role: found.daemon_type, id: found.daemon_id}
}
