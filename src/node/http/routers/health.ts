/**
 * `/v1/health`: liveness, readiness, the primary's own answers, and the node's state. No identity
 * needed.
 */

import Router from '@koa/router'
import type {Context} from 'koa'

import {AisError, refusal} from '../../../base/errors.ts'
import {isLeaving} from '../../../model/node.ts'
import {HEADER} from '../../../wire/headers.ts'
import {encodeNodeState} from '../../../wire/state-flags.ts'
import {QUERY, queryFlag} from '../../../wire/query.ts'
import type {NodeContext} from '../context.ts'
import {clusterUptimeNs, stateOf, uptimeNs} from '../node-facts.ts'
import {queryOf, relayed, sendDone, sendJson} from '../respond.ts'

const CII_APR = 'cii-apr'

export function healthRouter(context: NodeContext): Router {
  const router = new Router()
  const served = {once: false}
  router.get('/v1/health', (ctx) => answerHealth(context, ctx, served))
  return router
}

/** Whether this target ever held a lease: before, it is not ready; later, reads go on without. */
interface Served {
  once: boolean
}

async function answerHealth(context: NodeContext, ctx: Context, served: Served): Promise<void> {
  const query = queryOf(ctx)
  const asks = (key: string): boolean => queryFlag(query, key)
  const state = asks(QUERY.clusterInfo) || asks(CII_APR)
  if (asks(QUERY.primaryReady) && state) {
    throw new AisError(refusal('BAD_REQUEST', 'prr cannot be combined with cii'))
  }
  ctx.set(HEADER.clusterUptime, String(clusterUptimeNs(context)))
  ctx.set(HEADER.nodeUptime, String(uptimeNs(context)))
  if ((asks(QUERY.askPrimary) || asks(CII_APR)) && !isPrimary(context)) {
    throw new AisError(refusal('BAD_REQUEST', 'misdirected health-of-primary request'))
  }
  if (state) return sendJson(ctx, encodeNodeState(context.view(), stateOf(context)))
  if (asks(QUERY.primaryReady)) {
    if (context.view().record !== null && (await relayed(context, ctx))) return
    return verdict(context, ctx, context.view().leading && context.view().clusterStarted)
  }
  const ready = asks(QUERY.readiness) ? isReady(context, served) : isAlive(context)
  verdict(context, ctx, ready)
}

function verdict(context: NodeContext, ctx: Context, good: boolean): void {
  if (good) return sendDone(ctx)
  throw new AisError(refusal('NOT_READY', `${context.label} is not ready`))
}

function isPrimary(context: NodeContext): boolean {
  return context.view().record?.smap.primary === context.id
}

function isAlive(context: NodeContext): boolean {
  const {nodeStarted, stopping} = context.view()
  return (nodeStarted || context.config.standby) && !stopping
}

function isReady(context: NodeContext, served: Served): boolean {
  served.once ||= context.mayWrite()
  const {record, nodeStarted, clusterStarted, stopping} = context.view()
  const member = record?.smap.nodes[context.id]
  const settled = member !== undefined && !isLeaving(member) && !member.learner
  return nodeStarted && clusterStarted && !stopping && settled && served.once
}
