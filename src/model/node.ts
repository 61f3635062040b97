/**
 * A member of the cluster as the record holds it, its flags on the wire, and what its state
 * answers.
 */

import type {NodeId} from './ids.ts'
import {nodeLabel} from './ids.ts'

export type Role = 'proxy' | 'target'

/** Where a listener is reached. Host: IPv4, IPv6 without brackets, or a name. Port: 1 to 65535. */
export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** AIStore's `SnodeFlags`, bit for bit. */
export const NODE_FLAG = {
  nonElectable: 1,
  informationCenter: 2,
  maintenance: 4,
  decommission: 8,
  maintenancePostRebalance: 16,
} as const

/** Nodes with either bit own nothing, vote nothing and are skipped by placement. */
export const LEAVING_FLAGS = NODE_FLAG.maintenance | NODE_FLAG.decommission

/**
 * Out of reach, though still a member and a voter (DESIGN: states). `absent`: ordered and
 * announced.
 */
export interface Away {
  readonly kind: 'absent' | 'lost'
  /** Wall clock of the primary that recorded it, ms since 1970; for people, never for decisions. */
  readonly sinceMs: number
}

/** One node of the cluster map. */
export interface Member {
  readonly id: NodeId
  readonly role: Role
  readonly public: Endpoint
  readonly control: Endpoint
  readonly data: Endpoint
  /** NODE_FLAG bits. */
  readonly flags: number
  /**
   * Incarnation: grows when a node returns without its durable state, so that the amnesiac is
   * another voter than the one it was (R2, R3). Starts at 1.
   */
  readonly inc: number
  /** Joined, not yet promoted: no vote, no ownership (R14). */
  readonly learner: boolean
  readonly away: Away | null
  /**
   * Index of the record that made this id a member, the last time that it was none; absent: it is
   * one since the cluster was formed. What it holds from before is not the cluster's (R33).
   */
  readonly since?: number | undefined
  /** Lowest and highest `level` that its release speaks. */
  readonly speaks: readonly [low: number, high: number]
}

/** Whether it is being taken out: maintenance, shutdown or decommission. */
export function isLeaving(member: Pick<Member, 'flags'>): boolean {
  return (member.flags & LEAVING_FLAGS) !== 0
}

/**
 * Whether it counts in a quorum (R2): neither learner nor leaving. Absent and lost nodes do count.
 */
export function isVoter(member: Pick<Member, 'flags' | 'learner'>): boolean {
  return !member.learner && !isLeaving(member)
}

/** Whether it may become primary: an electable proxy that votes. */
export function isElectable(member: Pick<Member, 'role' | 'flags' | 'learner'>): boolean {
  return member.role === 'proxy' && isVoter(member) && (member.flags & NODE_FLAG.nonElectable) === 0
}

/**
 * Whether it owns keys: a promoted target, neither leaving nor lost. An absent target keeps its
 * share.
 */
export function ownsKeys(member: Member): boolean {
  return member.role === 'target' && isVoter(member) && member.away?.kind !== 'lost'
}

/** Display form: `p[id]` or `t[id]`. */
export function nodeLabelOf(member: Pick<Member, 'id' | 'role'>): string {
  return nodeLabel(member.role, member.id)
}

/** `host:port`, IPv6 in brackets. */
export function formatEndpoint(endpoint: Endpoint): string {
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host
  return `${host}:${endpoint.port}`
}

/** `http://host:port`. */
export function endpointUrl(endpoint: Endpoint): string {
  return `http://${formatEndpoint(endpoint)}`
}

/** Parses `host:port`, `[v6]:port` or the same behind `http://`; undefined when it is neither. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const bare = text.replace(/^https?:\/\//, '').replace(/\/$/, '')
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:/[\]]+)):(\d{1,5})$/.exec(bare)
  if (match === null) return undefined
  const port = Number(match[3])
  const host = match[1] ?? match[2]
  return host === undefined || port < 1 || port > 65535 ? undefined : {host, port}
}
