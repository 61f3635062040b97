/**
 * The object path of a target: one request in, one answer out, by method. It runs in front of Koa
 * on the public and the intra-data listener. Each verb is a file of its own beside this one.
 */

import type {IncomingMessage, ServerResponse} from 'node:http'
import {AisError} from '../../base/errors.ts'
import type {LocalPage} from '../../wire/local-page.ts'
import {fail} from './answers.ts'
import type {ObjectCall, ObjectRoute, ObjectsDeps, Origin} from './context.ts'
import {callOf} from './context.ts'
import {patchObject} from './custom.ts'
import {deleteObject} from './delete.ts'
import {getObject} from './get.ts'
import type {ListQuestion} from './list.ts'
import {listLocal} from './list.ts'
import {putObject} from './put.ts'
import {postObject} from './rename.ts'

export type {ObjectRoute, ObjectSettings, ObjectsDeps, Origin} from './context.ts'
export type {ListQuestion} from './list.ts'

export interface TargetObjects {
  /** Answers a request for an object. Never throws: errors are answers. */
  readonly handle: (
    req: IncomingMessage,
    res: ServerResponse,
    route: ObjectRoute,
    origin: Origin,
  ) => void
  /** One page of this target's names. @throws AisError */
  readonly listPage: (question: ListQuestion) => LocalPage
  /** What this target stores, by its index of names: for people, since it may be being rebuilt. */
  readonly totals: () => {readonly objects: number; readonly bytes: number}
}

function totals({view, store}: ObjectsDeps): ReturnType<TargetObjects['totals']> {
  const each = Object.values(view().record?.bmd.buckets ?? {})
    .filter(({deletedAt}) => deletedAt === undefined)
    .map(({bid}) => store.totals(bid))
  return {
    objects: each.reduce((sum, {objects}) => sum + objects, 0),
    bytes: each.reduce((sum, {bytes}) => sum + bytes, 0),
  }
}

const ALLOWED = 'GET, HEAD, PUT, DELETE, PATCH, POST'

export function createTargetObjects(deps: ObjectsDeps): TargetObjects {
  return {
    handle: (req, res, route, origin) => {
      const call = callOf({deps, req, res, route, origin})
      if (origin === 'public') {
        deps.traffic.begin()
        res.once('close', deps.traffic.end)
      }
      try {
        dispatch(call)?.catch((error: unknown) => fail(call, error))
      } catch (error) {
        fail(call, error)
      }
    },
    listPage: (question) => listLocal(deps, question),
    totals: () => totals(deps),
  }
}

function dispatch(call: ObjectCall): Promise<void> | undefined {
  switch (call.req.method) {
    case 'GET':
    case 'HEAD':
      getObject(call)
      return undefined
    case 'PUT':
      putObject(call)
      return undefined
    case 'DELETE':
      deleteObject(call)
      return undefined
    case 'PATCH':
      return patchObject(call)
    case 'POST':
      return postObject(call)
    default: {
      call.res.setHeader('Allow', ALLOWED)
      const message = `${call.req.method} of an object is not served`
      fail(call, new AisError({code: 'METHOD_NOT_ALLOWED', message}))
      return undefined
    }
  }
}
