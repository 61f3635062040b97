/**
 * Deliberately broken nodes: a checker that never fires is worth nothing. Each breaks one rule, at
 * the border of the kernel where it can be, else in a line of it (`mutate.ts`), in a world that
 * gives the fault its chance.
 */

import type {DurableState, KernelEffect} from '../../../src/core/kernel/events.ts'
import type {PeerAnswer} from '../../../src/model/peer-messages.ts'
import {isVoter} from '../../../src/model/node.ts'
import type {Edit} from './mutate.ts'
import type {Directed} from './options.ts'
import type {SimProcess} from './process.ts'

/** What the network does to an answer on its way, knowing who asked and who answers. */
export interface AnswerContext {
  readonly asker: SimProcess
  readonly answerer: SimProcess
}

export interface Mutant {
  readonly name: string
  /** The rule that it breaks. */
  readonly rule: string
  /** Where it is looked for. */
  readonly world: Directed
  /** A seed that has shown it: played first, because it takes many. */
  readonly known?: number
  /** Reports a write before it is durable. */
  readonly reportsEarly?: boolean
  /** Goes on when a flush failed. */
  readonly ignoresFlush?: boolean
  /** Goes on leading after a restart. */
  readonly resumesOffice?: boolean
  /** Alters what reaches the platter. */
  readonly onPlatter?: (state: DurableState, before: DurableState | null) => DurableState
  /** Alters an answer on its way. */
  readonly alterAnswer?: (answer: PeerAnswer, context: AnswerContext) => PeerAnswer
  /** Alters what a process orders. */
  readonly alterEffects?: (
    process: SimProcess,
    effects: readonly KernelEffect[],
  ) => readonly KernelEffect[]
  /** A line of the kernel that is another one. */
  readonly edit?: Edit
}

/** Primaries come and go. */
const UNREST: Directed = {
  topology: [3, 2],
  nonElectable: 0,
  kinds: ['kill', 'power', 'isolate-primary', 'halves', 'crash', 'storm'],
  faultEveryMs: 2000,
  commandEveryMs: 500,
  pace: 1,
}
/** Owners come and go. */
const MOVING: Directed = {
  topology: [1, 3],
  kinds: ['isolate', 'pause', 'one-way', 'kill'],
  faultEveryMs: 6000,
  chaosMs: 120_000,
  writeEveryMs: 50,
  commandEveryMs: 5000,
  pace: 1,
}
const SPLITS: Directed = {...UNREST, kinds: ['trial-split'], faultEveryMs: 500}

/** Several nodes come back at once without a disk, and the primary dies while they are let in. */
const JOINING: Directed = {
  ...UNREST,
  topology: [2, 2],
  kinds: ['wipe', 'power', 'crash', 'crash', 'storm'],
  faultEveryMs: 800,
}

/** All of them; each must be caught. */
export const MUTANTS: readonly Mutant[] = [
  {
    name: 'accept-unflushed',
    rule: 'R8, R9: an answer is heard before what it says is on disk',
    world: UNREST,
    reportsEarly: true,
  },
  {
    name: 'accept-not-durable',
    rule: 'R8, R9: an accepted record does not reach the platter',
    world: UNREST,
    onPlatter: (state, before) => ({
      ...state,
      accepted: before?.accepted ?? null,
      committed: before?.committed ?? null,
    }),
  },
  {
    name: 'vote-not-durable',
    rule: 'R3: the vote does not reach the platter',
    world: UNREST,
    onPlatter: (state) => ({
      ...state,
      promisedEpoch: state.accepted?.record.epoch ?? 0,
      votedFor: null,
    }),
  },
  {
    name: 'commit-not-durable',
    rule: 'R8: what is known committed does not reach the platter',
    world: UNREST,
    onPlatter: (state, before) => ({
      ...state,
      committed: before?.committed ?? state.committed,
    }),
  },
  {
    name: 'failed-flush-ignored',
    rule: 'R9: a process goes on after a flush has failed',
    world: {...UNREST, kinds: ['flush-fails', 'power']},
    ignoresFlush: true,
  },
  {
    name: 'minority-commit',
    rule: 'R8: a refused beat is counted as an acknowledgement',
    world: UNREST,
    alterAnswer: (answer, {asker}) => {
      const proposal = asker.node()?.durable.accepted?.record
      if (answer.type !== 'beat' || proposal === undefined) return answer
      const {epoch, index} = proposal
      return {...answer, position: {epoch, index}}
    },
  },
  {
    name: 'learner-counted',
    rule: 'R14: a learner answers in the name of a voter',
    world: {...UNREST, kinds: ['wipe', 'kill']},
    alterAnswer: (answer, {asker, answerer}) => {
      const nodes = asker.node()?.durable.accepted?.record.smap.nodes ?? {}
      const self = nodes[answerer.facts.self.id]
      if (answer.type !== 'prepare' || self?.learner !== true) return answer
      const voter = Object.values(nodes).find(
        (member) => isVoter(member) && member.id !== asker.facts.self.id,
      )
      return voter === undefined ? answer : {...answer, voter: {id: voter.id, inc: voter.inc}}
    },
  },
  {
    name: 'leadership-resumed',
    rule: 'R9: a restarted process goes on in its old epoch',
    world: UNREST,
    resumesOffice: true,
  },
  {
    name: 'lease-for-ever',
    rule: 'DESIGN: leases: a lease outlives what the primary counts on',
    world: MOVING,
    alterEffects: (_process, effects) =>
      effects.map((effect) =>
        effect.type === 'lease' ? {...effect, untilMs: effect.untilMs + 60_000} : effect,
      ),
  },
  {
    name: 'double-vote',
    rule: 'R3, R4: a second candidate gets a vote of the same epoch',
    world: UNREST,
    edit: {
      file: 'core/election/voter.ts',
      from: 'if (request.epoch <= promisedEpoch) return',
      to: 'if (request.epoch < promisedEpoch) return',
    },
  },
  {
    name: 'vote-installs',
    rule: 'R4: a vote installs the record of the candidate',
    world: UNREST,
    edit: {
      file: 'core/kernel/stand.ts',
      from: '  const accepted = answer.accepted ?? known',
      to: `  if (answer.accepted !== null && answer.accepted.record.epoch <= turn.node.durable.promisedEpoch)
    persist(turn, {accepted: answer.accepted, committed: answer.accepted}, [])
  const accepted = answer.accepted ?? known`,
    },
  },
  {
    name: 'quorum-of-responders',
    rule: 'R2: a majority of those who answered',
    world: {...UNREST, kinds: ['halves', 'isolate-primary', 'trial-split']},
    edit: {
      file: 'model/quorum.ts',
      from: 'return count * 2 > voters.length',
      to: 'return count * 2 > answered.size',
    },
  },
  {
    name: 'plus-hundred',
    rule: 'R7: a version leaps by 100, however many epochs went by',
    world: {...UNREST, topology: [3, 0], kinds: ['isolate-primary', 'kill', 'crash', 'power']},
    edit: {
      file: 'core/metasync/next-record.ts',
      from: 'part.version + VERSIONS_PER_EPOCH * (epoch - part.epoch)',
      to: 'part.version + VERSIONS_PER_EPOCH',
    },
  },
  {
    name: 'stale-proposal',
    rule: 'R8, R12: a record of an epoch below the promise is accepted',
    world: {...UNREST, kinds: ['isolate-primary', 'pause', 'clog', 'swizzle']},
    edit: {
      file: 'core/metasync/acceptor.ts',
      from: 'if (record.epoch < acceptor.promisedEpoch) {',
      to: 'if (record.epoch + 9 < acceptor.promisedEpoch) {',
    },
  },
  {
    name: 'stale-beat',
    rule: 'R12: the beat of a deposed primary is followed',
    world: {...UNREST, kinds: ['isolate-primary', 'pause', 'clog']},
    edit: {
      file: 'core/kernel/follow.ts',
      from: '  if (request.epoch < durable.promisedEpoch) {',
      to: '  if (request.epoch + 9 < durable.promisedEpoch) {',
    },
  },
  {
    name: 'epoch-not-adopted',
    known: 98,
    rule: 'R11: a higher epoch that is heard of is not kept to',
    world: {...UNREST, kinds: ['halves', 'isolate-primary', 'crash', 'power', 'pause']},
    edit: {
      file: 'core/kernel/stage.ts',
      from: 'if (epoch <= turn.node.durable.promisedEpoch) return',
      to: 'if (epoch <= turn.node.durable.promisedEpoch + 99) return',
    },
  },
  {
    name: 'no-pre-vote',
    rule: 'R5: who was cut off raises epochs and deposes the primary when it is back',
    world: SPLITS,
    edit: {
      file: 'core/election/step.ts',
      from: 'if (won === undefined) return {election, orders: otherwise}',
      to: `if (won === undefined && (election.phase !== 'pre-voting' || otherwise.length > 0))
    return {election, orders: otherwise}`,
    },
  },
  {
    name: 'oldest-adopted',
    rule: 'R6: the candidate keeps its own record',
    world: UNREST,
    edit: {
      file: 'core/election/step.ts',
      from: 'const adopt = yes.map((grant) => grant.accepted).reduce(newer)',
      to: 'const adopt = (grants[`${self.id}/${self.inc}`] ?? yes[0])!.accepted',
    },
  },
  {
    name: 'parts-mixed',
    rule: 'R6: the buckets of the own record, the rest of the adopted one',
    world: UNREST,
    edit: {
      file: 'core/kernel/lead.ts',
      from: 'const draft = {...adopt.record, smap, conf,',
      to: `const own0 = turn.node.durable.accepted?.record ?? adopt.record
  const draft = {...adopt.record, bmd: own0.bmd, smap, conf: {...conf, set: own0.conf.set},`,
    },
  },
  {
    name: 'lagging-voter-judges',
    rule: 'R6: a voter holds an older record against a candidate with a newer one',
    world: JOINING,
    edit: {
      file: 'core/election/voter.ts',
      from: "if (holds !== null && comparePositions(holds.position, accepted.record) > 0) return ''",
      to: "if (holds !== null && comparePositions(holds.position, accepted.record) > 99) return ''",
    },
  },
  {
    name: 'rank-ignored',
    rule: 'R4: all candidates stand at once',
    world: {...SPLITS, kinds: ['trial-death']},
    edit: {
      file: 'core/election/patience.ts',
      from: 'const patience = rank * timers.rankMs',
      to: 'const patience = 0 * rank * timers.rankMs',
    },
  },
  {
    name: 'pv-ignored',
    rule: 'R6, R8: an election does not ask the previous voters',
    world: JOINING,
    edit: {
      file: 'core/election/step.ts',
      from: 'return isRecordQuorum(adopt.record, answered, known) ?',
      to: 'return isRecordQuorum(adopt.record, answered, true) ?',
    },
  },
  {
    name: 'pv-forgotten',
    rule: 'R6: the re-commit drops the previous voters',
    world: {...UNREST, kinds: ['wipe', 'kill', 'crash', 'rot']},
    edit: {
      file: 'core/kernel/lead.ts',
      from: 'const pv = known || forced !== null ? null : adopt.record.pv',
      to: 'const pv = null',
    },
  },
  {
    name: 'heir-unbound',
    rule: 'R16: storing the intent is no vote',
    world: {...UNREST, kinds: ['handover', 'kill', 'isolate-primary'], faultEveryMs: 1000},
    edit: {
      file: 'core/election/inheritance.ts',
      from: 'if (heir === null || epoch < durable.promisedEpoch) return {}',
      to: 'if (epoch >= 0 || heir === null || durable.promisedEpoch < 0) return {}',
    },
  },
  {
    name: 'non-electable-leads',
    rule: 'R2: a gateway that must not lead stands',
    world: {...UNREST, topology: [3, 2], nonElectable: 1},
    edit: {
      file: 'model/node.ts',
      from: ' && (member.flags & NODE_FLAG.nonElectable) === 0',
      to: '',
    },
  },
  {
    name: 'amnesiac-founds',
    rule: 'R9: who has forgotten its state forms the cluster anew',
    world: {...UNREST, topology: [2, 3], kinds: ['rot', 'blackout'], faultEveryMs: 4000},
    edit: {
      file: 'core/kernel/boot.ts',
      from: "if (event.amnesia === '' && mayFound(turn.node))",
      to: 'if (mayFound(turn.node))',
    },
  },
  {
    name: 'settled-at-once',
    rule: 'DESIGN: leases: new owners do not wait for the old ones',
    world: MOVING,
    edit: {
      file: 'core/ownership/settlement.ts',
      from: 'return open.length === 0 ?',
      to: 'return open.length >= 0 ?',
    },
  },
  {
    name: 'settled-before-sealed',
    known: 38,
    rule: 'DESIGN: leases: what is settled is ahead of what beats name',
    world: {...MOVING, kinds: ['isolate', 'isolate-primary', 'storm', 'wipe', 'halves'], pace: 5},
    edit: {
      file: 'core/kernel/beats.ts',
      from: 'const committed = turn.node.onDisk.committed?.record',
      to: 'const committed = turn.node.durable.committed?.record',
    },
  },
  {
    name: 'lease-not-rechecked',
    rule: 'R22: a write is acknowledged after its lease has run out',
    world: {...MOVING, slowWrites: true},
    edit: {
      file: 'core/objects/admit.ts',
      from: 'if (!standing.leased) return unknownOutcome(',
      to: 'if (standing.leased && !standing.leased) return unknownOutcome(',
    },
  },
  {
    name: 'stale-own',
    rule: 'DESIGN: own: earlier owners are forgotten',
    world: MOVING,
    edit: {
      file: 'core/ownership/own.ts',
      from: 'bounded([...draft.own, entry])',
      to: 'bounded([...draft.own.slice(0, -1), entry])',
    },
  },
]

/** Breaks a rule that keeps no promise: nothing is lost without it, only time (R10). */
export const NO_CHECK_QUORUM: Mutant = {
  name: 'no-check-quorum',
  rule: 'R10: a primary without a majority goes on',
  world: {...UNREST, kinds: ['isolate-primary', 'halves', 'pause']},
  edit: {
    file: 'core/kernel/view.ts',
    from: 'node.nowMs - stage.majorityAtMs <= node.timers.leaseMs',
    to: 'node.nowMs - stage.majorityAtMs < Infinity',
  },
}
