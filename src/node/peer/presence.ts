/**
 * Which nodes have connections open to this one, and when the last of a node's ends in a way that
 * its process may be the reason for: a reason to look, no evidence. What a process leaves behind
 * when it is killed are connections that end while they are in use; those that end because nobody
 * needed them were silent for as long as a lane keeps an idle one, or had announced their end.
 */

import type {Socket} from 'node:net'

import type {NodeId} from '../../model/ids.ts'
import {LANE_IDLE_MS} from './lane.ts'

export interface PresenceDeps {
  /** The last connection of this node has ended, and no other was opened at once. */
  readonly lost: (id: NodeId) => void
}

export interface Presence {
  /** A node's request was admitted. @param last it closes the connection after the answer */
  readonly note: (socket: Socket, id: NodeId, last: boolean) => void
}

/** A lane that opens another connection in place of one that broke has this long to say so. */
const DEBOUNCE_MS = 50
/** Timers of both ends are this exact at least. */
const IDLE_SLACK_MS = 5000

interface Connection {
  readonly id: NodeId
  usedAtMs: number
  last: boolean
}

export function createPresence(deps: PresenceDeps): Presence {
  const connections = new WeakMap<Socket, Connection>()
  const open = new Map<NodeId, Set<Socket>>()
  const waiting = new Set<NodeId>()

  function note(socket: Socket, id: NodeId, last: boolean): void {
    const known = connections.get(socket)
    if (known !== undefined) {
      known.usedAtMs = performance.now()
      known.last ||= last
      return
    }
    const connection = {id, usedAtMs: performance.now(), last}
    connections.set(socket, connection)
    const others = open.get(id)
    if (others === undefined) open.set(id, new Set([socket]))
    else others.add(socket)
    socket.once('close', () => ended(socket, connection))
  }

  function ended(socket: Socket, {id, usedAtMs, last}: Connection): void {
    const others = open.get(id)
    others?.delete(socket)
    if (others === undefined || others.size > 0) return
    open.delete(id)
    const idleMs = performance.now() - usedAtMs
    if (last || idleMs > LANE_IDLE_MS - IDLE_SLACK_MS || waiting.has(id)) return
    waiting.add(id)
    setTimeout(() => {
      waiting.delete(id)
      if (!open.has(id)) deps.lost(id)
    }, DEBOUNCE_MS)
  }

  return {note}
}
