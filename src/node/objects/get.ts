/** GET and HEAD of an object. */

import {pipeline} from 'node:stream'
import {AisError} from '../../base/errors.ts'
import {admit} from '../../core/objects/admit.ts'
import type {NodeId} from '../../model/ids.ts'
import type {HeaderPair} from '../../wire/headers.ts'
import {HEADER} from '../../wire/headers.ts'
import {encodeObjectHeaders} from '../../wire/object.ts'
import type {ObjectFile} from '../store/object/object-file.ts'
import {fail, headHeaders, ownerAway, refuse, staleHeaders, writeHead} from './answers.ts'
import type {Admitted, ObjectCall} from './context.ts'
import {keyRequestOf, standingOf} from './context.ts'
import {ASK_KEY, answerQuestion, askHeadPath, askPath} from './questions.ts'
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
    if (head) return answerHead(call, found, file)
    sendFile(call, file, [...encodeObjectHeaders(file.footer.attributes), ...staleHeaders(found)])
  })
}

function answerHead(call: ObjectCall, answer: {stale: boolean}, file: ObjectFile): void {
  call.deps.store.close(file)
  try {
    writeHead(call.res, 200, [...headHeaders(call, file), ...staleHeaders(answer)])
    call.res.end()
  } catch (error) {
    fail(call, error)
  }
}

/** Headers of a relayed answer that are the object's, in lower case. */
const RELAYED: ReadonlySet<string> = new Set(
  [
    HEADER.atime,
    HEADER.checksumType,
    HEADER.checksumValue,
    HEADER.version,
    HEADER.custom,
    HEADER.name,
    HEADER.bucketName,
    HEADER.bucketProvider,
    HEADER.location,
    HEADER.mirrorCopies,
    HEADER.mirrorPaths,
    HEADER.present,
    'Content-Length',
    'Content-Range',
    'Accept-Ranges',
    'Content-Type',
    'Last-Modified',
    'ETag',
  ].map((name) => name.toLowerCase()),
)

/** Passes on the copy of another target, which is the newest. */
async function relay(call: ObjectCall, admitted: Admitted, from: NodeId): Promise<void> {
  const to = call.deps.view().record?.smap.nodes[from]
  if (to === undefined) return fail(call, ownerAway(call, [`t[${from}]`]))
  const {range} = call.req.headers
  try {
    const {method = 'GET'} = call.req
    const reply = await call.deps.askTarget({
      to,
      method,
      path: (method === 'HEAD' ? askHeadPath : askPath)(call, admitted, to),
      headers: range === undefined ? {} : {Range: range},
      timeoutMs: ASK_TIMEOUT_MS,
    })
    if (reply.status !== 200 && reply.status !== 206) {
      reply.body.resume()
      return fail(call, ownerAway(call, [`t[${from}]`]))
    }
    writeHead(call.res, reply.status, relayedHeaders(reply.rawHeaders))
    pipeline(reply.body, call.res, (error) => {
      if (error instanceof Error)
        call.deps.log.debug('relayed read broke off', {error: error.message})
    })
  } catch (error) {
    call.deps.log.warn('relayed read failed', {from, error: String(error)})
    fail(call, error instanceof AisError ? error : ownerAway(call, [`t[${from}]`]))
  }
}

function relayedHeaders(raw: readonly string[]): readonly HeaderPair[] {
  return raw.flatMap((name, at): readonly HeaderPair[] => {
    const isName = at % 2 === 0 && RELAYED.has(name.toLowerCase())
    return isName ? [[name, raw[at + 1] ?? '']] : []
  })
}
