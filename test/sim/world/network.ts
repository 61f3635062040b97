/**
 * Directed links between nodes: delay, loss, duplicates, reordering, cuts of one direction. A
 * sender hears exactly one outcome per question, as from the daemon's own sender.
 */

import type {PeerAnswer, PeerRequest} from '../../../src/model/peer-messages.ts'
import {
  decodePeerAnswer,
  decodePeerRequest,
  encodePeerAnswer,
  encodePeerRequest,
} from '../../../src/wire/peer.ts'
import type {Clock} from './clock.ts'
import {sha256} from './hash.ts'
import type {Random} from './random.ts'

export type Silence = 'refused' | 'reset' | 'timeout' | 'rejected'

export interface NetworkOptions {
  readonly clock: Clock
  readonly random: Random
  readonly delayMs: number
  lossRatio: number
  duplicateRatio: number
  /** Share of messages that go through the wire's encoders: 1 of this many. */
  readonly encodeOneIn: number
  /** Alters an answer on its way: a mutant's. */
  readonly alterAnswer?: (answer: PeerAnswer, from: number, to: number) => PeerAnswer
}

export interface Question {
  readonly from: number
  readonly to: number
  readonly request: PeerRequest
  readonly timeoutMs: number
  readonly answered: (answer: PeerAnswer) => void
  readonly silent: (reason: Silence) => void
}

/** What the network needs of the nodes. */
export interface Receivers {
  readonly isUp: (node: number) => boolean
  readonly ask: (
    node: number,
    from: number,
    request: PeerRequest,
    reply: (answer: PeerAnswer) => void,
  ) => void
}

export interface Network {
  readonly ask: (question: Question) => void
  readonly cut: (from: number, to: number) => void
  readonly slow: (from: number, to: number, extraMs: number) => void
  readonly heal: () => void
  /** No message is lost or doubled any more. */
  readonly calm: () => void
  readonly isCut: (from: number, to: number) => boolean
  readonly counts: {asked: number; lost: number; duplicated: number; cut: number; encoded: number}
}

export function createNetwork(options: NetworkOptions, receivers: Receivers): Network {
  const {clock, random} = options
  const cuts = new Set<number>()
  const slow = new Map<number, number>()
  const counts = {asked: 0, lost: 0, duplicated: 0, cut: 0, encoded: 0}
  const link = (from: number, to: number): number => from * 64 + to

  function travel(from: number, to: number, act: () => void): boolean {
    if (cuts.has(link(from, to))) {
      counts.cut++
      return false
    }
    if (random.chance(options.lossRatio)) {
      counts.lost++
      return false
    }
    const extra = slow.get(link(from, to)) ?? 0
    clock.after(options.delayMs * 0.3 + random.exp(options.delayMs) + extra * random.ratio(), act)
    return true
  }

  function ask(question: Question): void {
    const {from, to, timeoutMs} = question
    counts.asked++
    let open = true
    const close = (act: () => void): void => {
      if (!open) return
      open = false
      act()
    }
    clock.after(timeoutMs, () => close(() => question.silent('timeout')))
    const encodes = random.chance(1 / options.encodeOneIn)
    const request = encodes ? recodeRequest(question.request) : question.request
    const deliver = (): void => {
      if (!receivers.isUp(to)) {
        travel(to, from, () => close(() => question.silent('refused')))
        return
      }
      receivers.ask(to, from, request, (said) => {
        const answer = options.alterAnswer?.(said, to, from) ?? said
        const heard = encodes ? recodeAnswer(answer) : answer
        travel(to, from, () => close(() => question.answered(heard)))
      })
    }
    travel(from, to, deliver)
    if (random.chance(options.duplicateRatio)) {
      counts.duplicated++
      travel(from, to, deliver)
    }
  }

  function recodeRequest(request: PeerRequest): PeerRequest {
    counts.encoded++
    return decodePeerRequest(encodePeerRequest(request), sha256)
  }

  function recodeAnswer(answer: PeerAnswer): PeerAnswer {
    counts.encoded++
    return decodePeerAnswer(encodePeerAnswer(answer), sha256)
  }

  return {
    ask,
    cut: (from, to) => cuts.add(link(from, to)),
    slow: (from, to, extraMs) => slow.set(link(from, to), extraMs),
    heal: () => {
      cuts.clear()
      slow.clear()
    },
    calm: () => {
      options.lossRatio = 0
      options.duplicateRatio = 0
    },
    isCut: (from, to) => cuts.has(link(from, to)),
    counts,
  }
}
