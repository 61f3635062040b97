/** Requests of one node to another's public listener: relayed calls, questions to every node. */

import {Agent, request, type IncomingMessage, type OutgoingHttpHeaders} from 'node:http'

import {RECORD_BYTES_MAX} from '../../model/limits.ts'
import type {Endpoint} from '../../model/node.ts'
import {readBody} from '../peer/body.ts'
import {nearEnd} from '../peer/own-port.ts'

export interface PublicRequest {
  readonly method: string
  /** Path with query. */
  readonly path: string
  readonly headers?: OutgoingHttpHeaders
  readonly body?: string
}

export interface PublicAnswer {
  readonly head: IncomingMessage
  /** Whole. */
  readonly body: Buffer
}

/** Rejects when there is no answer. */
export type AskPublic = (to: Endpoint, ask: PublicRequest) => Promise<PublicAnswer>

/** A commit waits for a majority; beyond this the other node is taken for gone. */
const TIMEOUT_MS = 30_000
/** The other side closes idle connections after 60 s; leave before it does. */
const IDLE_MS = 50_000
const CONNECTIONS_MAX = 32

export function createPublicClient(): AskPublic {
  const agent = new Agent({keepAlive: true, maxSockets: CONNECTIONS_MAX, timeout: IDLE_MS})
  return async (to, ask) => {
    try {
      return await exchange(agent, to, ask)
    } catch (error) {
      // An idle connection that ended under the request: the other side never saw it.
      if (error instanceof StaleConnection) return await exchange(agent, to, ask)
      throw error
    }
  }
}

class StaleConnection extends Error {
  override readonly name = 'StaleConnection'
}

function exchange(agent: Agent, to: Endpoint, ask: PublicRequest): Promise<PublicAnswer> {
  const {method, path, headers = {}, body = ''} = ask
  return new Promise((resolve, reject) => {
    const there = {host: to.host, port: to.port, ...nearEnd(to.host)}
    const asked = request({agent, ...there, method, path, headers, timeout: TIMEOUT_MS}, (head) => {
      readBody(head, RECORD_BYTES_MAX).then((bytes) => resolve({head, body: bytes}), reject)
    })
    asked.once('timeout', () => asked.destroy(new Error('no answer in time')))
    asked.once('error', (error: NodeJS.ErrnoException) => {
      const stale = asked.reusedSocket && error.code === 'ECONNRESET'
      reject(stale ? new StaleConnection(error.message, {cause: error}) : error)
    })
    asked.end(body)
  })
}
