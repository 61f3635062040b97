/**
 * Requests of one node to another's public listener: relayed calls, questions to every node. Who
 * asks learns whether the other node may have acted on a request that was not answered: a change is
 * announced first, and its body, without which nobody acts, leaves when the other node asks for it.
 */

import {
  Agent,
  request,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type RequestOptions,
} from 'node:http'

import {RECORD_BYTES_MAX} from '../../model/limits.ts'
import type {Endpoint} from '../../model/node.ts'
import {reasonOf} from '../observe/log.ts'
import {readBody} from '../peer/body.ts'
import {nearEnd} from '../peer/own-port.ts'

export interface PublicRequest {
  readonly method: string
  /** Path with query. */
  readonly path: string
  readonly headers?: OutgoingHttpHeaders
  readonly body?: string
  /** When nobody needs the answer any more. */
  readonly signal?: AbortSignal
}

export interface PublicAnswer {
  readonly head: IncomingMessage
  /** Whole. */
  readonly body: Buffer
}

/** @throws NoAnswer */
export type AskPublic = (to: Endpoint, ask: PublicRequest) => Promise<PublicAnswer>

/** There is no answer, or half of one. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer'
  /** Whether the other node may have acted on the request; never for a mere question. */
  readonly begun: boolean
  /** An idle connection that ended under the request: the other side never saw it. */
  readonly stale: boolean
  constructor(cause: unknown, begun: boolean, stale = false) {
    super(reasonOf(cause), {cause})
    this.begun = begun
    this.stale = stale
  }
}

/** A commit waits for a majority; beyond this the other node is taken for gone. */
const TIMEOUT_MS = 30_000
/** To connect and to be asked for the body: a frozen process does not. */
const CONTINUE_MS = 3000
/** The other side closes idle connections after 60 s; leave before it does. */
const IDLE_MS = 50_000
const CONNECTIONS_MAX = 32

export function createPublicClient(): AskPublic {
  const agent = new Agent({keepAlive: true, maxSockets: CONNECTIONS_MAX, timeout: IDLE_MS})
  return async (to, ask) => {
    if (ask.method !== 'GET' && ask.method !== 'HEAD') return await change(agent, to, ask)
    try {
      return await question(agent, to, ask)
    } catch (error) {
      if (error instanceof NoAnswer && error.stale) return await question(agent, to, ask)
      throw error
    }
  }
}

function question(agent: Agent, to: Endpoint, ask: PublicRequest): Promise<PublicAnswer> {
  const {body = ''} = ask
  return new Promise((resolve, reject) => {
    const asked = request({...optionsOf(agent, to, ask), timeout: TIMEOUT_MS}, (head) => {
      readBody(head, RECORD_BYTES_MAX).then(
        (bytes) => resolve({head, body: bytes}),
        (error: unknown) => reject(new NoAnswer(error, false)),
      )
    })
    asked.once('timeout', () => asked.destroy(new Error('no answer in time')))
    asked.once('error', (error: NodeJS.ErrnoException) => {
      const stale = asked.reusedSocket && error.code === 'ECONNRESET'
      reject(new NoAnswer(error, false, stale))
    })
    asked.end(body)
  })
}

function change(agent: Agent, to: Endpoint, ask: PublicRequest): Promise<PublicAnswer> {
  const {headers = {}, body = ''} = ask
  return new Promise((resolve, reject) => {
    let begun = false
    // Without a length even an empty body has an end that can be held back.
    const more = {...headers, 'expect': '100-continue', 'transfer-encoding': 'chunked'}
    const asked = request(optionsOf(agent, to, {...ask, headers: more}))
    const impatient = setTimeout(() => {
      asked.destroy(new Error('it does not take the request'))
    }, CONTINUE_MS)
    asked.once('continue', () => {
      clearTimeout(impatient)
      begun = true
      asked.setTimeout(TIMEOUT_MS, () => asked.destroy(new Error('no answer in time')))
      asked.end(body)
    })
    asked.once('response', (head) => {
      clearTimeout(impatient)
      if (!begun) asked.end()
      readBody(head, RECORD_BYTES_MAX).then(
        (bytes) => resolve({head, body: bytes}),
        (error: unknown) => reject(new NoAnswer(error, begun)),
      )
    })
    asked.once('error', (error) => {
      clearTimeout(impatient)
      reject(new NoAnswer(error, begun))
    })
    asked.flushHeaders()
  })
}

function optionsOf(agent: Agent, to: Endpoint, ask: PublicRequest): RequestOptions {
  const {method, path, headers = {}, signal} = ask
  const there = {host: to.host, port: to.port, ...nearEnd(to.host)}
  return {agent, ...there, method, path, headers, ...(signal === undefined ? {} : {signal})}
}
