/**
 * A target's intra-data listener: other nodes read objects and pages here, and bring objects that
 * move, authenticated. Clients have no business here.
 */

import type {IncomingMessage, ServerResponse} from 'node:http'

import {AisError, refusal} from '../../base/errors.ts'
import {defined} from '../../base/assert.ts'
import {ownSpan} from '../../core/objects/ring.ts'
import {isRefusal} from '../../model/ids.ts'
import {CONTROL_BODY_BYTES_MAX} from '../../model/limits.ts'
import {encodeLocalPage} from '../../wire/local-page.ts'
import {decodeLocalQuery, LOCAL_LIST_PATH} from '../../wire/local-query.ts'
import {isObjectPath, parseObjectPath, splitTarget} from '../../wire/paths.ts'
import {parseBucketRef, parseQuery} from '../../wire/query.ts'
import {isMovePath, serveMove} from '../move/serve.ts'
import {ASK_RECORD_KEY} from '../objects/questions.ts'
import type {PeerGuard} from '../peer/guard.ts'
import {answerError, asAisError} from './answer.ts'
import {
  admitRequest,
  admittedBody,
  answeredGreeting,
  signedAnswer,
  signStream,
} from './authenticated.ts'
import {until} from './buckets.ts'
import type {NodeContext} from './context.ts'
import {recordOf} from './respond.ts'
import {RECORD_WAIT_MS} from './serve-object.ts'

export function createDataHandler(
  context: NodeContext,
  guard: PeerGuard,
): (req: IncomingMessage, res: ServerResponse) => void {
  return (req, res) => {
    serve(context, guard, req, res).catch((error: unknown) => {
      if (asAisError(error).code === 'INTERNAL') {
        context.log.error('data request failed', {error: String(error)})
      }
      answerError(req, res, error, context.label)
    })
  }
}

async function serve(
  context: NodeContext,
  guard: PeerGuard,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  if (await answeredGreeting(guard, req, res)) return
  const admitted = admitRequest(guard, req)
  signStream(admitted, res)
  const {path, query: rawQuery} = splitTarget(req.url ?? '')
  const objects = defined(context.objects, 'only a target has a data listener')
  if (path === LOCAL_LIST_PATH) {
    const body = await admittedBody(admitted, req, CONTROL_BODY_BYTES_MAX)
    const query = decodeLocalQuery(body.toString('utf8'))
    if (!(await hasRecord(context, query.recordIndex))) {
      throw new AisError(refusal('STALE_RECORD', `${context.label} has an older record`))
    }
    const {from, to} = ownSpan(recordOf(context))
    if (from !== query.own.from || to !== query.own.to) {
      throw new AisError(refusal('STALE_RECORD', `${context.label} knows other owners`))
    }
    const page = encodeLocalPage(objects.listPage(query))
    return signedAnswer(admitted, req, res, {status: 200, body: page})
  }
  if (isMovePath(path)) {
    const moves = defined(context.moves, 'only a target has a data listener')
    const body = (bytesMax: number): Promise<Buffer> => admittedBody(admitted, req, bytesMax)
    const request = {path, query: parseQuery(rawQuery), body, source: req, from: admitted.from}
    const answer = await serveMove(moves, request)
    return signedAnswer(admitted, req, res, {status: 200, body: answer})
  }
  if (!isObjectPath(path)) throw new AisError(refusal('BAD_REQUEST', `no such path: ${path}`))
  const parsed = parseObjectPath(path)
  if (isRefusal(parsed)) throw new AisError(parsed)
  const query = parseQuery(rawQuery)
  const ref = parseBucketRef(parsed.bucket, query)
  if (isRefusal(ref)) throw new AisError(ref)
  // What it answers with an older record than the asker's is up to the question (R33).
  if (query.has(ASK_RECORD_KEY)) await hasRecord(context, Number(query.get(ASK_RECORD_KEY)))
  const route = {ref, name: parsed.objectName, rawPath: path, rawQuery, query}
  objects.handle(req, res, route, 'data')
}

/** Whether this target has the record of that index in use, now or in a moment. */
async function hasRecord(context: NodeContext, index: number): Promise<boolean> {
  const has = (): boolean => (context.view().record?.index ?? 0) >= index
  return has() || (await until(() => has() || undefined, RECORD_WAIT_MS)) === true
}
