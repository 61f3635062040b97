/**
 * Objects at a target's public listener, in front of Koa: decodes the route, waits a moment for a
 * record that the gateway already has, hands over to the object path, counts.
 */

import type {IncomingMessage, ServerResponse} from 'node:http'

import {AisError} from '../../base/errors.ts'
import {defined} from '../../base/assert.ts'
import {bucketLabel} from '../../model/bucket.ts'
import {isRefusal} from '../../model/ids.ts'
import {parseObjectPath, splitTarget} from '../../wire/paths.ts'
import {parseBucketRef, parseQuery} from '../../wire/query.ts'
import {decodeRedirectMark} from '../../wire/redirect.ts'
import {answerError} from './answer.ts'
import {until} from './buckets.ts'
import type {NodeContext} from './context.ts'

/**
 * How long a record that a gateway has seen may take to arrive here: a moment; or an election, when
 * the primary that committed it was gone before it had told everybody.
 */
export const RECORD_WAIT_MS = 6000

const COUNTED: Readonly<Record<string, string>> = {
  GET: 'get',
  PUT: 'put',
  HEAD: 'head',
  DELETE: 'del',
}

export function serveObject(context: NodeContext, req: IncomingMessage, res: ServerResponse): void {
  const startedNs = process.hrtime.bigint()
  try {
    const {path, query: rawQuery} = splitTarget(req.url ?? '')
    const parsed = parseObjectPath(path)
    if (isRefusal(parsed)) throw new AisError(parsed)
    const query = parseQuery(rawQuery)
    const ref = parseBucketRef(parsed.bucket, query)
    if (isRefusal(ref)) throw new AisError(ref)
    const served = {label: bucketLabel(ref), startedNs, bytes: 0}
    res.once('close', () => count(context, req, res, served))
    const objects = defined(context.objects, 'only a target serves objects')
    const onBytes = (bytes: number): void => {
      served.bytes = bytes
    }
    const route = {ref, name: parsed.objectName, rawPath: path, rawQuery, query, onBytes}
    const fence = decodeRedirectMark(query)?.fence ?? 0
    if (recordIndex(context) >= fence) return objects.handle(req, res, route, 'public')
    const arrived = (): true | undefined => (recordIndex(context) < fence ? undefined : true)
    void until(arrived, RECORD_WAIT_MS).then(() => objects.handle(req, res, route, 'public'))
  } catch (error) {
    answerError(req, res, error, context.label)
  }
}

function recordIndex(context: NodeContext): number {
  return context.view().record?.index ?? 0
}

function count(
  context: NodeContext,
  req: IncomingMessage,
  res: ServerResponse,
  {label, startedNs, bytes}: {label: string; startedNs: bigint; bytes: number},
): void {
  const verb = COUNTED[req.method ?? '']
  if (verb === undefined) return
  const {stats} = context
  if (res.statusCode >= 400) return stats.add(`err.${verb}.n`, label, 1)
  stats.add(`${verb}.n`, label, 1)
  if (verb === 'del') return
  stats.add(`${verb}.ns.total`, label, Number(process.hrtime.bigint() - startedNs))
  if (verb === 'head') return
  stats.add(`${verb}.size`, label, bytes)
}
