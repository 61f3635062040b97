/**
 * One seed: a cluster of shipped kernels in a virtual world, first with faults, then healed. Safety is
 * checked at every step, liveness after the healing. Everything is drawn from the seed.
 */

import type {BootFacts} from '../../../src/core/kernel/events.ts'
import type {ClusterUuid, NodeId} from '../../../src/model/ids.ts'
import type {Endpoint} from '../../../src/model/node.ts'
import type {PeerAnswer} from '../../../src/model/peer-messages.ts'
import {createClock} from './clock.ts'
import {createDisk} from './disk.ts'
import {createInvariants, type Violation} from './invariants.ts'
import type {Mutant} from './mutants.ts'
import {createNemesis} from './nemesis.ts'
import {createNetwork} from './network.ts'
import {createObjects, FINAL_READS, type ObjectWorld} from './objects.ts'
import type {WorldOptions} from './options.ts'
import {createProcess, type SimProcess} from './process.ts'
import {randomOf, STREAM} from './random.ts'
import {createWorkload} from './workload.ts'

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

export const SIM_UUID = 'sim-cluster-1' as ClusterUuid
/** C19: 3 T_elect + 2 beats, and the settling of what was marked lost. */
const CONVERGE_MS = 12_000
const POLL_MS = 250
/** The last commands are in use everywhere by then. */
const QUIET_MS = 3000
/** Ports per node, as in the playground. */
const PORT_BASE = 50_000
const PORTS_PER_NODE = 10

export interface RunOptions {
  readonly mutant?: Mutant
  readonly trace?: (line: string) => void
}

/** Runs one seed. */
export function runWorld(options: WorldOptions, run: RunOptions = {}): Outcome {
  const {seed} = options
  const clock = createClock(randomOf(seed, STREAM.ties))
  const invariants = createInvariants(seed)
  const diskRandom = randomOf(seed, STREAM.disk)
  const processRandom = randomOf(seed, STREAM.process)
  const facts = nodeFacts(options)
  const {mutant, trace} = run
  let digest = 0
  const mix = (value: number): void => {
    digest = (Math.imul(digest ^ (value | 0), 0x01000193) + 0x9e3779b9) | 0
  }
  const network = createNetwork(
    {
      clock,
      random: randomOf(seed, STREAM.network),
      delayMs: options.delayMs,
      lossRatio: options.lossRatio,
      duplicateRatio: options.duplicateRatio,
      encodeOneIn: options.encodeOneIn,
      ...(mutant?.alterAnswer === undefined ? {} : {alterAnswer: alterBy(mutant.alterAnswer)}),
    },
    {
      isUp: (node) => processes[node]?.isUp() === true,
      ask: (node, from, request, reply) => processes[node]?.peerAsked(from, request, reply),
    },
  )
  function alterBy(alter: NonNullable<Mutant['alterAnswer']>) {
    return (answer: PeerAnswer, from: number, to: number): PeerAnswer => {
      const [asker, answerer] = [processes[to], processes[from]]
      if (asker === undefined || answerer === undefined) return answer
      return alter(answer, {asker, answerer})
    }
  }
  const placeOf = (port: number): number => {
    const index = Math.floor((port - PORT_BASE) / PORTS_PER_NODE)
    return index >= 0 && index < facts.length ? index : -1
  }
  const processes: readonly SimProcess[] = facts.map((fact, index) => {
    const disk = createDisk({
      clock,
      random: diskRandom,
      latencyMs: options.diskMs,
      ...(mutant?.onPlatter === undefined ? {} : {onPlatter: mutant.onPlatter}),
    })
    return createProcess({
      index,
      facts: fact,
      clock,
      disk,
      random: processRandom,
      network: () => network,
      placeOf,
      idOf: (at) => facts[at]?.self.id ?? ('nobody-0' as NodeId),
      onExit: (process) => nemesis.stopped(process),
      keepsMemory: mutant?.keepsMemory === true,
      reportsEarly: mutant?.reportsEarly === true,
      ...(mutant?.alterEffects === undefined ? {} : {alterEffects: mutant.alterEffects}),
      witness: {
        stepped: (process, before, event, effects) => {
          mix(process.index * 31 + effects.length)
          mix(Math.floor(event.nowMs * 8))
          if (trace !== undefined) traceStep(trace, clock.nowMs(), process, event, effects)
          invariants.stepped(process, before, event, effects)
        },
        durable: invariants.durable,
        inUse: invariants.inUse,
        threw: (process, error) => {
          const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
          invariants.violate('C13', `${process.facts.self.id} threw: ${text.slice(0, 600)}`)
        },
      },
    })
  })
  const workloadRandom = randomOf(seed, STREAM.workload)
  const workload = createWorkload({
    random: workloadRandom,
    processes,
    placeOf,
    acknowledged: invariants.acknowledged,
  })
  const objects = createObjects({
    random: randomOf(seed, STREAM.objects),
    network,
    processes,
    violate: invariants.violate,
    saw: invariants.saw,
  })
  const faultRandom = randomOf(seed, STREAM.faults)
  const nemesis = createNemesis({
    options,
    clock,
    random: faultRandom,
    network,
    processes,
    wiped: (process) => {
      invariants.wiped(process)
      objects.wiped(process)
    },
    survives: invariants.survives,
  })
  for (const process of processes) clock.after(processRandom.ratio() * 300, process.start)
  let quiet = false
  repeat(clock, options.commandEveryMs, workloadRandom.exp, () => {
    if (!quiet) workload.act()
  })
  repeat(clock, options.writeEveryMs, randomOf(seed, STREAM.objects + 1).exp, () => {
    if (!quiet) objects.act()
  })
  if (options.faultEveryMs !== Infinity) {
    repeat(clock, options.faultEveryMs, faultRandom.exp, nemesis.strike)
  }
  clock.runUntil(options.chaosMs)
  nemesis.heal()
  quiet = true
  const convergedMs = converge(clock, processes, options.chaosMs)
  const before = workload.outcomes.done
  quiet = false
  clock.runUntil(options.chaosMs + options.healMs - QUIET_MS)
  quiet = true
  clock.runUntil(options.chaosMs + options.healMs - QUIET_MS / 2)
  objects.finalReads()
  clock.runUntil(options.chaosMs + options.healMs)
  checkFinal(options, objects, invariants, convergedMs)
  const steady = isConverged(processes)
  if (trace !== undefined) for (const process of processes) trace(describe(process))
  const converged = convergedMs <= CONVERGE_MS && steady && workload.outcomes.done > before
  for (const [name, count] of Object.entries(network.counts)) {
    if (name !== 'asked' && name !== 'encoded' && count > 0)
      nemesisCount(nemesis.counts, name, count)
  }
  return {
    seed,
    events: processes.reduce((sum, process) => sum + process.events(), 0),
    virtualMs: options.chaosMs + options.healMs,
    faults: nemesis.counts,
    sometimes: invariants.sometimes,
    violations: invariants.violations,
    converged,
    convergedMs,
    digest: (digest >>> 0).toString(16),
  }
}

/** D1, D13: when the cluster is whole, every key is answered, and with what was acknowledged. */
function checkFinal(
  options: WorldOptions,
  objects: ObjectWorld,
  invariants: ReturnType<typeof createInvariants>,
  convergedMs: number,
): void {
  const hasBucket = invariants.committed()?.record.bmd.buckets['ais/@#/objects'] !== undefined
  if (options.targets === 0 || !hasBucket || convergedMs > CONVERGE_MS) return
  if (objects.outcomes.finalReads < FINAL_READS) {
    invariants.violate(
      'D1',
      `${objects.outcomes.finalReads} of ${FINAL_READS} keys can be read at the end`,
    )
  }
  if (objects.outcomes.written > 0) invariants.saw('objects written')
}

function nemesisCount(counts: Readonly<Record<string, number>>, name: string, count: number): void {
  Object.assign(counts, {[`network ${name}`]: count})
}

function repeat(
  clock: ReturnType<typeof createClock>,
  everyMs: number,
  exp: (mean: number) => number,
  act: () => void,
): void {
  clock.after(exp(everyMs), () => {
    act()
    repeat(clock, everyMs, exp, act)
  })
}

/** Runs until the cluster is whole again; the time that took, Infinity when it did not. */
function converge(
  clock: ReturnType<typeof createClock>,
  processes: readonly SimProcess[],
  fromMs: number,
): number {
  for (let ms = 0; ms <= CONVERGE_MS * 1.5; ms += POLL_MS) {
    clock.runUntil(fromMs + ms)
    if (isConverged(processes)) return ms
  }
  return Infinity
}

/** C19: one primary, one record in use everywhere, every node an active member. */
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
    return (
      view?.record?.index === record.index &&
      view.record.epoch === record.epoch &&
      view.nodeStarted &&
      view.clusterStarted &&
      (process.facts.self.role === 'proxy' || process.leaseValid())
    )
  })
}

function describe(process: SimProcess): string {
  const view = process.view()
  const record = view?.record
  const members = Object.values(record?.smap.nodes ?? {}).map(
    (member) => `${member.id}/${member.inc}${member.learner ? 'L' : ''}${member.away?.kind ?? ''}`,
  )
  return [
    process.facts.self.id,
    process.node()?.stage.stage,
    `promised ${process.node()?.durable.promisedEpoch}`,
    `${record?.epoch}.${record?.index}`,
    `settled ${view?.settledIndex} of ${record?.own.map(({index}) => index).join(',')}`,
    view?.leading === true ? 'leading' : '',
    `started ${view?.nodeStarted} ${view?.clusterStarted}`,
    `lease ${process.leaseValid()}`,
    members.join(' '),
  ].join(' | ')
}

function nodeFacts(options: WorldOptions): readonly BootFacts[] {
  const count = options.proxies + options.targets
  const place = (index: number, listener: number): Endpoint => ({
    host: '127.0.0.1',
    port: PORT_BASE + index * PORTS_PER_NODE + listener,
  })
  const peers = Array.from({length: count}, (_, index) => place(index, 1))
  return Array.from({length: count}, (_, index) => {
    const role = index < options.proxies ? ('proxy' as const) : ('target' as const)
    return {
      self: {
        id: `${role === 'proxy' ? 'proxy' : 'target'}-0${index}` as NodeId,
        role,
        public: place(index, 0),
        control: place(index, 1),
        data: place(index, 2),
        nonElectable: false,
        speaks: [1, 1] as const,
      },
      uuid: SIM_UUID,
      bootstrap: index === 0,
      peers,
      askFirst: [],
      primaryHint: {id: null, isPrimary: null},
      standby: false,
      foundingConfig: {},
    }
  })
}

function traceStep(
  trace: (line: string) => void,
  nowMs: number,
  process: SimProcess,
  event: {readonly type: string},
  effects: readonly {readonly type: string}[],
): void {
  const lines = effects.flatMap((effect) =>
    effect.type === 'log' && 'text' in effect ? [`  ${String(effect.text)}`] : [],
  )
  if (event.type === 'booted' || event.type === 'stop-ordered' || lines.length > 0) {
    trace(`${nowMs.toFixed(1)} ${process.facts.self.id} ${event.type}`)
    for (const line of lines) trace(line)
  }
}
