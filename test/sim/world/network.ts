/**
 * Directed links between nodes, and the connections on them: delay, loss, duplicates, reordering,
 * cuts of one direction, clogs. A sender hears exactly one outcome per question, as from the
 * daemon's own sender; what a dying process leaves behind is what TCP leaves behind: its host
 * resets and refuses, a host without power is silent.
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
  /** A stream per link: what one link draws does not shift the others. */
  readonly randomOfLink: (link: number) => Random
  readonly delayMs: number
  lossRatio: number
  duplicateRatio: number
  /** Share of messages that go through the wire's encoders: 1 of this many. */
  readonly encodeOneIn: number
  /** Alters an answer on its way: a mutant's. */
  readonly alterAnswer?: ((answer: PeerAnswer, from: number, to: number) => PeerAnswer) | undefined
}

export interface Question {
  readonly from: number
  readonly to: number
  readonly request: PeerRequest
  readonly timeoutMs: number
  /** Over a connection of its own, made now. */
  readonly fresh: boolean
  readonly answered: (answer: PeerAnswer) => void
  readonly silent: (reason: Silence) => void
}

/** What the network needs of the nodes. */
export interface Receivers {
  /** `off`: the host has no power; `down`: the host runs, the process does not. */
  readonly host: (node: number) => 'up' | 'down' | 'off'
  /** Starts of the process: connections do not outlive one. */
  readonly run: (node: number) => number
  readonly ask: (
    node: number,
    from: number,
    request: PeerRequest,
    reply: (answer: PeerAnswer) => void,
  ) => void
  /** The last connection that a node had opened to this one has ended. */
  readonly lost: (node: number, from: number) => void
}

export interface Network {
  readonly ask: (question: Question) => void
  /** A process has ended. `silently`: its host lost power, and nobody is told. */
  readonly ended: (node: number, silently: boolean) => void
  readonly cut: (from: number, to: number) => void
  /** Takes one cut back. */
  readonly mend: (from: number, to: number) => void
  readonly slow: (from: number, to: number, extraMs: number) => void
  /** Nothing arrives until it is released; then everything does. */
  readonly clog: (from: number, to: number) => void
  readonly release: (from: number, to: number) => void
  /** No link is cut, slow or clogged any more. */
  readonly heal: () => void
  /** Shares of messages lost and doubled from now on. */
  readonly disturb: (lossRatio: number, duplicateRatio: number) => void
  readonly isCut: (from: number, to: number) => boolean
  readonly counts: {asked: number; lost: number; duplicated: number; cut: number; encoded: number}
}

/** Nodes are numbered below this. */
const NODES_MAX = 64

export function createNetwork(options: NetworkOptions, receivers: Receivers): Network {
  const {clock} = options
  const cuts = new Uint8Array(NODES_MAX * NODES_MAX)
  const slow = new Float64Array(NODES_MAX * NODES_MAX)
  const clogged = new Map<number, (() => void)[]>()
  const streams: Random[] = []
  /** Connections that are kept open, each to one run of a process. */
  const open = new Map<number, number>()
  /** Questions under way, by link: what ends them when the process there ends. */
  const waiting = new Map<number, Set<() => void>>()
  const counts = {asked: 0, lost: 0, duplicated: 0, cut: 0, encoded: 0}
  const linkOf = (from: number, to: number): number => from * NODES_MAX + to

  function randomOf(link: number): Random {
    const known = streams[link]
    if (known !== undefined) return known
    const made = options.randomOfLink(link)
    streams[link] = made
    return made
  }

  function travel(link: number, act: () => void): void {
    const random = randomOf(link)
    if ((cuts[link] ?? 0) > 0) {
      counts.cut++
      return
    }
    if (random.chance(options.lossRatio)) {
      counts.lost++
      return
    }
    const held = clogged.get(link)
    if (held !== undefined) {
      held.push(act)
      return
    }
    clock.after(delayOf(link, random), act)
  }

  function delayOf(link: number, random: Random): number {
    const extra = slow[link] ?? 0
    const usual = options.delayMs * 0.3 + random.exp(options.delayMs)
    return extra === 0 ? usual : usual + extra * random.ratio()
  }

  function waitingOn(link: number): Set<() => void> {
    const known = waiting.get(link)
    if (known !== undefined) return known
    const made = new Set<() => void>()
    waiting.set(link, made)
    return made
  }

  function ask(question: Question): void {
    const {from, to, timeoutMs, fresh} = question
    const out = linkOf(from, to)
    const back = linkOf(to, from)
    counts.asked++
    const old = fresh ? undefined : open.get(out)
    const questions = waitingOn(out)
    let pending = true
    const close = (): boolean => {
      const was = pending
      pending = false
      if (was) questions.delete(reset)
      return was
    }
    const silent = (reason: Silence): void => {
      if (close()) question.silent(reason)
    }
    const reset = (): void => silent('reset')
    questions.add(reset)
    clock.after(timeoutMs, () => {
      if (!pending) return
      if (old !== undefined) give(out, old)
      silent('timeout')
    })
    const random = randomOf(out)
    const encodes = random.chance(1 / options.encodeOneIn)
    const request = encodes ? recodeRequest(question.request) : question.request
    const deliver = (): void => {
      const host = receivers.host(to)
      if (host === 'off') return
      const run = receivers.run(to)
      if (old !== undefined && (host === 'down' || old !== run)) {
        // The host knows no such connection (any more).
        travel(back, () => {
          if (open.get(out) === old) open.delete(out)
          reset()
        })
        return
      }
      if (host === 'down') {
        travel(back, () => silent('refused'))
        return
      }
      if (!fresh) open.set(out, run)
      receivers.ask(to, from, request, (said) => {
        const answer = options.alterAnswer?.(said, to, from) ?? said
        const heard = encodes ? recodeAnswer(answer) : answer
        travel(back, () => {
          if (close()) question.answered(heard)
        })
      })
    }
    travel(out, deliver)
    if (random.chance(options.duplicateRatio)) {
      counts.duplicated++
      travel(out, deliver)
    }
  }

  /** A sender gives up a connection on which no answer came: the other side sees its end. */
  function give(link: number, run: number): void {
    if (open.get(link) !== run) return
    open.delete(link)
    tellEnd(link, run)
  }

  function tellEnd(link: number, run: number): void {
    const to = link % NODES_MAX
    travel(link, () => {
      const isThere = receivers.host(to) === 'up' && receivers.run(to) === run
      if (isThere && !open.has(link)) receivers.lost(to, Math.floor(link / NODES_MAX))
    })
  }

  function ended(node: number, silently: boolean): void {
    for (const [link, run] of open) {
      if (Math.floor(link / NODES_MAX) !== node) continue
      open.delete(link)
      if (!silently) tellEnd(link, run)
    }
    for (const [link, questions] of waiting) {
      if (Math.floor(link / NODES_MAX) === node) questions.clear()
      else if (link % NODES_MAX === node && !silently) endAt(link, node, [...questions])
    }
  }

  /** The host of a process that ended tells the other side of its connections. */
  function endAt(link: number, node: number, questions: readonly (() => void)[]): void {
    const run = open.get(link)
    travel(linkOf(node, Math.floor(link / NODES_MAX)), () => {
      if (run !== undefined && open.get(link) === run) open.delete(link)
      for (const reset of questions) reset()
    })
  }

  function release(link: number): void {
    const held = clogged.get(link)
    if (held === undefined) return
    clogged.delete(link)
    for (const act of held) clock.after(delayOf(link, randomOf(link)), act)
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
    ended,
    cut: (from, to) => {
      const link = linkOf(from, to)
      cuts[link] = (cuts[link] ?? 0) + 1
    },
    mend: (from, to) => {
      const link = linkOf(from, to)
      cuts[link] = Math.max(0, (cuts[link] ?? 0) - 1)
    },
    slow: (from, to, extraMs) => {
      slow[linkOf(from, to)] = extraMs
    },
    clog: (from, to) => {
      const link = linkOf(from, to)
      if (!clogged.has(link)) clogged.set(link, [])
    },
    release: (from, to) => release(linkOf(from, to)),
    heal: () => {
      cuts.fill(0)
      slow.fill(0)
      for (const link of clogged.keys()) release(link)
    },
    disturb: (lossRatio, duplicateRatio) => {
      options.lossRatio = lossRatio
      options.duplicateRatio = duplicateRatio
    },
    isCut: (from, to) => (cuts[linkOf(from, to)] ?? 0) > 0,
    counts,
  }
}
