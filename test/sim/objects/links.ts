/**
 * How requests for objects travel: from clients to nodes, and between targets over the same links
 * as the control plane's messages. An answer may be lost, a request may come late; a node that is
 * off refuses, one that is frozen answers when it thaws.
 */

import {Readable} from 'node:stream'

import type {NodeId} from '../../../src/model/ids.ts'
import type {AskTarget, TargetQuestion} from '../../../src/node/peer/data-client.ts'
import type {Clock} from '../world/clock.ts'
import type {Network} from '../world/network.ts'
import type {SimProcess} from '../world/process.ts'
import type {Random} from '../world/random.ts'
import type {SimAnswer, SimRequest} from './exchange.ts'
import type {ObjectNode} from './node.ts'
import type {Rest} from './rest.ts'

export interface Links {
  /** A client's request to a target; null when the connection was refused or broke off. */
  readonly toTarget: (
    target: ObjectNode,
    request: SimRequest,
    heard: (answer: SimAnswer | null) => void,
  ) => void
  /** What a target asks with. */
  readonly askFrom: (asker: SimProcess, answersNothing: boolean) => AskTarget
}

export interface LinkDeps {
  readonly clock: Clock
  readonly random: Random
  readonly rest: Rest
  readonly network: Network
  readonly delayMs: number
  readonly lossRatio: number
  readonly nodeOf: (id: NodeId) => ObjectNode | undefined
}

export function createLinks(deps: LinkDeps): Links {
  const {clock, random, rest, network} = deps
  const delay = (): number => deps.delayMs * 0.3 + random.exp(deps.delayMs)

  function travels(from: number, to: number): boolean {
    return !network.isCut(from, to) && !random.chance(deps.lossRatio)
  }

  function ask(
    asker: SimProcess,
    node: ObjectNode,
    request: SimRequest,
    heard: (answer: SimAnswer) => void,
  ): void {
    const there = node.process
    if (!travels(asker.index, there.index)) return
    const from = {id: asker.facts.self.id, inc: asker.node()?.durable.inc ?? 0}
    there.soon(delay(), () =>
      node.serve(request, {origin: 'data', from}, (answer) => {
        if (answer === null || !travels(there.index, asker.index)) return
        asker.soon(delay(), () => heard(answer))
      }),
    )
  }

  return {
    toTarget: (target, request, heard) => {
      clock.after(delay(), () => {
        if (!target.process.isUp()) return heard(null)
        target.process.soon(0, () =>
          target.serve(request, {origin: 'public'}, (answer) => {
            if (random.chance(deps.lossRatio)) return
            clock.after(delay(), () => heard(answer))
          }),
        )
      })
    },
    askFrom:
      (asker, answersNothing) =>
      ({to, method, path, headers, body, timeoutMs}) =>
        new Promise((resolve, reject) => {
          const node = deps.nodeOf(to.id)
          const answered = (answer: SimAnswer): void => {
            rest.stir()
            const {status, body} = answer
            resolve({
              status,
              headers: answer.headers,
              rawHeaders: Object.entries(answer.headers).flat(),
              body: Readable.from([body]),
            })
          }
          if (answersNothing && method === 'HEAD') {
            return answered({status: 404, headers: {}, body: Buffer.alloc(0)})
          }
          const request = {method, url: path, headers: {...headers}, pieces: piecesOf(body)}
          if (node !== undefined) ask(asker, node, request, answered)
          asker.soon(timeoutMs, () => {
            rest.stir()
            reject(new Error(`t[${to.id}] is silent`))
          })
        }),
  }
}

/** Nobody writes here what is large enough to be streamed. */
function piecesOf(body: TargetQuestion['body']): readonly Uint8Array[] {
  if (body === undefined) return []
  if (typeof body === 'object' && 'send' in body) throw new Error('no body is streamed here')
  return [Buffer.from(body)]
}
