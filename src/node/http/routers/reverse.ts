/** `/v1/reverse/daemon` at a gateway: a question or an order for the node that `Ais-Node-Id` names. */

import Router from '@koa/router'
import type {Context} from 'koa'

import {AisError, refusal} from '../../../base/errors.ts'
import {nodeLabelOf, type Member} from '../../../model/node.ts'
import {HEADER} from '../../../wire/headers.ts'
import {encodeAwayStatus, statusWord} from '../../../wire/node-status.ts'
import {QUERY} from '../../../wire/query.ts'
import type {NodeContext} from '../context.ts'
import {relayTo} from '../relay.ts'
import {bodyOf, queryOf, recordOf, sendJson} from '../respond.ts'

export function reverseRouter(context: NodeContext): Router {
  const router = new Router()
  router.get('/v1/reverse/daemon', (ctx) => askNode(context, ctx))
  router.put('/v1/reverse/daemon', (ctx) => passOrder(context, ctx))
  for (const method of ['put', 'post', 'delete'] as const) {
    router[method]('/v1/reverse/daemon/mountpaths', (ctx) => passOrder(context, ctx))
  }
  return router
}

async function askNode(context: NodeContext, ctx: Context): Promise<void> {
  const member = namedNode(context, ctx)
  const what = queryOf(ctx).get(QUERY.what)
  const standIn = what === 'node_status' && statusWord(member) !== ''
  if (standIn && member.away !== null) return sendJson(ctx, encodeAwayStatus(member))
  const path = ctx.url.replace('/v1/reverse', '/v1')
  try {
    await relayTo(context, ctx, {to: member.public, body: await bodyOf(ctx), path})
  } catch (error) {
    // Compat: the reference never asks a node that is being taken out.
    if (!standIn || !(error instanceof AisError) || error.code !== 'UNREACHABLE') throw error
    sendJson(ctx, encodeAwayStatus(member))
  }
}

/** An order about what lies on the node's disks: to itself, who decides. */
async function passOrder(context: NodeContext, ctx: Context): Promise<void> {
  const member = namedNode(context, ctx)
  if (member.role !== 'target') {
    throw new AisError(refusal('BAD_REQUEST', `${nodeLabelOf(member)} is a gateway: no mountpaths`))
  }
  const path = ctx.url.replace('/v1/reverse', '/v1')
  await relayTo(context, ctx, {to: member.public, body: await bodyOf(ctx), path})
}

function namedNode(context: NodeContext, ctx: Context): Member {
  const id = ctx.get(HEADER.nodeId)
  if (id === '') {
    throw new AisError(refusal('BAD_REQUEST', `header ${HEADER.nodeId} is missing`))
  }
  const {smap} = recordOf(context)
  const member = Object.hasOwn(smap.nodes, id) ? smap.nodes[id] : undefined
  if (member !== undefined) return member
  const where = `not present in Smap v${smap.version}`
  const message = `${context.label}: cannot forward request to node ${id}: ${where}`
  throw new AisError(refusal('NODE_NOT_FOUND', message))
}
