/**
 * One seed: a cluster of shipped kernels in a virtual world, first with faults, then healed. Safety
 * is checked at every step, liveness after the healing. Everything is drawn from the seed.
 */

import type {Clock} from './clock.ts'
import {createInvariants, type Invariants, type Violation} from './invariants.ts'
import type {Mutant} from './mutants.ts'
import {createNemesis, type Nemesis} from './faults.ts'
import {createObjects, FINAL_READS, type ObjectWorld} from './objects.ts'
import type {WorldOptions} from './options.ts'
import type {SimProcess, Witness} from './process.ts'
import {randomOf, STREAM, type Random} from './random.ts'
import {createScene, sceneFacts, type Scene} from './scene.ts'
import {describe, traceStep} from './trace.ts'
import {createWorkload, type Workload} from './workload.ts'

export interface Outcome {
  readonly seed: number
  readonly events: number
  readonly virtualMs: number
  readonly faults: Readonly<Record<string, number>>
  readonly sometimes: Readonly<Record<string, number>>
  readonly violations: readonly Violation[]
  readonly converged: boolean
  readonly convergedMs: number
  /** Of everything that happened, to compare two runs of one seed. */
  readonly digest: string
}

export interface RunOptions {
  readonly mutant?: Mutant
  readonly trace?: (line: string) => void
}

/** C19: 3 T_elect + 2 beats, and the settling of what was marked lost. */
const CONVERGE_MS = 12_000
const POLL_MS = 250
/** The last commands are in use everywhere by then. */
const QUIET_MS = 3000
/** The nodes of a cluster are started within this. */
const START_MS = 300

/** Runs one seed. */
export function runWorld(options: WorldOptions, run: RunOptions = {}): Outcome {
  const invariants = createInvariants(options.seed)
  const digest = createDigest()
  const scene = createScene({
    ...options,
    facts: sceneFacts(options.proxies, options.targets),
    mutant: run.mutant,
    witness: witnessOf(invariants, digest, run.trace),
    onExit: (process) => parts.nemesis.stopped(process),
  })
  const parts = createParts(options, scene, invariants)
  const {convergedMs, done} = play(options, scene, parts)
  checkFinal(options, parts.objects, invariants, convergedMs)
  if (run.trace !== undefined) scene.processes.map(describe).forEach(run.trace)
  return {
    seed: options.seed,
    events: scene.processes.reduce((sum, process) => sum + process.events(), 0),
    virtualMs: options.chaosMs + options.healMs,
    faults: {...parts.nemesis.counts, ...networkFaults(scene)},
    sometimes: invariants.sometimes,
    violations: invariants.violations,
    converged: convergedMs <= CONVERGE_MS && isConverged(scene.processes) && done > 0,
    convergedMs,
    digest: digest.text(),
  }
}

interface Parts {
  readonly workload: Workload
  readonly objects: ObjectWorld
  readonly nemesis: Nemesis
}

function createParts(options: WorldOptions, scene: Scene, invariants: Invariants): Parts {
  const {clock, network, placeOf, processes} = scene
  const stream = (name: keyof typeof STREAM): Random => randomOf(options.seed, STREAM[name])
  const objects = createObjects({
    random: stream('objects'),
    network,
    processes,
    violate: invariants.violate,
    saw: invariants.saw,
  })
  const workload = createWorkload({
    random: stream('workload'),
    processes,
    placeOf,
    acknowledged: invariants.acknowledged,
  })
  const nemesis = createNemesis({
    options,
    clock,
    random: stream('faults'),
    network,
    processes,
    wiped: (process) => {
      invariants.wiped(process)
      objects.wiped(process)
    },
    survives: invariants.survives,
  })
  return {workload, objects, nemesis}
}

/** Chaos, healing, commands in the healed cluster, silence, last reads. */
function play(
  options: WorldOptions,
  scene: Scene,
  parts: Parts,
): {readonly convergedMs: number; readonly done: number} {
  const {clock, processes} = scene
  const {nemesis, objects, workload} = parts
  const times = randomOf(options.seed, STREAM.times)
  let quiet = false
  const unlessQuiet = (act: () => void) => (): void => {
    if (!quiet) act()
  }
  for (const process of processes) clock.after(times.ratio() * START_MS, process.start)
  repeat(clock, () => times.exp(options.commandEveryMs), unlessQuiet(workload.act))
  repeat(clock, () => times.exp(options.writeEveryMs), unlessQuiet(objects.act))
  if (options.faultEveryMs !== Infinity) {
    repeat(clock, () => times.exp(options.faultEveryMs), nemesis.strike)
  }
  clock.runUntil(options.chaosMs)
  nemesis.heal()
  quiet = true
  const convergedMs = converge(clock, processes, options.chaosMs)
  const before = workload.outcomes.done
  quiet = false
  const endMs = options.chaosMs + options.healMs
  clock.runUntil(endMs - QUIET_MS)
  quiet = true
  clock.runUntil(endMs - QUIET_MS / 2)
  objects.finalReads()
  clock.runUntil(endMs)
  return {convergedMs, done: workload.outcomes.done - before}
}

function repeat(clock: Clock, nextMs: () => number, act: () => void): void {
  clock.after(nextMs(), () => {
    act()
    repeat(clock, nextMs, act)
  })
}

/** Runs until the cluster is whole again; the time that took, Infinity when it did not. */
function converge(clock: Clock, processes: readonly SimProcess[], fromMs: number): number {
  for (let ms = 0; ms <= CONVERGE_MS * 1.5; ms += POLL_MS) {
    clock.runUntil(fromMs + ms)
    if (isConverged(processes)) return ms
  }
  return Infinity
}

/** C19: one primary, one record in use everywhere, every node an active member, leases held. */
export function isConverged(processes: readonly SimProcess[]): boolean {
  const leaders = processes.filter((process) => process.view()?.leading === true)
  const [leader] = leaders
  const record = leader?.view()?.record
  if (leaders.length !== 1 || record === null || record === undefined) return false
  const members = Object.values(record.smap.nodes)
  if (members.length !== processes.length) return false
  if (members.some((member) => member.learner || member.away !== null)) return false
  return processes.every((process) => {
    const view = process.view()
    const same = view?.record?.index === record.index && view.record.epoch === record.epoch
    if (!same || !view.nodeStarted || !view.clusterStarted) return false
    return process.facts.self.role === 'proxy' || process.leaseValid()
  })
}

/** D1: when the cluster is whole, every key is answered, and with what was acknowledged. */
function checkFinal(
  options: WorldOptions,
  objects: ObjectWorld,
  invariants: Invariants,
  convergedMs: number,
): void {
  const hasBucket = invariants.committed()?.record.bmd.buckets['ais/@#/objects'] !== undefined
  if (options.targets === 0 || !hasBucket || convergedMs > CONVERGE_MS) return
  const {finalReads, written} = objects.outcomes
  if (finalReads < FINAL_READS) {
    invariants.violate('D1', `${finalReads} of ${FINAL_READS} keys can be read at the end`)
  }
  if (written > 0) invariants.saw('objects written')
}

function networkFaults(scene: Scene): Readonly<Record<string, number>> {
  const {cut, duplicated, lost} = scene.network.counts
  return {'message cut off': cut, 'message doubled': duplicated, 'message lost': lost}
}

interface Digest {
  readonly mix: (value: number) => void
  readonly text: () => string
}

function createDigest(): Digest {
  let state = 0
  return {
    mix: (value) => {
      state = (Math.imul(state ^ (value | 0), 0x01000193) + 0x9e3779b9) | 0
    },
    text: () => (state >>> 0).toString(16),
  }
}

function witnessOf(invariants: Invariants, digest: Digest, trace: RunOptions['trace']): Witness {
  return {
    stepped: (process, before, event, effects) => {
      digest.mix(process.index * 31 + effects.length)
      digest.mix(Math.floor(event.nowMs * 8))
      if (trace !== undefined) traceStep(trace, process, event, effects)
      invariants.stepped(process, before, event, effects)
    },
    durable: invariants.durable,
    inUse: invariants.inUse,
    threw: (process, error) => {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
      invariants.violate('C13', `${process.facts.self.id} threw: ${text.slice(0, 600)}`)
    },
  }
}
