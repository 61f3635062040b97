/**
 * The loop around the kernel: one queue, one event at a time, effects performed in their order
 * before the next event is looked at. Questions (`ask`) wait for the kernel's own reply. Decides
 * nothing.
 */

import {BugError} from '../../base/assert.ts'
import {refusal} from '../../base/errors.ts'
import type {
  Command,
  CommandResult,
  KernelEffect,
  KernelEvent,
  PeerAnswer,
  PeerIdentity,
  PeerRequest,
} from '../../core/kernel/events.ts'
import type {KernelState} from '../../core/kernel/state.ts'
import {initialKernel, step} from '../../core/kernel/step.ts'
import {COMMANDS_WAITING_MAX} from '../../model/limits.ts'
import type {Clock} from './clock.ts'
import type {FlightRecorder} from './flight-recorder.ts'

export interface RuntimeDeps {
  readonly clock: Clock
  readonly recorder: FlightRecorder
  /** Performs one effect; outcomes come back through `tell`. */
  readonly perform: (effect: KernelEffect) => void
  /** A broken invariant: the process must end. */
  readonly onBug: (bug: unknown) => void
}

export interface Runtime {
  readonly tell: (event: KernelEvent) => void
  /** Puts a client's command; resolves after the commit or with the refusal. */
  readonly command: (command: Command) => Promise<CommandResult>
  /** Puts another node's request; resolves when the kernel answers. Undefined: too many wait. */
  readonly peerAsked: (from: PeerIdentity, request: PeerRequest) => Promise<PeerAnswer | undefined>
  readonly resolveAnswer: (askId: number, answer: PeerAnswer) => void
  readonly resolveReply: (askId: number, result: CommandResult) => void
  /** The kernel's state after the last event: to look at, not to decide on. */
  readonly inspect: () => KernelState
}

/** Requests of other nodes that wait for the kernel: each member has a few in flight. */
const PEERS_WAITING_MAX = 1024

export function createRuntime(deps: RuntimeDeps): Runtime {
  const {clock} = deps
  const queue: KernelEvent[] = []
  const answers = new Map<number, (answer: PeerAnswer) => void>()
  const replies = new Map<number, (result: CommandResult) => void>()
  let state: KernelState = initialKernel()
  let busy = false
  let nextAsk = 1

  function tell(event: KernelEvent): void {
    queue.push(event)
    if (busy) return
    busy = true
    try {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) advance(next)
    } catch (error) {
      queue.length = 0
      deps.onBug(error)
    } finally {
      busy = false
    }
  }

  function advance(event: KernelEvent): void {
    const result = step(state, event)
    state = result.state
    deps.recorder.record(event, result.effects)
    for (const effect of result.effects) deps.perform(effect)
  }

  function command(asked: Command): Promise<CommandResult> {
    if (replies.size >= COMMANDS_WAITING_MAX) {
      const busyRefusal = refusal('TOO_BUSY', 'too many changes wait for their commit', {
        hint: 'try again in a second',
      })
      return Promise.resolve({type: 'refused', refusal: busyRefusal})
    }
    const askId = nextAsk++
    return new Promise((resolve) => {
      replies.set(askId, resolve)
      const nowMs = clock.nowMs()
      tell({type: 'commanded', askId, command: asked, nowMs, wallMs: clock.wallMs()})
    })
  }

  function peerAsked(from: PeerIdentity, request: PeerRequest): Promise<PeerAnswer | undefined> {
    if (answers.size >= PEERS_WAITING_MAX) return Promise.resolve(undefined)
    const askId = nextAsk++
    return new Promise((resolve) => {
      answers.set(askId, resolve)
      const nowMs = clock.nowMs()
      tell({type: 'peer-asked', askId, from, request, nowMs, wallMs: clock.wallMs()})
    })
  }

  return {
    tell,
    command,
    peerAsked,
    resolveAnswer: (askId, answer) => take(answers, askId)(answer),
    resolveReply: (askId, result) => take(replies, askId)(result),
    inspect: () => state,
  }
}

function take<T>(waiting: Map<number, (value: T) => void>, askId: number): (value: T) => void {
  const resolve = waiting.get(askId)
  if (resolve === undefined) throw new BugError('the kernel answers each question once')
  waiting.delete(askId)
  return resolve
}
