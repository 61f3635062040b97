/**
 * Sends the kernel's requests to other nodes and turns every outcome into one event. Beats, votes
 * and all that is small have connections of their own per node, so that a large record on its way
 * does not delay them, and several, so that one which hangs does not delay the next. Nothing is
 * retried here: the kernel asks again when it wants to.
 */

import type {KernelEffect, PeerAnswer, PeerIdentity, PeerRequest} from '../../core/kernel/events.ts'
import {RECORD_BYTES_MAX} from '../../model/limits.ts'
import {formatEndpoint, type Endpoint} from '../../model/node.ts'
import type {PrepareRequest} from '../../model/peer-messages.ts'
import {comparePositions} from '../../model/record.ts'
import {decodePeerAnswer, encodePeerRequest} from '../../wire/peer.ts'
import {peerPath} from '../../wire/peer-paths.ts'
import {reasonOf} from '../observe/log.ts'
import {readBody} from './body.ts'
import type {SelfIdentity} from './guard.ts'
import {PeerFailure, type FailureReason} from './exchange.ts'
import {createLane, type Lane} from './lane.ts'
import {sha256Hex, type ClusterKey} from './session.ts'

type SendEffect = Extract<KernelEffect, {type: 'send'}>

export interface PeerSenderDeps {
  readonly keys: readonly ClusterKey[]
  readonly self: () => SelfIdentity | null
  /** Epoch of this node's newest record, part of every MAC. */
  readonly epoch: () => number
  readonly answered: (sendId: number, answer: PeerAnswer, from: PeerIdentity) => void
  readonly silent: (sendId: number, reason: FailureReason, detail: string) => void
}

export interface PeerSender {
  readonly send: (effect: SendEffect) => void
  readonly close: () => void
}

/** Lanes kept: two per member and per configured endpoint that is no member yet. */
const LANES_MAX = 256
/**
 * Three beats under way, a vote, a probe, another question, and two that wait for a late answer.
 */
const QUICK_CONNECTIONS = 8
/** A record, and a join beside it. */
const BULK_CONNECTIONS = 2
/** Connections made for one question each: every member may be looked for, twice at a time. */
const FRESH_MAX = 128

export function createPeerSender(deps: PeerSenderDeps): PeerSender {
  const pool = createPool(deps)
  const encode = createEncoder()
  let freshUnderWay = 0

  async function deliver(effect: SendEffect): Promise<Delivered> {
    if (!effect.fresh) return await over(pool.laneFor(effect.to, laneKind(effect.request)), effect)
    if (freshUnderWay >= FRESH_MAX) {
      throw new PeerFailure('timeout', `${freshUnderWay} new connections are being made already`)
    }
    freshUnderWay += 1
    const lane = pool.fresh(effect.to)
    try {
      return await over(lane, effect)
    } finally {
      freshUnderWay -= 1
      lane.close()
    }
  }

  async function over(lane: Lane, effect: SendEffect): Promise<Delivered> {
    const {to, toId, request, timeoutMs, fresh} = effect
    const {method, path: target} = peerPath(request.type)
    const {bytes: body, digest} = encode(request)
    const ask = {method, target, body, digest, epoch: deps.epoch(), timeoutMs, last: fresh}
    const reply = await lane.send(ask)
    const answer = await readBody(reply.body, RECORD_BYTES_MAX * 2)
    reply.verify(sha256Hex(answer))
    if (toId !== null && reply.from.id !== toId) {
      throw new PeerFailure('rejected', `${formatEndpoint(to)} is ${reply.from.id}, not ${toId}`)
    }
    if (reply.status !== 200) {
      throw new PeerFailure('rejected', `${formatEndpoint(to)}: ${answer.toString('utf8', 0, 300)}`)
    }
    return {answer: decodePeerAnswer(answer.toString('utf8'), sha256Hex), from: reply.from}
  }

  return {
    send: (effect) => {
      deliver(effect).then(
        ({answer, from}) => deps.answered(effect.sendId, answer, from),
        (error: unknown) => {
          const reason = error instanceof PeerFailure ? error.reason : 'rejected'
          deps.silent(effect.sendId, reason, reasonOf(error))
        },
      )
    },
    close: () => pool.close(),
  }
}

type LaneKind = 'quick' | 'bulk'

interface Pool {
  readonly laneFor: (to: Endpoint, kind: LaneKind) => Lane
  /** A lane of its own, for one question; who asked closes it. */
  readonly fresh: (to: Endpoint) => Lane
  readonly close: () => void
}

/** Two lanes per node, kept; the one opened first goes first. */
function createPool({keys, self}: Pick<PeerSenderDeps, 'keys' | 'self'>): Pool {
  const lanes = new Map<string, Lane>()

  function open(to: Endpoint, kind: LaneKind): Lane {
    const quick = kind === 'quick'
    const connectionsMax = quick ? QUICK_CONNECTIONS : BULK_CONNECTIONS
    return createLane({to, keys, self, connectionsMax, patient: quick})
  }

  return {
    laneFor: (to, kind) => {
      const name = `${kind} ${formatEndpoint(to)}`
      const known = lanes.get(name)
      if (known !== undefined) return known
      const [oldest] = lanes.keys()
      if (lanes.size >= LANES_MAX && oldest !== undefined) {
        lanes.get(oldest)?.close()
        lanes.delete(oldest)
      }
      const lane = open(to, kind)
      lanes.set(name, lane)
      return lane
    },
    fresh: (to) => createLane({to, keys, self, connectionsMax: 1}),
    close: () => {
      for (const lane of lanes.values()) lane.close()
    },
  }
}

interface Delivered {
  readonly answer: PeerAnswer
  readonly from: PeerIdentity
}

/** What carries a record, or is answered by one, has its own connections. */
function laneKind(request: PeerRequest): LaneKind {
  const {type} = request
  return type === 'prepare' || type === 'join' || type === 'invite' ? 'bulk' : 'quick'
}

interface Encoded {
  readonly bytes: Buffer
  readonly digest: string
}

/** A record goes to every member in the same words: they are written and hashed once. */
function createEncoder(): (request: PeerRequest) => Encoded {
  let last: {readonly request: PrepareRequest; readonly encoded: Encoded} | null = null
  return (request) => {
    if (request.type === 'prepare' && last !== null && isSame(last.request, request)) {
      return last.encoded
    }
    const bytes = Buffer.from(encodePeerRequest(request), 'utf8')
    const encoded = {bytes, digest: sha256Hex(bytes)}
    if (request.type === 'prepare') last = {request, encoded}
    return encoded
  }
}

function isSame(a: PrepareRequest, b: PrepareRequest): boolean {
  const sameFences = a.uuid === b.uuid && a.epoch === b.epoch
  return sameFences && a.record === b.record && comparePositions(a.committed, b.committed) === 0
}
