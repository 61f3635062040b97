/** The one exit of Koa's routes: whatever was thrown leaves in AIStore's error shape. */

import type {Middleware} from 'koa'

import {encodeError} from '../../../wire/error-body.ts'
import {asAisError, errorContext} from '../answer.ts'
import type {NodeContext} from '../context.ts'

export function errorExit(context: NodeContext): Middleware {
  return async (ctx, next) => {
    try {
      await next()
    } catch (error) {
      const known = asAisError(error)
      if (known.code === 'INTERNAL') {
        context.log.error('request failed', {path: ctx.path, error: String(known.cause)})
      }
      const answer = encodeError(known, errorContext(ctx.req, context.label))
      ctx.status = answer.status
      for (const [name, value] of answer.headers) ctx.set(name, value)
      if (answer.status === 503) ctx.set('Retry-After', '1')
      // Bytes: with a string Node would write the headers as UTF-8, too, and they are that already.
      ctx.body = Buffer.from(answer.body)
    }
  }
}
