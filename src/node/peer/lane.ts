/**
 * The connecting half of authentication: requests to one node over few long-lived connections,
 * under one session, which is made anew once when the other side no longer knows it (it was
 * restarted). A failure is a `PeerFailure` with the reason that the kernel reasons about. Retried,
 * once, is only a request whose kept-alive connection was reset under it. Sessions are made in
 * `greeting.ts`; how one request travels and fails is `exchange.ts`'s concern.
 */

import {Agent, type IncomingHttpHeaders, type IncomingMessage} from 'node:http'

import type {PeerIdentity} from '../../core/kernel/events.ts'
import {formatEndpoint, type Endpoint} from '../../model/node.ts'
import {PEER_HEADER} from '../../wire/peer-headers.ts'
import {createOverdue, exchange, isStreamed, PeerFailure} from './exchange.ts'
import type {Connections, StreamedBody} from './exchange.ts'
import {createSessions, type Session} from './greeting.ts'
import type {SelfIdentity} from './guard.ts'
import {nearEnd} from './own-port.ts'
import type {ClusterKey} from './session.ts'
import * as session from './session.ts'

export interface LaneRequest {
  readonly method: string
  /** Path with query. */
  readonly target: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array | StreamedBody
  /** SHA-256 of the body where it is known already, hex. */
  readonly digest?: string
  readonly epoch: number
  readonly timeoutMs: number
  /** The connection ends with the answer, and says so. */
  readonly last?: boolean
}

export interface LaneAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: IncomingMessage
  readonly from: PeerIdentity
  /** Throws PeerFailure unless the answer is MACed over this status and digest. */
  readonly verify: (digest: string) => void
}

export interface LaneOptions {
  readonly to: Endpoint
  readonly keys: readonly ClusterKey[]
  /** Who asks; null until the node knows its incarnation. */
  readonly self: () => SelfIdentity | null
  /** Connections at a time. One keeps the order of requests. */
  readonly connectionsMax: number
  /** A late answer ends no connection: for small questions over slow lines. */
  readonly patient?: boolean
}

export interface Lane {
  /** @throws PeerFailure */
  readonly send: (ask: LaneRequest) => Promise<LaneAnswer>
  readonly close: () => void
}

/** The other side closes idle connections after 60 s; leave before it does. */
export const LANE_IDLE_MS = 50_000

export function createLane(options: LaneOptions): Lane {
  const agent = new Agent({
    keepAlive: true,
    maxSockets: options.connectionsMax,
    timeout: LANE_IDLE_MS,
    ...nearEnd(options.to.host),
  })
  const overdue = options.patient === true ? createOverdue() : null
  const over = {agent, to: options.to, overdue}
  const sessions = createSessions(over, options.keys, options.self)

  async function send(ask: LaneRequest): Promise<LaneAnswer> {
    const endMs = performance.now() + ask.timeoutMs
    const left = (): number => Math.max(1, endMs - performance.now())
    let under: Session | null = null
    const attempt = async (): Promise<LaneAnswer> => {
      under = await sessions.current(left())
      return await sendUnder(over, under, {...ask, timeoutMs: left()})
    }
    const first = await attempt().catch((error: unknown) => {
      if (error instanceof PeerFailure && error.reused) return attempt()
      throw error
    })
    if (first.status !== 401) return first
    first.body.resume()
    if (under !== null) sessions.forget(under)
    return await attempt()
  }

  return {
    send,
    close: () => agent.destroy(),
  }
}

async function sendUnder(over: Connections, under: Session, ask: LaneRequest): Promise<LaneAnswer> {
  under.sequence += 1
  const sequence = under.sequence
  const {method, target, epoch, body: sent = ''} = ask
  const digest = ask.digest ?? (isStreamed(sent) ? session.STREAMED : session.sha256Hex(sent))
  const facts = {session: under.id, sequence, method, target, epoch, digest}
  const headers = {
    ...ask.headers,
    ...(ask.last === true ? {connection: 'close'} : {}),
    [PEER_HEADER.session]: under.id,
    [PEER_HEADER.sequence]: String(sequence),
    [PEER_HEADER.epoch]: String(epoch),
    [PEER_HEADER.digest]: digest,
    [PEER_HEADER.mac]: session.requestMac(under.secret, facts),
  }
  const body = await exchange(over, {...ask, body: sent, headers})
  const status = body.statusCode ?? 0
  const verify = (answered: string): void => {
    const expected = session.answerMac(under.secret, {
      session: under.id,
      sequence,
      status,
      digest: answered,
    })
    const given = body.headers[PEER_HEADER.mac]
    if (typeof given !== 'string' || !session.sameMac(expected, given)) {
      throw new PeerFailure('rejected', `${formatEndpoint(over.to)}: answer without valid MAC`)
    }
  }
  return {status, headers: body.headers, body, from: under.from, verify}
}
