/**
 * The main thread: kernel, intra-control listener, watchdog, and the order of start and stop. It
 * holds no data and opens no data disk. Everything is created here and handed on; nothing here
 * decides.
 */

import type {Server} from 'node:http'

import {AisError, type Refusal} from '../../base/errors.ts'
import type {BootFacts, DurableState} from '../../core/kernel/events.ts'
import type {ClusterView} from '../../model/cluster-view.ts'
import {nodeLabel, type NodeId} from '../../model/ids.ts'
import {LEVEL} from '../../model/record.ts'
import {selfMember, type NodeConfig} from '../config/load.ts'
import {EXIT_FAILED, EXIT_STOPPED} from '../exit.ts'
import {encodeJson} from '../../wire/json.ts'
import {encodeSnode} from '../../wire/snode.ts'
import {createControlListener} from '../http/control-listener.ts'
import {listen} from '../http/listen.ts'
import {createLog, reasonOf, type Log} from '../observe/log.ts'
import {openFilesLimit} from '../observe/process.ts'
import {createNotifier, type Notifier} from '../observe/sd-notify.ts'
import {createPeerGuard, type SelfIdentity} from '../peer/guard.ts'
import {createPeerSender, type PeerSender} from '../peer/send.ts'
import {clusterKeys, sha256Hex} from '../peer/session.ts'
import {createClock, TICK_MS} from '../runtime/clock.ts'
import {createFlightRecorder} from '../runtime/flight-recorder.ts'
import {createPerform} from '../runtime/perform.ts'
import {createRuntime, type Runtime} from '../runtime/runtime.ts'
import {openDataPorts, type DataPorts} from './data-ports.ts'
import {createLease, writeLease, type Answer, type Question} from './ports.ts'
import {openStorePort, type Loaded, type StorePort} from './store-port.ts'

export interface MainThreadOptions {
  readonly config: NodeConfig
  readonly id: NodeId
  /** Why the node has forgotten what it promised, though its disks know it; '' otherwise. */
  readonly amnesia: string
  /** The program's entry file. */
  readonly entry: URL
  /** One line for the operator, then the end of the process. */
  readonly fail: (refusal: Refusal, status: number) => never
}

/** An ordered stop waits this long for the kernel to announce the absence. */
const ANNOUNCE_TIMEOUT_MS = 10_000
/** And then this long for requests under way. */
const DRAIN_TIMEOUT_MS = 20_000

export interface MainThread {
  /** SIGTERM, SIGINT: announce absent, drain, close, exit. */
  readonly stop: () => void
}

/** Starts everything; resolves when the node listens. */
export async function startMainThread(options: MainThreadOptions): Promise<MainThread> {
  const node = createNode(options)
  const {config} = options
  const [loaded] = await Promise.all([
    node.store.loaded,
    listen(node.control, config.listen.control, 'control').catch((error: unknown) =>
      options.fail(refusalOf(error), statusOf(error)),
    ),
  ])
  for (const line of loaded.damage) node.log.warn('a metadata slot is damaged', {slot: line})
  boot(node, options, loaded)
  await node.data.listening
  node.log.info('listening', {
    public: config.file.listen.public,
    control: config.file.listen.control,
    openFiles: openFilesLimit(),
  })
  node.notifier.ready(statusLine(node.state.view))
  node.notifier.watch(() => true)
  return {stop: () => orderStop(node)}
}

interface NodeState {
  self: SelfIdentity | null
  epoch: number
  view: ClusterView | null
  stopping: boolean
}

interface Node {
  readonly log: Log
  readonly notifier: Notifier
  readonly runtime: Runtime
  readonly store: StorePort
  readonly data: DataPorts
  readonly sender: PeerSender
  readonly control: Server
  readonly state: NodeState
  readonly end: (status: number, reason: string) => void
}

function createNode(options: MainThreadOptions): Node {
  const {config, id, entry} = options
  const {role, state: directory} = config.file
  const label = nodeLabel(role, id)
  const log = createLog({level: config.file.log?.level ?? 'info', node: label, thread: 'main'})
  const notifier = createNotifier(process.env)
  const clock = createClock()
  const recorder = createFlightRecorder()
  const keys = clusterKeys(config.clusterKeys)
  const lease = createLease()
  const state: NodeState = {self: null, epoch: 0, view: null, stopping: false}
  const now = (): {nowMs: number; wallMs: number} => ({
    nowMs: clock.nowMs(),
    wallMs: clock.wallMs(),
  })

  const store = openStorePort({
    entry,
    directory,
    saved: (tokens, durable) => {
      const sha = durable.accepted?.sha ?? ''
      for (const token of tokens) {
        runtime.tell({type: 'persisted', token, sha, nowMs: clock.nowMs()})
      }
    },
    fatal: ({refusal, status}) => options.fail(refusal, status),
  })
  const startedNs = process.hrtime.bigint()
  const data = openDataPorts({
    entry,
    starts: Array.from({length: config.dataWorkers}, (_, number) => ({
      kind: 'data',
      number,
      id,
      config,
      lease,
      startedNs,
    })),
    held: (index) => runtime.tell({type: 'view-held', index, nowMs: clock.nowMs()}),
    answer,
    fatal: ({refusal, status}) => options.fail(refusal, status),
  })
  const sender = createPeerSender({
    keys,
    self: () => state.self,
    epoch: () => state.epoch,
    answered: (sendId, reply, from) =>
      runtime.tell({type: 'peer-answered', sendId, answer: reply, from, ...now()}),
    silent: (sendId, reason, detail) =>
      runtime.tell({type: 'peer-silent', sendId, reason, detail, ...now()}),
  })
  const perform = createPerform({
    runtime: () => runtime,
    sender,
    persist: (token, durable) => {
      noteDurable(durable)
      store.save(token, durable)
    },
    publish: (view) => {
      const before = statusLine(state.view)
      state.view = view
      data.publish(view)
      if (statusLine(view) !== before) notifier.status(statusLine(view))
    },
    lease: (untilMs) => writeLease(lease, clock.toNs(untilMs)),
    exit: (status, reason) => end(status, reason),
    log,
  })
  const runtime = createRuntime({clock, recorder, perform, onBug})
  const control = createControlListener({
    guard: createPeerGuard(keys, () => state.self),
    runtime,
    node: label,
    snode: () => encodeJson(encodeSnode(selfMember(config, id), {center: false})),
    alive: () => state.view !== null && state.view.nodeStarted && !state.stopping,
    log,
  })

  function noteDurable(durable: DurableState): void {
    state.epoch = Math.max(durable.promisedEpoch, durable.accepted?.record.epoch ?? 0)
    const uuid = durable.uuid === '' ? config.file.uuid : durable.uuid
    if (state.self?.inc === durable.inc && state.self.uuid === uuid) return
    state.self = {id, inc: durable.inc, uuid}
    data.tellSelf(state.self)
  }

  async function answer(question: Question): Promise<Answer> {
    if (question.type === 'stats') return {type: 'stats', snapshots: await data.stats()}
    return {type: 'command', result: await runtime.command(question.command)}
  }

  function onBug(bug: unknown): void {
    const text = bug instanceof Error ? (bug.stack ?? bug.message) : String(bug)
    const path = recorder.dump(directory, text)
    const message = `defect: ${text}; the last events are in ${path}`
    options.fail({code: 'INTERNAL', message, hint: 'please report it'}, EXIT_FAILED)
  }

  function end(status: number, reason: string): void {
    finish(
      {log, notifier, runtime, store, data, sender, control, state, end},
      status,
      reason,
    ).catch((error: unknown) => {
      options.fail({code: 'INTERNAL', message: `stop failed: ${reasonOf(error)}`}, EXIT_FAILED)
    })
  }

  return {log, notifier, runtime, store, data, sender, control, state, end}
}

function boot(node: Node, options: MainThreadOptions, loaded: Loaded): void {
  const {config, id} = options
  const clock = createClock()
  const facts: BootFacts = {
    self: {
      id,
      role: config.file.role,
      ...config.advertise,
      nonElectable: config.file.nonElectable ?? false,
      speaks: [LEVEL, LEVEL],
    },
    uuid: config.file.uuid as BootFacts['uuid'],
    bootstrap: config.bootstrap,
    peers: config.peers,
    askFirst: config.askFirst,
    primaryHint: config.primaryHint,
    standby: config.standby,
    foundingConfig: config.founding,
  }
  const durable = loaded.state
  node.state.self = {
    id,
    inc: durable?.inc ?? 0,
    uuid: durable === null || durable.uuid === '' ? config.file.uuid : durable.uuid,
  }
  node.state.epoch = durable?.promisedEpoch ?? 0
  node.data.tellSelf(node.state.self)
  const amnesia = loaded.amnesia ?? (durable === null ? options.amnesia : '')
  const seed = Number.parseInt(sha256Hex(`${id} ${process.hrtime.bigint()}`).slice(0, 8), 16)
  const now = (): {nowMs: number; wallMs: number} => ({
    nowMs: clock.nowMs(),
    wallMs: clock.wallMs(),
  })
  node.runtime.tell({type: 'booted', facts, durable, amnesia, seed, ...now()})
  setInterval(() => node.runtime.tell({type: 'tick', ...now()}), TICK_MS)
}

function orderStop(node: Node): void {
  if (node.state.stopping) return
  node.state.stopping = true
  node.notifier.stopping('announcing the stop')
  node.notifier.extend(ANNOUNCE_TIMEOUT_MS + DRAIN_TIMEOUT_MS)
  node.log.info('ordered stop', {})
  const clock = createClock()
  setTimeout(() => node.end(EXIT_STOPPED, 'the stop could not be announced'), ANNOUNCE_TIMEOUT_MS)
  node.runtime.tell({type: 'stop-ordered', nowMs: clock.nowMs(), wallMs: clock.wallMs()})
}

const finishing = new WeakSet<NodeState>()

async function finish(node: Node, status: number, reason: string): Promise<void> {
  if (finishing.has(node.state)) return
  finishing.add(node.state)
  node.log.info('stopping', {status, reason})
  node.notifier.stopping(reason)
  await node.data.stop(DRAIN_TIMEOUT_MS)
  node.control.close()
  node.sender.close()
  await node.store.close()
  await node.notifier.close()
  process.exit(status)
}

/** What `systemctl status` shows. */
function statusLine(view: ClusterView | null): string {
  if (view === null || view.record === null) return 'waiting for the cluster'
  const {smap, uuid} = view.record
  const members = Object.keys(smap.nodes).length
  const started = view.clusterStarted ? '' : ', cluster not started yet'
  return `cluster ${uuid}, map v${smap.version}, ${members} nodes, primary ${smap.primary}${started}`
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
