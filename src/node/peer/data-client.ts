/**
 * Questions to other targets over their intra-data listeners, authenticated: reads under older
 * ownership entries, pages of lists, objects that move. Bodies of answers stream, unless they came
 * with a digest: then they were small, and are checked whole before anybody sees them.
 */

import type {IncomingHttpHeaders} from 'node:http'
import {Readable} from 'node:stream'

import {LIST_BYTES_MAX} from '../../model/limits.ts'
import {formatEndpoint, type Endpoint, type Member} from '../../model/node.ts'
import {PEER_HEADER} from '../../wire/peer-headers.ts'
import {readBody} from './body.ts'
import type {SelfIdentity} from './guard.ts'
import {PeerFailure, type StreamedBody} from './exchange.ts'
import {createLane, type Lane, type LaneAnswer} from './lane.ts'
import {sha256Hex, STREAMED, type ClusterKey} from './session.ts'

export interface TargetQuestion {
  readonly to: Member
  readonly method: string
  /** Path with query. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array | StreamedBody
  readonly timeoutMs: number
}

export interface TargetReply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** As they came, `[name, value, …]`: custom metadata is one header per entry. */
  readonly rawHeaders: readonly string[]
  readonly body: Readable
}

/** @throws PeerFailure */
export type AskTarget = (question: TargetQuestion) => Promise<TargetReply>

export interface DataClientDeps {
  readonly keys: readonly ClusterKey[]
  readonly self: () => SelfIdentity | null
  readonly epoch: () => number
}

/** Connections to one target: questions are short, more of them wait in line. */
const CONNECTIONS_MAX = 8
/** Targets at a time; the least recently opened goes first. */
const LANES_MAX = 64

export function createDataClient(deps: DataClientDeps): AskTarget {
  const lanes = new Map<string, Lane>()

  function laneTo(member: Member): Lane {
    const name = formatEndpoint(member.data)
    const known = lanes.get(name)
    if (known !== undefined) return known
    const [oldest] = lanes.keys()
    if (lanes.size >= LANES_MAX && oldest !== undefined) {
      lanes.get(oldest)?.close()
      lanes.delete(oldest)
    }
    const {keys, self} = deps
    const lane = createLane({to: member.data, keys, self, connectionsMax: CONNECTIONS_MAX})
    lanes.set(name, lane)
    return lane
  }

  return async ({to, method, path, headers, body, timeoutMs}) => {
    const answer = await laneTo(to).send({
      method,
      target: path,
      ...(headers === undefined ? {} : {headers}),
      ...(body === undefined ? {} : {body}),
      epoch: deps.epoch(),
      timeoutMs,
    })
    const digest = answer.headers[PEER_HEADER.digest]
    answer.verify(typeof digest === 'string' ? digest : STREAMED)
    if (answer.from.id !== to.id) {
      answer.body.destroy()
      throw new PeerFailure('rejected', `${formatEndpoint(to.data)} is ${answer.from.id}`)
    }
    if (typeof digest !== 'string') {
      return replyOf(answer, answer.body)
    }
    const whole = await readBody(answer.body, LIST_BYTES_MAX)
    if (sha256Hex(whole) !== digest) {
      throw new PeerFailure('rejected', `${formatEndpoint(to.data)}: the body was changed`)
    }
    return replyOf(answer, Readable.from([whole]))
  }
}

function replyOf({status, headers, body: {rawHeaders}}: LaneAnswer, body: Readable): TargetReply {
  return {status, headers, rawHeaders, body}
}

/** What a control listener is asked. */
export interface ControlQuestion {
  readonly path: string
  /** A body makes it an order. */
  readonly put?: string
}

/** One question to a control listener that is asked rarely: a connection of its own. */
export async function askControlListener(
  deps: DataClientDeps,
  to: Endpoint,
  {path, put}: ControlQuestion,
): Promise<string> {
  const {keys, self} = deps
  const lane = createLane({to, keys, self, connectionsMax: 1})
  try {
    const answer = await lane.send({
      method: put === undefined ? 'GET' : 'PUT',
      target: path,
      ...(put === undefined ? {} : {body: put}),
      epoch: deps.epoch(),
      timeoutMs: CONTROL_TIMEOUT_MS,
    })
    const body = await readBody(answer.body, LIST_BYTES_MAX)
    answer.verify(sha256Hex(body))
    if (answer.status === 200) return body.toString('utf8')
    throw new PeerFailure('rejected', `${formatEndpoint(to)}: status ${answer.status}`)
  } finally {
    lane.close()
  }
}

const CONTROL_TIMEOUT_MS = 5000
