/**
 * The data plane of the virtual world: targets with durable copies, the shipped decisions of
 * `core/objects`, clients that write, delete and read a few keys through any gateway's view, and
 * the checks of what they hear (D1 to D17 of src/core/DESIGN.md, as far as one key goes).
 */

import {admit, checkCommit, type Standing} from '../../../src/core/objects/admit.ts'
import {planRead, resolveRead, type Copy} from '../../../src/core/objects/read.ts'
import {
  newestEntry,
  NO_RING,
  ownerUnder,
  ringOf,
  type OwnRing,
} from '../../../src/core/objects/ring.ts'
import {objectDigest} from '../../../src/core/placement/locate.ts'
import type {ClusterView} from '../../../src/model/cluster-view.ts'
import {
  compareGenerations,
  formatGeneration,
  GENERATION_NONE,
  type Generation,
} from '../../../src/model/generation.ts'
import type {NodeId} from '../../../src/model/ids.ts'
import {COUNTER_BLOCK} from '../../../src/model/limits.ts'
import type {ClusterRecord} from '../../../src/model/record.ts'
import type {Network} from './network.ts'
import type {SimProcess} from './process.ts'
import type {Random} from './random.ts'
import {simBucket} from './bucket.ts'

export interface ObjectWorld {
  /** One client does one thing. */
  readonly act: () => void
  /** Reads every key once more; each must be answered, and right. */
  readonly finalReads: () => void
  /** A system disk is lost: the copies stay, the reserved counters do not. */
  readonly wiped: (process: SimProcess) => void
  readonly outcomes: {written: number; read: number; refused: number; finalReads: number}
}

export interface ObjectDeps {
  readonly random: Random
  readonly network: Network
  readonly processes: readonly SimProcess[]
  readonly violate: (invariant: string, detail: string) => void
  readonly saw: (name: string) => void
  /** A disk may take longer than a lease. */
  readonly slowWrites: boolean
}

interface Stored extends Copy {
  readonly value: number
}

interface Key {
  readonly name: string
  readonly digest: bigint
  /** Highest generation that a client was told of, by an acknowledgement or a read. */
  floor: Generation
  readonly writes: Map<string, number>
}

interface Target {
  readonly copies: Map<string, Stored>
  readonly busy: Set<string>
  counter: bigint
  reserved: bigint
  run: number
}

export const OBJECT_BUCKET = simBucket('objects')
const KEYS = 6
const HOPS_MAX = 3
const DISK_MS = 8
const ASK_MS = 4
const ASK_TIMEOUT_MS = 500

export function createObjects(deps: ObjectDeps): ObjectWorld {
  const {network, processes, random} = deps
  const slowest = deps.slowWrites ? 3000 : 100
  const outcomes = {written: 0, read: 0, refused: 0, finalReads: 0}
  const rings = new WeakMap<ClusterRecord, OwnRing>()
  const targets = processes.map(newTarget)
  const keys: readonly Key[] = Array.from({length: KEYS}, (_, at) => ({
    name: `key-${at}`,
    digest: objectDigest(OBJECT_BUCKET, `key-${at}`),
    floor: GENERATION_NONE,
    writes: new Map<string, number>(),
  }))
  let serial = 0

  function ringAt(view: ClusterView): OwnRing {
    if (view.record === null) return NO_RING
    const known = rings.get(view.record)
    if (known !== undefined) return known
    const ring = ringOf(view.record)
    rings.set(view.record, ring)
    return ring
  }

  function standing(process: SimProcess): Standing | undefined {
    const view = process.view()
    if (view === undefined) return undefined
    return {view, ring: ringAt(view), leased: process.leaseValid()}
  }

  /** Sends a client's request where this gateway's view says, and on as the targets say. */
  function route(
    key: Key,
    access: 'read' | 'write',
    serve: (process: SimProcess, entryIndex: number, stale: boolean) => void,
  ): void {
    const gateway = random.pick(processes)
    const seen = standing(gateway)
    const entry = seen === undefined ? undefined : newestEntry(seen.ring)
    const owner = entry === undefined ? undefined : ownerUnder(entry, key.digest)
    if (seen === undefined || owner === undefined) return
    hop(owner, seen.view.record?.index ?? 0, 0)

    function hop(to: NodeId, fence: number, hops: number): void {
      const process = processes.find((one) => one.facts.self.id === to)
      process?.soon(random.exp(2), () => {
        const at = standing(process)
        if (at === undefined) return
        const verdict = admit(at, {bucket: OBJECT_BUCKET, digest: key.digest, access, fence, hops})
        if (verdict.type === 'proceed') serve(process, verdict.entryIndex, verdict.stale)
        else if (verdict.type === 'redirect' && hops < HOPS_MAX)
          hop(verdict.to.id, verdict.recordIndex, hops + 1)
        else outcomes.refused++
      })
    }
  }

  function write(key: Key, tombstone: boolean): void {
    const floor = key.floor
    serial++
    const value = serial
    route(key, 'write', (process, entryIndex) => {
      const target = targetOf(process)
      const bucket = process.view()?.record?.bmd.buckets['ais/@#/objects']
      if (target.busy.has(key.name) || bucket === undefined) return
      target.busy.add(key.name)
      const gen = {own: entryIndex, counter: nextCounter(target)}
      const name = formatGeneration(gen)
      if (key.writes.has(name)) deps.violate('GenUnique', `${key.name} ${name} is written twice`)
      key.writes.set(name, tombstone ? 0 : value)
      process.soon(DISK_MS * random.ratio() * (random.chance(0.05) ? slowest : 1), () => {
        target.busy.delete(key.name)
        const old = target.copies.get(key.name)
        if (old === undefined || compareGenerations(gen, old.gen) > 0) {
          target.copies.set(key.name, {gen, tombstone, value})
        }
        const at = standing(process)
        if (at === undefined || checkCommit(at, {bucket, entryIndex}) !== null) {
          outcomes.refused++
          return
        }
        acknowledge(key, gen, floor, process)
      })
    })
  }

  function acknowledge(key: Key, gen: Generation, floor: Generation, process: SimProcess): void {
    outcomes.written++
    if (!process.leaseValid()) {
      deps.violate('leases', `${process.facts.self.id} acknowledges ${key.name} without a lease`)
    }
    if (compareGenerations(gen, floor) <= 0) {
      deps.violate(
        'D4',
        `${process.facts.self.id} acknowledges ${key.name} ${formatGeneration(gen)} after ${formatGeneration(floor)}`,
      )
    }
    raise(key, gen)
  }

  function raise(key: Key, gen: Generation): void {
    if (compareGenerations(gen, key.floor) > 0) key.floor = gen
  }

  function read(key: Key, done: () => void): void {
    const floor = key.floor
    route(key, 'read', (process, entryIndex, stale) => {
      if (stale) return
      const at = standing(process)
      if (at === undefined) return
      const self = process.facts.self.id
      const question = {ring: at.ring, self, digest: key.digest}
      const plan = planRead(question, copyAt(process, key))
      if (plan.type === 'local') return answered(key, floor, copyAt(process, key), done)
      deps.saw('read asked older owners')
      ask(process, plan.targets, key, (answers) => {
        const now = standing(process)
        const entry = now === undefined ? undefined : newestEntry(now.ring)
        if (now === undefined || !now.leased || entry?.index !== entryIndex) {
          outcomes.refused++
          return
        }
        const local = copyAt(process, key)
        const outcome = resolveRead({...question, ring: now.ring}, local, answers)
        if (outcome.type === 'unknown') {
          outcomes.refused++
          return
        }
        const copies = [local, ...answers.values()].filter((copy) => copy !== null)
        const best = copies.reduce<Copy | null>(
          (found, copy) =>
            found === null || compareGenerations(copy.gen, found.gen) > 0 ? copy : found,
          null,
        )
        answered(key, floor, best, done)
      })
    })
  }

  /**
   * D2, D3, D5: nothing older than what was acknowledged or read before, and only what was written.
   */
  function answered(key: Key, floor: Generation, copy: Copy | null, done: () => void): void {
    outcomes.read++
    const gen = copy?.gen ?? GENERATION_NONE
    if (compareGenerations(gen, floor) < 0) {
      deps.violate(
        'D2',
        `${key.name}: read ${formatGeneration(gen)} after ${formatGeneration(floor)}`,
      )
    }
    if (copy !== null && !key.writes.has(formatGeneration(gen))) {
      deps.violate('D5', `${key.name}: read ${formatGeneration(gen)}, which nobody wrote`)
    }
    raise(key, gen)
    done()
  }

  function ask(
    asker: SimProcess,
    owners: readonly NodeId[],
    key: Key,
    done: (answers: ReadonlyMap<NodeId, Stored | null>) => void,
  ): void {
    const answers = new Map<NodeId, Stored | null>()
    let open = true
    const finish = (): void => {
      if (!open) return
      open = false
      done(answers)
    }
    asker.soon(ASK_TIMEOUT_MS, finish)
    for (const id of owners) {
      const owner = processes.find((one) => one.facts.self.id === id)
      if (owner === undefined || network.isCut(asker.index, owner.index)) continue
      owner.soon(ASK_MS * random.ratio(), () => {
        const copy = copyAt(owner, key)
        if (network.isCut(owner.index, asker.index)) return
        asker.soon(ASK_MS * random.ratio(), () => {
          answers.set(id, copy)
          if (answers.size === owners.length) finish()
        })
      })
    }
  }

  function copyAt(process: SimProcess, key: Key): Stored | null {
    return targetOf(process).copies.get(key.name) ?? null
  }

  /**
   * The target as this run of its process knows it: a new run reserves a new block of the counter.
   */
  function targetOf(process: SimProcess): Target {
    const target = targets[process.index] as Target
    if (target.run !== process.run()) {
      target.run = process.run()
      target.busy.clear()
      target.counter = target.reserved
      target.reserved += BigInt(COUNTER_BLOCK)
    }
    return target
  }

  function nextCounter(target: Target): bigint {
    target.counter++
    return target.counter
  }

  return {
    outcomes,
    act: () => {
      const key = random.pick(keys)
      const draw = random.ratio()
      if (draw < 0.5) write(key, false)
      else if (draw < 0.65) write(key, true)
      else read(key, () => undefined)
    },
    finalReads: () => {
      for (const key of keys) read(key, () => outcomes.finalReads++)
    },
    wiped: (process) => {
      const target = targets[process.index] as Target
      target.counter = 0n
      target.reserved = 0n
      target.run = 0
    },
  }
}

export const FINAL_READS = KEYS

function newTarget(): Target {
  return {copies: new Map(), busy: new Set(), counter: 0n, reserved: 0n, run: 0}
}
