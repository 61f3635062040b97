/**
 * A data worker: the public listener, on one worker of a target the intra-data listener too, the
 * object path, and Koa for everything else. It holds the newest view and says so; what needs the
 * kernel goes through one question.
 */

import {parentPort} from 'node:worker_threads'

import {defined, unreachable} from '../../base/assert.ts'
import {AisError, type Refusal} from '../../base/errors.ts'
import {NO_RING, ringOf, type OwnRing} from '../../core/objects/ring.ts'
import type {ClusterView} from '../../model/cluster-view.ts'
import {nodeLabel} from '../../model/ids.ts'
import {EXIT_FAILED} from '../exit.ts'
import type {NodeContext} from '../http/context.ts'
import {openListeners, type OpenListeners} from '../http/listeners.ts'
import {createLog, reasonOf, type Log} from '../observe/log.ts'
import {addSnapshots, createStats} from '../observe/stats.ts'
import {askControlListener, createDataClient, type DataClientDeps} from '../peer/data-client.ts'
import type {SelfIdentity} from '../peer/guard.ts'
import {clusterKeys} from '../peer/session.ts'
import type {Target} from './open-target.ts'
import type {Answer, DataThreadStart, FromDataWorker, Question, ToDataWorker} from './ports.ts'
import {leaseReader} from './ports.ts'

/** What the kernel has said last. */
interface Latest {
  view: ClusterView
  ring: OwnRing
  self: SelfIdentity | null
  clusterStartedNs: bigint
}

export async function runDataWorker(start: DataThreadStart): Promise<void> {
  const port = defined(parentPort, 'a data worker runs in a worker thread')
  const tell = (message: FromDataWorker): void => port.postMessage(message)
  const {role} = start.config.file
  const label = nodeLabel(role, start.id)
  const level = start.config.file.log?.level ?? 'info'
  const log = createLog({level, node: label, thread: `data-${start.number}`})
  const latest: Latest = {
    view: viewBefore(start),
    ring: NO_RING,
    self: null,
    clusterStartedNs: 0n,
  }
  const waiting = new Map<number, (answer: Answer) => void>()
  const ask = askKernel(tell, waiting)
  const stats = createStats()
  let open: OpenListeners | null = null
  let target: Target | null = null

  port.on('message', (message: ToDataWorker) => {
    switch (message.type) {
      case 'view':
        takeView(latest, message.view)
        return tell({type: 'view-held', serial: message.serial})
      case 'self':
        latest.self = message.self
        return
      case 'answered':
        waiting.get(message.askId)?.(message.answer)
        waiting.delete(message.askId)
        return
      case 'report-stats':
        return tell({type: 'stats', reportId: message.reportId, snapshot: stats.snapshot()})
      case 'stop':
        return void stop(open, target, log).then(() => tell({type: 'stopped'}))
      default:
        return unreachable(message)
    }
  })

  const leaseValid = leaseReader(start.lease)
  const keys = clusterKeys(start.config.clusterKeys)
  const peers = {
    keys,
    self: () => latest.self,
    epoch: () => latest.view.record?.epoch ?? 0,
  }
  const askTarget = createDataClient(peers)
  try {
    target =
      role === 'proxy'
        ? null
        : await (
            await import('./open-target.ts')
          ).openTarget({
            start,
            view: () => latest.view,
            ring: () => latest.ring,
            leaseValid,
            askTarget,
            log,
          })
    const context = contextOf({
      start,
      latest,
      ask,
      stats,
      askTarget,
      peers,
      leaseValid,
      target,
      log,
      label,
    })
    open = await openListeners(context, keys, () => latest.self, start.number)
    tell({type: 'listening'})
  } catch (error) {
    tell({type: 'fatal', refusal: refusalOf(error), status: statusOf(error)})
  }
}

interface ContextParts {
  readonly start: DataThreadStart
  readonly latest: Latest
  readonly ask: (question: Question) => Promise<Answer>
  readonly stats: NodeContext['stats']
  readonly askTarget: NodeContext['askTarget']
  readonly peers: DataClientDeps
  readonly leaseValid: () => boolean
  readonly target: Target | null
  readonly log: Log
  readonly label: string
}

function contextOf(parts: ContextParts): NodeContext {
  const {start, latest, ask, target} = parts
  return {
    id: start.id,
    role: start.config.file.role,
    label: parts.label,
    config: start.config,
    view: () => latest.view,
    ring: () => latest.ring,
    command: async (command) => {
      const answer = await ask({type: 'command', command})
      if (answer.type === 'command') return answer.result
      throw new AisError({code: 'INTERNAL', message: 'a command was answered by something else'})
    },
    stats: parts.stats,
    allStats: async () => {
      const answer = await ask({type: 'stats'})
      return answer.type === 'stats' ? addSnapshots(answer.snapshots) : {}
    },
    startedNs: start.startedNs,
    clusterStartedNs: () => latest.clusterStartedNs,
    askTarget: parts.askTarget,
    askControl: (to, path) => askControlListener(parts.peers, to, path),
    mayWrite: () => target === null || parts.leaseValid(),
    objects: target?.objects ?? null,
    mountpaths: () => target?.mountpaths() ?? [],
    log: parts.log,
  }
}

function askKernel(
  tell: (message: FromDataWorker) => void,
  waiting: Map<number, (answer: Answer) => void>,
): (question: Question) => Promise<Answer> {
  let nextAsk = 1
  return (question) =>
    new Promise((resolve) => {
      const askId = nextAsk++
      waiting.set(askId, resolve)
      tell({type: 'asked', askId, question})
    })
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
    settledIndex: 0,
    nodeStarted: false,
    clusterStarted: false,
    stopping: false,
  }
}

async function stop(open: OpenListeners | null, target: Target | null, log: Log): Promise<void> {
  try {
    await open?.drain()
    target?.close()
  } catch (error) {
    log.error('the stop was not clean', {error: reasonOf(error)})
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
