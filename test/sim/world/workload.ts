/**
 * Clients of the control plane: they change metadata through any node, and remember what was
 * acknowledged.
 */

import type {Command, CommandResult} from '../../../src/core/kernel/events.ts'
import {GLOBAL_NAMESPACE, bucketUname, type BucketRef} from '../../../src/model/bucket.ts'
import type {BucketName} from '../../../src/model/ids.ts'
import type {ClusterRecord} from '../../../src/model/record.ts'
import type {Acknowledged} from './invariants.ts'
import type {SimProcess} from './process.ts'
import type {Random} from './random.ts'

export interface Workload {
  /** One command of one client, at some node. */
  readonly act: () => void
  readonly outcomes: {done: number; refused: number}
}

export interface WorkloadDeps {
  readonly random: Random
  readonly processes: readonly SimProcess[]
  readonly placeOf: (port: number) => number
  readonly acknowledged: (change: Acknowledged) => void
}

/** A bucket of the global namespace. */
export function simBucket(name: string): BucketRef {
  return {name: name as BucketName, provider: 'ais', namespace: GLOBAL_NAMESPACE}
}

export function createWorkload(deps: WorkloadDeps): Workload {
  const {random, processes} = deps
  const outcomes = {done: 0, refused: 0}
  const live: string[] = []
  const dropped = new Set<string>()
  let serial = 0
  let made = false

  /** As a gateway does: one relay to the primary. */
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
      if (there !== undefined) put(there, command, true, heard)
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

  /** The bucket of the object world; made first, never destroyed. */
  function makeObjectBucket() {
    const ref = simBucket('objects')
    return {
      command: {type: 'create-bucket' as const, ref, set: {}, durability: 'default' as const},
      what: 'create objects',
      holds: (record: ClusterRecord) => record.bmd.buckets[bucketUname(ref)] !== undefined,
      done: () => {
        made = true
      },
    }
  }

  function next(): {
    readonly command: Command
    readonly what: string
    readonly holds: (record: ClusterRecord) => boolean
    readonly done: () => void
  } {
    if (!made) return makeObjectBucket()
    serial++
    const value = serial
    const draw = random.ratio()
    const name = `bucket-${serial}`
    if (draw < 0.5) {
      const ref = simBucket(name)
      return {
        command: {type: 'create-bucket', ref, set: {}, durability: 'default'},
        what: `create ${name}`,
        holds: (record) => dropped.has(name) || record.bmd.buckets[bucketUname(ref)] !== undefined,
        done: () => live.push(name),
      }
    }
    if (draw < 0.65 && live.length > 0) {
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
    const key = `sim.setting.${serial}`
    return {
      command: {type: 'set-config', set: {[key]: value}, reset: false},
      what: `set ${key}`,
      holds: (record) => record.conf.set[key] === value,
      done: () => undefined,
    }
  }

  return {act, outcomes}
}
