/** What tables show of a node, out of its `what=node_status`. */

import {bool, looseStruct, optional, text, withDefault} from '../wire/decode.ts'
import type {JsonMap} from '../wire/json.ts'
import type {NodeStatus} from '../wire/node-status.ts'
import {decodeNodeStatus} from '../wire/node-status.ts'

export interface NodeFacts extends NodeStatus {
  readonly uptimeMs: number
  readonly deployment: string
  /** `g47` and how it stands; null when the node knows of none. */
  readonly rebalance: {readonly id: string; readonly state: RebalanceState} | null
}

export type RebalanceState = 'running' | 'finished' | 'aborted'

const MORE = looseStruct({
  deployment: withDefault(text, ''),
  rebalance_snap: optional(
    looseStruct({
      'id': withDefault(text, ''),
      'end-time': withDefault(text, ''),
      'aborted': withDefault(bool, false),
    }),
  ),
})

const NS_PER_MS = 1_000_000

/**
 * Null when the node has not answered itself: a gateway that answers for one that is away knows its
 * name and state alone.
 * @throws AisError BAD_REQUEST when the answer has another shape
 */
export function nodeFacts(raw: JsonMap): NodeFacts | null {
  const status = decodeNodeStatus(raw)
  if (status.version === '') return null
  const {deployment, rebalance_snap: snap} = MORE(raw, 'node status')
  return {
    ...status,
    uptimeMs: (status.tracker['up.ns.time'] ?? 0) / NS_PER_MS,
    deployment,
    rebalance: snap === undefined ? null : {id: snap.id, state: stateOf(snap)},
  }
}

function stateOf(snap: {readonly 'aborted': boolean; readonly 'end-time': string}): RebalanceState {
  if (snap.aborted) return 'aborted'
  return snap['end-time'] === '' || snap['end-time'].startsWith('0001') ? 'running' : 'finished'
}
