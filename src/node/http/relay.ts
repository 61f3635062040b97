/**
 * Control calls at a gateway that is not the primary: the same request to the primary's public
 * listener, its answer passed on as it is. Clients never see a redirect here. A relayed request is
 * marked, so that two gateways which disagree about the primary do not pass it back and forth.
 */

import type {IncomingMessage, OutgoingHttpHeaders} from 'node:http'

import type {Context} from 'koa'

import {AisError, refusal} from '../../base/errors.ts'
import {formatEndpoint, type Endpoint} from '../../model/node.ts'
import type {ClusterRecord} from '../../model/record.ts'
import {reasonOf} from '../observe/log.ts'
import type {NodeContext} from './context.ts'
import type {PublicAnswer} from './public-client.ts'

/** Marks a relayed request. It grants nothing: it only forbids relaying again. */
export const RELAY_HEADER = 'ais-ext-relay'
/** Headers that belong to one connection. */
const HOP_HEADERS = new Set(['connection', 'keep-alive', 'transfer-encoding', 'host', 'expect'])

export function isRelayed(ctx: Context): boolean {
  return ctx.get(RELAY_HEADER) !== ''
}

/** @throws AisError NO_PRIMARY when it cannot be reached */
export async function relayToPrimary(
  context: NodeContext,
  ctx: Context,
  record: ClusterRecord,
  body: string,
): Promise<void> {
  const primary = record.smap.nodes[record.smap.primary]
  if (primary === undefined || primary.id === context.id || isRelayed(ctx)) {
    throw new AisError(
      refusal('NO_PRIMARY', `${context.label}: no other gateway is the primary now`, {
        hint: 'try again in a second',
      }),
    )
  }
  await relayTo(context, ctx, {to: primary.public, body})
}

export interface RelayTarget {
  readonly to: Endpoint
  readonly body: string
  /** When it is not the request's own. */
  readonly path?: string
}

/** Passes the request to another node's public listener, and its answer back. */
export async function relayTo(
  context: NodeContext,
  ctx: Context,
  {to, body, path = ctx.url}: RelayTarget,
): Promise<void> {
  let answer: PublicAnswer
  try {
    const headers = relayHeaders(context, ctx, body)
    answer = await context.askPublic(to, {method: ctx.method, path, headers, body})
  } catch (error) {
    throw new AisError(
      refusal('UNREACHABLE', `${formatEndpoint(to)}: ${reasonOf(error)}`, {
        hint: 'see: aisctl show cluster',
      }),
      error,
    )
  }
  passOn(ctx, answer.head, answer.body)
}

/**
 * The answer as it came: names of headers in their own case, no content type where there was none.
 */
function passOn(ctx: Context, head: IncomingMessage, body: Buffer): void {
  const status = head.statusCode ?? 502
  ctx.body = body.byteLength === 0 ? null : body
  ctx.status = status
  ctx.remove('Content-Type')
  const {rawHeaders} = head
  const seen = new Set<string>()
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? ''
    const lower = name.toLowerCase()
    if (HOP_HEADERS.has(lower)) continue
    if (seen.has(lower)) ctx.append(name, rawHeaders[at + 1] ?? '')
    else ctx.set(name, rawHeaders[at + 1] ?? '')
    seen.add(lower)
  }
}

function relayHeaders(context: NodeContext, ctx: Context, body: string): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {}
  for (const [name, value] of Object.entries(ctx.req.headers)) {
    if (!HOP_HEADERS.has(name) && value !== undefined) headers[name] = value
  }
  headers[RELAY_HEADER] = context.id
  headers['content-length'] = String(Buffer.byteLength(body))
  return headers
}
