/**
 * How much more may fail: what a set of members survives, for people. Decides nothing: whether a
 * change can be made is found out by the quorum itself.
 */

import type {NodeId} from './ids.ts'
import type {Member} from './node.ts'
import {isElectable, isVoter} from './node.ts'

/** Copies that a cluster keeps of an object: those of a mirror are all on one target. */
const COPIES_PER_OBJECT = 1

/** What counts of a member here, so that nodes can be weighed before there is a cluster. */
export type Weighed = Pick<Member, 'id' | 'role' | 'flags' | 'learner'>

export interface Resilience {
  readonly voters: number
  /** Voters that have to be up: a majority; 1 where one proxy alone may ever lead. */
  readonly needed: number
  /** Voters that are not down. */
  readonly up: number
  /** More failures, whichever nodes they hit, with which changes go on; below 0: they do not now. */
  readonly spare: number
  readonly electable: number
  readonly electableUp: number
  /** Whether another proxy could take office if the primary failed now. */
  readonly failover: boolean
  /** The proxy that alone may ever lead, and alone decides; null where there are more or none. */
  readonly sole: NodeId | null
  /** More targets that may fail with every object readable; below 0: some are not now. */
  readonly dataSpare: number
}

export interface ResilienceFacts {
  /** null: it is not known who leads; then any of them may fail. */
  readonly primary: NodeId | null
  /** Ids of nodes that do not answer. */
  readonly down: ReadonlySet<string>
}

/** What these nodes survive. Learners and those that are being taken out do not vote (R2). */
export function resilienceOf(nodes: readonly Weighed[], facts: ResilienceFacts): Resilience {
  const isUp = (node: Weighed): boolean => !facts.down.has(node.id)
  const voters = nodes.filter(isVoter)
  const electable = voters.filter(isElectable)
  const [first] = electable
  const sole = electable.length === 1 && first !== undefined ? first.id : null
  const up = voters.filter(isUp).length
  const electableUp = electable.filter(isUp).length
  const needed = sole === null ? Math.floor(voters.length / 2) + 1 : 1
  const voterSpare = sole === null ? up - needed : 0
  const leads = facts.primary === null || !facts.down.has(facts.primary) ? 1 : 0
  const targetsDown = voters.filter((node) => node.role === 'target' && !isUp(node)).length
  return {
    voters: voters.length,
    needed,
    up,
    spare: Math.min(voterSpare, electableUp - 1),
    electable: electable.length,
    electableUp,
    failover: sole === null && electableUp > leads && up - leads >= needed,
    sole,
    dataSpare: COPIES_PER_OBJECT - 1 - targetsDown,
  }
}
