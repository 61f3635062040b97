/**
 * One node of the virtual world: the shipped kernel, and around it what the daemon's runtime does,
 * with a virtual disk, network, clock and worker threads. It can be killed, cut off from power,
 * frozen, thawed and started again.
 */

import type {
  BootFacts,
  CommandResult,
  KernelEffect,
  KernelEvent,
} from '../../../src/core/kernel/events.ts'
import type {KernelState, NodeState} from '../../../src/core/kernel/state.ts'
import {initialKernel, step} from '../../../src/core/kernel/step.ts'
import {newPeer} from '../../../src/core/keepalive/state.ts'
import {METASYNC_IDLE} from '../../../src/core/metasync/state.ts'
import type {ClusterView} from '../../../src/model/cluster-view.ts'
import type {Command} from '../../../src/model/command.ts'
import type {NodeId} from '../../../src/model/ids.ts'
import type {MoveReport, PeerAnswer, PeerRequest} from '../../../src/model/peer-messages.ts'
import type {Clock} from './clock.ts'
import type {Disk} from './disk.ts'
import {sha256} from './hash.ts'
import type {Mutant} from './mutants.ts'
import type {Network} from './network.ts'
import type {Random} from './random.ts'

/** An event without its times: the process adds its own clocks. */
type Timeless<E> = E extends KernelEvent ? Omit<E, 'nowMs' | 'wallMs'> : never

type SendEffect = Extract<KernelEffect, {type: 'send'}>

/** What checkers see of a process, as it happens. */
export interface Witness {
  readonly stepped: (
    process: SimProcess,
    before: KernelState,
    event: KernelEvent,
    effects: readonly KernelEffect[],
  ) => void
  /** A write reached the platter and was reported. */
  readonly durable: (process: SimProcess) => void
  /** A view or a lease came into use. */
  readonly inUse: (process: SimProcess) => void
  readonly threw: (process: SimProcess, error: unknown) => void
}

export interface ProcessDeps {
  readonly index: number
  readonly facts: BootFacts
  readonly clock: Clock
  readonly disk: Disk
  readonly random: Random
  readonly network: () => Network
  /** Index of the node that listens there; -1: none. */
  readonly placeOf: (port: number) => number
  readonly idOf: (index: number) => NodeId
  readonly witness: Witness
  /** It ended by itself: in good order, or because a flush failed. `left`: for good. */
  readonly onExit: (process: SimProcess, left: boolean) => void
  /** Removes what belongs to the cluster from its disks; at once when absent. */
  readonly decommission?:
    ((process: SimProcess, rmUserData: boolean, done: () => void) => void) | undefined
  /** Asked before every effect: what happens to the process there. Nothing without. */
  readonly atBoundary?: ((process: SimProcess, effect: KernelEffect) => Fate) | undefined
  /** How often the process is told the time. */
  readonly tickMs?: number | undefined
  readonly mutant?: Mutant | undefined
}

/** What may happen to a process between two effects of one step. */
export type Fate = 'goes-on' | 'killed' | 'loses-power'

export interface SimProcess {
  readonly index: number
  readonly facts: BootFacts
  readonly disk: Disk
  readonly state: () => KernelState
  readonly node: () => NodeState | undefined
  readonly isUp: () => boolean
  readonly isPaused: () => boolean
  /** What the network meets there. */
  readonly host: () => 'up' | 'down' | 'off'
  /** Starts of the process, this one included. */
  readonly run: () => number
  readonly start: () => void
  readonly kill: (power: boolean) => void
  readonly stop: () => void
  readonly pause: () => void
  readonly thaw: () => void
  readonly jumpWall: (byMs: number) => void
  readonly command: (command: Command, done: (result: CommandResult) => void) => void
  readonly peerAsked: (
    from: number,
    request: PeerRequest,
    reply: (answer: PeerAnswer) => void,
  ) => void
  readonly connectionLost: (from: number) => void
  /** What a target's mover says. */
  readonly reportMove: (report: MoveReport) => void
  /** The same on what it removes when all has moved. */
  readonly reportReclaim: (report: MoveReport) => void
  /** A target's disks: nothing is left of buckets that were destroyed up to this record. */
  readonly reportCleared: (upTo: number) => void
  /** Dies before the n-th effect from now on that is not a line of the log. */
  readonly dieAtEffect: (n: number, power: boolean) => void
  /** The view that every worker holds. */
  readonly view: () => ClusterView | undefined
  /** Something that this run of the process does in a while, unless it is frozen or dead then. */
  readonly soon: (delayMs: number, act: () => void) => void
  /** Whether the data lease is valid now, by this process's own clock. */
  readonly leaseValid: () => boolean
  readonly events: () => number
  /** Virtual time. */
  readonly atMs: () => number
}

const TICK_MS = 100
/**
 * Clocks run within 10 % of each other; the fastest and the slowest differ by half of that here.
 */
const DRIFT_MAX = 0.025
/** Workers take a view into use within this. */
const VIEW_MS = 1

/** Makes a node that is switched off. */
export function createProcess(deps: ProcessDeps): SimProcess {
  const {clock, disk, facts, random, witness} = deps
  let state: KernelState = initialKernel()
  let up = false
  let hasPower = true
  let paused = false
  let dooms: {left: number; power: boolean} | null = null
  let run = 0
  let deferred: (() => void)[] = []
  let originMs = 0
  let rate = 1
  let wallOffsetMs = 0
  let view: ClusterView | undefined
  /** The note on its disk that it has removed what belonged to the cluster. */
  let leaving = false
  /** Its data disks say whose they are: a target has been a member. */
  let marked = false
  let leaseUntilMs = 0
  let viewAtMs = 0
  let events = 0
  let queue: Timeless<KernelEvent>[] = []
  let isBusy = false
  let asks = 0
  const answers = new Map<number, (answer: PeerAnswer) => void>()
  const replies = new Map<number, (result: CommandResult) => void>()

  const tickMs = deps.tickMs ?? TICK_MS
  const localMs = (): number => (clock.nowMs() - originMs) * rate
  const wallMs = (): number => 1_790_000_000_000 + clock.nowMs() + wallOffsetMs

  /** Runs in this run of the process only, and not while it is frozen. */
  function within(ofRun: number, act: () => void): void {
    if (!up || ofRun !== run) return
    if (paused) deferred.push(() => within(ofRun, act))
    else act()
  }

  /** One event at a time, as the daemon's runtime does: effects first, then the next event. */
  function tell(event: Timeless<KernelEvent>): void {
    if (isBusy) {
      queue.push(event)
      return
    }
    isBusy = true
    for (let next: typeof event | undefined = event; next !== undefined; next = queue.shift()) {
      advance(next)
    }
    isBusy = false
  }

  function advance(event: Timeless<KernelEvent>): void {
    if (!up) return
    const full = withTimes(event, localMs(), wallMs())
    const before = state
    events++
    try {
      const result = step(state, full)
      state = result.state
      const effects = deps.mutant?.alterEffects?.(process, result.effects) ?? result.effects
      witness.stepped(process, before, full, effects)
      const now = run
      for (const effect of effects) {
        if (isDoomed(effect)) kill(dooms?.power ?? false)
        if (!up || now !== run) break
        perform(effect)
      }
      if (!up) dooms = null
    } catch (error) {
      witness.threw(process, error)
      kill(false)
    }
  }

  /** Whether the process ends before this effect. */
  function isDoomed(effect: KernelEffect): boolean {
    if (effect.type === 'log') return false
    const fate = deps.atBoundary?.(process, effect) ?? 'goes-on'
    if (fate !== 'goes-on') dooms = {left: 0, power: fate === 'loses-power'}
    if (dooms === null) return false
    dooms.left--
    return dooms.left < 0
  }

  function perform(effect: KernelEffect): void {
    const now = run
    switch (effect.type) {
      case 'persist': {
        const {token, state: content} = effect
        const done = (): void => {
          if (!up || now !== run) return
          witness.durable(process)
          marked ||= content.accepted !== null && facts.self.role === 'target'
          const sha = content.accepted === null ? '' : sha256(content.accepted.text)
          within(now, () => tell({type: 'persisted', token, sha}))
        }
        const failed = (): void => {
          if (deps.mutant?.ignoresFlush === true) return done()
          kill(false)
          deps.onExit(process, false)
        }
        if (deps.mutant?.reportsEarly !== true)
          return disk.write({token, state: withSha(content), done, failed})
        disk.write({token, state: withSha(content), done: () => witness.durable(process), failed})
        const sha = content.accepted === null ? '' : sha256(content.accepted.text)
        return clock.after(0, () => within(now, () => tell({type: 'persisted', token, sha})))
      }
      case 'send':
        return ask(effect, (event) => within(now, () => tell(event)))
      case 'answer':
        answers.get(effect.askId)?.(effect.answer)
        answers.delete(effect.askId)
        return undefined
      case 'reply':
        replies.get(effect.askId)?.(effect.result)
        replies.delete(effect.askId)
        return undefined
      case 'publish':
        viewAtMs = Math.max(viewAtMs, clock.nowMs()) + VIEW_MS * random.ratio()
        return clock.after(viewAtMs - clock.nowMs(), () =>
          within(now, () => {
            view = effect.view
            witness.inUse(process)
            tell({type: 'view-held', index: effect.view.record?.index ?? 0})
          }),
        )
      case 'lease':
        leaseUntilMs = effect.untilMs
        witness.inUse(process)
        return undefined
      case 'decommission': {
        const done = (): void =>
          within(now, () => {
            leaving = true
            tell({type: 'decommissioned'})
          })
        const {decommission} = deps
        if (decommission === undefined) return clock.after(1, done)
        return decommission(process, effect.rmUserData, done)
      }
      case 'exit':
        kill(false)
        // Whoever starts it as a new node removes the note.
        leaving &&= !effect.left
        marked &&= !effect.left
        return deps.onExit(process, effect.left)
      default:
        return undefined
    }
  }

  function ask(effect: SendEffect, told: (event: Timeless<KernelEvent>) => void): void {
    const {sendId} = effect
    const to = deps.placeOf(effect.to.port)
    if (to < 0) return told({type: 'peer-silent', sendId, reason: 'refused', detail: 'nobody'})
    const from = {id: deps.idOf(to), inc: 0}
    const wrong = effect.toId !== null && effect.toId !== from.id
    deps.network().ask({
      from: deps.index,
      to,
      request: effect.request,
      fresh: effect.fresh,
      timeoutMs: effect.timeoutMs / rate,
      answered: (answer) =>
        told(
          wrong
            ? {type: 'peer-silent', sendId, reason: 'rejected', detail: 'another node'}
            : {type: 'peer-answered', sendId, from, answer},
        ),
      silent: (reason) => told({type: 'peer-silent', sendId, reason, detail: reason}),
    })
  }

  function kill(power: boolean): void {
    if (power) hasPower = false
    if (!up) return
    up = false
    paused = false
    deferred = []
    queue = []
    answers.clear()
    for (const reply of replies.values()) reply(LOST)
    replies.clear()
    view = undefined
    leaseUntilMs = 0
    disk.crash(power)
    deps.network().ended(deps.index, power)
  }

  function tickFrom(ofRun: number): () => void {
    const tick = (): void => {
      if (!up || ofRun !== run) return
      if (paused) {
        deferred.push(tick)
        return
      }
      tell({type: 'tick'})
      clock.after(tickMs / rate, tick)
    }
    return tick
  }

  const process: SimProcess = {
    index: deps.index,
    facts,
    disk,
    state: () => state,
    node: () => (up && state.phase === 'running' ? state : undefined),
    isUp: () => up,
    isPaused: () => paused,
    host: () => (up ? 'up' : hasPower ? 'down' : 'off'),
    run: () => run,
    start: () => {
      if (up) return
      up = true
      hasPower = true
      dooms = null
      run++
      originMs = clock.nowMs() - random.int(0, 5000)
      rate = 1 + (random.ratio() * 2 - 1) * DRIFT_MAX
      const loaded = disk.load()
      // A write that the last run did not live to hear of counts as much as any other.
      witness.durable(process)
      const before = state
      state = initialKernel()
      const {state: durable, amnesia} = loaded
      leaving &&= durable !== null
      const diskKnows = marked && durable === null
      tell({type: 'booted', facts, durable, amnesia, diskKnows, leaving, seed: run})
      if (deps.mutant?.resumesOffice === true) state = resumed(state, before)
      clock.after(tickMs * random.ratio(), tickFrom(run))
    },
    kill,
    stop: () => within(run, () => tell({type: 'stop-ordered'})),
    pause: () => {
      paused = up
    },
    thaw: () => {
      if (!paused) return
      paused = false
      const held = deferred
      deferred = []
      for (const act of held) act()
    },
    jumpWall: (byMs) => {
      wallOffsetMs += byMs
    },
    command: (command, done) => {
      asks++
      const askId = asks
      replies.set(askId, done)
      within(run, () => tell({type: 'commanded', askId, command}))
    },
    peerAsked: (from, request, reply) => {
      asks++
      const askId = asks
      answers.set(askId, reply)
      const sender = {id: deps.idOf(from), inc: 0}
      within(run, () => tell({type: 'peer-asked', askId, from: sender, request}))
    },
    reportMove: (report) => within(run, () => tell({type: 'move-reported', report})),
    reportReclaim: (report) => within(run, () => tell({type: 'reclaim-reported', report})),
    reportCleared: (upTo) => within(run, () => tell({type: 'cleared-reported', upTo})),
    connectionLost: (from) =>
      within(run, () => tell({type: 'connection-lost', from: deps.idOf(from)})),
    dieAtEffect: (n, power) => {
      dooms = {left: n, power}
    },
    view: () => (up ? view : undefined),
    soon: (delayMs, act) => {
      const now = run
      clock.after(delayMs, () => within(now, act))
    },
    leaseValid: () => up && localMs() < leaseUntilMs,
    events: () => events,
    atMs: clock.nowMs,
  }
  return process
}

/** A mutant's start: in office again, as if nothing had happened. */
function resumed(state: KernelState, before: KernelState): KernelState {
  if (state.phase !== 'running' || before.phase !== 'running') return state
  if (before.stage.stage !== 'leading') return state
  const peers = Object.fromEntries(
    Object.keys(before.stage.peers).map((id) => [id, newPeer(id as NodeId, state.nowMs)]),
  )
  const {nowMs} = state
  const stage = {...before.stage, peers, metasync: METASYNC_IDLE, majorityAtMs: nowMs}
  return {...state, stage}
}

/** A command whose process died: nobody will ever say what came of it. */
export const LOST: CommandResult = {
  type: 'refused',
  refusal: {code: 'UNREACHABLE', message: 'the process died'},
}

/** The event with the times of this process. It was made for it, so it needs no copy. */
function withTimes(event: Timeless<KernelEvent>, nowMs: number, wallMs: number): KernelEvent {
  const full = event as {nowMs?: number; wallMs?: number}
  full.nowMs = nowMs
  full.wallMs = wallMs
  return event as KernelEvent
}

function withSha<
  S extends {readonly accepted: {readonly sha: string; readonly text: string} | null},
>(state: S): S {
  const {accepted} = state
  if (accepted === null || accepted.sha !== '') return state
  return {...state, accepted: {...accepted, sha: sha256(accepted.text)}}
}
