/**
 * What `aisctl scale-out` adds to a deployed cluster: nodes that the operator's file has and the
 * cluster has not, and nodes that have left and are named. The adding itself is a deploy.
 */

import {AisError} from '../../base/errors.ts'
import {labelOf} from '../cluster/health.ts'
import {openTopology} from '../deploy/open.ts'
import {placeOf} from '../topology/immutable.ts'
import {removedOf} from '../topology/removed.ts'
import {nodesOf, type Topology, type TopologyNode} from '../topology/resolve.ts'

export interface Additions {
  readonly cluster: string
  /** Labels of the nodes that will be new. */
  readonly nodes: readonly string[]
  /** Targets among them: data will move to these. */
  readonly targets: number
  /** Places of those that have left and come back. */
  readonly back: ReadonlySet<string>
}

/**
 * @param words nodes that have left and are to come back, by id or HOST/INSTANCE
 * @throws AisError REFUSED when nothing is added; NODE_NOT_FOUND
 */
export function additionsOf(file: string, words: readonly string[]): Additions {
  const {topology, before} = openTopology(file, {keep: false})
  const {name} = topology.cluster
  if (before === undefined) {
    throw new AisError({
      code: 'REFUSED',
      message: `${name} is not deployed from this machine`,
      hint: `aisctl deploy -f ${file}`,
    })
  }
  const back = new Set(words.map((word) => placeOf(leftNode(before.topology, word))))
  const wanted = openTopology(file, {keep: false, back}).topology
  const known = new Set(nodesOf(before.topology).map(placeOf))
  const added = nodesOf(wanted).filter((node) => !known.has(placeOf(node)))
  const missing = [...back].filter((place) => !added.some((node) => placeOf(node) === place))
  if (missing.length > 0 || added.length === 0) throw nothingAdded(file, name, missing)
  return {
    cluster: name,
    nodes: added.map(labelOf),
    targets: added.filter(({role}) => role === 'target').length,
    back,
  }
}

function leftNode(deployed: Topology, word: string): TopologyNode {
  const left = removedOf(deployed)
  const found = left.find((node) => [node.id, placeOf(node)].includes(word))
  if (found !== undefined) return found
  throw new AisError({
    code: 'NODE_NOT_FOUND',
    message: `${word} is no node that has left ${deployed.cluster.name}`,
    hint: left.length === 0 ? 'none has' : `these have: ${left.map(labelOf).join(', ')}`,
  })
}

function nothingAdded(file: string, name: string, missing: readonly string[]): AisError {
  const [place] = missing
  return new AisError({
    code: 'REFUSED',
    message:
      place === undefined
        ? `${file} has no node that ${name} has not`
        : `${file} does not have ${place}, or marks it as removed`,
    hint:
      place === undefined
        ? `write the new node into ${file}, or name one that has left: aisctl scale-out HOST/INSTANCE`
        : `write it into ${file} again, without the mark`,
  })
}
