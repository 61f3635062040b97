/**
 * Membership actions of the API: taking nodes out and in, and the rebalance by hand. What they do
 * is decided by the primary's kernel; the answer is AIStore's: the id of the rebalance that
 * follows.
 */

import type {Context} from 'koa'

import {AisError, refusal} from '../../base/errors.ts'
import type {Command, LifecycleCommand} from '../../model/command.ts'
import {isNodeId, type NodeId} from '../../model/ids.ts'
import {ACTION, decodeJobAction, decodeNodeAction} from '../../wire/action.ts'
import type {Json} from '../../wire/json.ts'
import {REBALANCE_KIND} from '../../wire/job.ts'
import {decodeLease} from '../../wire/operator-lease.ts'
import {rebalanceId, rebalanceNumber} from '../../wire/rmd.ts'
import type {NodeContext} from './context.ts'
import {commandThroughPrimary, sendDone, sendText} from './respond.ts'

const ACTIONS: Readonly<Record<string, LifecycleCommand['action']>> = {
  [ACTION.startMaintenance]: 'start-maintenance',
  [ACTION.stopMaintenance]: 'stop-maintenance',
  [ACTION.shutdownNode]: 'shutdown-node',
  [ACTION.decommissionNode]: 'decommission-node',
}

/** Whether it was one of these actions; then it is answered. */
export async function tookLifecycleAction(
  context: NodeContext,
  ctx: Context,
  {action, value}: {readonly action: string; readonly value: Json},
): Promise<boolean> {
  const command = decodeLease(action, value) ?? commandOf(action, value)
  if (command === undefined) return false
  const done = await commandThroughPrimary(context, ctx, command)
  if (done === undefined) return true
  if (done.rebalance === undefined) sendDone(ctx)
  else sendText(ctx, rebalanceId(done.rebalance))
  return true
}

function commandOf(action: string, value: Json): Command | undefined {
  const lifecycle = Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined
  if (lifecycle !== undefined) return lifecycleCommand(lifecycle, value)
  if (action === ACTION.removeUnsafe) {
    return {type: 'remove-from-smap', nodes: nodesOf(value), ...runOf(value)}
  }
  if (action !== ACTION.start && action !== ACTION.stop) return undefined
  const {id, kind, force} = decodeJobAction(value)
  const rebalance = rebalanceNumber(id)
  if (kind !== REBALANCE_KIND && (kind !== '' || rebalance === undefined)) {
    throw new AisError(refusal('UNSUPPORTED', `job ${JSON.stringify(kind)}: not in this release`))
  }
  if (action === ACTION.start) return {type: 'start-rebalance'}
  if (id !== '' && rebalance === undefined) {
    throw new AisError(refusal('JOB_NOT_FOUND', `job ${JSON.stringify(id)} does not exist`))
  }
  return {type: 'stop-rebalance', force, ...(rebalance === undefined ? {} : {rebalance})}
}

function lifecycleCommand(action: LifecycleCommand['action'], value: Json): LifecycleCommand {
  const options = decodeNodeAction(value)
  return {
    type: 'lifecycle',
    action,
    nodes: nodesOf(value),
    skipRebalance: options.skipRebalance,
    rmUserData: options.removeUserData,
    keepInitialConfig: options.keepInitialConfig,
    noShutdown: options.noShutdown,
    ...runOf(value),
  }
}

/** The run of the operator's tool that the order is of. */
function runOf(value: Json): {readonly run?: string} {
  const {run} = decodeNodeAction(value)
  return run === undefined ? {} : {run}
}

function nodesOf(value: Json): readonly NodeId[] {
  const {nodeIds} = decodeNodeAction(value)
  if (nodeIds.length === 0) throw new AisError(refusal('BAD_REQUEST', 'missing node IDs'))
  return nodeIds.map(nodeIdOf)
}

function nodeIdOf(id: string): NodeId {
  if (isNodeId(id)) return id
  throw new AisError(refusal('NODE_NOT_FOUND', `node ${JSON.stringify(id)} is not in the cluster`))
}
