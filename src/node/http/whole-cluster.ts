/**
 * The end of the whole cluster: AIStore's `shutdown` and `decommission`. The gateway that leads
 * tells every node over the control network, itself last. A shutdown goes in order, so that nobody
 * asks a node that is gone already: targets, then gateways. Nothing is replicated: every node does
 * its part by itself, and one that was not reached stays as it is.
 */

import {setTimeout as sleep} from 'node:timers/promises'
import type {Context} from 'koa'

import {AisError} from '../../base/errors.ts'
import type {Member} from '../../model/node.ts'
import {nodeLabelOf} from '../../model/node.ts'
import {decodeNodeOrder, encodeNodeOrder, type NodeOrder} from '../../wire/action.ts'
import type {Json} from '../../wire/json.ts'
import {reasonOf} from '../observe/log.ts'
import type {NodeContext} from './context.ts'
import {commandHere, recordOf, relayed, sendDone} from './respond.ts'

const DAEMON_PATH = '/v1/daemon'
const LOOK_PATH = '/v1/daemon?what=snode'
const LOOK_EVERY_MS = 100
/** A stop is announced, requests are drained: longer than both may take. */
const GONE_MS = 40_000

/** Whether it was one of the two actions; then it is answered, and the nodes are told. */
export async function tookClusterOrder(
  context: NodeContext,
  ctx: Context,
  message: {readonly action: string; readonly name: string; readonly value: Json},
): Promise<boolean> {
  const order = decodeNodeOrder(message)
  if (order === undefined) return false
  if (await passedOn(context, ctx, order)) return true
  sendDone(ctx)
  const nodes = Object.values(recordOf(context).smap.nodes)
  carryOut(context, order, nodes).catch((error: unknown) => {
    context.log.error('the order for the whole cluster failed', {error: reasonOf(error)})
  })
  return true
}

/**
 * The primary does it. A cluster without one can be shut down by any gateway, for that changes
 * nothing; for its end for good it takes a primary, which a majority agrees to.
 */
async function passedOn(context: NodeContext, ctx: Context, order: NodeOrder): Promise<boolean> {
  try {
    if (await relayed(context, ctx)) return true
    await commandHere(context, {type: 'await-started'})
    return false
  } catch (error) {
    const alone = error instanceof AisError && ['NO_PRIMARY', 'NO_QUORUM'].includes(error.code)
    if (order.action === 'shutdown' && alone) return false
    throw error
  }
}

async function carryOut(
  context: NodeContext,
  order: NodeOrder,
  nodes: readonly Member[],
): Promise<void> {
  const others = nodes.filter(({id}) => id !== context.id)
  const targets = others.filter(({role}) => role === 'target')
  const gateways = others.filter(({role}) => role === 'proxy')
  const inOrder = order.action === 'shutdown' ? [targets, gateways] : [others]
  for (const group of inOrder) {
    const told = await Promise.all(group.map((member) => tell(context, order, member)))
    const stopping = group.filter((_member, at) => told[at] === true)
    if (order.action === 'shutdown') {
      await Promise.all(stopping.map((member) => untilGone(context, member)))
    }
  }
  const self = nodes.find(({id}) => id === context.id)
  if (self !== undefined) await tell(context, order, self)
}

async function tell(context: NodeContext, order: NodeOrder, member: Member): Promise<boolean> {
  try {
    await context.askControl(member.control, {path: DAEMON_PATH, put: encodeNodeOrder(order)})
    return true
  } catch (error) {
    const facts = {id: member.id, error: reasonOf(error)}
    context.log.warn(`${nodeLabelOf(member)} was not told to ${order.action}`, facts)
    return false
  }
}

async function untilGone(context: NodeContext, member: Member): Promise<void> {
  const untilMs = performance.now() + GONE_MS
  while (performance.now() < untilMs) {
    try {
      await context.askControl(member.control, {path: LOOK_PATH})
    } catch {
      return
    }
    await sleep(LOOK_EVERY_MS)
  }
  context.log.warn(`${nodeLabelOf(member)} has not ended in time`, {id: member.id})
}
