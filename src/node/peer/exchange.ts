/**
 * One request and its answer between two nodes, and what became of it when there is none. A request
 * that has waited too long is given up; its connection need not be: on a slow line the answer still
 * comes, and a connection that works is worth more than a new one.
 */

import {request, type Agent, type ClientRequest, type IncomingMessage} from 'node:http'
import type {Writable} from 'node:stream'

import {formatEndpoint, type Endpoint} from '../../model/node.ts'

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

export interface Exchange {
  readonly method: string
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array | StreamedBody
  /** With a streamed body: since the last of it was taken. */
  readonly timeoutMs: number
}

/** A body that is too large to be held: its bytes carry their own checksums. */
export interface StreamedBody {
  readonly lengthBytes: number
  /**
   * Writes all of it to a request and ends that, or destroys it; for each attempt anew.
   * @param moved called when a part has been taken that made nobody wait: what comes slowly is no
   *   silence
   */
  readonly send: (out: Writable, moved: () => void) => void
}

export function isStreamed(body: Exchange['body']): body is StreamedBody {
  return typeof body === 'object' && 'send' in body
}

/** The connections of one lane. */
export interface Connections {
  readonly agent: Agent
  readonly to: Endpoint
  /** Requests that were given up and whose answers may still come; null: none is waited for. */
  readonly overdue: Overdue | null
}

/** @throws PeerFailure */
export function exchange(over: Connections, ask: Exchange): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const {agent, to, overdue} = over
    const {method, target, headers, body} = ask
    const length = String(isStreamed(body) ? body.lengthBytes : Buffer.byteLength(body))
    const asked = request({
      agent,
      host: to.host,
      port: to.port,
      method,
      path: target,
      headers: {...headers, 'content-length': length},
    })
    let givenUp = false
    let isOver = false
    const timer = setTimeout(() => {
      givenUp = true
      isOver = true
      const failure = new PeerFailure('timeout', `${formatEndpoint(to)}: no answer in time`)
      // One that still waits for a connection has nothing to keep.
      if (overdue === null || !hasSocket(asked)) asked.destroy(failure)
      else overdue.keep(asked, ask.timeoutMs)
      // A request that still waits for its connection would hear of its end only then.
      reject(failure)
    }, ask.timeoutMs)
    const stopWaiting = (): void => {
      isOver = true
      clearTimeout(timer)
    }
    asked.once('response', (answer) => {
      stopWaiting()
      // Who reads the body hears of an error there.
      answer.on('error', () => undefined)
      if (givenUp) return answer.resume()
      // From here on only a pause counts: a large object may take its time.
      asked.setTimeout(ask.timeoutMs, () => {
        asked.destroy(new PeerFailure('timeout', `${formatEndpoint(to)}: the answer stopped`))
      })
      return resolve(answer)
    })
    asked.once('error', (error) => {
      stopWaiting()
      reject(failureOf(error, to, asked.reusedSocket))
    })
    if (!isStreamed(body)) return void asked.end(body)
    const moved = (): void => {
      if (!isOver) timer.refresh()
    }
    asked.on('drain', moved)
    body.send(asked, moved)
  })
}

function hasSocket(asked: ClientRequest): boolean {
  const socket: unknown = asked.socket
  return socket !== null && socket !== undefined
}

/** Requests without an answer in time, whose connections are kept for a while. */
export interface Overdue {
  /** @param forMs then the connection is taken for dead */
  readonly keep: (asked: ClientRequest, forMs: number) => void
}

/** Of a lane's connections so many may be late, to open or to answer; the oldest goes first. */
const OVERDUE_MAX = 2

export function createOverdue(): Overdue {
  const kept = new Set<ClientRequest>()
  return {
    keep: (asked, forMs) => {
      const [oldest] = kept
      if (kept.size >= OVERDUE_MAX && oldest !== undefined) oldest.destroy()
      kept.add(asked)
      const timer = setTimeout(() => asked.destroy(), forMs)
      asked.once('close', () => {
        clearTimeout(timer)
        kept.delete(asked)
      })
    },
  }
}

function failureOf(error: NodeJS.ErrnoException, to: Endpoint, reused: boolean): PeerFailure {
  if (error instanceof PeerFailure) return error
  const detail = `${formatEndpoint(to)}: ${error.message}`
  if (isRefusal(error)) return new PeerFailure('refused', detail)
  if (error.code === 'ECONNRESET' || error.code === 'EPIPE') {
    return new PeerFailure('reset', detail, reused)
  }
  // Whoever answers there does not speak HTTP.
  if (error.code?.startsWith('HPE_') === true) return new PeerFailure('rejected', detail)
  return new PeerFailure('timeout', detail)
}

/** Refused at every address of the host: one that did not answer may be the right one. */
function isRefusal(error: NodeJS.ErrnoException): boolean {
  if (!(error instanceof AggregateError)) return error.code === 'ECONNREFUSED'
  return error.errors.every((one: NodeJS.ErrnoException) => one.code === 'ECONNREFUSED')
}
