/**
 * The disk of one node held against the model of elections (`src/core/election/model`): each write
 * of the kernel has to be one of its actions, in a cluster under random faults.
 */

import type {BootFacts, DurableState} from '../../src/core/kernel/events.ts'
import type {StoredRecord} from '../../src/model/peer-messages.ts'
import {comparePositions, type Voter} from '../../src/model/record.ts'
import {randomOf, type Random} from '../sim/world/random.ts'
import {createScene, type Scene} from '../sim/world/scene.ts'
import {bucket} from './kernel-stage.ts'

const NONE = {epoch: 0, index: 0}

/** Why this write of a node's state is no action of the model; '' when it is one. */
export function whyNoAction(a: DurableState, b: DurableState): string {
  if (b.run !== a.run) return b.run === a.run + 1 && sameRegister(a, b) ? '' : 'not only a start'
  if (b.promisedEpoch < a.promisedEpoch) return 'a promise falls'
  const moved = positionAfter(a.accepted, b.accepted)
  if (moved < 0) return 'an older record is accepted'
  if (b.inc !== a.inc) {
    const founds = a.accepted === null && b.accepted?.record.index === 1 && b.committed === null
    const admits = moved > 0 && b.inc > a.inc && b.accepted === b.committed
    return founds || admits ? '' : 'neither a founding nor an admission by a commit'
  }
  if (moved > 0) return whyNoTake(a, b, b.accepted as StoredRecord)
  const learns = positionAfter(a.committed, b.committed)
  if (learns < 0) return 'a commit is forgotten'
  if (learns > 0) {
    const same = b.promisedEpoch === a.promisedEpoch && isSame(b.committed, b.accepted)
    return same ? '' : 'a commit of what is not accepted'
  }
  // Stand, Vote, and hearing of an epoch: a name comes with an epoch, never later.
  if (b.promisedEpoch > a.promisedEpoch) return ''
  return isSameName(a.votedFor, b.votedFor) ? '' : `a second vote in epoch ${b.promisedEpoch}`
}

/** Take: the record, its promise, and the vote for its heir, in one write. */
function whyNoTake(a: DurableState, b: DurableState, taken: StoredRecord): string {
  const {epoch, heir} = taken.record
  if (epoch < a.promisedEpoch) return 'a record below the promise is accepted'
  if (!isSame(b.committed, a.committed) && !isSame(b.committed, taken)) return 'another commit'
  const promised = heir === null ? Math.max(a.promisedEpoch, epoch) : epoch + 1
  if (b.promisedEpoch !== promised) return `epoch ${b.promisedEpoch} promised for ${promised}`
  const name = heir ?? (epoch > a.promisedEpoch ? null : a.votedFor)
  return isSameName(b.votedFor, name) ? '' : 'the vote does not go with it'
}

function isSameName(a: Voter | null, b: Voter | null): boolean {
  return a?.id === b?.id && a?.inc === b?.inc
}

function sameRegister(a: DurableState, b: DurableState): boolean {
  return a.promisedEpoch === b.promisedEpoch && isSame(a.accepted, b.accepted) && a.inc === b.inc
}

function isSame(a: StoredRecord | null, b: StoredRecord | null): boolean {
  return a?.record === b?.record || (a !== null && b !== null && a.text === b.text)
}

function positionAfter(a: StoredRecord | null, b: StoredRecord | null): number {
  if (b === null) return a === null ? 0 : -1
  return comparePositions(b.record, a?.record ?? NONE)
}

/** A cluster under random faults; what every node's disk is told, step by step. */
export function faultyRun(seed: number, seconds: number, facts: readonly BootFacts[]) {
  const random = randomOf(seed, 77)
  const problems: string[] = []
  const counts = {writes: 0, takes: 0, votes: 0, commits: 0, admissions: 0, heirs: 0}
  const scene = createScene({
    seed,
    facts,
    delayMs: 1,
    lossRatio: 0.02,
    duplicateRatio: 0.02,
    diskMs: 4,
    encodeOneIn: 3,
    witness: {
      stepped: (process, before, event, effects) => {
        if (before.phase !== 'running' && event.type !== 'booted') return
        let last =
          before.phase === 'running' ? before.durable : event.type === 'booted' && event.durable
        for (const effect of effects) {
          if (effect.type !== 'persist') continue
          if (last) {
            const why = whyNoAction(last, effect.state)
            if (why !== '') problems.push(`${process.facts.self.id} at ${event.type}: ${why}`)
            count(counts, last, effect.state)
          }
          last = effect.state
        }
      },
      durable: () => undefined,
      inUse: () => undefined,
      threw: (process, error) => problems.push(`${process.facts.self.id}: ${String(error)}`),
    },
    onExit: () => undefined,
  })
  for (const process of scene.processes) process.start()
  for (let at = 0; at < seconds * 2; at++) {
    scene.clock.runUntil(scene.clock.nowMs() + random.exp(500))
    disturb(scene, random)
  }
  return {problems, counts}
}

function count(counts: Record<string, number>, a: DurableState, b: DurableState): void {
  const add = (key: string, holds: boolean): void => {
    if (holds) counts[key] = (counts[key] ?? 0) + 1
  }
  add('writes', true)
  add('takes', positionAfter(a.accepted, b.accepted) > 0)
  add('heirs', positionAfter(a.accepted, b.accepted) > 0 && b.accepted?.record.heir != null)
  add('votes', b.promisedEpoch > a.promisedEpoch && b.votedFor !== null)
  add('commits', positionAfter(a.committed, b.committed) > 0)
  add('admissions', b.inc !== a.inc)
}

/** One thing that goes wrong, is mended, or is commanded. */
function disturb({processes, network}: Scene, random: Random): void {
  const process = random.pick(processes)
  const other = random.pick(processes)
  const heir = random.pick(processes).facts.self.id
  const act = random.int(0, 14)
  if (act === 0) process.kill(random.chance(0.5))
  else if (act <= 3) for (const one of processes) one.start()
  else if (act === 4) network.cut(process.index, other.index)
  else if (act <= 6) network.heal()
  else if (act === 7) process.pause()
  else if (act <= 9) for (const one of processes) one.thaw()
  else if (act === 10) {
    for (const one of processes) one.command({type: 'set-primary', id: heir}, () => undefined)
  } else if (act === 11 && processes.every((one) => one.isUp() && !one.isPaused())) {
    process.kill(true)
    process.disk.wipe()
    process.start()
  } else if (act === 12) process.stop()
  else if (act === 13) {
    const left = processes.filter((one) => one === process || one.isUp())
    const survivors = left.map((one) => one.facts.self.id)
    process.command({type: 'recover', survivors}, () => undefined)
  } else process.command(bucket(`b${random.int(0, 1e6)}`), () => undefined)
}
