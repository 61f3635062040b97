/**
 * Errors between servers and clients: AIStore's JSON body, or its `Hdr-Error` header where an
 * answer has no body (HEAD). Our own code and hint travel in headers beside it, because strict
 * readers of the body would refuse unknown keys. Decoding gives back the code that was encoded; of
 * an AIStore node, the one that its `tcode` or status comes closest to.
 */

import type {AisError, ErrorCode, Refusal} from '../base/errors.ts'
import {ERROR_TABLE} from '../base/errors.ts'
import type {HeaderBag, HeaderPair} from './headers.ts'
import {firstHeader, HEADER, toWire} from './headers.ts'
import type {JsonMap} from './json.ts'
import {encodeJson, parseJson} from './json.ts'

/** Who answered what; goes into the body. */
export interface ErrorContext {
  readonly method: string
  /** Path without query, decoded or not as it arrived. */
  readonly urlPath: string
  /** `ip:port` of the client. */
  readonly remoteAddr: string
  /** Name of the calling node, '' for clients. */
  readonly caller: string
  /** `p[id]` or `t[id]`. */
  readonly node: string
}

/** Longest message that goes into a header or a body: a message is for people. */
const MESSAGE_MAX = 2000
/** Facts that would be longer as JSON are left out. */
const DETAILS_MAX = 2000

/** An answer: headers in the order of the wire, and the body ('' for HEAD). */
export interface ErrorAnswer {
  readonly status: number
  readonly headers: readonly HeaderPair[]
  readonly body: string
}

/** The answer to a request that failed. */
export function encodeError(error: AisError | Refusal, context: ErrorContext): ErrorAnswer {
  const row = ERROR_TABLE[error.code]
  const tcode: string | undefined = 'tcode' in row ? row.tcode : undefined
  const body = encodeJson({
    ...(tcode === undefined ? {} : {tcode}),
    message: error.message.slice(0, MESSAGE_MAX),
    method: context.method,
    url_path: context.urlPath,
    remote_addr: context.remoteAddr,
    caller: context.caller,
    node: context.node,
    status: row.status,
  })
  const ours: readonly HeaderPair[] = [
    [HEADER.errorCode, error.code],
    ...(error.hint === undefined ? [] : [[HEADER.errorHint, headerText(error.hint)] as const]),
    ...(error.code === 'BUSY' ? detailsHeader(error.details) : []),
  ]
  const head = context.method === 'HEAD'
  return {
    status: row.status,
    headers: [
      ...ours,
      ['Content-Type', 'application/json'],
      ...(head ? [[HEADER.error, toWire(body)] as const] : []),
      ['X-Content-Type-Options', 'nosniff'],
    ],
    body: head ? '' : `${body}\n`,
  }
}

/** What is in the way, for programs. Other details may be paths, and stay here. */
function detailsHeader(details: Refusal['details']): readonly HeaderPair[] {
  const text = details === undefined ? '' : encodeJson(details)
  return text === '' || text.length > DETAILS_MAX ? [] : [[HEADER.errorDetails, headerText(text)]]
}

/** What a client is told by an answer of status 400 or above. */
export function decodeError(status: number, headers: HeaderBag, body: string): Refusal {
  const fields = errorFields(firstHeader(headers, HEADER.error) ?? body)
  const message = typeof fields?.['message'] === 'string' ? fields['message'] : body.trim()
  const tcode = typeof fields?.['tcode'] === 'string' ? fields['tcode'] : undefined
  const hint = firstHeader(headers, HEADER.errorHint)
  const node = fields?.['node']
  return {
    code: codeOf(status, firstHeader(headers, HEADER.errorCode), tcode),
    message: message === '' ? `HTTP status ${status}` : message,
    ...(hint === undefined ? {} : {hint}),
    details: {
      ...errorFields(firstHeader(headers, HEADER.errorDetails) ?? ''),
      status,
      ...(tcode === undefined ? {} : {tcode}),
      ...(node ? {node} : {}),
    },
  }
}

function codeOf(status: number, ours: string | undefined, tcode: string | undefined): ErrorCode {
  if (ours !== undefined && Object.hasOwn(ERROR_TABLE, ours)) return ours as ErrorCode
  const rows = Object.entries(ERROR_TABLE) as [ErrorCode, {status: number; tcode?: string}][]
  const byTcode = rows.find(([, row]) => tcode !== undefined && row.tcode === tcode)
  if (byTcode !== undefined) return byTcode[0]
  return BY_STATUS[status] ?? (status >= 500 ? 'INTERNAL' : 'BAD_REQUEST')
}

const BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  401: 'UNAUTHENTICATED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  405: 'METHOD_NOT_ALLOWED',
  409: 'BUSY',
  413: 'TOO_LARGE',
  416: 'BAD_RANGE',
  429: 'RATE_LIMITED',
  501: 'UNSUPPORTED',
  503: 'NOT_READY',
  504: 'TIMED_OUT',
  507: 'NO_SPACE',
}

function errorFields(text: string): JsonMap | undefined {
  if (!text.trimStart().startsWith('{')) return undefined
  try {
    return parseJson(text) as JsonMap
  } catch {
    return undefined
  }
}

// A header is one line: whatever would break it becomes a space.
function headerText(text: string): string {
  return toWire(Array.from(text, (char) => (char < ' ' || char === '\x7f' ? ' ' : char)).join(''))
}
