/**
 * Koa for everything but object bytes: request log, the one error exit, the routers of this role.
 * What no router knows is answered as AIStore does: 400 for a path, 405 with `Allow` for a verb.
 */

import type {RequestListener} from 'node:http'

import Router from '@koa/router'
import Koa from 'koa'

import {AisError, refusal} from '../../base/errors.ts'
import {reasonOf} from '../observe/log.ts'
import {remoteOf} from './answer.ts'
import type {NodeContext} from './context.ts'
import {errorExit} from './middleware/errors.ts'
import {requestLog} from './middleware/request-log.ts'

export function createApp(context: NodeContext, routers: readonly Router[]): RequestListener {
  const app = new Koa()
  // A client that goes away half-way is no error of ours.
  app.on('error', (error: unknown) => context.log.debug('request ended', {error: reasonOf(error)}))
  app.use(requestLog(context))
  app.use(errorExit(context))
  const root = new Router()
  for (const router of routers) root.use(router.routes())
  app.use(root.routes())
  app.use(root.allowedMethods())
  app.use((ctx) => {
    // A path that a router knows, under another verb: allowedMethods answers.
    if (isKnownPath(ctx['matched'])) return
    const from = remoteOf(ctx.req.socket)
    throw new AisError(
      refusal('BAD_REQUEST', `invalid request URI: '${ctx.method} ${ctx.path}' from ${from}`),
    )
  })
  const callback = app.callback()
  return (req, res) => void callback(req, res)
}

function isKnownPath(matched: unknown): boolean {
  return Array.isArray(matched) && matched.length > 0
}
