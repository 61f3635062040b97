/** What routes share: bodies in, JSON and text out, commands to the kernel. */

import type {Context} from 'koa'

import {AisError, refusal} from '../../base/errors.ts'
import type {Command, CommandResult} from '../../model/command.ts'
import {CONTROL_BODY_BYTES_MAX} from '../../model/limits.ts'
import {formatEndpoint} from '../../model/node.ts'
import type {ClusterRecord} from '../../model/record.ts'
import {encodeJson} from '../../wire/json.ts'
import {parseQuery, type Query} from '../../wire/query.ts'
import {readBody} from '../peer/body.ts'
import type {NodeContext} from './context.ts'
import {isRelayed, noPrimary, passOn, putToPrimary, relayRequest} from './relay.ts'

/** The query, first values only: clients repeat parameters. */
export function queryOf(ctx: Context): Query {
  return parseQuery(ctx.querystring)
}

/** The request's body as text; read once, whatever the verb and the content type. */
export async function bodyOf(ctx: Context): Promise<string> {
  const known: unknown = ctx.state['bodyText']
  if (typeof known === 'string') return known
  if (ctx.req.headers.expect !== undefined) ctx.res.writeContinue()
  const body = (await readBody(ctx.req, CONTROL_BODY_BYTES_MAX)).toString('utf8')
  ctx.state['bodyText'] = body
  return body
}

export function sendJson(ctx: Context, value: unknown): void {
  ctx.status = 200
  ctx.set('Content-Type', 'application/json; charset=utf-8')
  ctx.body = `${encodeJson(value)}\n`
}

export function sendText(ctx: Context, text: string): void {
  ctx.status = 200
  ctx.set('Content-Type', 'text/plain; charset=utf-8')
  ctx.body = text
}

/** 200 without a body. */
export function sendDone(ctx: Context): void {
  // Koa takes an empty body for 204.
  ctx.body = null
  ctx.status = 200
  ctx.set('Content-Length', '0')
}

/** The committed record. @throws AisError NOT_READY before the node has one */
export function recordOf(context: NodeContext): ClusterRecord {
  const {record} = context.view()
  if (record !== null) return record
  throw new AisError(
    refusal('NOT_READY', `${context.label} is not in a cluster yet`, {
      hint: 'the cluster is starting; try again in a second',
    }),
  )
}

/** Whether the request was handed to the primary, because this gateway is not it. */
export async function relayed(context: NodeContext, ctx: Context): Promise<boolean> {
  if (recordOf(context).smap.primary === context.id) return false
  // Any command would do: what is asked is where the primary is.
  const outcome = await commandThroughPrimary(context, ctx, {type: 'await-started'})
  return outcome === undefined
}

/** Puts a command and answers an empty 200, or passes on what the primary answers. */
export async function commandOrRelay(
  context: NodeContext,
  ctx: Context,
  command: Command,
): Promise<void> {
  const done = await commandThroughPrimary(context, ctx, command)
  if (done !== undefined) sendDone(ctx)
}

type Done = Extract<CommandResult, {type: 'done'}>

/** Undefined: the primary is elsewhere, and its answer is passed on. */
export async function commandThroughPrimary(
  context: NodeContext,
  ctx: Context,
  command: Command,
): Promise<Done | undefined> {
  recordOf(context)
  // Read before anything is done: a gateway that relays holds the body back until it is asked for.
  const body = await bodyOf(ctx)
  const outcome = isRelayed(ctx)
    ? await commandHere(context, command)
    : await putToPrimary(context, command, relayRequest(context, ctx, body))
  if (outcome.type === 'done') return outcome
  if (outcome.type === 'refused') throw new AisError(outcome.refusal)
  passOn(ctx, outcome.answer)
  return undefined
}

/** Puts a command to this node alone. @throws AisError */
export async function commandHere(context: NodeContext, command: Command): Promise<Done> {
  const result = await context.command(command)
  if (result.type === 'done') return result
  if (result.type === 'refused') throw new AisError(result.refusal)
  throw noPrimary(`it is at ${formatEndpoint(result.primary)}`)
}
