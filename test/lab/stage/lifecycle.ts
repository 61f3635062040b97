/**
 * Orders that take nodes out and in, as any client of the API gives them, and how far the primary
 * is with them.
 */

import {setTimeout as sleep} from 'node:timers/promises'
import {encodeJobAction, encodeNodeAction, type NodeActionValue} from '../../../src/wire/action.ts'
import {parseJson} from '../../../src/wire/json.ts'
import {decodeOperation, type OperationAnswer} from '../../../src/wire/operation.ts'
import {action, nowMs, type Reply, request} from './http.ts'
import type {StageNode} from './stage.ts'

export type NodeAction =
  'start-maintenance' | 'stop-maintenance' | 'shutdown-node' | 'decommission-node'

const ORDER_MS_MAX = 30_000
const LOOK_MS = 20
const LOOK_TIMEOUT_MS = 2000

/** Gives the order once, through this gateway. */
export function order(
  gateway: string,
  what: NodeAction,
  nodes: readonly StageNode[],
  options: Partial<NodeActionValue> = {},
): Promise<Reply> {
  const value = encodeNodeAction({
    nodeIds: nodes.map(({id}) => id),
    skipRebalance: false,
    removeUserData: false,
    keepInitialConfig: false,
    noShutdown: false,
    ...options,
  })
  return request(gateway, action('PUT', '/v1/cluster', {action: what, value}), ORDER_MS_MAX)
}

/** A rebalance by hand, or its end; with force also that of an operation. */
export function orderRebalance(
  gateway: string,
  what: 'start' | 'stop',
  force = false,
): Promise<Reply> {
  const message = {action: what, value: encodeJobAction({id: '', kind: 'rebalance', force})}
  return request(gateway, action('PUT', '/v1/cluster', message), ORDER_MS_MAX)
}

/** What a gateway says of the operation; undefined when it says nothing. */
export async function operationAt(gateway: string): Promise<OperationAnswer | undefined> {
  const ask = {method: 'GET', path: '/v1/cluster?what=operation'} as const
  const {status, body} = await request(gateway, ask, LOOK_TIMEOUT_MS)
  return status === 200 ? decodeOperation(parseJson(body.toString())) : undefined
}

/**
 * Asks these gateways in turn until one answers with the primary's word and it is so.
 * @returns the last word; undefined when it was not so in time
 */
export async function untilOperation(
  gateways: readonly string[],
  isSo: (answer: OperationAnswer) => boolean,
  timeoutMs: number,
  everyMs = LOOK_MS,
): Promise<OperationAnswer | undefined> {
  const deadline = nowMs() + timeoutMs
  for (let turn = 0; nowMs() < deadline; turn += 1) {
    const answer = await operationAt(gateways[turn % gateways.length] ?? '')
    if (answer?.live === true && isSo(answer)) return answer
    await sleep(everyMs)
  }
  return undefined
}

/** Nothing is under way. */
export function isIdle({op, move}: OperationAnswer): boolean {
  return op === null && move === null
}

/** Nothing is under way, and everything is where it belongs. */
export function isDone(answer: OperationAnswer): boolean {
  return isIdle(answer) && answer.inPlace
}
