/**
 * The connecting half of authentication: requests to one node over few long-lived connections,
 * under one session. It greets when it must, checks that the answer comes from a holder of the key,
 * and greets again once when the other side no longer knows the session (it was restarted). A
 * failure is a `PeerFailure` with the reason that the kernel reasons about. Retried, once, is only
 * a request whose kept-alive connection was reset under it.
 */

import {Agent, request, type IncomingHttpHeaders, type IncomingMessage} from 'node:http'

import type {PeerIdentity} from '../../core/kernel/events.ts'
import {isNodeId} from '../../model/ids.ts'
import {formatEndpoint, type Endpoint} from '../../model/node.ts'
import {
  decodeHelloReply,
  encodeHello,
  HELLO_BYTES_MAX,
  HELLO_FORMAT,
  HELLO_PATH,
  helloTranscript,
} from '../../wire/hello.ts'
import {PEER_HEADER} from '../../wire/peer-headers.ts'
import {readBody} from './body.ts'
import type {SelfIdentity} from './guard.ts'
import {nearEnd} from './own-port.ts'
import type {ClusterKey} from './session.ts'
import * as session from './session.ts'

export type FailureReason = 'refused' | 'reset' | 'timeout' | 'rejected'

/**
 * Why there is no answer. `rejected`: somebody answered, but not as one of us or not with success.
 */
export class PeerFailure extends Error {
  override readonly name = 'PeerFailure'
  readonly reason: FailureReason
  /** The connection was an old one: that it was reset says nothing about the node now. */
  readonly reused: boolean
  constructor(reason: FailureReason, detail: string, reused = false) {
    super(detail)
    this.reason = reason
    this.reused = reused
  }
}

export interface LaneRequest {
  readonly method: string
  /** Path with query. */
  readonly target: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  readonly epoch: number
  readonly timeoutMs: number
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
}

export interface Lane {
  /** @throws PeerFailure */
  readonly send: (ask: LaneRequest) => Promise<LaneAnswer>
  readonly close: () => void
}

interface Session {
  readonly id: string
  readonly secret: Buffer
  readonly from: PeerIdentity
  readonly asInc: number
  sequence: number
}

/** The other side closes idle connections after 60 s; leave before it does. */
const IDLE_MS = 50_000

export function createLane(options: LaneOptions): Lane {
  const agent = new Agent({
    keepAlive: true,
    maxSockets: options.connectionsMax,
    timeout: IDLE_MS,
    ...nearEnd(options.to.host),
  })
  let current: Session | null = null
  let greeting: Promise<Session> | null = null

  async function sessionFor(timeoutMs: number): Promise<Session> {
    const me = options.self()
    if (me === null) throw new PeerFailure('rejected', 'this node does not know itself yet')
    if (current !== null && current.asInc === me.inc) return current
    greeting ??= greet(agent, options, me, timeoutMs).finally(() => {
      greeting = null
    })
    current = await greeting
    return current
  }

  async function send(ask: LaneRequest): Promise<LaneAnswer> {
    const endMs = performance.now() + ask.timeoutMs
    const left = (): number => Math.max(1, endMs - performance.now())
    const attempt = async (): Promise<LaneAnswer> =>
      await sendUnder(await sessionFor(left()), {...ask, timeoutMs: left()})
    const first = await attempt().catch((error: unknown) => {
      if (error instanceof PeerFailure && error.reused) return attempt()
      throw error
    })
    if (first.status !== 401) return first
    first.body.resume()
    current = null
    return await attempt()
  }

  async function sendUnder(under: Session, ask: LaneRequest): Promise<LaneAnswer> {
    under.sequence += 1
    const sequence = under.sequence
    const digest = session.sha256Hex(ask.body ?? '')
    const {method, target, epoch} = ask
    const facts = {session: under.id, sequence, method, target, epoch, digest}
    const headers = {
      ...ask.headers,
      [PEER_HEADER.session]: under.id,
      [PEER_HEADER.sequence]: String(sequence),
      [PEER_HEADER.epoch]: String(epoch),
      [PEER_HEADER.digest]: digest,
      [PEER_HEADER.mac]: session.requestMac(under.secret, facts),
    }
    const body = await exchange(agent, options.to, {...ask, headers})
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
        throw new PeerFailure('rejected', `${formatEndpoint(options.to)}: answer without valid MAC`)
      }
    }
    return {status, headers: body.headers, body, from: under.from, verify}
  }

  return {
    send,
    close: () => agent.destroy(),
  }
}

async function greet(
  agent: Agent,
  options: LaneOptions,
  me: SelfIdentity,
  timeoutMs: number,
): Promise<Session> {
  const question = {
    format: HELLO_FORMAT,
    uuid: me.uuid,
    id: me.id,
    inc: me.inc,
    nonce: session.newNonce(),
    keys: options.keys.map(({id}) => id),
  }
  const answer = await exchange(agent, options.to, {
    method: 'POST',
    target: HELLO_PATH,
    headers: {},
    body: encodeHello(question),
    timeoutMs,
  })
  const text = (await readBody(answer, HELLO_BYTES_MAX)).toString('utf8')
  const where = formatEndpoint(options.to)
  if (answer.statusCode !== 200) {
    throw new PeerFailure('rejected', `${where}: greeting refused: ${text.slice(0, 300)}`)
  }
  const reply = decodeHelloReply(text)
  const key = options.keys.find(({id}) => id === reply.key)
  const {proof, ...said} = reply
  if (key === undefined || !isNodeId(reply.id)) {
    throw new PeerFailure('rejected', `${where}: greeting answered under an unknown key`)
  }
  const transcript = helloTranscript(question, said)
  if (!session.sameMac(session.helloProof(key, transcript), proof)) {
    throw new PeerFailure('rejected', `${where}: does not hold the cluster key`)
  }
  const from = {id: reply.id, inc: reply.inc}
  const secret = session.sessionKey(key, transcript)
  return {id: reply.session, secret, from, asInc: me.inc, sequence: 0}
}

interface Exchange {
  readonly method: string
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  readonly timeoutMs: number
}

function exchange(agent: Agent, to: Endpoint, ask: Exchange): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const {method, target, headers, body = ''} = ask
    const length = String(Buffer.byteLength(body))
    const asked = request({
      agent,
      host: to.host,
      port: to.port,
      method,
      path: target,
      headers: {...headers, 'content-length': length},
    })
    const timer = setTimeout(() => {
      const failure = new PeerFailure('timeout', `${formatEndpoint(to)}: no answer in time`)
      asked.destroy(failure)
      // A request that still waits for its connection would hear of its end only then.
      reject(failure)
    }, ask.timeoutMs)
    asked.once('response', (answer) => {
      clearTimeout(timer)
      // From here on only a pause counts: a large object may take its time.
      asked.setTimeout(ask.timeoutMs, () => {
        asked.destroy(new PeerFailure('timeout', `${formatEndpoint(to)}: the answer stopped`))
      })
      // Who reads the body hears of an error there.
      answer.on('error', () => undefined)
      resolve(answer)
    })
    asked.once('error', (error) => {
      clearTimeout(timer)
      reject(failureOf(error, to, asked.reusedSocket))
    })
    asked.end(body)
  })
}

function failureOf(error: NodeJS.ErrnoException, to: Endpoint, reused: boolean): PeerFailure {
  if (error instanceof PeerFailure) return error
  const detail = `${formatEndpoint(to)}: ${error.message}`
  if (error.code === 'ECONNREFUSED') return new PeerFailure('refused', detail)
  if (error.code === 'ECONNRESET' || error.code === 'EPIPE') {
    return new PeerFailure('reset', detail, reused)
  }
  return new PeerFailure('timeout', detail)
}
