/**
 * `cluster shutdown` and `cluster decommission` over the cluster's own API: the nodes are echoed,
 * the cluster's name is asked for, the end is waited for.
 */

import type {ClusterClient} from '../client/cluster.ts'
import type {WholeCluster} from '../client/whole-cluster.ts'
import {endCluster, wholeCluster} from '../client/whole-cluster.ts'
import {nodeLabelOf} from '../model/node.ts'
import type {NodeOrder} from '../wire/action.ts'
import {confirmByTyping} from './prompt.ts'
import type {ProgressLine} from './render/progress.ts'

export interface WholeEnd {
  readonly client: ClusterClient
  /** As it would be typed; absent: the uuid. */
  readonly name: string | undefined
  readonly uuid: string | undefined
  readonly order: NodeOrder
  readonly yes: boolean
  readonly dryRun?: boolean
  readonly timeoutMs: number
  readonly question: (name: string, nodes: number) => string
  readonly conclude: (name: string, nodes: number) => string
  readonly log: (line: string) => void
  readonly line: ProgressLine
}

/** Resolves with what `--json` prints. */
export async function endWhole(end: WholeEnd): Promise<unknown> {
  const {client, order, log, line} = end
  const whole = await wholeCluster(client, end.uuid)
  const {uuid, up} = whole
  const name = end.name ?? uuid
  log(`Nodes (${up.length}): ${up.map(nodeLabelOf).join(', ')}`)
  const off = offLine(whole, order)
  if (off !== '') log(off)
  if (end.dryRun === true) {
    log('Nothing was done.')
    return jsonOf(whole, order, false)
  }
  await confirmByTyping(end.question(name, up.length), name, {yes: end.yes})
  await endCluster(client, whole, {
    order,
    timeoutMs: end.timeoutMs,
    onProgress: (text) => line.show(text),
  })
  line.end()
  log(end.conclude(name, up.length))
  return jsonOf(whole, order, true)
}

/** Who does not hear of it keeps what it has. */
function offLine({off}: WholeCluster, {action}: NodeOrder): string {
  if (off.length === 0) return ''
  const labels = off.map(nodeLabelOf).join(', ')
  if (action === 'shutdown') return `${labels} ${off.length === 1 ? 'is' : 'are'} off already.`
  return off.length === 1
    ? `${labels} is off and will not hear of it: it keeps its data, and its place in a cluster that is gone.`
    : `${labels} are off and will not hear of it: they keep their data, and their places in a cluster that is gone.`
}

function jsonOf({uuid, up, off}: WholeCluster, {action}: NodeOrder, done: boolean): unknown {
  return {action, uuid, done, nodes: up.map(({id}) => id), off: off.map(({id}) => id)}
}
