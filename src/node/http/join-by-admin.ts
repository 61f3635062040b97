/**
 * An administrator's join: the body names an address, the node that listens there says what it is,
 * over an authenticated connection, and the kernel takes that description in.
 */

import type {Context} from 'koa'

import {AisError, refusal} from '../../base/errors.ts'
import {formatEndpoint, NODE_FLAG} from '../../model/node.ts'
import {isJsonMap} from '../../wire/decode.ts'
import {HEADER} from '../../wire/headers.ts'
import {parseJson} from '../../wire/json.ts'
import {decodeJoinRequest, snode} from '../../wire/snode.ts'
import {reasonOf} from '../observe/log.ts'
import type {NodeContext} from './context.ts'
import {bodyOf, commandOrRelay, relayed, sendJson} from './respond.ts'

export async function joinByAdmin(context: NodeContext, ctx: Context): Promise<void> {
  const body = parseJson(await bodyOf(ctx))
  if (!isJsonMap(body)) throw new AisError(refusal('BAD_REQUEST', 'the body is no node'))
  const asked = decodeJoinRequest(body)
  if (await relayed(context, ctx)) return
  const where = formatEndpoint(asked.control)
  const description = await context
    .askControl(asked.control, {path: '/v1/daemon?what=snode'})
    .catch((error: unknown) => {
      throw new AisError(
        refusal('UNREACHABLE', `node at ${where}: ${reasonOf(error)}`, {
          hint: 'give the control address (host:port) of a running node with the same cluster key',
        }),
        error,
      )
    })
  const found = snode(parseJson(description), 'node')
  if (asked.role !== '' && asked.role !== found.role) {
    throw new AisError(refusal('BAD_REQUEST', `the node at ${where} is a ${found.role}`))
  }
  const electable = ctx.get(HEADER.nodeFlags) !== String(NODE_FLAG.nonElectable)
  const flags = electable ? found.flags : found.flags | NODE_FLAG.nonElectable
  const member = {...found, flags, learner: true, inc: 0}
  await commandOrRelay(context, ctx, {type: 'join-by-admin', member})
  if (ctx.status === 200) sendJson(ctx, {daemon_id: found.id, rebalance_id: ''})
}
