/**
 * Forced removal: a node leaves the map without having moved what it holds, because nobody expects
 * it back. What it got before counts no more, also when it returns: it comes as an empty one (R33).
 * What is forgotten of it is `model/forgotten.ts`.
 */

import {refusal, type Refusal} from '../../base/errors.ts'
import type {NodeId} from '../../model/ids.ts'
import {nodeLabelOf, ownsKeys} from '../../model/node.ts'
import type {ClusterRecord} from '../../model/record.ts'
import {withoutMembers} from './changes.ts'
import {whyUnsafe} from './lifecycle.ts'

/** The parts of the record that a removal concerns. */
type Removable = Pick<ClusterRecord, 'smap' | 'own' | 'op'>

/**
 * The parts without these nodes, or why they may not go. Whoever owns its share still might answer
 * writes that would be lost with it, so it has to be out first, and its share has to have passed.
 * @param settledIndex up to which entry of `own` shares have passed
 */
export function withoutRemoved<Parts extends Removable>(
  parts: Parts,
  nodes: readonly NodeId[],
  settledIndex: number,
): Parts | Refusal {
  let {op} = parts
  for (const id of nodes) {
    const refused = whyNotRemoved(parts, id, settledIndex)
    if (refused !== undefined) return refused
    if (op?.nodes.includes(id) === true) {
      const others = op.nodes.filter((one) => one !== id)
      op = others.length === 0 ? null : {...op, nodes: others}
    }
  }
  const smap = withoutMembers(parts.smap, nodes)
  return whyUnsafe(parts.smap, smap) ?? {...parts, smap, op}
}

function whyNotRemoved(parts: Removable, id: NodeId, settledIndex: number): Refusal | undefined {
  const {smap, own} = parts
  const member = smap.nodes[id]
  if (member === undefined) {
    return refusal('NODE_NOT_FOUND', `node ${id} not present in Smap v${smap.version}`, {
      hint: 'the nodes are: aisctl show cluster',
    })
  }
  const label = nodeLabelOf(member)
  if (id === smap.primary) {
    return refusal('WRONG_STATE', `${label} is the current primary`, {
      hint: 'first make another gateway primary: aisctl cluster set-primary NODE',
    })
  }
  const newest = own.at(-1)
  if (ownsKeys(member) || newest?.targets.includes(id) === true) {
    return refusal('REFUSED', `${label} owns its share of the objects`, {
      hint: `first take it out: aisctl node maintenance start --no-rebalance ${id}`,
    })
  }
  if (member.role === 'proxy' || newest === undefined || newest.index <= settledIndex) {
    return undefined
  }
  return refusal('NOT_READY', `the share of ${label} is still passing to others; try again`)
}
