/**
 * Trials: everything is mended, one thing goes wrong alone, and the rules say what has to come of
 * it and how soon (C17, C19, C20, C21).
 */

import {succession} from '../../../src/core/placement/next-primary.ts'
import type {NodeId} from '../../../src/model/ids.ts'
import {isElectable} from '../../../src/model/node.ts'
import {isRecordQuorum, voterKey} from '../../../src/model/quorum.ts'
import type {ClusterRecord} from '../../../src/model/record.ts'
import type {Clock} from './clock.ts'
import type {TrialKind} from './faults.ts'
import type {Reign} from './invariants.ts'
import type {Network} from './network.ts'
import type {SimProcess} from './process.ts'
import type {Random} from './random.ts'
import type {Workload} from './workload.ts'

export interface TrialDeps {
  readonly clock: Clock
  readonly network: Network
  readonly pace: number
  readonly tickMs: number
  /** Nodes that are there now: not those to come, nor those that are gone for good. */
  readonly present: () => readonly SimProcess[]
  readonly isConverged: () => boolean
  /** Clients are quiet, or go on: while they change things no two nodes are at the same record. */
  readonly hush: (quiet: boolean) => void
  readonly workload: Workload
  readonly reigns: readonly Reign[]
  readonly violate: (invariant: string, detail: string) => void
  readonly saw: (name: string) => void
}

/** After the mending; C19 allows less. */
const SETTLE_MS = 15_000
/** C20: a majority that is connected does what it is told within this. */
export const AVAILABLE_MS = 10_000
/** C19: one primary, one record. */
const HEALED_MS = 13_000
const CALM_MS = 20_000
const POLL_MS = 100
/** An election that has just been is over: voters yield to whom they elected for a lease. */
const LULL_MS = 5000

/** What a trial knows when it begins. */
interface Ground {
  readonly random: Random
  readonly primary: SimProcess
  readonly record: ClusterRecord
  readonly present: readonly SimProcess[]
}

/** Begins one; the caller has mended everything and keeps everything else away. */
export function beginTrial(deps: TrialDeps, kind: TrialKind, random: Random): void {
  whenWhole(deps, SETTLE_MS, (isWhole) => {
    const present = deps.present()
    const primary = present.find((process) => process.view()?.leading === true)
    if (!isWhole || primary === undefined) {
      // A cluster that is being formed waits for its configured nodes.
      if (present.some((process) => process.view()?.clusterStarted === true)) {
        deps.violate('C19', `not whole ${SETTLE_MS * deps.pace} ms after everything was mended`)
      }
      return
    }
    deps.clock.after(LULL_MS * deps.pace, () => begin(deps, kind, random))
  })
}

function begin(deps: TrialDeps, kind: TrialKind, random: Random): void {
  const present = deps.present()
  const primary = present.find((process) => process.view()?.leading === true)
  const record = primary?.view()?.record
  if (primary === undefined || record == null || record.pv !== null) return
  deps.saw(kind)
  const ground = {random, primary, record, present}
  if (kind === 'trial-death') tryDeath(deps, ground)
  else if (kind === 'trial-split') trySplit(deps, ground)
  else if (kind === 'trial-handover') tryHandover(deps, ground)
  else tryCalm(deps, ground)
}

/** Waits until the cluster is whole, with quiet clients; says whether it was in time. */
function whenWhole(deps: TrialDeps, withinMs: number, heard: (isWhole: boolean) => void): void {
  const {clock, pace} = deps
  const endMs = clock.nowMs() + withinMs * pace
  deps.hush(true)
  const look = (): void => {
    const isWhole = deps.isConverged()
    if (!isWhole && clock.nowMs() < endMs) return clock.after(POLL_MS, look)
    deps.hush(false)
    heard(isWhole)
  }
  look()
}

/** The primary dies, alone or with the next in succession (C17, C20). */
function tryDeath(deps: TrialDeps, ground: Ground): void {
  const {clock, pace, reigns, violate} = deps
  const {random, primary, record, present} = ground
  const order = succession(record.smap)
  const both = random.chance(0.3)
  const victims = present.filter(
    (process) => process === primary || (both && process.facts.self.id === order[0]),
  )
  const left = present.filter((process) => !victims.includes(process))
  const heir = order.find((id) => left.some((process) => process.facts.self.id === id))
  const able = heir !== undefined && isQuorum(record, left)
  const before = reigns.length
  const power = random.chance(0.5)
  for (const victim of victims) victim.kill(power)
  if (able)
    expectDone(deps, random.pick(left), `after the primary ${power ? 'lost power' : 'died'}`)
  clock.after(AVAILABLE_MS * pace, () => {
    const since = reigns.slice(before)
    if (able) judgeSuccession(deps, heir, since)
    else if (since.length > 0) violate('C17', `${since[0]?.id} was elected without a quorum`)
    for (const victim of victims) victim.start()
    expectHealed(deps, 'after the dead were back')
  })
}

function judgeSuccession(deps: TrialDeps, heir: NodeId, since: readonly Reign[]): void {
  const [first] = since
  if (first === undefined) return deps.violate('C20', 'nobody was elected')
  // Who looks at the clock too seldom cannot keep an order of half seconds.
  if (deps.tickMs > 250 * deps.pace) return
  if (first.id !== heir) deps.violate('C17', `${first.id} was elected, ${heir} is next`)
  if (since.length > 1) deps.violate('C17', `${since.length} elections after one death`)
}

/** Two sides that do not hear each other: the one with a quorum goes on, the other does nothing. */
function trySplit(deps: TrialDeps, ground: Ground): void {
  const {clock, network, pace, violate, workload} = deps
  const {random, record, present} = ground
  const side = present.map(() => random.chance(0.5))
  const sides = [true, false].map((which) => present.filter((_, at) => side[at] === which))
  for (const a of sides[0] ?? []) {
    for (const b of sides[1] ?? []) {
      network.cut(a.index, b.index)
      network.cut(b.index, a.index)
    }
  }
  for (const nodes of sides) {
    if (nodes.length === 0) continue
    const at = random.pick(nodes)
    const electable = nodes.some(({facts}) => {
      const member = record.smap.nodes[facts.self.id]
      return member !== undefined && isElectable(member)
    })
    if (electable && isQuorum(record, nodes)) {
      deps.saw('a majority went on')
      expectDone(deps, at, 'on the side of the majority')
    } else if (!isQuorum(record, nodes)) {
      // What was acknowledged before the cut reached anybody may still be said.
      clock.after(pace * 100, () =>
        workload.attempt(at, (AVAILABLE_MS - 200) * pace, (position) => {
          if (position !== null) violate('C21', `${at.facts.self.id} acknowledged in a minority`)
        }),
      )
    }
  }
  clock.after((AVAILABLE_MS + 500) * pace, () => {
    network.heal()
    const before = deps.reigns.length
    const led = (sides.find((nodes) => isQuorum(record, nodes)) ?? []).some(
      (process) => process.view()?.leading === true,
    )
    clock.after((HEALED_MS - 1000) * pace, () => {
      const since = deps.reigns[before]
      if (led && since !== undefined) {
        violate('C19', `${since.id} was elected when a minority met its primary again`)
      }
    })
    expectHealed(deps, 'after the sides met again')
  })
}

/** The office is handed over by command: done in time, without an election by anybody else. */
function tryHandover(deps: TrialDeps, ground: Ground): void {
  const {clock, pace, reigns, violate, workload} = deps
  const {random, record, present, primary} = ground
  const electable = succession(record.smap).filter((id) =>
    present.some((process) => process.facts.self.id === id),
  )
  const heir = random.pick(electable)
  const before = reigns.length
  let done = false
  workload.handOver(random.pick(present), heir, (ok) => {
    done = ok
  })
  clock.after(AVAILABLE_MS * pace, () => {
    const since = reigns.slice(before)
    const wanted = heir === primary.facts.self.id ? 0 : 1
    if (!done) violate('C20', `the handover to ${heir} was not done`)
    if (since.length !== wanted || since.some(({id}) => id !== heir)) {
      const seen = since.map(({id, epoch}) => `${id} in ${epoch}`).join(', ')
      violate('C17', `handed over to ${heir}, then in office: ${seen || 'nobody new'}`)
    }
    expectHealed(deps, 'after a handover')
  })
}

/** Nothing goes wrong: nobody is elected, and what is asked is done (C19, C20). */
function tryCalm(deps: TrialDeps, {random, present}: Ground): void {
  const {clock, pace, reigns} = deps
  const before = reigns.length
  expectDone(deps, random.pick(present), 'in a whole cluster')
  clock.after(CALM_MS * pace, () => {
    const [first] = reigns.slice(before)
    if (first !== undefined) deps.violate('C19', `${first.id} was elected in a whole cluster`)
  })
}

function expectDone(deps: TrialDeps, at: SimProcess, when: string): void {
  deps.workload.attempt(at, AVAILABLE_MS * deps.pace, (position) => {
    if (position !== null) return deps.saw('done in time')
    deps.violate(
      'C20',
      `${at.facts.self.id}: nothing done in ${AVAILABLE_MS * deps.pace} ms ${when}`,
    )
  })
}

function expectHealed(deps: TrialDeps, when: string): void {
  whenWhole(deps, HEALED_MS, (isWhole) => {
    if (!isWhole) deps.violate('C19', `not whole ${HEALED_MS * deps.pace} ms ${when}`)
  })
}

/** Whether these nodes alone are a quorum of the record. */
function isQuorum(record: ClusterRecord, nodes: readonly SimProcess[]): boolean {
  const keys = nodes.flatMap(({facts}) => {
    const member = record.smap.nodes[facts.self.id]
    return member === undefined ? [] : [voterKey(member)]
  })
  return isRecordQuorum(record, new Set(keys))
}
