/** GET and HEAD of an object. */

import {pipeline} from 'node:stream'
import {AisError} from '../../base/errors.ts'
import {admit} from '../../core/objects/admit.ts'
import type {NodeId} from '../../model/ids.ts'
import type {HeaderPair} from '../../wire/headers.ts'
import {HEADER} from '../../wire/headers.ts'
import {
  encodeHeadHeaders,
  encodeHeadProps,
  encodeObjectHeaders,
  parseHeadProps,
} from '../../wire/object.ts'
import {QUERY} from '../../wire/query.ts'
import type {ObjectFile} from '../store/object-file.ts'
import {fail, ownerAway, placeOf, refuse, staleHeaders, writeHead} from './answers.ts'
import type {Admitted, ObjectCall} from './context.ts'
import {keyRequestOf, standingOf} from './context.ts'
import {ASK_KEY, answerQuestion, askPath} from './questions.ts'
import {ASK_TIMEOUT_MS, resolveCopy} from './resolve.ts'
import {sendFile} from './send.ts'

/** Answers a GET or a HEAD. */
export function getObject(call: ObjectCall): void {
  if (call.origin === 'data' && call.route.query.has(ASK_KEY)) return answerQuestion(call)
  const head = call.req.method === 'HEAD'
  const admission = admit(standingOf(call.deps), keyRequestOf(call, 'read'))
  if (admission.type !== 'proceed') return refuse(call, admission)
  resolveCopy(call, admission, !head, (error, found) => {
    if (error !== null || found === undefined) return fail(call, error)
    if (found.type === 'remote') return void relay(call, admission, found.from)
    const {file} = found.lookup
    if (head) return answerHead(call, admission, file)
    sendFile(call, file, [
      ...encodeObjectHeaders(file.footer.attributes),
      ...staleHeaders(admission),
    ])
  })
}

function answerHead(call: ObjectCall, admitted: Admitted, file: ObjectFile): void {
  const {attributes} = file.footer
  const place = placeOf(call, file.mountpath)
  call.deps.store.close(file)
  try {
    const props = call.route.query.get(QUERY.props)
    const headers =
      props === undefined || props === ''
        ? encodeHeadHeaders(call.route.ref, attributes, place)
        : encodeHeadProps(parseHeadProps(props), attributes, place)
    writeHead(call.res, 200, [...headers, ...staleHeaders(admitted)])
    call.res.end()
  } catch (error) {
    fail(call, error)
  }
}

/** Headers of a relayed answer that are the object's. */
const RELAYED: readonly string[] = [
  HEADER.atime,
  HEADER.checksumType,
  HEADER.checksumValue,
  HEADER.version,
  HEADER.custom,
  'Content-Length',
  'Content-Range',
  'Accept-Ranges',
  'Content-Type',
]

/** Passes on the copy of another target, which is the newest. */
async function relay(call: ObjectCall, admitted: Admitted, from: NodeId): Promise<void> {
  const to = call.deps.view().record?.smap.nodes[from]
  if (to === undefined) return fail(call, ownerAway(call, [`t[${from}]`]))
  const {range} = call.req.headers
  try {
    const reply = await call.deps.askTarget({
      to,
      method: call.req.method ?? 'GET',
      path: askPath(call, admitted),
      headers: range === undefined ? {} : {Range: range},
      timeoutMs: ASK_TIMEOUT_MS,
    })
    if (reply.status !== 200 && reply.status !== 206) {
      reply.body.resume()
      return fail(call, ownerAway(call, [`t[${from}]`]))
    }
    writeHead(call.res, reply.status, relayedHeaders(reply.headers))
    pipeline(reply.body, call.res, (error) => {
      if (error instanceof Error)
        call.deps.log.debug('relayed read broke off', {error: error.message})
    })
  } catch (error) {
    call.deps.log.warn('relayed read failed', {from, error: String(error)})
    fail(call, error instanceof AisError ? error : ownerAway(call, [`t[${from}]`]))
  }
}

function relayedHeaders(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): readonly HeaderPair[] {
  return RELAYED.flatMap((name): readonly HeaderPair[] => {
    const value = headers[name.toLowerCase()]
    if (value === undefined) return []
    return typeof value === 'string' ? [[name, value]] : value.map((one) => [name, one] as const)
  })
}
