/**
 * Deliberately broken nodes: a checker that never fires is worth nothing. Each breaks one rule at
 * the border of the kernel, so that the shipped files stay as they are.
 */

import type {DurableState, KernelEffect} from '../../../src/core/kernel/events.ts'
import type {PeerAnswer} from '../../../src/model/peer-messages.ts'
import {isVoter} from '../../../src/model/node.ts'
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
}

/** All of them; each must be caught. */
export const MUTANTS: readonly Mutant[] = [
  {
    name: 'unfsynced-accept',
    rule: 'R8, R9: an answer is heard before what it says is on disk',
    reportsEarly: true,
  },
  {
    name: 'vote-not-persisted',
    rule: 'R3: the vote does not reach the platter',
    onPlatter: (state) => ({
      ...state,
      promisedEpoch: state.accepted?.record.epoch ?? 0,
      votedFor: null,
    }),
  },
  {
    name: 'minority-commit',
    rule: 'R8: a refused prepare is counted as an acknowledgement',
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
    resumesOffice: true,
  },
  {
    name: 'lease-for-ever',
    rule: 'DESIGN: leases: a lease outlives what the primary counts on',
    alterEffects: (_process, effects) =>
      effects.map((effect) =>
        effect.type === 'lease' ? {...effect, untilMs: effect.untilMs + 60_000} : effect,
      ),
  },
]
