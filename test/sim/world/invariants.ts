/**
 * What must hold at every step (C1 to C24 of src/core/DESIGN.md). Each violation names its
 * invariant; the first few of a seed are kept. Checkers see what nodes decide, what reaches their
 * disks and what clients hear, and keep a history of their own that no crash takes away.
 */

import {canonicalJson} from '../../../src/base/canonical-json.ts'
import type {KernelEffect, KernelEvent} from '../../../src/core/kernel/events.ts'
import type {KernelState, NodeState} from '../../../src/core/kernel/state.ts'
import type {NodeId} from '../../../src/model/ids.ts'
import {isElectable} from '../../../src/model/node.ts'
import type {StoredRecord} from '../../../src/model/peer-messages.ts'
import {isRecordQuorum, voterKey, votersOf} from '../../../src/model/quorum.ts'
import {comparePositions, type ClusterRecord, type Voter} from '../../../src/model/record.ts'
import {sha256} from './hash.ts'
import {createOffices, type Offices} from './offices.ts'
import {createOwners, type Owners} from './owners.ts'
import type {SimProcess} from './process.ts'

export interface Violation {
  readonly seed: number
  readonly invariant: string
  readonly detail: string
}

/** A change that a client was told is done. */
export interface Acknowledged {
  readonly what: string
  readonly index: number
  readonly holds: (record: ClusterRecord) => boolean
}

/** A primary's time in office, from when its first record is on its disk. */
export interface Reign {
  readonly epoch: number
  readonly id: NodeId
  readonly atMs: number
}

export interface Invariants {
  readonly violations: readonly Violation[]
  readonly sometimes: Readonly<Record<string, number>>
  readonly violate: (invariant: string, detail: string) => void
  readonly saw: (name: string) => void
  readonly stepped: (
    process: SimProcess,
    before: KernelState,
    event: KernelEvent,
    effects: readonly KernelEffect[],
  ) => void
  readonly durable: (process: SimProcess) => void
  readonly inUse: (process: SimProcess) => void
  readonly wiped: (process: SimProcess) => void
  /** Whether the cluster survives that these nodes lose their disks now. */
  readonly survives: (lost: readonly NodeId[]) => boolean
  readonly acknowledged: (change: Acknowledged) => void
  readonly reigns: readonly Reign[]
  /** How long two nodes at once believed to lead with a majority: allowed, and kept short. */
  readonly twoPrimariesMs: () => number
  /** Newest record that a quorum has committed. */
  readonly committed: () => StoredRecord | null
}

const VIOLATIONS_KEPT = 5
/** The pause between two lost targets, less the drift of clocks. */
const SETTLE_MS = 28_000

export function createInvariants(seed: number): Invariants {
  const violations: Violation[] = []
  const sometimes: Record<string, number> = {}
  const leaders = new Map<number, string>()
  const contents = new Map<string, string>()
  const versions = new Map<string, string>()
  /** Every record that anybody has decided on, durable or not yet. */
  const known = new Map<string, StoredRecord>()
  const reigns: Reign[] = []
  const leading = new Set<SimProcess>()
  const twoPrimaries = {ms: 0, sinceMs: 0}
  /** Parts that have been compared. */
  const compared = new WeakSet<object>()
  const durableShas = new Set<string>()
  /** Who has ever had a record on disk, by its hash. */
  const holders = new Map<string, Set<string>>()
  const votes = new Map<string, string>()
  const committed = new Map<string, StoredRecord>()
  const promises = new Map<string, number>()
  const served = new Map<number, number>()
  /** What each node served when it was last looked at. */
  const inUse: (ClusterRecord | null)[] = []
  let targetLost = {epoch: 0, atMs: -Infinity}
  let amnesiac: {readonly id: NodeId; readonly inc: number} | null = null
  const acks: Acknowledged[] = []
  let newest: StoredRecord | null = null

  /** Whether whoever lost its disk last is a voter again. */
  function isBack(record: ClusterRecord): boolean {
    if (amnesiac === null) return true
    const member = record.smap.nodes[amnesiac.id]
    return member !== undefined && member.inc > amnesiac.inc && !member.learner
  }

  function violate(invariant: string, detail: string): void {
    if (violations.length < VIOLATIONS_KEPT) violations.push({seed, invariant, detail})
  }

  function saw(name: string): void {
    sometimes[name] = (sometimes[name] ?? 0) + 1
  }

  /** C3: one content per position, and one per visible version of a part. */
  function learn(stored: StoredRecord): string {
    const sha = stored.sha === '' ? sha256(stored.text) : stored.sha
    if (durableShas.has(sha)) return sha
    durableShas.add(sha)
    known.set(sha, {...stored, sha})
    const {record} = stored
    const position = `${record.epoch}.${record.index}`
    const other = contents.get(position)
    if (other !== undefined && other !== sha) violate('C3', `two contents at ${position}`)
    contents.set(position, sha)
    for (const part of ['bmd', 'conf', 'rmd', 'tokens'] as const) {
      if (compared.has(record[part])) continue
      compared.add(record[part])
      const key = `${part} ${record[part].version}`
      const text = canonicalJson(record[part])
      const old = versions.get(key)
      if (old !== undefined && old !== text) violate('C3', `two contents of ${key}`)
      versions.set(key, text)
    }
    const parent = known.get(record.parent)?.record
    if (parent?.heir != null && record.epoch === parent.epoch) {
      violate('C7', `${position} was made after its epoch was promised away`)
    }
    if (record.pv !== null) saw('joint record')
    if (record.own.length > 1) saw('own entries above one')
    return sha
  }

  /** Counts time with two of them; a node that died leads no more. */
  function countPrimaries(process: SimProcess): void {
    const nowMs = process.atMs()
    const isLeading = process.view()?.leading === true
    if (leading.size > 1) twoPrimaries.ms += nowMs - twoPrimaries.sinceMs
    twoPrimaries.sinceMs = nowMs
    for (const one of leading) if (one.view()?.leading !== true) leading.delete(one)
    if (isLeading) leading.add(process)
  }

  function selfKey(node: NodeState): string {
    return voterKey({id: node.facts.self.id, inc: node.durable.inc})
  }

  /** C9, C10: the decision that a record is committed rests on disks that hold it. */
  function onCommit(process: SimProcess, node: NodeState, proposal: StoredRecord): void {
    const sha = learn(proposal)
    const position = `${proposal.record.epoch}.${proposal.record.index}`
    if (!isRecordQuorum(proposal.record, holders.get(sha) ?? new Set())) {
      violate('C9', `${node.facts.self.id} commits ${position} without a quorum on disk`)
    }
    if (committed.has(sha)) return
    if (newest !== null && comparePositions(proposal.record, newest.record) < 0) {
      onLateCommit(proposal, sha, newest)
      return
    }
    checkChain(proposal)
    checkCarried(proposal)
    checkBrakes(process, proposal)
    committed.set(sha, proposal)
    newest = proposal
    if (newest.record.index > 1 && proposal.record.epoch > 1) saw('commit in a later epoch')
  }

  /**
   * C5: a deposed primary may hear late that its last record was chosen; its successors have built
   * on it then.
   */
  function onLateCommit(proposal: StoredRecord, sha: string, since: StoredRecord): void {
    const {epoch, index} = proposal.record
    let at: StoredRecord | undefined = since
    while (at !== undefined && at.record.index > index) at = known.get(at.record.parent)
    if (at === undefined || learn(at) !== sha) {
      const {epoch: e, index: i} = since.record
      violate('C5', `${epoch}.${index} is committed, and ${e}.${i} does not descend from it`)
    }
    committed.set(sha, proposal)
    saw('committed late')
  }

  /** C5: parents lead back to the newest committed record before it. */
  function checkChain(proposal: StoredRecord): void {
    if (newest === null) return
    const until = newest.record.index
    let at: StoredRecord | undefined = proposal
    let adopted = false
    while (at !== undefined && at.record.index > until) {
      if (at !== proposal && !committed.has(at.sha)) adopted = true
      at = known.get(at.record.parent)
    }
    if (at === undefined || at.sha !== learn(newest)) {
      const {epoch, index} = proposal.record
      violate('C5', `${epoch}.${index} does not descend from ${newest.record.epoch}.${until}`)
    }
    if (adopted) saw('uncommitted record adopted')
  }

  /** C6: every acknowledged change is in every later commit. C13: one uuid. */
  function checkCarried(proposal: StoredRecord): void {
    const {record} = proposal
    // What an epoch begins with, it keeps; what is lost in one is missed by the next look at all.
    const all = record.epoch !== newest?.record.epoch || record.index % 16 === 0
    for (const ack of all ? acks : acks.slice(-16)) {
      if (ack.index <= record.index && !ack.holds(record)) {
        violate(
          'C6',
          `${ack.what}, acknowledged at ${ack.index}, is not in ${record.epoch}.${record.index}`,
        )
      }
    }
    if (newest !== null && newest.record.uuid !== record.uuid) violate('C13', `uuid ${record.uuid}`)
  }

  /** C16: one member is marked lost by one record, and never below the floor. */
  function checkBrakes(process: SimProcess, proposal: StoredRecord): void {
    if (newest === null) return
    const before = newest.record.smap.nodes
    const lost = Object.values(proposal.record.smap.nodes).filter(
      (member) => member.away?.kind === 'lost' && before[member.id]?.away?.kind !== 'lost',
    )
    if (lost.length > 0) saw('member marked lost')
    if (lost.some((member) => member.role === 'target')) {
      const {epoch} = proposal.record
      const soon = process.atMs() - targetLost.atMs < SETTLE_MS
      if (soon && targetLost.epoch === epoch) violate('C16', 'two targets marked lost at once')
      targetLost = {epoch, atMs: process.atMs()}
    }
    if (lost.length > 1) violate('C16', `${lost.length} members marked lost by one record`)
    const members = Object.values(proposal.record.smap.nodes)
    for (const member of members) {
      const old = before[member.id]
      if (old?.away !== undefined && old.away !== null && member.away === null) saw('member back')
      if (member.away?.kind === 'absent' && old?.away === null) saw('member absent')
      if (old !== undefined && old.inc < member.inc) saw('wiped member under a new incarnation')
      if (old?.learner === true && !member.learner) saw('learner promoted')
    }
  }

  /**
   * C1: one primary per epoch, and one run of it: whoever restarts is elected anew (R9). Judged at
   * every step, not only when office is taken, because a process that resumes takes none.
   */
  function onLeading(process: SimProcess, node: NodeState, before: KernelState): void {
    if (node.stage.stage !== 'leading') return
    if (before.phase === 'running' && before.stage === node.stage) return
    const {epoch, metasync, confirmed} = node.stage
    // A reign begins when its first record is on disk: before, nobody has heard of it (R9).
    if (confirmed || metasync.phase !== 'storing') onReign(process, node, epoch)
    const old = before.phase === 'running' && before.stage.stage === 'leading' ? before.stage : null
    if (metasync.phase === 'sealing' && old?.metasync !== metasync)
      onCommit(process, node, metasync.proposal)
  }

  function onReign(process: SimProcess, node: NodeState, epoch: number): void {
    const leader = leaders.get(epoch)
    const self = `${selfKey(node)} run ${process.run()}`
    if (leader === self) return
    if (leader !== undefined) violate('C1', `epoch ${epoch} led by ${leader} and ${self}`)
    leaders.set(epoch, self)
    reigns.push({epoch, id: process.facts.self.id, atMs: process.atMs()})
    saw('primary took office')
    const record = node.durable.accepted?.record
    const member = record?.smap.nodes[node.facts.self.id]
    if (member === undefined || !isElectable(member)) violate('C11', `${self} may not lead`)
    if (process.facts.self.nonElectable) violate('C22', `${self} is not electable by its own file`)
  }

  /** C8: one vote per epoch and incarnation, whatever the disk forgot. */
  function voted(key: string, epoch: number, candidate: string): void {
    const other = votes.get(`${key} ${epoch}`)
    if (other === candidate) return
    if (other !== undefined) violate('C8', `${key} in epoch ${epoch}: ${other} and ${candidate}`)
    votes.set(`${key} ${epoch}`, candidate)
  }

  const offices: Offices = createOffices({
    violate,
    saw,
    voted,
    known: (sha) => known.get(sha),
    isCommitted: (sha) => committed.has(sha),
  })
  const owners: Owners = createOwners(violate)

  return {
    violations,
    sometimes,
    reigns,
    twoPrimariesMs: () => twoPrimaries.ms,
    violate,
    saw,
    stepped: (process, before, event, effects) => {
      const state = process.state()
      if (state.phase !== 'running') return
      if (state.durable !== (before.phase === 'running' ? before.durable : null)) {
        if (state.durable.promisedEpoch < (state.durable.accepted?.record.epoch ?? 0)) {
          violate('C7', `${selfKey(state)} accepts above its promise`)
        }
        const {accepted} = state.durable
        if (accepted !== null) {
          const sha = accepted.sha === '' ? sha256(accepted.text) : accepted.sha
          if (!known.has(sha)) known.set(sha, {...accepted, sha})
        }
      }
      onLeading(process, state, before)
      offices.stepped(process, state, {before, event, effects})
    },
    durable: (process) => {
      const disk = process.disk.durable()
      if (disk === null) return
      if (disk.accepted !== null) learn(disk.accepted)
      if (disk.inc === 0) return
      const key = voterKey({id: process.facts.self.id, inc: disk.inc})
      const promised = promises.get(key) ?? 0
      if (disk.promisedEpoch < promised) violate('C7', `${key} forgets promise ${promised}`)
      promises.set(key, disk.promisedEpoch)
      const heirs = disk.accepted?.record
      if (heirs?.heir != null && disk.promisedEpoch <= heirs.epoch) {
        violate(
          'C8',
          `${key} stores epoch ${heirs.epoch} handed over, and has not voted for the heir`,
        )
      }
      if (disk.votedFor !== null) voted(key, disk.promisedEpoch, voterKey(disk.votedFor))
      if (disk.accepted === null) return
      const sha = disk.accepted.sha
      const set = holders.get(sha) ?? new Set<string>()
      holders.set(sha, set.add(key))
    },
    inUse: (process) => {
      owners.inUse(process)
      countPrimaries(process)
      const record = process.view()?.record
      if (record === null || record === undefined || record === inUse[process.index]) return
      inUse[process.index] = record
      const last = served.get(process.index) ?? 0
      if (record.index < last)
        violate('C4', `${process.facts.self.id} serves ${record.index} after ${last}`)
      served.set(process.index, record.index)
      const sha = contents.get(`${record.epoch}.${record.index}`)
      if (sha === undefined || !committed.has(sha)) {
        violate(
          'C18',
          `${process.facts.self.id} serves ${record.epoch}.${record.index}, not committed`,
        )
      }
    },
    wiped: (process) => {
      inUse[process.index] = null
      served.delete(process.index)
      const {id} = process.facts.self
      amnesiac = {id, inc: newest?.record.smap.nodes[id]?.inc ?? 0}
    },
    survives: (lost) => {
      if (newest === null || !isBack(newest.record)) return false
      const since = newest.record
      return [...known.values()]
        .filter(({record}) => comparePositions(record, since) >= 0)
        .every(({record}) => {
          const isLeft = (voter: Voter): boolean => !lost.includes(voter.id)
          const heirs = votersOf(record.smap).filter(isLeft)
          if (!heirs.some((voter) => voter.electable)) return false
          const left = [...heirs, ...(record.pv ?? []).filter(isLeft)]
          return isRecordQuorum(record, new Set(left.map(voterKey)))
        })
    },
    acknowledged: (change) => {
      acks.push(change)
      if (newest === null || newest.record.index < change.index) {
        violate('C21', `${change.what} acknowledged at ${change.index} before a commit`)
      }
    },
    committed: () => newest,
  }
}
