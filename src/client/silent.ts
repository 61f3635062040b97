/**
 * Nodes that what goes on waits for and that do not answer: which, for how long, and what to type.
 * Nobody marks a node as lost that is being taken out, and nothing ends without it: its data may be
 * nowhere else. So people have to be told.
 */

import {formatDuration} from '../base/units.ts'
import {nodeLabel} from '../model/ids.ts'
import {isSilent} from '../model/movement.ts'
import type {OperationAnswer, OperationNode} from '../wire/operation.ts'

export interface SilentNode {
  readonly id: string
  readonly role: 'proxy' | 'target'
  /** Null: the present primary has never heard it. */
  readonly forMs: number | null
}

/** Who holds up the rebalance, the operation, or the removal of what has moved. */
export function silentNodes(answer: OperationAnswer): readonly SilentNode[] {
  const {live, nowMs, nodes, reclaim} = answer
  if (!live) return []
  const held = nodes.filter((node) => isAwaited(node, answer) && isSilent(node, nowMs))
  const swept = (reclaim?.silent ?? []).filter(({id}) => !held.some((node) => node.id === id))
  return [...held, ...swept].map(({id, role, heardMs}) => {
    return {id, role, forMs: heardMs === null ? null : Math.max(0, nowMs - heardMs)}
  })
}

/** Its part is not done; or it has to carry out what it was told; or it halts an operation. */
function isAwaited({id, role, state}: OperationNode, {op, move}: OperationAnswer): boolean {
  if (state !== 'idle') return state !== 'clean'
  if (op?.phase === 'finalizing') return op.nodes.some((one) => one === id)
  return op?.phase === 'moving' && move === null && role === 'target'
}

/** `t[a] has not answered for 40s`; '' without. */
export function silenceText(nodes: readonly SilentNode[]): string {
  return nodes
    .map(({id, role, forMs}) => {
      const label = nodeLabel(role, id)
      if (forMs === null) return `${label} does not answer`
      return `${label} has not answered for ${formatDuration(Math.floor(forMs / 1000) * 1000)}`
    })
    .join(', ')
}

/** The two ways on: it comes back, or it is given up. */
export function silenceRemedy(nodes: readonly SilentNode[]): string {
  const ids = nodes.map(({id}) => id)
  const one = ids.length === 1
  const [first = ''] = ids
  return `start ${one ? 'it' : 'them'}: aisctl node start ${ids.join(' ')} · if ${one ? 'it' : 'one'} will never come back: aisctl advanced remove-from-smap ${one ? first : 'NODE'}`
}
