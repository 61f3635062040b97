/**
 * One request for object bytes, from the gateway through its redirects to the node that answers. A
 * body is opened anew for every hop, so that nothing is lost when a gateway answers before it has
 * read it; with "100 Continue" a large body is not sent to a gateway that redirects at all.
 *
 * It does not repeat a request that failed: objects.ts does.
 */

import type {Agent, ClientRequest, IncomingMessage, RequestOptions} from 'node:http'
import type {Readable} from 'node:stream'
import {AisError} from '../base/errors.ts'
import {formatDuration} from '../base/units.ts'
import type {HeaderPair} from '../wire/headers.ts'
import {
  CONNECT_TIMEOUT_MS,
  CONTINUE_WAIT_MS,
  DATA_IDLE_MS,
  GATEWAY_SILENT_MS,
  REDIRECTS_MAX,
  SMALL_BODY_BYTES,
} from './limits.ts'

/** Bytes that can be read again from the start. */
export interface Body {
  readonly sizeBytes: number
  open(): Readable
  /** All of them, when they are in memory already. */
  readonly bytes?: Uint8Array
}

export interface DataRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'DELETE'
  readonly url: URL
  readonly headers: readonly HeaderPair[]
  readonly body?: Body
  readonly agent: Agent
  readonly signal?: AbortSignal
  /** How long a gateway may be silent. Default GATEWAY_SILENT_MS. */
  readonly silentMs?: number
}

/** The first answer that is no redirect; its body is not read yet. */
export async function requestData(request: DataRequest): Promise<IncomingMessage> {
  const {silentMs = GATEWAY_SILENT_MS} = request
  let url = request.url
  for (let hop = 0; hop <= REDIRECTS_MAX; hop++) {
    const answer = await sendHop(url, request, hop === 0 ? silentMs : DATA_IDLE_MS)
    const location = answer.headers.location
    if (!isRedirect(answer.statusCode) || location === undefined) return answer
    answer.resume()
    url = new URL(location, url)
  }
  throw new AisError({
    code: 'UNREACHABLE',
    message: `${request.method} ${request.url.pathname}: redirected more than ${REDIRECTS_MAX} times`,
    hint: 'do the nodes agree on the map? aisctl show cluster smap',
  })
}

function isRedirect(status: number | undefined): boolean {
  return status === 301 || status === 302 || status === 307 || status === 308
}

/** @param idleMs how long neither side may send anything before the head of the answer is here */
async function sendHop(url: URL, request: DataRequest, idleMs: number): Promise<IncomingMessage> {
  const {request: open} =
    url.protocol === 'https:' ? await import('node:https') : await import('node:http')
  return new Promise((resolve, reject) => {
    const outgoing = open(url, optionsOf(request))
    const sender = request.body === undefined ? undefined : createSender(outgoing, request.body)
    let answered = false
    outgoing.once('response', (answer) => {
      answered = true
      sender?.stop(answer)
      outgoing.setTimeout(DATA_IDLE_MS)
      resolve(answer)
    })
    outgoing.on('error', (error) => {
      sender?.abandon()
      // A server that answers early may cut the connection while the body is still going out.
      if (!answered) reject(error)
    })
    const far = idleMs === DATA_IDLE_MS
    outgoing.setTimeout(idleMs, () => {
      outgoing.destroy(answered || far ? tooSilent(url) : noAnswer())
    })
    limitConnecting(outgoing)
    if (sender === undefined) outgoing.end()
    else sender.begin()
  })
}

function optionsOf({method, headers, body, agent, signal}: DataRequest): RequestOptions {
  const all: Record<string, string | string[]> = {'user-agent': 'aisctl'}
  for (const [name, value] of headers) {
    const key = name.toLowerCase()
    const before = all[key]
    all[key] = before === undefined ? value : [before, value].flat()
  }
  if (body !== undefined) {
    all['content-length'] = String(body.sizeBytes)
    if (body.sizeBytes > SMALL_BODY_BYTES) all['expect'] = '100-continue'
  }
  return {method, headers: all, agent, ...(signal === undefined ? {} : {signal})}
}

interface Sender {
  begin(): void
  /** The answer has come: what is not sent yet is not needed. */
  stop(answer: IncomingMessage): void
  abandon(): void
}

function createSender(outgoing: ClientRequest, body: Body): Sender {
  let source: Readable | undefined
  let timer: NodeJS.Timeout | undefined
  let over = false
  const start = (): void => {
    clearTimeout(timer)
    if (over || source !== undefined) return
    if (body.bytes !== undefined) {
      outgoing.end(body.bytes)
      return
    }
    source = body.open()
    source.once('error', (error) => outgoing.destroy(error))
    source.pipe(outgoing)
  }
  const abandon = (): void => {
    over = true
    clearTimeout(timer)
    source?.destroy()
  }
  return {
    begin: () => {
      if (body.sizeBytes <= SMALL_BODY_BYTES) return start()
      outgoing.once('continue', start)
      timer = setTimeout(start, CONTINUE_WAIT_MS)
      outgoing.flushHeaders()
    },
    stop: (answer) => {
      abandon()
      if (outgoing.writableFinished) return
      // Half a body is on its way: this connection cannot carry another request.
      answer.once('end', () => outgoing.destroy())
    },
    abandon,
  }
}

/** A host that is switched off does not even refuse: the next gateway is tried, or this one again. */
function limitConnecting(outgoing: ClientRequest): void {
  outgoing.once('socket', (socket) => {
    if (!socket.connecting) return
    const timer = setTimeout(() => outgoing.destroy(noAnswer()), CONNECT_TIMEOUT_MS)
    const clear = (): void => clearTimeout(timer)
    socket.once('connect', clear).once('close', clear)
  })
}

function noAnswer(): Error {
  return Object.assign(new Error('no answer'), {code: 'ETIMEDOUT'})
}

function tooSilent(url: URL): AisError {
  return new AisError({
    code: 'TIMED_OUT',
    message: `${url.host}: nothing was heard for ${formatDuration(DATA_IDLE_MS)}`,
    hint: 'look at the node: aisctl show cluster',
  })
}
