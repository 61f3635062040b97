/**
 * How far a rebalance is, for people: the primary's watch over what the targets report, with rates;
 * at a target, over its own part. Read from the kernel's state with every tick, decided nowhere;
 * memory of one process. Those that have ended are in the record, alike at every node.
 */

import {mayHold} from '../../core/membership/lifecycle.ts'
import {entryToSweep} from '../../core/objects/reclaim.ts'
import type {KernelState, NodeState} from '../../core/kernel/state.ts'
import type {NodeId} from '../../model/ids.ts'
import {participantsOf} from '../../model/forgotten.ts'
import {isSilent, NOTHING_MOVED, receivedBy, type MoveId} from '../../model/movement.ts'
import {isLeaving, type Member} from '../../model/node.ts'
import type {MoveReport} from '../../model/peer-messages.ts'
import type {ClusterRecord, MoveNote} from '../../model/record.ts'
import {statusWord} from '../../wire/node-status.ts'
import type {MoverState, OperationNode, RebalanceNote, ReclaimNote} from '../../wire/operation.ts'
import {rebalanceId} from '../../wire/rmd.ts'

/** What one main thread can say. */
export interface Movement {
  /** Its node leads: `nodes` holds what all targets have said. */
  readonly leads: boolean
  readonly nodes: readonly OperationNode[]
  /** Oldest first; the last one may be running. */
  readonly rebalances: readonly RebalanceNote[]
  /** What has moved is being removed at its sources; null: nothing is left to be removed. */
  readonly reclaim: ReclaimNote | null
}

export interface MovementWatch {
  /** To be called with every tick. */
  readonly look: (state: KernelState, now: Instant) => void
  readonly facts: (state: KernelState, now: Instant) => Movement
}

export interface Instant {
  readonly nowMs: number
  readonly wallMs: number
}

/** A rate is taken over the samples of the last seconds. */
const SAMPLE_EVERY_MS = 1000
const SAMPLES_MAX = 10

interface Sample {
  readonly atMs: number
  readonly objects: number
  readonly bytes: number
}

interface Running extends MoveId {
  readonly samples: Map<NodeId, readonly Sample[]>
  sampledMs: number
}

export function createMovementWatch(): MovementWatch {
  let running: Running | null = null

  function look(state: KernelState, {nowMs}: Instant): void {
    const record = recordOf(state)
    if (state.phase === 'idle' || record === undefined) return
    if (record.move === null) {
      running = null
      return
    }
    if (!isOf(running, record, record.move.entry)) running = begun(record, record.move.entry, nowMs)
    if (running !== null && nowMs - running.sampledMs >= SAMPLE_EVERY_MS) {
      takeSample(state, running, nowMs)
    }
  }

  function facts(state: KernelState, now: Instant): Movement {
    look(state, now)
    const record = recordOf(state)
    if (state.phase === 'idle' || record === undefined) return NOTHING
    const current = running
    const shown = new Set([
      ...(current === null && record.own.length <= 1 ? [] : participantsOf(record)),
      ...Object.values(record.smap.nodes)
        .filter(isLeaving)
        .map(({id}) => id),
    ])
    const nodes = [...shown].sort().map((id) => nodeOf(state, {record, id, running: current, now}))
    const rebalances = record.rebalances.map((note) => noteOf(state, note))
    return {leads: isLeading(state), nodes, rebalances, reclaim: reclaimOf(state, record, now)}
  }

  return {look, facts}
}

function isOf(running: Running | null, {rmd}: ClusterRecord, entry: number): boolean {
  return running?.rebalance === rmd.version && running.entry === entry
}

const NOTHING: Movement = {leads: false, nodes: [], rebalances: [], reclaim: null}

function recordOf(state: KernelState): ClusterRecord | undefined {
  return state.phase === 'idle' ? undefined : state.onDisk.committed?.record
}

function isLeading(state: NodeState): boolean {
  return state.stage.stage === 'leading' && state.view.leading
}

function begun({rmd}: ClusterRecord, entry: number, nowMs: number): Running {
  return {
    rebalance: rmd.version,
    entry,
    samples: new Map(),
    sampledMs: nowMs - SAMPLE_EVERY_MS,
  }
}

/** What was said of this very rebalance: to the primary by all, at a target by itself. */
function reportsOf(
  {stage, move, facts}: NodeState,
  {rebalance, entry}: MoveId,
): ReadonlyMap<NodeId, MoveReport> {
  const said: readonly (readonly [NodeId, MoveReport | null])[] =
    stage.stage === 'leading'
      ? Object.values(stage.peers).map((peer) => [peer.id, peer.move])
      : [[facts.self.id, move]]
  return new Map(
    said.flatMap(([id, report]) =>
      report?.rebalance === rebalance && report.entry === entry ? [[id, report] as const] : [],
    ),
  )
}

function takeSample(state: NodeState, running: Running, nowMs: number): void {
  running.sampledMs = nowMs
  for (const [id, {objects, bytes}] of reportsOf(state, running)) {
    const before = running.samples.get(id) ?? []
    // The time before the first object says nothing; a node that began anew counts from there.
    const kept = objects === 0 || objects < (before.at(-1)?.objects ?? 0) ? [] : before
    running.samples.set(id, [...kept, {atMs: nowMs, objects, bytes}].slice(-SAMPLES_MAX))
  }
}

/** As the record has it; of one that runs with what is said of it now. */
function noteOf(state: NodeState, note: MoveNote): RebalanceNote {
  const {rebalance, entry, beganMs, endedMs} = note
  const reports = reportsOf(state, note)
  const received = receivedBy(reports.values())
  const running = [...reports]
    .map(([id, {objects, bytes, problem}]) => {
      return {id, objects, bytes, ...asReceived(received.get(id)), problem}
    })
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
  const ended = note.shares.map((share) => ({...share, problem: ''}))
  const nodes = endedMs === null ? running : ended
  return {id: rebalanceId(rebalance), state: note.state, entry, beganMs, endedMs, nodes}
}

/** Who has said that nothing of others is left at it, under the entry that all has moved to. */
function reclaimOf(state: NodeState, record: ClusterRecord, now: Instant): ReclaimNote | null {
  const {stage} = state
  const entry = entryToSweep(record)
  if (entry === undefined) return null
  const peers = stage.stage === 'leading' ? Object.values(stage.peers) : []
  const reports = peers.flatMap(({id, reclaim}) =>
    reclaim !== null && reclaim.entry === entry.index ? [{id, ...reclaim}] : [],
  )
  const sum = (pick: (report: MoveReport) => number): number =>
    reports.reduce((total, report) => total + pick(report), 0)
  const targets = Object.values(record.smap.nodes).filter(({role}) => role === 'target')
  const done = reports.filter((report) => report.state === 'clean').map(({id}) => id)
  const silent = targets
    .filter(({id}) => !done.includes(id))
    .map(({id, role, away}) => ({id, role, away: away !== null, heardMs: heardMs(state, id, now)}))
    .filter((node) => isSilent(node, now.wallMs))
  return {
    targets: targets.length,
    done: done.length,
    objects: sum(({objects}) => objects),
    bytes: sum(({bytes}) => bytes),
    problems: reports.filter(({problem}) => problem !== '').map(({id, problem}) => ({id, problem})),
    silent: silent.map(({id, role, heardMs: heard}) => ({id, role, heardMs: heard})),
  }
}

interface NodeQuestion {
  readonly record: ClusterRecord
  readonly id: NodeId
  readonly running: Running | null
  readonly now: Instant
}

function nodeOf(state: NodeState, {record, id, running, now}: NodeQuestion): OperationNode {
  const part = running !== null && participantsOf(record).includes(id)
  const reports = running === null ? NO_REPORTS : reportsOf(state, running)
  const report = reports.get(id)
  const idle: MoverState = part ? 'unknown' : 'idle'
  const rates = ratesOf(running?.samples.get(id) ?? [])
  const {left, ...said} = report ?? {...UNHEARD, state: idle}
  const known = left < 0 ? null : left
  return {
    id,
    ...standOf(record.smap.nodes[id]),
    state: said.state,
    objects: said.objects,
    bytes: said.bytes,
    ...asReceived(receivedBy(reports.values()).get(id)),
    left: known,
    problem: said.problem,
    heardMs: heardMs(state, id, now),
    holds: mayHold(record, id),
    ...rates,
    secondsLeft: secondsLeft(known, rates.objectsPerSecond),
  }
}

const NO_REPORTS: ReadonlyMap<NodeId, MoveReport> = new Map()

function asReceived(amount = NOTHING_MOVED): Pick<OperationNode, 'inObjects' | 'inBytes'> {
  return {inObjects: amount.objects, inBytes: amount.bytes}
}

/** What is said of a node that has said nothing. */
const UNHEARD = {objects: 0, bytes: 0, left: -1, problem: ''} as const

function standOf(member: Member | undefined): Pick<OperationNode, 'role' | 'status' | 'away'> {
  if (member === undefined) return {role: 'target', status: '', away: true}
  return {role: member.role, status: statusWord(member), away: member.away !== null}
}

function heardMs({stage}: NodeState, id: NodeId, {nowMs, wallMs}: Instant): number | null {
  const peer = stage.stage === 'leading' ? stage.peers[id] : undefined
  if (peer === undefined || peer.heard === null) return null
  return wallMs - Math.max(0, nowMs - peer.answeredMs)
}

function ratesOf(
  samples: readonly Sample[],
): Pick<OperationNode, 'objectsPerSecond' | 'bytesPerSecond'> {
  const [first] = samples
  const last = samples.at(-1)
  if (first === undefined || last === undefined || last.atMs <= first.atMs) {
    return {objectsPerSecond: 0, bytesPerSecond: 0}
  }
  const seconds = (last.atMs - first.atMs) / 1000
  const rate = (from: number, to: number): number => Math.round((10 * (to - from)) / seconds) / 10
  return {
    objectsPerSecond: rate(first.objects, last.objects),
    bytesPerSecond: Math.round(rate(first.bytes, last.bytes)),
  }
}

function secondsLeft(left: number | null, objectsPerSecond: number): number | null {
  if (left === null) return null
  if (left === 0) return 0
  return objectsPerSecond > 0 ? Math.ceil(left / objectsPerSecond) : null
}
