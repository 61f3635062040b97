/**
 * `/v1/buckets` at a gateway: create, destroy, properties, and the lists of buckets and objects.
 */

import Router from '@koa/router'
import type {Context} from 'koa'

import {AisError, refusal} from '../../../base/errors.ts'
import {bucketLabel, type BucketRef} from '../../../model/bucket.ts'
import {isRefusal} from '../../../model/ids.ts'
import type {Command} from '../../../model/command.ts'
import {
  ACTION,
  decodeAction,
  decodeCopiesCount,
  decodeDestroy,
  type ActionMessage,
} from '../../../wire/action.ts'
import {copiesJobId} from '../../../wire/copies-job.ts'
import {encodeBucketList, liveBuckets} from '../../../wire/bmd.ts'
import {decodeBucketPatch, encodeBucketProps} from '../../../wire/bucket-props.ts'
import {HEADER, toWire} from '../../../wire/headers.ts'
import {encodeJson} from '../../../wire/json.ts'
import {decodeListRequest} from '../../../wire/list.ts'
import {parseBucketPath} from '../../../wire/paths.ts'
import {parseBucketRef, QUERY} from '../../../wire/query.ts'
import {findBucket} from '../buckets.ts'
import {checkMountpathCount} from '../copies.ts'
import type {NodeContext} from '../context.ts'
import {listObjects, sendPage} from '../list-objects.ts'
import {isRelayed} from '../relay.ts'
import {
  bodyOf,
  commandOrRelay,
  commandThroughPrimary,
  queryOf,
  recordOf,
  sendDone,
  sendJson,
  sendText,
} from '../respond.ts'

export function bucketsRouter(context: NodeContext): Router {
  const router = new Router()
  const path = ['/v1/buckets', '/v1/buckets/', '/v1/buckets/{*name}']
  // HEAD first: a route for GET would answer it, too.
  router.head(path, (ctx) => headBucket(context, ctx))
  router.get(path, (ctx) => getBuckets(context, ctx))
  router.post(path, (ctx) => postBucket(context, ctx))
  router.delete(path, (ctx) => deleteBucket(context, ctx))
  router.patch(path, (ctx) => patchBucket(context, ctx))
  return router
}

async function getBuckets(context: NodeContext, ctx: Context): Promise<void> {
  const message = decodeAction(await bodyOf(ctx))
  const ref = bucketOf(ctx)
  if (message.action !== '' && message.action !== ACTION.list) throw unknownAction(message)
  if (ref === undefined) return listBuckets(context, ctx)
  const request = decodeListRequest(message.value ?? {})
  const bucket = await findBucket(context, ref)
  context.stats.add('lst.n', bucketLabel(ref), 1)
  await sendPage(ctx, await listObjects(context, bucket, request, queryOf(ctx)))
}

function listBuckets(context: NodeContext, ctx: Context): void {
  const provider = queryOf(ctx).get(QUERY.provider) ?? ''
  const refs = liveBuckets(recordOf(context).bmd).map((bucket) => bucket.ref)
  const wanted = provider === '' ? refs : refs.filter((ref) => ref.provider === provider)
  sendJson(ctx, encodeBucketList(wanted))
}

async function headBucket(context: NodeContext, ctx: Context): Promise<void> {
  const bucket = await findBucket(context, namedBucket(ctx), isRelayed(ctx))
  const props = encodeBucketProps(bucket, recordOf(context).conf.set)
  ctx.set(HEADER.bucketProps, toWire(encodeJson(props)))
  sendDone(ctx)
}

async function postBucket(context: NodeContext, ctx: Context): Promise<void> {
  const ref = namedBucket(ctx)
  const message = decodeAction(await bodyOf(ctx))
  if (message.action === ACTION.makeCopies) {
    const copies = decodeCopiesCount(message.value)
    const set = {'mirror.enabled': copies > 1, 'mirror.copies': copies}
    return setProps(context, ctx, {ref, set, durability: null, reset: false})
  }
  if (message.action !== ACTION.createBucket) throw unknownAction(message)
  const patch = decodeBucketPatch(message.value)
  if (isRefusal(patch)) throw new AisError(patch)
  await checkMountpathCount(context, ctx, patch.set)
  const durability = patch.durability ?? 'default'
  await commandOrRelay(context, ctx, {type: 'create-bucket', ref, set: patch.set, durability})
}

async function deleteBucket(context: NodeContext, ctx: Context): Promise<void> {
  const ref = namedBucket(ctx)
  const message = decodeAction(await bodyOf(ctx))
  if (message.action !== ACTION.destroyBucket) throw unknownAction(message)
  const {now} = decodeDestroy(message.value)
  await commandOrRelay(context, ctx, {type: 'destroy-bucket', ref, purge: now})
}

async function patchBucket(context: NodeContext, ctx: Context): Promise<void> {
  const ref = namedBucket(ctx)
  const message = decodeAction(await bodyOf(ctx))
  const reset = message.action === ACTION.resetBucketProps
  if (!reset && message.action !== ACTION.setBucketProps) throw unknownAction(message)
  const patch = decodeBucketPatch(reset ? null : message.value)
  if (isRefusal(patch)) throw new AisError(patch)
  const {set, durability} = patch
  await setProps(context, ctx, {ref, set, durability, reset})
}

type PropsChange = Omit<Extract<Command, {type: 'set-bucket-props'}>, 'type'>

/** Answers with the id of the job that makes the copies asked for, if one follows. */
async function setProps(context: NodeContext, ctx: Context, change: PropsChange): Promise<void> {
  const {ref, set, reset} = change
  const before = await findBucket(context, ref, isRelayed(ctx))
  await checkMountpathCount(context, ctx, reset ? set : {...before.set, ...set})
  const done = await commandThroughPrimary(context, ctx, {type: 'set-bucket-props', ...change})
  if (done === undefined) return
  const {copiesAt} = done.bucket ?? {}
  if (copiesAt === undefined || copiesAt !== done.position.index) sendDone(ctx)
  else sendText(ctx, copiesJobId(copiesAt))
}

function bucketOf(ctx: Context): BucketRef | undefined {
  const name = parseBucketPath(ctx.path)
  if (isRefusal(name)) throw new AisError(name)
  if (name === undefined) return undefined
  const ref = parseBucketRef(name, queryOf(ctx))
  if (isRefusal(ref)) throw new AisError(ref)
  return ref
}

function namedBucket(ctx: Context): BucketRef {
  const ref = bucketOf(ctx)
  if (ref !== undefined) return ref
  throw new AisError(refusal('BAD_REQUEST', `invalid request URI: '${ctx.method} ${ctx.path}'`))
}

function unknownAction(message: ActionMessage): AisError {
  const known = Object.values(ACTION) as readonly string[]
  const text = `invalid action ${JSON.stringify(message.action)}`
  return known.includes(message.action)
    ? new AisError(refusal('UNSUPPORTED', `${text}: not in this release`))
    : new AisError(refusal('BAD_REQUEST', text))
}
