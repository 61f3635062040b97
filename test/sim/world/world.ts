/**
 * One seed: a cluster of shipped kernels in a virtual world, first with faults, then healed. Safety
 * is checked at every step, liveness after the healing. Everything is drawn from the seed.
 */

import type {KernelEffect} from '../../../src/core/kernel/events.ts'
import {succession} from '../../../src/core/placement/next-primary.ts'
import type {Clock} from './clock.ts'
import {isConverged} from './converged.ts'
import {createInvariants, type Invariants, type Violation} from './invariants.ts'
import type {Mutant} from './mutants.ts'
import {createNemesis, type Nemesis} from './nemesis.ts'
import {createObjects, FINAL_READS, type ObjectWorld} from './objects.ts'
import type {WorldOptions} from './options.ts'
import type {Fate, SimProcess, Witness} from './process.ts'
import {randomOf, STREAM, type Random} from './random.ts'
import {createScene, sceneFacts, type Scene} from './scene.ts'
import {describe, traceStep} from './trace.ts'
import {AVAILABLE_MS, beginTrial, type TrialDeps} from './trials.ts'
import {createWorkload, type Workload} from './workload.ts'

export {isConverged} from './converged.ts'

export interface Outcome {
  readonly seed: number
  /** Proxies and targets. */
  readonly topology: string
  readonly events: number
  readonly virtualMs: number
  readonly faults: Readonly<Record<string, number>>
  readonly sometimes: Readonly<Record<string, number>>
  readonly violations: readonly Violation[]
  readonly converged: boolean
  readonly convergedMs: number
  /** How long two nodes at once believed to lead with a majority. */
  readonly twoPrimariesMs: number
  /** Of everything that happened, to compare two runs of one seed. */
  readonly digest: string
}

export interface RunOptions {
  readonly mutant?: Mutant | undefined
  readonly trace?: ((line: string) => void) | undefined
  /** The node of which the trace shows every event and effect. */
  readonly watched?: string | undefined
  /** Something that is done once, at a time of its own. */
  readonly script?: Script | undefined
  /** Asked before every effect: what happens to the process there. */
  readonly atBoundary?: ((process: SimProcess, effect: KernelEffect) => Fate) | undefined
  /** False: no clock on the wall jumps, and nothing else may change by that (C23). */
  readonly wallJumps?: boolean
}

/** One scene that is played in a world without other faults. */
export interface Script {
  readonly atMs: number
  readonly act: (cast: {
    readonly processes: readonly SimProcess[]
    readonly clock: Clock
    readonly workload: Workload
  }) => void
}

/** C19: 3 T_elect + 2 beats, and the settling of what was marked lost; times the pace. */
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
    facts: sceneFacts(options.proxies, options.targets, {
      nonElectable: options.nonElectable,
      foundingConfig: configOf(options.pace),
    }),
    mutant: run.mutant,
    atBoundary: run.atBoundary,
    witness: witnessOf(invariants, digest, run),
    onExit: (process) => parts.nemesis.ended(process),
  })
  const parts = createParts({options, run}, scene, invariants)
  const {script, trace} = run
  if (script !== undefined) {
    const {clock, processes} = scene
    clock.after(script.atMs, () => script.act({clock, processes, workload: parts.workload}))
  }
  const convergedMs = play(options, scene, {...parts, invariants, trace})
  checkFinal(options, parts.objects, invariants, convergedMs)
  if (run.trace !== undefined) scene.processes.map(describe).forEach(run.trace)
  const inTime = convergedMs <= CONVERGE_MS * options.pace
  return {
    seed: options.seed,
    topology: `${options.proxies}p+${options.targets}t`,
    events: scene.processes.reduce((sum, process) => sum + process.events(), 0),
    virtualMs: options.chaosMs + options.healMs + options.calmMs,
    faults: {...parts.nemesis.counts, ...networkFaults(scene)},
    sometimes: invariants.sometimes,
    violations: invariants.violations,
    converged: inTime && isConverged(scene.processes, parts.nemesis.isGone),
    convergedMs,
    twoPrimariesMs: invariants.twoPrimariesMs(),
    digest: digest.text(),
  }
}

/** All timers follow AIStore's keepalive interval. */
function configOf(pace: number): Readonly<Record<string, string>> {
  if (pace === 1) return {}
  const interval = `${10 * pace}s`
  return {'keepalivetracker.proxy.interval': interval, 'keepalivetracker.target.interval': interval}
}

interface Parts {
  /** Whether clients are quiet. */
  readonly hushed: {now: boolean}
  readonly workload: Workload
  readonly objects: ObjectWorld
  readonly nemesis: Nemesis
}

interface Plan {
  readonly options: WorldOptions
  readonly run: RunOptions
}

function createParts({options, run}: Plan, scene: Scene, invariants: Invariants): Parts {
  const {clock, network, placeOf, processes} = scene
  const {violate, saw, reigns} = invariants
  const stream = (name: keyof typeof STREAM): Random => randomOf(options.seed, STREAM[name])
  const objects = createObjects({
    random: stream('objects'),
    network,
    processes,
    violate,
    saw,
    slowWrites: options.slowWrites,
  })
  const workload = createWorkload({
    clock,
    random: stream('workload'),
    processes,
    isCut: network.isCut,
    placeOf,
    acknowledged: invariants.acknowledged,
  })
  const hushed = {now: false}
  const trials: TrialDeps = {
    clock,
    network,
    workload,
    reigns,
    violate,
    saw,
    pace: options.pace,
    tickMs: options.tickMs,
    present: () => processes.filter((process) => !nemesis.isGone(process)),
    isConverged: () => isConverged(processes, nemesis.isGone),
    hush: (quiet) => {
      hushed.now = quiet
    },
  }
  const nemesis = createNemesis({
    clock,
    network,
    processes,
    pace: options.pace,
    late: options.late.map(({node}) => node),
    lossRatio: options.lossRatio,
    duplicateRatio: options.duplicateRatio,
    wallJumps: run.wallJumps !== false,
    wiped: (process) => {
      invariants.wiped(process)
      objects.wiped(process)
    },
    survives: invariants.survives,
    tryOut: (kind, random) => beginTrial(trials, kind, random),
    handOver: (random) => handOver(random, {scene, workload, invariants}),
  })
  return {hushed, workload, objects, nemesis}
}

/** An operator hands the office to somebody, whatever goes on. */
function handOver(
  random: Random,
  {
    scene,
    workload,
    invariants,
  }: {
    readonly scene: Scene
    readonly workload: Workload
    readonly invariants: Invariants
  },
): void {
  const smap = invariants.committed()?.record.smap
  const up = scene.processes.filter((process) => process.isUp())
  if (smap === undefined || up.length === 0) return
  const heirs = succession(smap)
  if (heirs.length === 0) return
  workload.handOver(random.pick(up), random.pick(heirs), (done) => {
    if (done) invariants.saw('office handed over')
  })
}

type Played = Parts & {
  readonly invariants: Invariants
  readonly trace: RunOptions['trace']
}

/**
 * Chaos, healing, commands in the healed cluster, silence, last reads. @returns how long it took to
 * be whole again
 */
function play(options: WorldOptions, scene: Scene, parts: Played): number {
  const {clock, processes} = scene
  const {hushed, invariants, nemesis, objects, trace, workload} = parts
  const {pace} = options
  const times = randomOf(options.seed, STREAM.times)
  const unlessQuiet = (act: () => void) => (): void => {
    if (!hushed.now) act()
  }
  const late = new Set(options.late.map(({node}) => node))
  for (const process of processes) {
    const atMs = times.ratio() * START_MS
    if (!late.has(process.index)) clock.after(atMs, process.start)
  }
  plan(options, clock, processes, nemesis)
  for (const fault of options.faults) {
    clock.after(fault.atMs, () => {
      trace?.(`${fault.atMs} -- ${fault.kind}`)
      nemesis.strike(fault)
    })
  }
  repeat(clock, () => times.exp(options.commandEveryMs), unlessQuiet(workload.act))
  repeat(clock, () => times.exp(options.writeEveryMs), unlessQuiet(objects.act))
  clock.runUntil(options.chaosMs)
  trace?.(`${options.chaosMs} -- everything is mended`)
  nemesis.heal()
  hushed.now = true
  const whole = (): boolean => isConverged(processes, nemesis.isGone)
  const convergedMs = converge(clock, whole, {fromMs: options.chaosMs, pace})
  hushed.now = false
  const endMs = options.chaosMs + options.healMs
  if (convergedMs !== Infinity) expectService(options, scene, parts)
  clock.runUntil(endMs - QUIET_MS * pace)
  hushed.now = true
  clock.runUntil(endMs - (QUIET_MS * pace) / 2)
  objects.finalReads()
  clock.runUntil(endMs + options.calmMs)
  // What was on its way when everything was mended may still have its effect.
  const calmMs = options.chaosMs + CONVERGE_MS * pace
  const elected = invariants.reigns.find(({atMs}) => atMs > calmMs)
  if (convergedMs !== Infinity && elected !== undefined) {
    invariants.violate(
      'C19',
      `${elected.id} was elected in epoch ${elected.epoch} after the healing`,
    )
  }
  return convergedMs
}

/** Who comes late and who goes for good. */
function plan(
  options: WorldOptions,
  clock: Clock,
  processes: readonly SimProcess[],
  nemesis: Nemesis,
): void {
  const whom = (node: number, act: (process: SimProcess) => void): void => {
    const process = processes[node]
    if (process !== undefined) act(process)
  }
  for (const {node, atMs} of options.late) clock.after(atMs, () => whom(node, nemesis.appear))
  for (const {node, atMs} of options.gone) clock.after(atMs, () => whom(node, nemesis.bury))
}

/** C20: in a whole cluster every node gets done what it is asked. */
function expectService(options: WorldOptions, scene: Scene, parts: Played): void {
  const {invariants, nemesis, workload} = parts
  const withinMs = AVAILABLE_MS * options.pace
  for (const process of scene.processes) {
    if (nemesis.isGone(process)) continue
    workload.attempt(process, withinMs, (position) => {
      if (position !== null) return
      invariants.violate('C20', `${process.facts.self.id}: nothing done in ${withinMs} ms`)
    })
  }
}

function repeat(clock: Clock, nextMs: () => number, act: () => void): void {
  clock.after(nextMs(), () => {
    act()
    repeat(clock, nextMs, act)
  })
}

/** Runs until the cluster is whole again; the time that took, Infinity when it did not. */
function converge(
  clock: Clock,
  isWhole: () => boolean,
  {fromMs, pace}: {readonly fromMs: number; readonly pace: number},
): number {
  for (let ms = 0; ms <= CONVERGE_MS * pace * 1.5; ms += POLL_MS) {
    clock.runUntil(fromMs + ms)
    if (isWhole()) return ms
  }
  return Infinity
}

/** D1: when the cluster is whole, every key is answered, and with what was acknowledged. */
function checkFinal(
  options: WorldOptions,
  objects: ObjectWorld,
  invariants: Invariants,
  convergedMs: number,
): void {
  const hasBucket = invariants.committed()?.record.bmd.buckets['ais/@#/objects'] !== undefined
  const isLate = convergedMs > CONVERGE_MS * options.pace
  if (options.targets === 0 || options.gone.length > 0 || !hasBucket || isLate) return
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

function witnessOf(invariants: Invariants, digest: Digest, {trace, watched}: RunOptions): Witness {
  return {
    stepped: (process, before, event, effects) => {
      digest.mix(process.index * 31 + effects.length)
      digest.mix(Math.floor(event.nowMs * 8))
      if (trace !== undefined) traceStep(trace, process, {event, effects}, watched)
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
