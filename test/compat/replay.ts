/**
 * Sends recorded requests to a live cluster, each as it was recorded, but for what only the run
 * itself can know: the marks of a redirect and the id of a walk.
 */

import {request as httpRequest} from 'node:http'
import {decode as unpack} from '@msgpack/msgpack'
import type {Json} from '../../src/wire/json.ts'
import {encodeJson, parseJson} from '../../src/wire/json.ts'
import type {Exchange} from '../helpers/recordings.ts'
import type {Translation} from './translate.ts'

/** What came back, in the terms of the recordings. */
export interface Answer {
  readonly status: number
  readonly headers: readonly (readonly [string, string])[]
  /** Parsed JSON or MessagePack; undefined when it is neither. */
  readonly json: Json | undefined
  readonly body: string
  readonly bodyBytes: number
}

/** What one exchange hands to the next ones. */
export interface Replay {
  /** Answers so far, as they came, by exchange. */
  readonly raw: Map<string, RawAnswer>
}

/** An answer before translation. */
export interface RawAnswer {
  readonly status: number
  readonly rawHeaders: readonly string[]
  readonly bytes: Buffer
}

/** Headers of the connection, which no recording holds. */
const HOP_HEADERS = new Set(['date', 'connection', 'keep-alive', 'transfer-encoding'])

/** Sends one exchange. */
export async function replay(
  exchange: Exchange,
  translation: Translation,
  state: Replay,
): Promise<Answer> {
  const {request} = exchange
  const body = bodyOf(exchange, state)
  const raw = await send(urlOf(exchange, translation, state), request.method, {
    headers: request.headers,
    body,
  })
  state.raw.set(exchange.name, raw)
  return answerOf(raw, translation)
}

/**
 * A redirected request goes where the live redirect pointed; others go where they were recorded.
 */
function urlOf(exchange: Exchange, translation: Translation, state: Replay): string {
  const {to, path} = exchange.request
  if (exchange.name.endsWith('.redirected')) {
    const before = state.raw.get(exchange.name.slice(0, -'.redirected'.length))
    const at = before?.rawHeaders.findIndex((name) => name.toLowerCase() === 'location') ?? -1
    if (at >= 0) return before?.rawHeaders[at + 1] ?? ''
  }
  return `${translation.urlOf(to)}${path}`
}

function bodyOf(exchange: Exchange, state: Replay): string | undefined {
  const {body} = exchange.request
  if (body === null || body === undefined) return undefined
  if (typeof body === 'string') return body
  const first = state.raw.get('objects.list.page1')
  if (exchange.name !== 'objects.list.page2' || first === undefined) return encodeJson(body)
  const {uuid} = JSON.parse(first.bytes.toString()) as {uuid: string}
  const message = JSON.parse(encodeJson(body)) as {value: object}
  return JSON.stringify({...message, value: {...message.value, uuid}})
}

/** One request, nothing followed, nothing added but what HTTP needs. */
export async function send(
  url: string,
  method: string,
  more: {readonly headers?: Readonly<Record<string, string>>; readonly body?: string | undefined},
): Promise<RawAnswer> {
  const {promise, resolve, reject} = Promise.withResolvers<RawAnswer>()
  const length = more.body === undefined ? {} : {'Content-Length': Buffer.byteLength(more.body)}
  const outgoing = httpRequest(url, {method, headers: {...more.headers, ...length}}, (response) => {
    const parts: Buffer[] = []
    response.on('data', (part: Buffer) => parts.push(part))
    response.on('error', reject)
    response.on('end', () => {
      const {statusCode = 0, rawHeaders} = response
      resolve({status: statusCode, rawHeaders, bytes: Buffer.concat(parts)})
    })
  })
  outgoing.on('error', reject)
  outgoing.end(more.body)
  return promise
}

/** An answer in the terms of the recordings. */
export function answerOf(raw: RawAnswer, translation: Translation): Answer {
  const headers: (readonly [string, string])[] = []
  for (let at = 0; at + 1 < raw.rawHeaders.length; at += 2) {
    const name = raw.rawHeaders[at] ?? ''
    const value = Buffer.from(raw.rawHeaders[at + 1] ?? '', 'latin1').toString()
    if (!HOP_HEADERS.has(name.toLowerCase())) headers.push([name, translation.text(value)])
  }
  const type = headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1] ?? ''
  const text = raw.bytes.toString()
  return {
    status: raw.status,
    headers,
    json: parsed(raw.bytes, type, translation),
    body: translation.text(text),
    bodyBytes: raw.bytes.byteLength,
  }
}

function parsed(bytes: Buffer, type: string, translation: Translation): Json | undefined {
  if (type === 'application/msgpack') return translation.json(unpack(bytes) as Json)
  if (!type.startsWith('application/json') || bytes.byteLength === 0) return undefined
  return translation.json(parseJson(bytes.toString()))
}
