/**
 * One seed of the object world: shipped kernels, shipped object path, shipped store, clients that
 * cannot be trusted to be quick. First with faults, then healed. What every key's clients heard
 * must be what one register would have said.
 */

import {createHash} from 'node:crypto'

import {bucketUname} from '../../../src/model/bucket.ts'
import {hex64, loadHashing, type Hashing} from '../../../src/node/store/object/hashing.ts'
import type {ClusterRecord} from '../../../src/model/record.ts'
import {createInvariants, type Invariants} from '../world/invariants.ts'
import {createNemesis, type Nemesis} from '../world/nemesis.ts'
import type {SimProcess, Witness} from '../world/process.ts'
import {randomOf, STREAM} from '../world/random.ts'
import {describe, traceStep} from '../world/trace.ts'
import {createWorkload, simBucket, type Workload} from '../world/workload.ts'
import {isConverged, type Outcome} from '../world/world.ts'
import {createClients, type Clients} from './clients.ts'
import {createDiskOperator, type DiskOperator} from './disk-operator.ts'
import {createHistory, describeOperation, type History} from './history.ts'
import {checkRegister} from './linear.ts'
import {createLists, type Lists} from './lists.ts'
import type {ObjectMutant} from './mutants.ts'
import {createOperator, type Operator} from './operator.ts'
import {OBJECT_STREAM, type ObjectWorldOptions} from './options.ts'
import {createRest, type Rest} from './rest.ts'
import {createStage, type Stage} from './stage.ts'
import {createTroubles, type Troubles} from './troubles.ts'

export interface ObjectRun {
  readonly mutant?: ObjectMutant
  readonly trace?: ((line: string) => void) | undefined
  /** Of this node the trace shows every step. */
  readonly watched?: string | undefined
}

const START_MS = 300
const POLL_MS = 500
/** The cluster is whole again within this; the kernels' own world measures it to the second. */
const CONVERGE_MS = 16_000
/** With targets that are taken back one after the other, each after the rebalance before. */
const RETURNS_MS = 34_000
/** Clients go on in the healed cluster for a while, then everything under way ends. */
const QUIET_MS = 13_000
/** A rebalance that had failed walks again within half a minute, then sources are swept. */
const SWEEP_MS = 90_000
/** Between two looks whether it has. */
const QUIET_POLL_MS = 250
const FINAL_TRIES = 12
/** Links may lose an answer, which a client waits for until its time is up. */
const FINAL_MS = 100_000
/** For an answer to the last list. */
const FINAL_LIST_MS = 6000
/** Between two looks at the start for the bucket. */
const FOUND_POLL_MS = 250
const FOUND_WITHIN_MS = 30_000

/** Runs one seed. */
export async function runObjectWorld(
  options: ObjectWorldOptions,
  run: ObjectRun = {},
): Promise<Outcome> {
  const hashing = await loadHashing()
  const rest = createRest()
  const {stackTraceLimit} = Error
  // Every refusal is an error: who threw it is told to whoever traces.
  if (run.trace === undefined) Error.stackTraceLimit = 0
  try {
    return await play(options, run, {rest, hashing})
  } finally {
    Error.stackTraceLimit = stackTraceLimit
    rest.end()
  }
}

/** What a world has from outside virtual time. */
interface Outside {
  readonly rest: Rest
  readonly hashing: Hashing
}

async function play(
  options: ObjectWorldOptions,
  run: ObjectRun,
  outside: Outside,
): Promise<Outcome> {
  const parts = createParts(options, run, outside)
  const {clients, disturbers, histories, invariants, lists, nemesis, stage} = parts
  const convergedMs = await live(options, parts)
  judgeRest(parts)
  await readAll(parts)
  await listAll(parts)
  if (run.trace !== undefined) report(run.trace, stage, histories)
  judge(histories, invariants)
  lists.judge()
  count(invariants, clients)
  const virtualMs = stage.clock.nowMs()
  const operations = histories.reduce((sum, history) => sum + history.operations.length, 0)
  return {
    seed: options.seed,
    topology: `${options.proxies}p+${options.targets}t`,
    events: stage.processes.reduce((sum, process) => sum + process.events(), operations),
    virtualMs,
    faults: Object.assign({}, nemesis.counts, ...disturbers.map(({counts}) => counts)),
    sometimes: invariants.sometimes,
    violations: invariants.violations,
    converged: convergedMs <= convergeWithin(options),
    convergedMs,
    twoPrimariesMs: invariants.twoPrimariesMs(),
    digest: digestOf(histories, virtualMs),
  }
}

type Disturber = Pick<Troubles | Operator | DiskOperator, 'start' | 'end' | 'counts'>

interface Parts {
  readonly invariants: Invariants
  readonly stage: Stage
  readonly nemesis: Nemesis
  /** Whoever begins with the chaos, and puts right what it did when that is over. */
  readonly disturbers: readonly Disturber[]
  readonly workload: Workload
  readonly clients: Clients
  readonly histories: readonly History[]
  readonly lists: Lists
}

function createParts(options: ObjectWorldOptions, run: ObjectRun, {rest, hashing}: Outside): Parts {
  const hash = (bytes: Uint8Array): string => hex64(hashing.h64(bytes))
  const invariants = createInvariants(options.seed)
  const stage: Stage = createStage({
    options,
    mutant: run.mutant,
    rest,
    hashing,
    witness: witnessOf(invariants, run),
    onExit: (process) => nemesis.ended(process),
    wiped: invariants.wiped,
    violate: invariants.violate,
    saw: invariants.saw,
  })
  const nemesis = createStageNemesis(options, stage, invariants)
  let place = 0
  const next = (): number => ++place
  const histories = Array.from({length: options.keys}, (_, at) => createHistory(`key-${at}`, next))
  const workload = createWorkload({
    clock: stage.clock,
    random: randomOf(options.seed, STREAM.workload),
    processes: stage.processes,
    isCut: stage.network.isCut,
    placeOf: stage.placeOf,
    acknowledged: invariants.acknowledged,
  })
  const clients = createStageClients({options, stage, invariants, histories, hash})
  const lists = createLists({
    clock: stage.clock,
    random: randomOf(options.seed, OBJECT_STREAM.lists),
    links: stage.links,
    gateways: gatewaysOf(stage),
    everyMs: options.listEveryMs,
    histories,
    next,
    valueOf: clients.valueOfChecksum,
    violate: invariants.violate,
    saw: invariants.saw,
  })
  const troubles = createStageTroubles(options, stage)
  const operator = createOperator({
    clock: stage.clock,
    random: randomOf(options.seed, OBJECT_STREAM.operator),
    nodes: stage.nodes,
    order: workload.order,
    everyMs: options.orderEveryMs,
    record: () => recordOf(stage),
  })
  const diskOperator = createDiskOperator({
    clock: stage.clock,
    random: randomOf(options.seed, OBJECT_STREAM.diskOperator),
    nodes: stage.nodes,
    everyMs: options.diskOrderEveryMs,
  })
  const disturbers = [troubles, operator, diskOperator]
  return {invariants, stage, nemesis, disturbers, workload, clients, histories, lists}
}

/** Founding, chaos, healing, silence. @returns how long the healing took */
async function live(options: ObjectWorldOptions, parts: Parts): Promise<number> {
  const {clients, disturbers, lists, nemesis, stage, workload} = parts
  const {clock, processes} = stage
  const times = randomOf(options.seed, STREAM.times)
  let commanding = true
  const command = (): void => {
    if (commanding) workload.act()
  }
  for (const process of processes) clock.after(times.ratio() * START_MS, process.start)
  repeat(stage, () => times.exp(options.commandEveryMs), command)
  const chaosEndMs = (await found(stage, workload.act)) + options.chaosMs
  clients.start()
  lists.start()
  for (const one of disturbers) one.start()
  if (options.faultEveryMs !== Infinity) {
    const draws = randomOf(options.seed, STREAM.schedule)
    repeat(
      stage,
      () => times.exp(options.faultEveryMs),
      () =>
        nemesis.strike({
          atMs: clock.nowMs(),
          kind: draws.pick(options.kinds),
          salt: draws.int(0, 0x7fff_ffff),
        }),
    )
  }
  await clock.restUntil(chaosEndMs)
  for (const one of disturbers) one.end()
  nemesis.heal()
  const convergedMs = await converge(stage, chaosEndMs, convergeWithin(options))
  await clock.restUntil(Math.max(chaosEndMs, clock.nowMs()) + options.healMs)
  clients.stop()
  lists.stop()
  commanding = false
  await until(stage, QUIET_MS, () => clients.open() === 0)
  await until(stage, SWEEP_MS, () => isAtRest(stage))
  return convergedMs
}

/** The record of whoever leads. */
function recordOf({processes}: Stage): ClusterRecord | null {
  const leader = processes.find((process) => process.view()?.leading === true)
  return leader?.view()?.record ?? null
}

/** Nothing moves, between disks neither, nothing is to be removed at its source. */
function isAtRest(stage: Stage): boolean {
  const record = recordOf(stage)
  if (record === null || record.move !== null || record.op !== null) return false
  if (!stage.nodes.every((node) => node.isResilvered())) return false
  return record.own.length > 1 || record.own[0]?.swept === true
}

/** How far each target is with a rebalance. */
function whatMovesSay({nodes}: Stage): readonly string[] {
  return nodes.map(({process}) => {
    const report = process.node()?.move
    return `${process.facts.self.id} ${report?.state ?? 'says nothing'} ${report?.problem ?? ''}`
  })
}

/** D13: whatever was interrupted has ended. D8: everything lies in its place. */
function judgeRest({invariants, stage}: Parts): void {
  const record = recordOf(stage)
  if (record === null) return
  const {move, op} = record
  if (move !== null) {
    const said = whatMovesSay(stage).join('; ')
    invariants.violate('D13', `rebalance to entry ${move.entry} does not end: ${said}`)
  }
  if (op !== null) invariants.violate('D13', `${op.id} ${op.action} stays ${op.phase}`)
  for (const {process, disks, isResilvered} of stage.nodes) {
    if (isResilvered()) continue
    const states = disks().map(({path, state, why}) => `${path} ${state} ${why}`)
    invariants.violate('D13', `${process.facts.self.id} is not resilvered: ${states.join('; ')}`)
  }
  stage.copies.judgeAtEnd(record)
}

/** Time goes on until something holds, at most so long. */
async function until({clock}: Stage, mostMs: number, holds: () => boolean): Promise<void> {
  const endMs = clock.nowMs() + mostMs
  while (clock.nowMs() < endMs && !holds()) await clock.restUntil(clock.nowMs() + QUIET_POLL_MS)
}

/** The bucket is made before anything goes wrong: without it there is nothing to see. */
async function found(stage: Stage, act: () => void): Promise<number> {
  const {clock, processes} = stage
  const uname = bucketUname(simBucket('objects'))
  for (let ms = FOUND_POLL_MS; ms < FOUND_WITHIN_MS; ms += FOUND_POLL_MS) {
    await clock.restUntil(ms)
    const whole = isConverged(processes)
    if (whole && processes.every((one) => one.view()?.record?.bmd.buckets[uname] !== undefined)) {
      return ms
    }
    if (whole) act()
  }
  return FOUND_WITHIN_MS
}

function createStageNemesis(
  options: ObjectWorldOptions,
  stage: Stage,
  invariants: Invariants,
): Nemesis {
  const {clock, network, nodes, processes} = stage
  return createNemesis({
    clock,
    network,
    pace: options.pace,
    late: [],
    lossRatio: options.lossRatio,
    duplicateRatio: options.duplicateRatio,
    wallJumps: true,
    tryOut: () => undefined,
    handOver: () => undefined,
    // Targets are struck more often than gateways.
    processes: [...processes, ...nodes.map(({process}) => process)],
    wiped: invariants.wiped,
    survives: invariants.survives,
  })
}

interface ClientParts {
  readonly options: ObjectWorldOptions
  readonly stage: Stage
  readonly invariants: Invariants
  readonly histories: readonly History[]
  readonly hash: (bytes: Uint8Array) => string
}

function createStageClients(parts: ClientParts): Clients {
  const {options, stage, invariants, histories, hash} = parts
  const {clock, links, nodes, placeOf} = stage
  return createClients({
    clock,
    random: randomOf(options.seed, OBJECT_STREAM.clients),
    links,
    gateways: gatewaysOf(stage),
    nodeAt: (port) => nodes.find(({process}) => process.index === placeOf(port)),
    histories,
    clients: options.clients,
    pauseMs: options.pauseMs,
    staleRatio: options.staleRatio,
    disksAreWell: options.troubleEveryMs === Infinity,
    hash,
    violate: invariants.violate,
  })
}

function gatewaysOf({processes}: Stage): readonly SimProcess[] {
  return processes.filter((process) => process.facts.self.role === 'proxy')
}

function createStageTroubles(options: ObjectWorldOptions, stage: Stage): Troubles {
  const {clock, copies, network, nodes, processes} = stage
  const draws = randomOf(options.seed, OBJECT_STREAM.rot)
  return createTroubles({
    clock,
    random: randomOf(options.seed, OBJECT_STREAM.troubles),
    network,
    nodes,
    places: processes.length,
    outageEveryMs: options.outageEveryMs,
    diskEveryMs: options.troubleEveryMs,
    awayMs: options.awayMs,
    rotEveryMs: options.rotEveryMs,
    rot: (node) => copies.rot(node, `key-${draws.int(0, options.keys - 1)}`, draws),
  })
}

function repeat(stage: Stage, nextMs: () => number, act: () => void): void {
  stage.clock.after(nextMs(), () => {
    act()
    repeat(stage, nextMs, act)
  })
}

function convergeWithin({orderEveryMs}: ObjectWorldOptions): number {
  return orderEveryMs === Infinity ? CONVERGE_MS : CONVERGE_MS + RETURNS_MS
}

async function converge(stage: Stage, fromMs: number, withinMs: number): Promise<number> {
  for (let ms = 0; ms <= withinMs; ms += POLL_MS) {
    await stage.clock.restUntil(fromMs + ms)
    if (isConverged(stage.processes)) return ms
  }
  return Infinity
}

/** When everything is whole, every key is answered. */
async function readAll({clients, histories, invariants, stage}: Parts): Promise<void> {
  const silent = new Set(histories.map(({key}) => key))
  let left = histories.length
  for (const history of histories) {
    clients.readAtEnd(history, FINAL_TRIES, (heard) => {
      left--
      if (heard) silent.delete(history.key)
    })
  }
  await until(stage, FINAL_MS, () => left === 0)
  for (const key of silent) invariants.violate('D1', `${key} is not answered in a healed cluster`)
}

/** When everything is whole, the list is, too. */
async function listAll({invariants, lists, stage}: Parts): Promise<void> {
  for (let tries = 0; tries < FINAL_TRIES; tries++) {
    let heard: boolean | null = null
    lists.atEnd((answered) => {
      heard = answered
    })
    await until(stage, FINAL_LIST_MS, () => heard !== null)
    if (heard === true) return
  }
  invariants.violate('D9', 'the bucket is not listed in a healed cluster')
}

function judge(histories: readonly History[], invariants: Invariants): void {
  for (const {key, operations} of histories) {
    const finding = checkRegister(key, operations)
    if (finding !== null) invariants.violate(finding.invariant, finding.detail)
  }
}

function count(invariants: Invariants, clients: Clients): void {
  const {sometimes} = invariants
  Object.assign(
    sometimes,
    Object.fromEntries(
      Object.entries(clients.counts).map(([name, times]) => [`objects: ${name}`, times]),
    ),
  )
}

function digestOf(histories: readonly History[], virtualMs: number): string {
  const text = histories.map(({operations}) => operations.map(describeOperation).join('\n'))
  return createHash('sha256')
    .update(`${virtualMs}\n${text.join('\n\n')}`)
    .digest('hex')
    .slice(0, 16)
}

function report(trace: (line: string) => void, stage: Stage, histories: readonly History[]): void {
  stage.processes.map(describe).forEach(trace)
  for (const {key, operations} of histories) {
    trace(key)
    for (const operation of operations) trace(`  ${describeOperation(operation)}`)
  }
}

function witnessOf(invariants: Invariants, {trace, watched}: ObjectRun): Witness {
  return {
    stepped: (process: SimProcess, before, event, effects) => {
      if (trace !== undefined) traceStep(trace, process, {event, effects}, watched)
      invariants.stepped(process, before, event, effects)
    },
    durable: invariants.durable,
    inUse: invariants.inUse,
    threw: (process, error) => {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
      invariants.violate('C13', `${process.facts.self.id} threw: ${text}`)
    },
  }
}
