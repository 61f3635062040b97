/** One debug line per request: method, path without query, status, duration. */

import type {Middleware} from 'koa'

import type {NodeContext} from '../context.ts'

export function requestLog(context: NodeContext): Middleware {
  return async (ctx, next) => {
    const startedNs = process.hrtime.bigint()
    await next()
    const ms = Number(process.hrtime.bigint() - startedNs) / 1e6
    context.log.debug('request', {method: ctx.method, path: ctx.path, status: ctx.status, ms})
  }
}
