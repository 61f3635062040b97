/**
 * Clients of the control plane: they change metadata through any node, and remember what was
 * acknowledged.
 */

import type {Command, CommandResult} from '../../../src/core/kernel/events.ts'
import {bucketUname} from '../../../src/model/bucket.ts'
import type {NodeId} from '../../../src/model/ids.ts'
import type {ClusterRecord, RecordPosition} from '../../../src/model/record.ts'
import {simBucket} from './bucket.ts'
import type {Clock} from './clock.ts'
import type {Acknowledged} from './invariants.ts'
import {LOST, type SimProcess} from './process.ts'
import type {Random} from './random.ts'

export {simBucket} from './bucket.ts'

export interface Workload {
  /** One command of one client, at some node. */
  readonly act: () => void
  /** Tries one change at a node until it is done or the time is up. */
  readonly attempt: (
    at: SimProcess,
    withinMs: number,
    heard: (position: RecordPosition | null) => void,
  ) => void
  /** A command at a node that one draws, with one relay to the primary. */
  readonly order: (command: Command, draws: Random, heard: (result: CommandResult) => void) => void
  /** Hands the office to somebody, as an operator does; once. */
  readonly handOver: (at: SimProcess, id: NodeId, heard: (done: boolean) => void) => void
  readonly outcomes: {done: number; refused: number}
}

export interface WorkloadDeps {
  readonly clock: Clock
  readonly random: Random
  readonly processes: readonly SimProcess[]
  readonly isCut: (from: number, to: number) => boolean
  readonly placeOf: (port: number) => number
  readonly acknowledged: (change: Acknowledged) => void
}

/** One thing that a client wants, and how to see that it was done. */
interface Act {
  readonly command: Command
  readonly what: string
  readonly holds: (record: ClusterRecord) => boolean
  readonly done: () => void
}

/** A setting of the cluster that clients change. */
interface Setting {
  readonly key: string
  busy: boolean
}

export function createWorkload(deps: WorkloadDeps): Workload {
  const {random, processes} = deps
  const outcomes = {done: 0, refused: 0}
  const live: string[] = []
  const settings: Setting[] = []
  const dropped = new Set<string>()
  let serial = 0
  let made = false

  /** As a gateway does: one relay to the primary, if it is within reach. */
  function put(
    at: SimProcess,
    command: Command,
    relayed: boolean,
    heard: (result: CommandResult) => void,
  ): void {
    if (!at.isUp()) return
    at.command(command, (result) => {
      if (result.type !== 'elsewhere' || relayed) return heard(result)
      const there = processes[deps.placeOf(result.primary.port)]
      const isCut = there === undefined || deps.isCut(at.index, there.index)
      if (isCut || !there.isUp() || deps.isCut(there.index, at.index)) return heard(LOST)
      put(there, command, true, heard)
    })
  }

  function act(): void {
    const up = processes.filter((process) => process.isUp())
    if (up.length === 0) return
    const {command, what, holds, done} = next()
    put(random.pick(up), command, false, (result) => {
      if (result.type === 'refused' && result.refusal.code === 'BUCKET_EXISTS') made = true
      if (result.type !== 'done') {
        outcomes.refused++
        return
      }
      outcomes.done++
      done()
      deps.acknowledged({what, index: result.position.index, holds})
    })
  }

  function attempt(
    at: SimProcess,
    withinMs: number,
    heard: (position: RecordPosition | null) => void,
  ): void {
    serial++
    const key = `sim.attempt.${serial}`
    const value = serial
    const endMs = deps.clock.nowMs() + withinMs
    let over = false
    const finish = (position: RecordPosition | null): void => {
      if (over) return
      over = true
      heard(position)
    }
    deps.clock.after(withinMs, () => finish(null))
    const once = (): void => {
      if (over || deps.clock.nowMs() >= endMs) return
      if (!at.isUp()) return deps.clock.after(withinMs / 50, once)
      put(at, {type: 'set-config', set: {[key]: value}, reset: false}, false, (result) => {
        if (result.type !== 'done') return deps.clock.after(withinMs / 50, once)
        const {position} = result
        const holds = (record: ClusterRecord): boolean => record.conf.set[key] === value
        deps.acknowledged({what: `set ${key}`, index: position.index, holds})
        finish(position)
      })
    }
    once()
  }

  function handOver(at: SimProcess, id: NodeId, heard: (done: boolean) => void): void {
    put(at, {type: 'set-primary', id}, false, (result) => heard(result.type === 'done'))
  }

  function order(command: Command, draws: Random, heard: (result: CommandResult) => void): void {
    const up = processes.filter((process) => process.isUp())
    if (up.length > 0) put(draws.pick(up), command, false, heard)
  }

  /** The bucket of the object world; made first, never destroyed. */
  function makeObjectBucket(): Act {
    const ref = simBucket('objects')
    return {
      command: {type: 'create-bucket', ref, set: {}, durability: 'default'},
      what: 'create objects',
      holds: (record) => record.bmd.buckets[bucketUname(ref)] !== undefined,
      done: () => {
        made = true
      },
    }
  }

  function next(): Act {
    if (!made) return makeObjectBucket()
    serial++
    const value = serial
    const draw = random.ratio()
    const name = `bucket-${serial}`
    if (draw < 0.1) {
      const ref = simBucket(name)
      return {
        command: {type: 'create-bucket', ref, set: {}, durability: 'default'},
        what: `create ${name}`,
        holds: (record) => dropped.has(name) || record.bmd.buckets[bucketUname(ref)] !== undefined,
        done: () => live.push(name),
      }
    }
    if (draw < 0.15 && live.length > 0) {
      const old = random.pick(live)
      const ref = simBucket(old)
      dropped.add(old)
      return {
        command: {type: 'destroy-bucket', ref},
        what: `destroy ${old}`,
        holds: (record) => record.bmd.buckets[bucketUname(ref)] === undefined,
        done: () => live.splice(live.indexOf(old), 1),
      }
    }
    return setOne(value)
  }

  /**
   * One of a few settings, to a higher value than before. Nobody else writes it until the outcome
   * is known; when it never will be, the setting is given up.
   */
  function setOne(value: number): Act {
    const free = settings.find((setting) => !setting.busy) ?? newSetting()
    const {key} = free
    free.busy = true
    return {
      command: {type: 'set-config', set: {[key]: value}, reset: false},
      what: `set ${key} to ${value}`,
      holds: (record) => Number(record.conf.set[key] ?? 0) >= value,
      done: () => {
        free.busy = false
      },
    }
  }

  function newSetting(): Setting {
    const setting = {key: `sim.setting.${settings.length}`, busy: false}
    settings.push(setting)
    return setting
  }

  return {act, attempt, order, handOver, outcomes}
}
