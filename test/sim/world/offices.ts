/**
 * What must hold when votes are given and offices are taken (C8, C9, C12, C14, C24 of
 * src/core/DESIGN.md). Votes are written down as they leave, with what was on the voter's disk:
 * what a candidate makes of them is held against that.
 */

import {canonicalJson} from '../../../src/base/canonical-json.ts'
import type {KernelEffect, KernelEvent} from '../../../src/core/kernel/events.ts'
import type {KernelState, NodeState} from '../../../src/core/kernel/state.ts'
import type {PeerAnswer, StoredRecord} from '../../../src/model/peer-messages.ts'
import {isRecordQuorum, voterKey} from '../../../src/model/quorum.ts'
import {comparePositions, type ClusterRecord, type Voter} from '../../../src/model/record.ts'
import {sha256} from './hash.ts'
import type {SimProcess} from './process.ts'

export interface Offices {
  readonly stepped: (process: SimProcess, state: NodeState, what: Stepped) => void
}

export interface OfficesDeps {
  readonly violate: (invariant: string, detail: string) => void
  readonly saw: (name: string) => void
  /** A vote has been heard, or counted by the candidate itself. */
  readonly voted: (voter: string, epoch: number, candidate: string) => void
  /** A record that anybody has decided on, by its hash. */
  readonly known: (sha: string) => StoredRecord | undefined
  readonly isCommitted: (sha: string) => boolean
}

interface Stepped {
  readonly before: KernelState
  readonly event: KernelEvent
  readonly effects: readonly KernelEffect[]
}

/** A vote that was asked for. */
interface Asked {
  readonly epoch: number
  readonly candidate: Voter
  readonly forced: boolean
}

export function createOffices(deps: OfficesDeps): Offices {
  const {violate, saw, known, isCommitted} = deps
  /** Votes asked for, and messages of deposed primaries, by process and question. */
  const votes = new Map<string, Asked>()
  const stale = new Map<string, string>()
  /** What a voter had on disk when its vote for an epoch left. */
  const ballots = new Map<string, StoredRecord>()
  const amnesiacRuns = new Map<number, number>()
  const forcedEpochs = new Set<number>()

  function onAsked(process: SimProcess, before: KernelState, event: KernelEvent): void {
    if (event.type !== 'peer-asked' || before.phase !== 'running') return
    const {request} = event
    const ask = `${process.index} ${event.askId}`
    if (request.type === 'vote' && !request.pre) {
      const {epoch, candidate, forced} = request
      votes.set(ask, {epoch, candidate, forced})
    } else if (request.type === 'prepare' || request.type === 'beat') {
      const epoch = request.type === 'prepare' ? request.record.record.epoch : request.epoch
      const {promisedEpoch} = before.durable
      if (epoch < promisedEpoch)
        stale.set(ask, `${request.type} of epoch ${epoch}, promised ${promisedEpoch}`)
    }
  }

  function onAnswer(process: SimProcess, node: NodeState, effect: KernelEffect): void {
    if (effect.type !== 'answer') return
    const {answer} = effect
    const ask = `${process.index} ${effect.askId}`
    if (answer.type === 'prepare' || answer.type === 'beat') {
      checkFence(node, stale.get(ask), answer)
      if (answer.type === 'prepare' && answer.accepted) checkStored(process, node, answer)
      if (stale.size > 0) stale.delete(ask)
    } else if (answer.type === 'vote') {
      const asked = votes.get(ask)
      votes.delete(ask)
      if (asked !== undefined && answer.granted) onBallot(process, node, asked)
    }
  }

  /** C14: who was deposed is refused wherever the newer epoch is known. */
  function checkFence(
    node: NodeState,
    why: string | undefined,
    answer: Extract<PeerAnswer, {type: 'prepare' | 'beat'}>,
  ): void {
    if (why === undefined) return
    saw('deposed primary refused')
    if (answer.accepted) violate('C14', `${node.facts.self.id} accepts a ${why}`)
  }

  /** C8: what is acknowledged is on disk. */
  function checkStored(
    process: SimProcess,
    node: NodeState,
    answer: Extract<PeerAnswer, {type: 'prepare'}>,
  ): void {
    const accepted = process.disk.durable()?.accepted ?? null
    if (accepted !== null && comparePositions(accepted.record, answer.position) >= 0) return
    const {epoch, index} = answer.position
    violate('C8', `${keyOf(node)} acknowledges ${epoch}.${index} before it is on disk`)
  }

  /** C8: a vote is on disk before it is heard. */
  function onBallot(process: SimProcess, node: NodeState, asked: Asked): void {
    const disk = process.disk.durable()
    const promised = disk?.promisedEpoch ?? 0
    const holds =
      promised > asked.epoch ||
      (promised === asked.epoch && disk?.votedFor?.id === asked.candidate.id)
    if (!holds) {
      violate('C8', `${keyOf(node)}: a vote for epoch ${asked.epoch} is heard before it is on disk`)
    }
    deps.voted(keyOf(node), asked.epoch, voterKey(asked.candidate))
    if (asked.forced) forcedEpochs.add(asked.epoch)
    const accepted = disk?.accepted ?? null
    if (accepted !== null) ballots.set(`${keyOf(node)} ${asked.epoch}`, accepted)
  }

  /** C9, C12: who takes office has a quorum, and begins with the newest record of it, whole. */
  function onOffice(node: NodeState, before: KernelState, event: KernelEvent): void {
    if (node.stage.stage !== 'leading' || before.phase !== 'running') return
    if (before.stage.stage !== 'standing') return
    const {epoch} = node.stage
    const first = node.durable.accepted
    if (first === null || first.record.epoch !== epoch) return
    const voters = votersFor(before, event)
    const own = before.durable.accepted
    const held = voters.flatMap((key) => ballots.get(`${key} ${epoch}`) ?? [])
    const newest = held.reduce((best, next) => newer(best, next), own ?? first)
    const sha = newest.sha === '' ? sha256(newest.text) : newest.sha
    if (first.record.parent !== sha) {
      const {epoch: e, index} = newest.record
      violate('C12', `${keyOf(node)} begins epoch ${epoch} without ${e}.${index} of its quorum`)
    }
    if (newest !== own) saw('newer record adopted')
    if (forcedEpochs.has(epoch)) return
    const adopted = known(first.record.parent)?.record ?? newest.record
    checkWhole(node, first.record, adopted)
    if (adopted.pv !== null && first.record.pv === null && !isCommitted(sha)) {
      violate('C9', `${keyOf(node)} begins epoch ${epoch} without the previous voters`)
    }
    const quorum = isRecordQuorum(adopted, new Set(voters), isCommitted(sha))
    if (!quorum) violate('C9', `${keyOf(node)} leads epoch ${epoch} by ${voters.join(', ')}`)
  }

  /** C12: never a mixture of parts. What an office brings with it may differ. */
  function checkWhole(node: NodeState, first: ClusterRecord, adopted: ClusterRecord): void {
    const other = (['bmd', 'rmd', 'tokens'] as const).find(
      (part) =>
        first[part] !== adopted[part] && contentOf(first[part]) !== contentOf(adopted[part]),
    )
    const settings = canonicalJson(first.conf.set) === canonicalJson(adopted.conf.set)
    const self = node.facts.self.id
    const members = membersBut(first, self) === membersBut(adopted, self)
    const owners = canonicalJson(first.own) === canonicalJson(adopted.own)
    if (other === undefined && settings && members && owners) return
    const part = other ?? (settings ? (members ? 'own' : 'smap') : 'conf')
    violate('C12', `${keyOf(node)} begins epoch ${first.epoch} with another ${part}`)
  }

  /** A candidate counts its own vote from when it asks for others. */
  function onCandidate(node: NodeState): void {
    if (node.stage.stage !== 'standing' || node.stage.election.phase !== 'voting') return
    const {epoch, own} = node.stage.election
    deps.voted(keyOf(node), epoch, voterKey(own.voter))
  }

  /** C24: who has forgotten does not form a cluster as if it were new. */
  function onForgetful(process: SimProcess, node: NodeState, event: KernelEvent): void {
    if (event.type === 'booted' && event.amnesia !== '') {
      amnesiacRuns.set(process.index, process.run())
      saw('amnesia')
    }
    const forgot = amnesiacRuns.get(process.index) === process.run()
    if (forgot && node.stage.stage === 'founding') {
      violate('C24', `${process.facts.self.id} forms a cluster after it has forgotten one`)
    }
  }

  return {
    stepped: (process, state, {before, event, effects}) => {
      onAsked(process, before, event)
      const stageBefore = before.phase === 'running' ? before.stage : null
      if (state.stage !== stageBefore) {
        onOffice(state, before, event)
        onCandidate(state)
        onForgetful(process, state, event)
      }
      for (const effect of effects) onAnswer(process, state, effect)
    },
  }
}

/** Whose yes a candidate has counted: those it had, the one that just came, its own. */
function votersFor(before: NodeState, event: KernelEvent): readonly string[] {
  const {stage} = before
  if (stage.stage !== 'standing') return []
  const {election} = stage
  const grants = election.phase === 'voting' ? Object.keys(election.grants) : []
  const last =
    event.type === 'peer-answered' && event.answer.type === 'vote' && event.answer.granted
      ? [voterKey(event.answer.voter)]
      : []
  return [...new Set([...grants, ...last, voterKey(election.own.voter)])]
}

/** The members, one of them without whether it is away: who takes office is there. */
function membersBut({smap}: ClusterRecord, self: string): string {
  const {[self]: own, ...others} = smap.nodes
  return canonicalJson({...others, [self]: {...own, away: null}})
}

/** A part without the numbers that an office may give it. */
function contentOf(part: {readonly version: number; readonly epoch: number}): string {
  return canonicalJson({...part, version: 0, epoch: 0})
}

function newer(best: StoredRecord, next: StoredRecord): StoredRecord {
  return comparePositions(next.record, best.record) > 0 ? next : best
}

function keyOf(node: NodeState): string {
  return voterKey({id: node.facts.self.id, inc: node.durable.inc})
}
