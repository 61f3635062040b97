/**
 * The main thread's end of the data workers: hands them views and learns when all hold one, answers
 * their one question, adds up their counters, stops them.
 */

import {Worker} from 'node:worker_threads'

import {unreachable} from '../../base/assert.ts'
import type {ClusterView} from '../../model/cluster-view.ts'
import type {StatsSnapshot} from '../observe/stats.ts'
import type {SelfIdentity} from '../peer/guard.ts'
import type {
  Answer,
  DataThreadStart,
  Fatal,
  FromDataWorker,
  Question,
  ToDataWorker,
} from './ports.ts'
import {threadDied} from './store-port.ts'

export interface DataPorts {
  /** Resolves when every worker listens. */
  readonly listening: Promise<void>
  readonly publish: (view: ClusterView) => void
  readonly tellSelf: (self: SelfIdentity) => void
  /** Counters of every worker. */
  readonly stats: () => Promise<readonly StatsSnapshot[]>
  /** Asks all to drain and stop; resolves when they have, or after the time. */
  readonly stop: (timeoutMs: number) => Promise<void>
}

export interface DataPortsDeps {
  readonly entry: URL
  readonly starts: readonly DataThreadStart[]
  /** Every worker holds the view of this record index. */
  readonly held: (index: number) => void
  readonly answer: (question: Question) => Promise<Answer>
  readonly fatal: (fatal: Fatal) => void
}

interface Port {
  readonly worker: Worker
  listening: boolean
  stopped: boolean
  heldSerial: number
}

export function openDataPorts(deps: DataPortsDeps): DataPorts {
  const indexes = new Map<number, number>()
  const reports = new Map<number, (snapshot: StatsSnapshot) => void>()
  let serial = 0
  let heldSerial = 0
  let nextReport = 1
  let stopping = false
  let onListening: () => void = () => undefined
  let onStopped: () => void = () => undefined
  const listening = new Promise<void>((resolve) => {
    onListening = resolve
  })

  const ports = deps.starts.map((start): Port => {
    const worker = new Worker(deps.entry, {workerData: start})
    const port: Port = {worker, listening: false, stopped: false, heldSerial: 0}
    worker.on('message', (message: FromDataWorker) => receive(port, message))
    worker.on('error', (error) => deps.fatal(threadDied('data', error)))
    worker.on('exit', () => {
      if (!stopping) deps.fatal(threadDied('data', new Error('it ended')))
    })
    return port
  })

  function tell(port: Port, message: ToDataWorker): void {
    port.worker.postMessage(message)
  }

  function receive(port: Port, message: FromDataWorker): void {
    switch (message.type) {
      case 'listening':
        port.listening = true
        if (ports.every((each) => each.listening)) onListening()
        return
      case 'view-held':
        port.heldSerial = message.serial
        return noteHeld()
      case 'asked':
        return answer(port, message.askId, message.question)
      case 'stats':
        reports.get(message.reportId)?.(message.snapshot)
        reports.delete(message.reportId)
        return
      case 'stopped':
        port.stopped = true
        if (ports.every((each) => each.stopped)) onStopped()
        return
      case 'fatal':
        return deps.fatal(message)
      default:
        return unreachable(message)
    }
  }

  function noteHeld(): void {
    const lowest = Math.min(...ports.map((port) => port.heldSerial))
    for (; heldSerial < lowest; heldSerial += 1) {
      const index = indexes.get(heldSerial + 1)
      indexes.delete(heldSerial + 1)
      if (index !== undefined) deps.held(index)
    }
  }

  function answer(port: Port, askId: number, question: Question): void {
    deps.answer(question).then(
      (found) => tell(port, {type: 'answered', askId, answer: found}),
      (error: unknown) => deps.fatal(threadDied('main', asError(error))),
    )
  }

  return {
    listening,
    publish: (view) => {
      serial += 1
      if (view.record !== null) indexes.set(serial, view.record.index)
      for (const port of ports) tell(port, {type: 'view', serial, view})
    },
    tellSelf: (self) => {
      for (const port of ports) tell(port, {type: 'self', self})
    },
    stats: () =>
      Promise.all(
        ports.map(
          (port) =>
            new Promise<StatsSnapshot>((resolve) => {
              const reportId = nextReport++
              reports.set(reportId, resolve)
              tell(port, {type: 'report-stats', reportId})
            }),
        ),
      ),
    stop: async (timeoutMs) => {
      stopping = true
      const stopped = new Promise<void>((resolve) => {
        onStopped = resolve
        setTimeout(resolve, timeoutMs)
      })
      for (const port of ports) tell(port, {type: 'stop'})
      await stopped
      await Promise.all(ports.map(({worker}) => worker.terminate()))
    },
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
