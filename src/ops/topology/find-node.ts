/**
 * Which node an operator means: its id or an unambiguous start of it, `t[id]`, HOST/INSTANCE, or
 * HOST when it has one node. Several matches are an error that lists them.
 */

import {AisError} from '../../base/errors.ts'
import {nodeLabel} from '../../model/ids.ts'
import type {Topology, TopologyNode} from './resolve.ts'
import {nodesOf} from './resolve.ts'

/** @throws AisError NODE_NOT_FOUND, or USAGE that lists the matches when there are several. */
export function findNode(topology: Topology, word: string): TopologyNode {
  const nodes = nodesOf(topology)
  const bare = /^[pt]\[(.+)\]$/.exec(word)?.[1] ?? word
  const exact = nodes.filter((node) => node.id === bare || `${node.host}/${node.instance}` === bare)
  const matches = exact.length > 0 ? exact : nodes.filter((node) => node.host === bare)
  const found = matches.length > 0 ? matches : nodes.filter((node) => node.id.startsWith(bare))
  const [only] = found
  if (only !== undefined && found.length === 1) return only
  const list = (found.length > 0 ? found : nodes).map(placeText).join(', ')
  if (only !== undefined) {
    throw new AisError({
      code: 'USAGE',
      message: `${word} names ${found.length} nodes: ${list}`,
      hint: 'name one of them by its id or as HOST/INSTANCE',
    })
  }
  throw new AisError({
    code: 'NODE_NOT_FOUND',
    message: `${topology.cluster.name} has no node ${word}`,
    hint: `its nodes: ${list}`,
  })
}

/** Several nodes, each once, in the order given. */
export function findNodes(topology: Topology, words: readonly string[]): TopologyNode[] {
  return [...new Set(words.map((word) => findNode(topology, word)))]
}

function placeText(node: TopologyNode): string {
  return `${nodeLabel(node.role, node.id)} (${node.host}/${node.instance})`
}
