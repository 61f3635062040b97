/**
 * A data worker: the public listener, on one worker of a target the intra-data listener too, the
 * object path, and Koa for everything else. It holds the newest view and says so; what needs the
 * kernel goes through one question.
 */

import {parentPort} from 'node:worker_threads'

import {assert, defined, unreachable} from '../../base/assert.ts'
import {AisError, type Refusal} from '../../base/errors.ts'
import {NO_RING, ringOf, type OwnRing} from '../../core/objects/ring.ts'
import {PRIMARY_UNKNOWN, type ClusterView} from '../../model/cluster-view.ts'
import type {Command, CommandResult} from '../../model/command.ts'
import {sinceOf} from '../../model/forgotten.ts'
import {nodeLabel} from '../../model/ids.ts'
import {EXIT_FAILED} from '../exit.ts'
import {mountpathProblem} from '../http/capacity.ts'
import type {NodeContext} from '../http/context.ts'
import {openListeners, type OpenListeners} from '../http/listeners.ts'
import {createPublicClient} from '../http/public-client.ts'
import {createLog, reasonOf, type Log} from '../observe/log.ts'
import {addSnapshots, createStats, type NodeStats} from '../observe/stats.ts'
import {askControlListener, createDataClient} from '../peer/data-client.ts'
import type {AskTarget, DataClientDeps} from '../peer/data-client.ts'
import type {SelfIdentity} from '../peer/guard.ts'
import {clusterKeys} from '../peer/session.ts'
import type {Movement} from '../runtime/movement.ts'
import type {Standing} from '../runtime/standing.ts'
import type {Target} from './open-target.ts'
import type {Answer, DataThreadStart, FromDataWorker, Question, ToDataWorker} from './ports.ts'
import {leaseReader} from './ports.ts'

type ViewMessage = Extract<ToDataWorker, {type: 'view'}>

/** What the kernel has said last. */
interface Latest {
  view: ClusterView
  ring: OwnRing
  self: SelfIdentity | null
  clusterStartedNs: bigint
}

export async function runDataWorker(start: DataThreadStart): Promise<void> {
  await new DataWorker(start).run()
}

/** Owns the listeners, the target's store, and the port to the main thread. */
class DataWorker {
  readonly #start: DataThreadStart
  readonly #port = defined(parentPort, 'a data worker runs in a worker thread')
  readonly #label: string
  readonly #log: Log
  readonly #latest: Latest
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  readonly #stats = createStats()
  readonly #peers: DataClientDeps
  readonly #leaseValid: () => boolean
  #nextAsk = 1
  #open: OpenListeners | null = null
  #target: Target | null = null
  /** Views that wait until the target is opened anew; null: none has to. */
  #renewing: ViewMessage[] | null = null
  #stopping = false

  constructor(start: DataThreadStart) {
    const {role, log} = start.config.file
    this.#start = start
    this.#label = nodeLabel(role, start.id)
    const thread = `data-${start.number}`
    this.#log = createLog({level: log?.level ?? 'info', node: this.#label, thread})
    this.#latest = {view: viewBefore(start), ring: NO_RING, self: null, clusterStartedNs: 0n}
    this.#leaseValid = leaseReader(start.lease)
    this.#peers = {
      keys: clusterKeys(start.config.clusterKeys),
      self: () => this.#latest.self,
      epoch: () => this.#latest.view.record?.epoch ?? 0,
    }
  }

  async run(): Promise<void> {
    this.#port.on('message', (message: ToDataWorker) => this.#receive(message))
    try {
      await this.#openAll()
      const problem = mountpathProblem(this.#target?.mountpaths() ?? [])
      if (problem !== '') this.#log.error('not all mountpaths serve', {problem})
      this.#tell({type: 'listening', problem})
    } catch (error) {
      this.#tell({type: 'fatal', refusal: refusalOf(error), status: statusOf(error)})
    }
  }

  /** The target before the listeners: nobody is answered from what is not the cluster's (R33). */
  async #openAll(): Promise<void> {
    const {keys, self} = this.#peers
    const askTarget = createDataClient(this.#peers)
    const isTarget = this.#start.config.file.role === 'target'
    for (;;) {
      this.#target = isTarget ? await this.#openTarget(askTarget) : null
      if (this.#isOf(this.#latest.view)) {
        this.#target?.look()
        this.#open = await openListeners(this.#context(askTarget), keys, self, this.#start.number)
        if (this.#isOf(this.#latest.view)) return
      }
      await this.#closeAll()
    }
  }

  async #closeAll(): Promise<void> {
    await this.#open?.drain()
    this.#open = null
    await this.#target?.ended()
    this.#target?.close()
    this.#target = null
  }

  /** Whether what the target holds is of the membership that a view speaks of. */
  #isOf({record}: ClusterView): boolean {
    const since = sinceOf(record?.smap.nodes[this.#start.id])
    const target = this.#target
    return target === null || since <= target.since() || target.renew(since)
  }

  #takeView(message: ViewMessage): void {
    if (this.#renewing !== null) {
      this.#renewing.push(message)
      return
    }
    const view = viewOf(message, this.#latest.view)
    if (this.#open !== null && !this.#isOf(view)) {
      this.#renewing = []
      return void this.#renew(view, message.serial)
    }
    takeView(this.#latest, view)
    this.#target?.look()
    this.#tell({type: 'view-held', serial: message.serial})
  }

  /**
   * This target was removed by force while it ran, and has been let in anew: nobody is answered
   * until what it held is moved aside, and only then is the record in use.
   */
  async #renew(view: ClusterView, serial: number): Promise<void> {
    this.#log.warn('removed from the cluster by force, and let in as an empty target')
    try {
      await this.#closeAll()
      takeView(this.#latest, view)
      await this.#openAll()
    } catch (error) {
      return this.#tell({type: 'fatal', refusal: refusalOf(error), status: statusOf(error)})
    }
    this.#tell({type: 'view-held', serial})
    const held = this.#renewing ?? []
    this.#renewing = null
    for (const later of held) this.#takeView(later)
    if (this.#stopping) await this.#closeAll()
  }

  #receive(message: ToDataWorker): void {
    switch (message.type) {
      case 'view':
        return this.#takeView(message)
      case 'self':
        this.#latest.self = message.self
        return
      case 'answered':
        this.#waiting.get(message.askId)?.(message.answer)
        this.#waiting.delete(message.askId)
        return
      case 'report-stats': {
        const {reportId} = message
        return this.#tell({type: 'stats', reportId, snapshot: this.#stats.snapshot()})
      }
      case 'decommission':
        return void this.#decommission(message.rmUserData)
      case 'stop':
        return void this.#stop().then(() => this.#tell({type: 'stopped'}))
      default:
        return unreachable(message)
    }
  }

  async #decommission(rmUserData: boolean): Promise<void> {
    try {
      await this.#target?.decommission(rmUserData)
      this.#tell({type: 'decommissioned', problem: ''})
    } catch (error) {
      this.#tell({type: 'decommissioned', problem: reasonOf(error)})
    }
  }

  async #openTarget(askTarget: AskTarget): Promise<Target> {
    const {openTarget} = await import('./open-target.ts')
    return await openTarget({
      start: this.#start,
      view: () => this.#latest.view,
      ring: () => this.#latest.ring,
      leaseValid: this.#leaseValid,
      askTarget,
      stats: this.#stats,
      moved: (report) => this.#tell({type: 'move-reported', report}),
      cleared: (upTo) => this.#tell({type: 'cleared-reported', upTo}),
      reclaimed: (report) => this.#tell({type: 'reclaim-reported', report}),
      defect: (error) => {
        this.#tell({type: 'fatal', refusal: refusalOf(error), status: EXIT_FAILED})
      },
      log: this.#log,
    })
  }

  #context(askTarget: AskTarget): NodeContext {
    const start = this.#start
    const target = this.#target
    return {
      id: start.id,
      role: start.config.file.role,
      label: this.#label,
      config: start.config,
      view: () => this.#latest.view,
      ring: () => this.#latest.ring,
      command: (command) => this.#command(command),
      stats: this.#stats,
      standing: () => this.#standing(),
      movement: () => this.#movement(),
      allStats: () => this.#allStats(),
      startedNs: start.startedNs,
      clusterStartedNs: () => this.#latest.clusterStartedNs,
      askTarget,
      askPublic: createPublicClient(),
      askControl: (to, question) => askControlListener(this.#peers, to, question),
      mayWrite: () => target === null || this.#leaseValid(),
      objects: target?.objects ?? null,
      moves: target?.moves ?? null,
      mountpaths: () => target?.mountpaths() ?? [],
      mountpathControl: target?.mountpathControl ?? null,
      copies: () => target?.copies() ?? [],
      health: () => target?.health() ?? {fullestPercent: 0, damaged: 0},
      log: this.#log,
    }
  }

  async #command(command: Command): Promise<CommandResult> {
    const answer = await this.#ask({type: 'command', command})
    assert(answer.type === 'command', 'a command is answered by its result')
    return answer.result
  }

  async #standing(): Promise<Standing> {
    const answer = await this.#ask({type: 'standing'})
    assert(answer.type === 'standing', 'a question for the standing is answered by it')
    return answer.standing
  }

  async #movement(): Promise<Movement> {
    const answer = await this.#ask({type: 'movement'})
    assert(answer.type === 'movement', 'a question for the movement is answered by it')
    return answer.movement
  }

  async #allStats(): Promise<NodeStats> {
    const answer = await this.#ask({type: 'stats'})
    assert(answer.type === 'stats', 'a question for counters is answered by counters')
    return {counters: addSnapshots(answer.snapshots), mainLagMs: answer.mainLagMs}
  }

  #ask(question: Question): Promise<Answer> {
    return new Promise((resolve) => {
      const askId = this.#nextAsk++
      this.#waiting.set(askId, resolve)
      this.#tell({type: 'asked', askId, question})
    })
  }

  #tell(message: FromDataWorker): void {
    this.#port.postMessage(message)
  }

  async #stop(): Promise<void> {
    this.#stopping = true
    try {
      await this.#open?.drain()
      this.#target?.close()
    } catch (error) {
      this.#log.error('the stop was not clean', {error: reasonOf(error)})
    }
  }
}

function viewOf({view, record}: ViewMessage, before: ClusterView): ClusterView {
  return {...view, record: record === 'same' ? before.record : record}
}

function takeView(latest: Latest, view: ClusterView): void {
  const before = latest.view.record
  latest.view = view
  if (view.record !== null && view.record.index !== before?.index) latest.ring = ringOf(view.record)
  if (view.clusterStarted && latest.clusterStartedNs === 0n) {
    latest.clusterStartedNs = process.hrtime.bigint()
  }
}

function viewBefore(start: DataThreadStart): ClusterView {
  return {
    self: {id: start.id, role: start.config.file.role, inc: 0},
    record: null,
    leading: false,
    primary: PRIMARY_UNKNOWN,
    settledIndex: 0,
    nodeStarted: false,
    clusterStarted: false,
    stopping: false,
  }
}

function refusalOf(error: unknown): Refusal {
  if (!(error instanceof AisError)) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    return {code: 'INTERNAL', message: text}
  }
  const {code, message, hint} = error
  return hint === undefined ? {code, message} : {code, message, hint}
}

function statusOf(error: unknown): number {
  const status = error instanceof AisError ? error.details?.['exitStatus'] : undefined
  return typeof status === 'number' ? status : EXIT_FAILED
}
