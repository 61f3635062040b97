/**
 * Where each message between nodes is sent: AIStore's path names where it has one for the purpose,
 * our bodies (DESIGN: connections). All of them on the control listener, all authenticated.
 */

import type {PeerRequest} from '../model/peer-messages.ts'

export type PeerMessageType = PeerRequest['type']

/** A row of the table. */
export interface PeerPath {
  readonly type: PeerMessageType
  readonly method: 'POST' | 'PUT' | 'DELETE'
  readonly path: string
}

/** One path and method per message. */
export const PEER_PATHS: readonly PeerPath[] = [
  {type: 'vote', method: 'POST', path: '/v1/vote'},
  {type: 'prepare', method: 'PUT', path: '/v1/metasync'},
  {type: 'beat', method: 'POST', path: '/v1/cluster/keepalive'},
  {type: 'join', method: 'POST', path: '/v1/cluster/autoreg'},
  {type: 'leaving', method: 'DELETE', path: '/v1/cluster/daemon'},
  {type: 'probe', method: 'POST', path: '/v1/health'},
  {type: 'check', method: 'POST', path: '/v1/health/check'},
  {type: 'invite', method: 'POST', path: '/v1/daemon/join-by-admin'},
  {type: 'nominate', method: 'PUT', path: '/v1/vote/init'},
]

const BY_TYPE = Object.fromEntries(PEER_PATHS.map((row) => [row.type, row])) as Readonly<
  Record<PeerMessageType, PeerPath>
>

/** Where a request of this type goes. */
export function peerPath(type: PeerMessageType): PeerPath {
  return BY_TYPE[type]
}

/** What a request on this path is; undefined when nodes do not talk there. */
export function peerMessageAt(method: string, path: string): PeerMessageType | undefined {
  return PEER_PATHS.find((row) => row.method === method && row.path === path)?.type
}
