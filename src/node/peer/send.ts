/**
 * Sends the kernel's requests to other nodes and turns every outcome into one event. Beats, votes
 * and probes have a connection of their own per node, so that a large record on its way does not
 * delay them. Nothing is retried here: the kernel asks again when it wants to.
 */

import type {KernelEffect, PeerAnswer, PeerIdentity, PeerRequest} from '../../core/kernel/events.ts'
import {RECORD_BYTES_MAX} from '../../model/limits.ts'
import {formatEndpoint, type Endpoint} from '../../model/node.ts'
import {decodePeerAnswer, encodePeerRequest} from '../../wire/peer.ts'
import {peerPath} from '../../wire/peer-paths.ts'
import {reasonOf} from '../observe/log.ts'
import {readBody} from './body.ts'
import type {SelfIdentity} from './guard.ts'
import {createLane, PeerFailure, type FailureReason, type Lane} from './lane.ts'
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

export function createPeerSender(deps: PeerSenderDeps): PeerSender {
  const lanes = new Map<string, Lane>()

  function laneFor(to: Endpoint, kind: 'quick' | 'bulk'): Lane {
    const name = `${kind} ${formatEndpoint(to)}`
    const known = lanes.get(name)
    if (known !== undefined) return known
    const [oldest] = lanes.keys()
    if (lanes.size >= LANES_MAX && oldest !== undefined) {
      lanes.get(oldest)?.close()
      lanes.delete(oldest)
    }
    const {keys, self} = deps
    const lane = createLane({to, keys, self, connectionsMax: 1})
    lanes.set(name, lane)
    return lane
  }

  async function deliver(effect: SendEffect): Promise<{answer: PeerAnswer; from: PeerIdentity}> {
    const {to, toId, request, timeoutMs} = effect
    const {method, path} = peerPath(request.type)
    const reply = await laneFor(to, laneKind(request)).send({
      method,
      target: path,
      body: encodePeerRequest(request),
      epoch: deps.epoch(),
      timeoutMs,
    })
    const body = await readBody(reply.body, RECORD_BYTES_MAX * 2)
    reply.verify(sha256Hex(body))
    if (toId !== null && reply.from.id !== toId) {
      throw new PeerFailure('rejected', `${formatEndpoint(to)} is ${reply.from.id}, not ${toId}`)
    }
    if (reply.status !== 200) {
      throw new PeerFailure('rejected', `${formatEndpoint(to)}: ${body.toString('utf8', 0, 300)}`)
    }
    return {answer: decodePeerAnswer(body.toString('utf8'), sha256Hex), from: reply.from}
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
    close: () => {
      for (const lane of lanes.values()) lane.close()
    },
  }
}

function laneKind(request: PeerRequest): 'quick' | 'bulk' {
  return request.type === 'beat' || request.type === 'vote' || request.type === 'probe'
    ? 'quick'
    : 'bulk'
}
