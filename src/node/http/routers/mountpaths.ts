/**
 * `/v1/daemon/mountpaths` of a target: attach, detach, enable, disable, check. Compat: AIStore uses
 * a verb of HTTP for each and looks at the action alone.
 */

import Router from '@koa/router'
import type {Context} from 'koa'

import {defined} from '../../../base/assert.ts'
import {decodeMountpathRequest} from '../../../wire/mountpaths.ts'
import type {NodeContext} from '../context.ts'
import {bodyOf, queryOf, recordOf, sendDone} from '../respond.ts'

const PATH = '/v1/daemon/mountpaths'

export function mountpathsRouter(context: NodeContext): Router {
  const router = new Router()
  for (const method of ['put', 'post', 'delete'] as const) {
    router[method](PATH, (ctx) => follow(context, ctx))
  }
  return router
}

/** 200 when something was changed, 204 when it is so already. */
async function follow(context: NodeContext, ctx: Context): Promise<void> {
  const control = defined(context.mountpathControl, 'a target has mountpaths')
  const request = decodeMountpathRequest(queryOf(ctx), await bodyOf(ctx))
  recordOf(context)
  const changed = control.follow(request)
  context.log.info('mountpath order', {...request, changed})
  if (changed) return sendDone(ctx)
  ctx.body = null
  ctx.status = 204
}
