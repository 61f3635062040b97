/** `/metrics`: Prometheus text. The library is loaded at the first scrape. */

import Router from '@koa/router'

import type {NodeContext} from '../context.ts'
import {stateOf} from '../node-facts.ts'

export function metricsRouter(context: NodeContext): Router {
  const router = new Router()
  router.get('/metrics', async (ctx) => {
    const {metricsText} = await import('../../observe/metrics.ts')
    ctx.set('Content-Type', 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores')
    ctx.body = await metricsText({
      role: context.role,
      id: context.id,
      view: context.view(),
      moreFlags: stateOf(context),
      ...(await context.allStats()),
      uptimeSeconds: Number(process.hrtime.bigint() - context.startedNs) / 1e9,
    })
  })
  return router
}
