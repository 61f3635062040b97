/**
 * Control calls at a gateway that is not the primary: the same request to the primary's public
 * listener, its answer passed on as it is. Clients never see a redirect here. Who is primary is
 * asked of this node's own kernel, again when the office has moved meanwhile: an election is
 * latency, not an error. A change that the primary may have acted on is never repeated. A relayed
 * request is marked, so that two gateways which disagree do not pass it back and forth.
 */

import type {OutgoingHttpHeaders} from 'node:http'
import {setTimeout as pause} from 'node:timers/promises'

import type {Context} from 'koa'

import {AisError, refusal} from '../../base/errors.ts'
import type {Command, CommandResult} from '../../model/command.ts'
import {formatEndpoint, nodeLabelOf, type Endpoint, type Member} from '../../model/node.ts'
import {HEADER} from '../../wire/headers.ts'
import {reasonOf} from '../observe/log.ts'
import type {NodeContext} from './context.ts'
import {NoAnswer, type PublicAnswer, type PublicRequest} from './public-client.ts'

/** Marks a relayed request. It grants nothing: it only forbids relaying again. */
export const RELAY_HEADER = 'ais-ext-relay'
/** Headers of one connection; of a request also those that say how its body is sent. */
const CONNECTION_HEADERS = new Set(['connection', 'keep-alive', 'transfer-encoding'])
const HOP_HEADERS = new Set([...CONNECTION_HEADERS, 'host', 'expect', 'content-length'])

/** How long a request waits for a primary that takes it: longer than an election. */
const PATIENCE_MS = 5000
/** Between two attempts. */
const PAUSE_MS = 50
/** A request that the old primary has is given up when another one has been followed for so long, */
const MOVED_MS = 1000
/** or when no primary at all was heard for so long: longer than an election. */
const SILENT_MS = 5000
const LOOK_EVERY_MS = 100

export function isRelayed(ctx: Context): boolean {
  return ctx.get(RELAY_HEADER) !== ''
}

/** What became of it: this node's own kernel decided, or another gateway answered. */
export type Outcome = Exclude<CommandResult, {type: 'elsewhere'}> | PassedOn

interface PassedOn {
  readonly type: 'answered'
  readonly answer: PublicAnswer
}

/**
 * Puts a command to the kernel, or where the kernel says that the primary is, the request that
 * means the same.
 * @throws AisError NO_PRIMARY when nobody took it, OUTCOME_UNKNOWN when somebody may have
 */
export async function putToPrimary(
  context: NodeContext,
  command: Command,
  ask: PublicRequest,
): Promise<Outcome> {
  const untilMs = performance.now() + PATIENCE_MS
  for (;;) {
    const result = await context.command(command)
    if (result.type !== 'elsewhere') return result
    const primary = memberAt(context, result.primary)
    const answer = primary === undefined ? undefined : await attempt(context, primary, ask)
    if (answer !== undefined && !isPassing(answer)) return {type: 'answered', answer}
    if (performance.now() > untilMs) {
      if (answer !== undefined) return {type: 'answered', answer}
      throw noPrimary(`${formatEndpoint(result.primary)} does not take the request`)
    }
    await pause(PAUSE_MS)
  }
}

function memberAt(context: NodeContext, control: Endpoint): Member | undefined {
  const nodes = context.view().record?.smap.nodes ?? {}
  return Object.values(nodes).find(
    (member) => member.control.host === control.host && member.control.port === control.port,
  )
}

/** Undefined: it was not reached, or has not begun with it. */
async function attempt(
  context: NodeContext,
  primary: Member,
  ask: PublicRequest,
): Promise<PublicAnswer | undefined> {
  const given = new AbortController()
  const look = setInterval(officeWatch(context, primary, given), LOOK_EVERY_MS)
  try {
    return await context.askPublic(primary.public, {...ask, signal: given.signal})
  } catch (error) {
    const where = `${nodeLabelOf(primary)} at ${formatEndpoint(primary.public)}`
    if (error instanceof NoAnswer && error.begun) {
      const why = reasonOf(given.signal.reason ?? error)
      throw new AisError(
        refusal('OUTCOME_UNKNOWN', `${where}: ${why}: the outcome is unknown`, {
          hint: 'look whether the change was made before it is repeated',
        }),
        error,
      )
    }
    context.log.debug('the primary could not be asked', {where, error: reasonOf(error)})
    return undefined
  } finally {
    clearInterval(look)
  }
}

/** Gives a request up that its primary will hardly answer any more. */
function officeWatch(context: NodeContext, primary: Member, given: AbortController): () => void {
  let thereMs = performance.now()
  return () => {
    const {id, live} = context.view().primary
    const nowMs = performance.now()
    if (live && id === primary.id) thereMs = nowMs
    if (nowMs - thereMs <= (live ? MOVED_MS : SILENT_MS)) return
    given.abort(new Error(live ? `p[${id}] is the primary by now` : 'it has fallen silent'))
  }
}

/** Nothing was done, and in a moment it may be. */
function isPassing({head}: PublicAnswer): boolean {
  const code = head.headers[HEADER.errorCode.toLowerCase()]
  return head.statusCode === 503 && (code === 'NO_PRIMARY' || code === 'NOT_READY')
}

export function noPrimary(why: string): AisError {
  return new AisError(
    refusal('NO_PRIMARY', `the primary is changing: ${why}`, {hint: 'try again in a second'}),
  )
}

/** The request as another gateway is to see it. */
export function relayRequest(context: NodeContext, ctx: Context, body: string): PublicRequest {
  const headers: OutgoingHttpHeaders = {}
  for (const [name, value] of Object.entries(ctx.req.headers)) {
    if (!HOP_HEADERS.has(name) && value !== undefined) headers[name] = value
  }
  headers[RELAY_HEADER] = context.id
  if (isQuestion(ctx)) headers['content-length'] = String(Buffer.byteLength(body))
  return {method: ctx.method, path: ctx.url, headers, body}
}

function isQuestion(ctx: Context): boolean {
  return ctx.method === 'GET' || ctx.method === 'HEAD'
}

/** Passes a question to another node's public listener, and its answer back. */
export async function relayTo(
  context: NodeContext,
  ctx: Context,
  {to, body, path}: {readonly to: Endpoint; readonly body: string; readonly path: string},
): Promise<void> {
  let answer: PublicAnswer
  try {
    answer = await context.askPublic(to, {...relayRequest(context, ctx, body), path})
  } catch (error) {
    throw new AisError(
      refusal('UNREACHABLE', `${formatEndpoint(to)}: ${reasonOf(error)}`, {
        hint: 'see: aisctl show cluster',
      }),
      error,
    )
  }
  passOn(ctx, answer)
}

/**
 * The answer as it came: names of headers in their own case, no content type where there was none.
 */
export function passOn(ctx: Context, {head, body}: PublicAnswer): void {
  const status = head.statusCode ?? 502
  ctx.body = body.byteLength === 0 ? null : body
  ctx.status = status
  ctx.remove('Content-Type')
  const {rawHeaders} = head
  const seen = new Set<string>()
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? ''
    const lower = name.toLowerCase()
    if (CONNECTION_HEADERS.has(lower)) continue
    if (seen.has(lower)) ctx.append(name, rawHeaders[at + 1] ?? '')
    else ctx.set(name, rawHeaders[at + 1] ?? '')
    seen.add(lower)
  }
}
