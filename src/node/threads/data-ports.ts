/**
 * The main thread's end of the data workers: hands them views and learns when all hold one, answers
 * their one question, adds up their counters, stops them.
 */

import {Worker} from 'node:worker_threads'

import {defined, unreachable} from '../../base/assert.ts'
import {AisError} from '../../base/errors.ts'
import type {KernelEffect} from '../../core/kernel/events.ts'
import type {ClusterView} from '../../model/cluster-view.ts'
import type {MoveReport} from '../../model/peer-messages.ts'
import type {ClusterRecord} from '../../model/record.ts'
import type {StatsSnapshot} from '../observe/stats.ts'
import type {SelfIdentity} from '../peer/guard.ts'
import {noteDeparture} from '../store/decommission.ts'
import type {
  Answer,
  DataThreadStart,
  Fatal,
  FromDataWorker,
  Question,
  ToDataWorker,
} from './ports.ts'
import {threadDied} from './store-port.ts'

export type DecommissionOrder = Extract<KernelEffect, {type: 'decommission'}>

export interface DataPortsDeps {
  readonly entry: URL
  readonly starts: readonly DataThreadStart[]
  /** Every worker holds the view of this record index. */
  readonly held: (index: number) => void
  readonly answer: (question: Question) => Promise<Answer>
  /** How far this target is with a rebalance. */
  readonly moved: (report: MoveReport) => void
  /** And with removing what is not its own. */
  readonly reclaimed: (report: MoveReport) => void
  readonly cleared: (upTo: number) => void
  /** Something is wrong that does not keep the node from serving. */
  readonly problem: (text: string) => void
  readonly fatal: (fatal: Fatal) => void
}

interface Port {
  readonly worker: Worker
  listening: boolean
  stopped: boolean
  heldSerial: number
}

/** Owns the worker threads. */
export class DataPorts {
  /** Resolves when every worker listens. */
  readonly listening: Promise<void>
  readonly #deps: DataPortsDeps
  readonly #ports: readonly Port[]
  /** Record index by the serial number of a published view that is not held by all yet. */
  readonly #indexes = new Map<number, number>()
  readonly #reports = new Map<number, (snapshot: StatsSnapshot) => void>()
  /** Of the view that was published last; undefined before the first. */
  #record: ClusterRecord | null | undefined
  #serial = 0
  #heldSerial = 0
  #nextReport = 1
  #stopping = false
  #onListening: () => void = () => undefined
  #onStopped: () => void = () => undefined
  #onDecommissioned: (problem: string) => void = () => undefined

  constructor(deps: DataPortsDeps) {
    this.#deps = deps
    this.listening = new Promise((resolve) => {
      this.#onListening = resolve
    })
    this.#ports = deps.starts.map((start) => this.#open(start))
  }

  publish(view: ClusterView): void {
    this.#serial += 1
    if (view.record !== null) this.#indexes.set(this.#serial, view.record.index)
    const {record, ...rest} = view
    const told = record === this.#record ? 'same' : record
    this.#record = record
    this.#tellAll({type: 'view', serial: this.#serial, view: rest, record: told})
  }

  tellSelf(self: SelfIdentity): void {
    this.#tellAll({type: 'self', self})
  }

  /** Counters of every worker. */
  stats(): Promise<readonly StatsSnapshot[]> {
    return Promise.all(this.#ports.map((port) => this.#report(port)))
  }

  /** Clears the disks, then notes that the node is leaving. @throws AisError naming what stays */
  async decommission({op, rmUserData}: DecommissionOrder): Promise<void> {
    const [start] = this.#deps.starts
    const {file} = defined(start, 'a node has a data worker').config
    const [port] = this.#ports
    if (file.role === 'target' && port !== undefined) {
      const problem = await new Promise<string>((resolve) => {
        this.#onDecommissioned = resolve
        this.#tell(port, {type: 'decommission', rmUserData})
      })
      if (problem !== '') throw new AisError({code: 'IO_ERROR', message: problem})
    }
    noteDeparture(file.state, {uuid: file.uuid, op, state: 'leaving'})
  }

  /** Asks all to drain and stop; resolves when they have, or after the time. */
  async stop(timeoutMs: number): Promise<void> {
    this.#stopping = true
    const stopped = new Promise<void>((resolve) => {
      this.#onStopped = resolve
      setTimeout(resolve, timeoutMs)
    })
    this.#tellAll({type: 'stop'})
    await stopped
    await Promise.all(this.#ports.map(({worker}) => worker.terminate()))
  }

  #open(start: DataThreadStart): Port {
    const worker = new Worker(this.#deps.entry, {workerData: start})
    const port: Port = {worker, listening: false, stopped: false, heldSerial: 0}
    worker.on('message', (message: FromDataWorker) => this.#receive(port, message))
    worker.on('error', (error: Error) => this.#deps.fatal(threadDied('data', error)))
    worker.on('exit', () => {
      if (!this.#stopping) this.#deps.fatal(threadDied('data', new Error('it ended')))
    })
    return port
  }

  #receive(port: Port, message: FromDataWorker): void {
    switch (message.type) {
      case 'listening':
        port.listening = true
        if (message.problem !== '') this.#deps.problem(message.problem)
        if (this.#ports.every((each) => each.listening)) this.#onListening()
        return
      case 'view-held':
        port.heldSerial = message.serial
        return this.#noteHeld()
      case 'asked':
        return this.#answer(port, message.askId, message.question)
      case 'stats':
        this.#reports.get(message.reportId)?.(message.snapshot)
        this.#reports.delete(message.reportId)
        return
      case 'move-reported':
        return this.#deps.moved(message.report)
      case 'reclaim-reported':
        return this.#deps.reclaimed(message.report)
      case 'cleared-reported':
        return this.#deps.cleared(message.upTo)
      case 'decommissioned':
        return this.#onDecommissioned(message.problem)
      case 'stopped':
        port.stopped = true
        if (this.#ports.every((each) => each.stopped)) this.#onStopped()
        return
      case 'fatal':
        return this.#deps.fatal(message)
      default:
        return unreachable(message)
    }
  }

  #noteHeld(): void {
    const lowest = Math.min(...this.#ports.map((port) => port.heldSerial))
    for (; this.#heldSerial < lowest; this.#heldSerial += 1) {
      const index = this.#indexes.get(this.#heldSerial + 1)
      this.#indexes.delete(this.#heldSerial + 1)
      if (index !== undefined) this.#deps.held(index)
    }
  }

  #answer(port: Port, askId: number, question: Question): void {
    this.#deps.answer(question).then(
      (answer) => this.#tell(port, {type: 'answered', askId, answer}),
      (error: unknown) => this.#deps.fatal(threadDied('main', asError(error))),
    )
  }

  #report(port: Port): Promise<StatsSnapshot> {
    return new Promise((resolve) => {
      const reportId = this.#nextReport++
      this.#reports.set(reportId, resolve)
      this.#tell(port, {type: 'report-stats', reportId})
    })
  }

  #tellAll(message: ToDataWorker): void {
    for (const port of this.#ports) this.#tell(port, message)
  }

  #tell(port: Port, message: ToDataWorker): void {
    port.worker.postMessage(message)
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
