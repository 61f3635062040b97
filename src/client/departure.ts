/**
 * How far a node is that is being taken out: whether its data still moves, whether it may be
 * powered off. One reading of the map and of what the primary tells, for tables, lines and waits.
 */

import type {Member} from '../model/node.ts'
import {isSilent} from '../model/movement.ts'
import {isLeaving, NODE_FLAG} from '../model/node.ts'
import type {OperationAnswer, OperationNode} from '../wire/operation.ts'

/**
 * `moving`: objects are on their way; `not-moved`: it may have what is nowhere else, and nothing
 * moves it; `silent`: as before, and its process does not answer; `carrying-out`: all has moved, and the node does what it was told; `safe`: nothing is
 * on it alone.
 */
export type DepartureState = 'moving' | 'not-moved' | 'silent' | 'carrying-out' | 'safe' | 'unknown'

export interface Departure {
  readonly state: DepartureState
  readonly safeToPowerOff: boolean
  /** Objects still to move from it; null: not known. */
  readonly left: number | null
  readonly secondsLeft: number | null
  /** The last failure of its mover; '' without. */
  readonly problem: string
}

/** Null for a node that is not being taken out. @param operation null: nobody tells */
export function departureOf(
  member: Pick<Member, 'id' | 'flags' | 'role'>,
  operation: OperationAnswer | null,
): Departure | null {
  if (!isLeaving(member)) return null
  const node = operation?.nodes.find(({id}) => id === member.id)
  const state = stateOf(member, operation, node)
  return {
    state,
    safeToPowerOff: state === 'safe',
    left: node?.left ?? null,
    secondsLeft: node?.secondsLeft ?? null,
    problem: node?.problem ?? '',
  }
}

function stateOf(
  member: Pick<Member, 'id' | 'flags' | 'role'>,
  operation: OperationAnswer | null,
  node: OperationNode | undefined,
): DepartureState {
  const verified = (member.flags & NODE_FLAG.maintenancePostRebalance) !== 0
  if (operation === null || node === undefined) {
    return member.role === 'proxy' || verified ? 'safe' : 'unknown'
  }
  const {op, move} = operation
  const named = op?.nodes.some((id) => id === member.id) === true
  if (node.holds && isSilent(node, operation.nowMs)) return 'silent'
  if (node.holds) return move === null ? 'not-moved' : 'moving'
  return named && op?.phase !== 'moving' ? 'carrying-out' : 'safe'
}
