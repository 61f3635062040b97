/**
 * The main thread: kernel, intra-control listener, watchdog, and the order of start and stop. It
 * holds no data and opens no data disk. Everything is created here and handed on; nothing here
 * decides.
 */

import type {Server} from 'node:http'

import {unreachable} from '../../base/assert.ts'
import {AisError, type Refusal} from '../../base/errors.ts'
import type {BootFacts, DurableState, KernelEffect} from '../../core/kernel/events.ts'
import type {ClusterView} from '../../model/cluster-view.ts'
import {nodeLabel, type NodeId} from '../../model/ids.ts'
import {LEVEL} from '../../model/record.ts'
import {selfMember, type NodeConfig} from '../config/load.ts'
import {EXIT_FAILED, EXIT_STOPPED} from '../exit.ts'
import type {NodeOrder} from '../../wire/action.ts'
import {encodeJson} from '../../wire/json.ts'
import {encodeSnode} from '../../wire/snode.ts'
import {createControlListener} from '../http/control-listener.ts'
import {listen} from '../http/bind.ts'
import {createLog, reasonOf, type Log} from '../observe/log.ts'
import {createLoopLag} from '../observe/loop-lag.ts'
import {openFilesLimit} from '../observe/process.ts'
import {createNotifier, type Notifier} from '../observe/sd-notify.ts'
import {createPeerGuard, type SelfIdentity} from '../peer/guard.ts'
import {createPresence} from '../peer/presence.ts'
import {createPeerSender, type PeerSender} from '../peer/send.ts'
import {clusterKeys, newNonce} from '../peer/session.ts'
import {createClock, TICK_MS} from '../runtime/clock.ts'
import {createFlightRecorder} from '../runtime/flight-recorder.ts'
import {createMovementWatch} from '../runtime/movement.ts'
import {createPerform} from '../runtime/perform.ts'
import {createRuntime, type Runtime} from '../runtime/runtime.ts'
import {standingOf} from '../runtime/standing.ts'
import {finishDeparture, leaverOf, type Departure} from '../store/decommission.ts'
import {nodeFs} from '../store/fs/fs.ts'
import {
  readOverrides,
  withDisabled,
  writeOverrides,
} from '../store/mountpath/mountpath-overrides.ts'
import {abandonProcess} from './abandon.ts'
import {DataPorts} from './data-ports.ts'
import {createDiskCell, watchDisks} from './disk-cell.ts'
import {createLease, writeLease} from './ports.ts'
import type {Answer, DataThreadStart, Fatal, Question} from './ports.ts'
import {openStorePort, type Loaded, type StorePort} from './store-port.ts'

export interface MainThreadOptions {
  readonly config: NodeConfig
  readonly id: NodeId
  /** Why the node has forgotten what it promised, though its disks know it; '' otherwise. */
  readonly amnesia: string
  /** It was leaving its cluster when it ended; null: no. */
  readonly departure: Departure | null
  /** The program's entry file. */
  readonly entry: URL
  /** One line for the operator, then the end of the process. */
  readonly fail: (refusal: Refusal, status: number) => never
}

/** An ordered stop waits this long for the kernel to announce the absence. */
const ANNOUNCE_TIMEOUT_MS = 10_000
/** And then this long for requests under way. */
const DRAIN_TIMEOUT_MS = 20_000
/** A standstill that is worth a line: the others begin to wonder. */
const HELD_UP_MS = 1000
/** On a machine that is overloaded one line in this time is enough. */
const HELD_UP_SAID_MS = 10_000
/** What could not be removed for a decommission is tried again after so long. */
const DECOMMISSION_AGAIN_MS = 10_000

export interface MainThread {
  /** SIGTERM, SIGINT: announce absent, drain, close, exit. */
  readonly stop: () => void
  /** SIGUSR2: the last events and effects of the kernel, into a file of the state directory. */
  readonly dump: () => void
}

/** Starts everything; resolves when the node listens. */
export async function startMainThread(options: MainThreadOptions): Promise<MainThread> {
  const main = new Main(options)
  await main.start()
  return {stop: () => main.orderStop(), dump: () => main.dump()}
}

/** Owns the threads, the control listener and the connections to other nodes. */
class Main {
  readonly #options: MainThreadOptions
  readonly #log: Log
  readonly #notifier: Notifier
  readonly #clock = createClock()
  readonly #recorder = createFlightRecorder()
  readonly #lag = createLoopLag(TICK_MS)
  #heldUpSaidMs = -Infinity
  readonly #movement = createMovementWatch()
  readonly #lease = createLease()
  readonly #diskCell = createDiskCell()
  readonly #disks = watchDisks(this.#diskCell, (path, forMs) => this.#diskHangs(path, forMs))
  readonly #runtime: Runtime
  readonly #store: StorePort
  readonly #data: DataPorts
  readonly #sender: PeerSender
  readonly #control: Server
  #self: SelfIdentity | null = null
  #epoch = 0
  #view: ClusterView | null = null
  #problem = ''
  /** What belongs to the cluster is being removed, because all of the cluster ends. */
  #clearing = false
  #phase: 'running' | 'stopping' | 'ending' = 'running'

  constructor(options: MainThreadOptions) {
    this.#options = options
    const {config, id, entry} = options
    const {role, state, log} = config.file
    const node = nodeLabel(role, id)
    const keys = clusterKeys(config.clusterKeys)
    const self = (): SelfIdentity | null => this.#self
    const fatal = ({refusal, status}: Fatal): void => options.fail(refusal, status)
    this.#log = createLog({level: log?.level ?? 'info', node, thread: 'main'})
    this.#store = openStorePort({
      entry,
      directory: state,
      saved: (tokens, durable) => this.#saved(tokens, durable),
      fatal,
    })
    this.#data = new DataPorts({
      entry,
      starts: this.#dataStarts(),
      held: (index) => this.#runtime.tell({type: 'view-held', index, nowMs: this.#clock.nowMs()}),
      answer: (question) => this.#answer(question),
      moved: (report) =>
        this.#runtime.tell({type: 'move-reported', report, nowMs: this.#clock.nowMs()}),
      reclaimed: (report) =>
        this.#runtime.tell({type: 'reclaim-reported', report, nowMs: this.#clock.nowMs()}),
      cleared: (upTo) =>
        this.#runtime.tell({type: 'cleared-reported', upTo, nowMs: this.#clock.nowMs()}),
      problem: (text) => this.#noteProblem(text),
      fatal,
    })
    this.#notifier = createNotifier(process.env)
    this.#sender = createPeerSender({
      keys,
      self,
      epoch: () => this.#epoch,
      answered: (sendId, answer, from) =>
        this.#runtime.tell({type: 'peer-answered', sendId, answer, from, ...this.#now()}),
      silent: (sendId, reason, detail) =>
        this.#runtime.tell({type: 'peer-silent', sendId, reason, detail, ...this.#now()}),
    })
    this.#runtime = createRuntime({
      clock: this.#clock,
      recorder: this.#recorder,
      perform: this.#performer(),
      onBug: (bug) => this.#onBug(bug),
    })
    this.#control = createControlListener({
      guard: createPeerGuard(keys, self),
      runtime: this.#runtime,
      presence: createPresence({
        lost: (from) =>
          this.#runtime.tell({type: 'connection-lost', from, nowMs: this.#clock.nowMs()}),
      }),
      node,
      snode: () => encodeJson(encodeSnode(selfMember(config, id), {center: false})),
      ordered: (order) => this.#ordered(order),
      alive: () => this.#view?.nodeStarted === true && this.#phase === 'running',
      log: this.#log,
    })
  }

  async start(): Promise<void> {
    const {config, fail} = this.#options
    const [loaded] = await Promise.all([
      this.#store.loaded,
      listen(this.#control, config.listen.control, 'control').catch((error: unknown) =>
        fail(refusalOf(error), statusOf(error)),
      ),
    ])
    for (const slot of loaded.damage) this.#log.warn('a metadata slot is damaged', {slot})
    this.#boot(loaded)
    await this.#data.listening
    const {public: open, control} = config.file.listen
    this.#log.info('listening', {public: open, control, openFiles: openFilesLimit()})
    this.#notifier.ready(this.#statusLine())
    this.#notifier.watch(() => true)
  }

  orderStop(): void {
    if (this.#phase !== 'running') return
    this.#phase = 'stopping'
    this.#notifier.stopping('announcing the stop')
    this.#notifier.extend(ANNOUNCE_TIMEOUT_MS + DRAIN_TIMEOUT_MS)
    this.#log.info('ordered stop')
    const giveUp = (): void => this.#end(EXIT_STOPPED, 'the stop could not be announced')
    setTimeout(giveUp, ANNOUNCE_TIMEOUT_MS)
    this.#runtime.tell({type: 'stop-ordered', ...this.#now()})
  }

  /** The whole cluster ends: by a stop, or for good. */
  #ordered({action, removeUserData, keepInitialConfig}: NodeOrder): void {
    this.#log.warn(`the whole cluster is ordered to end: ${action}`, {removeUserData})
    if (action === 'shutdown') return this.orderStop()
    if (this.#clearing || this.#phase !== 'running') return
    this.#clearing = true
    const order = {op: 'cluster', rmUserData: removeUserData, keepInitialConfig}
    this.#data.decommission({type: 'decommission', ...order}).then(
      () => this.#end(EXIT_STOPPED, 'decommissioned with its cluster', true),
      (error: unknown) => {
        this.#clearing = false
        this.#log.error('decommission failed', {error: reasonOf(error)})
      },
    )
  }

  dump(): void {
    const path = this.#recorder.dump(this.#options.config.file.state, 'asked for')
    this.#log.info('the last events are written', {path})
  }

  #boot(loaded: Loaded): void {
    const durable = loaded.state
    const amnesia = loaded.amnesia ?? (durable === null ? this.#options.amnesia : '')
    this.#noteDurable(durable)
    const seed = Number.parseInt(newNonce().slice(0, 8), 16)
    const facts = bootFacts(this.#options)
    const {departure} = this.#options
    const leaving = departure !== null
    if (leaving) this.#noteProblem(`leaving cluster ${departure.uuid} (${departure.op})`)
    const diskKnows = durable === null && this.#options.amnesia !== ''
    const known = {facts, durable, amnesia, diskKnows, leaving}
    this.#runtime.tell({type: 'booted', ...known, seed, ...this.#now()})
    setInterval(() => this.#tick(), TICK_MS)
  }

  #tick(): void {
    const now = this.#now()
    const lagMs = this.#lag.tick(now.nowMs)
    if (lagMs >= HELD_UP_MS && now.nowMs - this.#heldUpSaidMs >= HELD_UP_SAID_MS) {
      this.#heldUpSaidMs = now.nowMs
      this.#log.warn('this node was held up', {ms: Math.round(lagMs)})
    }
    this.#disks.look(now.nowMs)
    this.#runtime.tell({type: 'tick', ...now})
    this.#movement.look(this.#runtime.inspect(), now)
  }

  /** The data worker will not come back: the next process starts without that disk. */
  #diskHangs(path: string, forMs: number): void {
    const why = `it hangs: a call has not returned for ${Math.round(forMs / 1000)} s`
    const {state} = this.#options.config.file
    this.#log.error('mountpath disabled', {path, why})
    writeOverrides(state, withDisabled(readOverrides(state, nodeFs), {path, why}), nodeFs)
    this.#log.error('the node ends and starts again without it', {path})
    abandonProcess()
  }

  #performer(): (effect: KernelEffect) => void {
    return createPerform({
      runtime: () => this.#runtime,
      sender: this.#sender,
      persist: (token, durable) => {
        this.#noteDurable(durable)
        this.#store.save(token, durable)
      },
      publish: (view) => this.#publish(view),
      lease: (untilMs) => writeLease(this.#lease, this.#clock.toNs(untilMs)),
      decommission: (order) => this.#decommission(order),
      exit: ({status, reason, left}) => this.#end(status, reason, left),
      log: this.#log,
    })
  }

  #decommission(order: Extract<KernelEffect, {type: 'decommission'}>): void {
    this.#data.decommission(order).then(
      () => this.#runtime.tell({type: 'decommissioned', nowMs: this.#clock.nowMs()}),
      (error: unknown) => {
        this.#log.error('decommission failed, it is tried again', {error: reasonOf(error)})
        setTimeout(() => this.#decommission(order), DECOMMISSION_AGAIN_MS)
      },
    )
  }

  #publish(view: ClusterView): void {
    const before = this.#statusLine()
    this.#view = view
    this.#data.publish(view)
    if (this.#statusLine() !== before) this.#notifier.status(this.#statusLine())
  }

  #noteProblem(text: string): void {
    this.#problem = text
    this.#notifier.status(this.#statusLine())
  }

  #statusLine(): string {
    const line = statusLine(this.#view)
    return this.#problem === '' ? line : `${line}; ${this.#problem}`
  }

  /** What handshakes prove: the id, with the incarnation and the cluster of the durable state. */
  #noteDurable(durable: DurableState | null): void {
    const {id, config} = this.#options
    const epoch = durable?.accepted?.record.epoch ?? 0
    this.#epoch = Math.max(durable?.promisedEpoch ?? 0, epoch)
    const uuid = durable === null || durable.uuid === '' ? config.file.uuid : durable.uuid
    const inc = durable?.inc ?? 0
    if (this.#self?.inc === inc && this.#self.uuid === uuid) return
    this.#self = {id, inc, uuid}
    this.#data.tellSelf(this.#self)
  }

  #saved(tokens: readonly number[], durable: DurableState): void {
    const sha = durable.accepted?.sha ?? ''
    for (const token of tokens) {
      this.#runtime.tell({type: 'persisted', token, sha, nowMs: this.#clock.nowMs()})
    }
  }

  async #answer(question: Question): Promise<Answer> {
    switch (question.type) {
      case 'stats': {
        const snapshots = await this.#data.stats()
        return {type: 'stats', snapshots, mainLagMs: this.#lag.longestMs()}
      }
      case 'standing': {
        const standing = standingOf(this.#runtime.inspect(), this.#clock.nowMs())
        return {type: 'standing', standing}
      }
      case 'movement': {
        const movement = this.#movement.facts(this.#runtime.inspect(), this.#now())
        return {type: 'movement', movement}
      }
      case 'command':
        return {type: 'command', result: await this.#runtime.command(question.command)}
      default:
        return unreachable(question)
    }
  }

  #onBug(bug: unknown): void {
    const {config, fail} = this.#options
    const text = bug instanceof Error ? (bug.stack ?? bug.message) : String(bug)
    const path = this.#recorder.dump(config.file.state, text)
    const message = `defect: ${text}; the last events are in ${path}`
    fail({code: 'INTERNAL', message, hint: 'please report it'}, EXIT_FAILED)
  }

  /** @param left the cluster has recorded that this node is no member any more */
  #end(status: number, reason: string, left = false): void {
    if (this.#phase === 'ending') return
    this.#phase = 'ending'
    this.#finish(status, reason, left).catch((error: unknown) => {
      const message = `the stop failed: ${reasonOf(error)}`
      this.#options.fail({code: 'INTERNAL', message}, EXIT_FAILED)
    })
  }

  async #finish(status: number, reason: string, left: boolean): Promise<void> {
    this.#log.info('stopping', {status, reason})
    this.#notifier.stopping(reason)
    await this.#data.stop(DRAIN_TIMEOUT_MS)
    this.#control.close()
    this.#sender.close()
    await this.#store.close()
    if (left) await this.#leave()
    await this.#notifier.close()
    process.exit(status)
  }

  async #leave(): Promise<void> {
    const {config, id} = this.#options
    const problems = await finishDeparture(leaverOf(config.file, id))
    if (problems.length > 0) this.#log.error('not everything could be removed', {problems})
  }

  #dataStarts(): readonly DataThreadStart[] {
    const {config, id} = this.#options
    const startedNs = process.hrtime.bigint()
    return Array.from({length: config.dataWorkers}, (_, number) => ({
      kind: 'data',
      number,
      id,
      config,
      lease: this.#lease,
      disks: this.#diskCell,
      startedNs,
    }))
  }

  #now(): {nowMs: number; wallMs: number} {
    return {nowMs: this.#clock.nowMs(), wallMs: this.#clock.wallMs()}
  }
}

function bootFacts({config, id}: MainThreadOptions): BootFacts {
  const {file} = config
  return {
    self: {
      id,
      role: file.role,
      ...config.advertise,
      nonElectable: file.nonElectable ?? false,
      speaks: [LEVEL, LEVEL],
    },
    uuid: file.uuid as BootFacts['uuid'],
    bootstrap: config.bootstrap,
    peers: config.peers,
    askFirst: config.askFirst,
    primaryHint: config.primaryHint,
    standby: config.standby,
    foundingConfig: config.founding,
  }
}

/** What `systemctl status` shows. */
function statusLine(view: ClusterView | null): string {
  if (view === null || view.record === null) return 'waiting for the cluster'
  const {smap, uuid} = view.record
  const members = Object.keys(smap.nodes).length
  const started = view.clusterStarted ? '' : ', cluster not started yet'
  const map = `map v${smap.version}, ${members} nodes, primary ${smap.primary}`
  return `cluster ${uuid}, ${map}${started}`
}

function refusalOf(error: unknown): Refusal {
  if (!(error instanceof AisError)) return {code: 'INTERNAL', message: reasonOf(error)}
  const {code, message, hint} = error
  return hint === undefined ? {code, message} : {code, message, hint}
}

function statusOf(error: unknown): number {
  const status = error instanceof AisError ? error.details?.['exitStatus'] : undefined
  return typeof status === 'number' ? status : EXIT_FAILED
}
