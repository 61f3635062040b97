/**
 * Objects at a gateway: found by hashing, answered by a redirect, never touched. Runs in front of
 * Koa. The body of a large PUT is not waited for, and the connection is closed in a way that a
 * client which is still sending understands (an answer at once and a reset would
 * be a broken pipe).
 */

import type {IncomingMessage, ServerResponse} from 'node:http'

import {AisError, refusal} from '../../base/errors.ts'
import {newestEntry, ownerUnder} from '../../core/objects/ring.ts'
import {objectDigest} from '../../core/placement/locate.ts'
import {bucketLabel, type BucketRef} from '../../model/bucket.ts'
import {isRefusal} from '../../model/ids.ts'
import {endpointUrl, type Member} from '../../model/node.ts'
import {parseObjectPath, splitTarget} from '../../wire/paths.ts'
import {parseBucketRef, parseQuery} from '../../wire/query.ts'
import {encodeLocation, redirectBody, redirectStatus} from '../../wire/redirect.ts'
import {answerError} from './answer.ts'
import {findBucket, knownBucket} from './buckets.ts'
import type {NodeContext} from './context.ts'

/** A body up to this size is simply read and dropped: cheaper than a new connection. */
const DRAIN_BYTES_MAX = 256 * 1024
/** How long a client that sends a large body has to notice the redirect. */
const NOTICE_MS = 500

const COUNTED: Readonly<Record<string, string>> = {
  GET: 'get.n',
  PUT: 'put.n',
  HEAD: 'head.n',
  DELETE: 'del.n',
}

/** Answers an object request with the URL of the target that owns it. */
export async function redirectObject(
  context: NodeContext,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const method = req.method ?? ''
  try {
    const {path, query} = splitTarget(req.url ?? '')
    const parsed = parseObjectPath(path)
    if (isRefusal(parsed)) throw new AisError(parsed)
    const ref = parseBucketRef(parsed.bucket, parseQuery(query))
    if (isRefusal(ref)) throw new AisError(ref)
    if (knownBucket(context, ref) === undefined) await findBucket(context, ref)
    const {owner, fence} = locateOwner(context, ref, parsed.objectName)
    const location = encodeLocation({
      directUrl: endpointUrl(owner.public),
      rawPath: path,
      rawQuery: query,
      pid: context.id,
      utmNs: BigInt(Date.now()) * 1_000_000n,
      fence,
      hops: 0,
    })
    const counter = COUNTED[method]
    if (counter !== undefined) context.stats.add(counter, bucketLabel(ref), 1)
    writeRedirect(req, res, location)
  } catch (error) {
    const counter = COUNTED[method]
    if (counter !== undefined) context.stats.add(`err.${counter}`, '', 1)
    answerError(req, res, error, context.label)
  }
}

/** @throws AisError when nobody can serve the key now */
function locateOwner(
  context: NodeContext,
  ref: BucketRef,
  objectName: string,
): {owner: Member; fence: number} {
  // A gateway that is stopping serves until its listener closes.
  const {record} = context.view()
  if (record === null) {
    throw new AisError(refusal('NOT_READY', `${context.label}: not in a cluster yet`))
  }
  const newest = newestEntry(context.ring())
  const id = newest === undefined ? undefined : ownerUnder(newest, objectDigest(ref, objectName))
  const owner = id === undefined ? undefined : record.smap.nodes[id]
  if (owner === undefined) {
    throw new AisError(
      refusal('NO_TARGETS', 'no target is active', {hint: 'see: aisctl show cluster'}),
    )
  }
  if (owner.away !== null) {
    throw new AisError(
      refusal('OWNER_UNAVAILABLE', `t[${owner.id}] is ${owner.away.kind}`, {
        hint: 'it is expected back; the request can be repeated',
      }),
    )
  }
  return {owner, fence: record.index}
}

function writeRedirect(req: IncomingMessage, res: ServerResponse, location: string): void {
  const method = req.method ?? ''
  const body = redirectBody(method, location)
  res.setHeader('Location', location)
  if (method === 'GET' || method === 'HEAD')
    res.setHeader('Content-Type', 'text/html; charset=utf-8')
  if (method === 'GET') res.setHeader('Cache-Control', 'no-store')
  if (method !== 'HEAD') res.setHeader('Content-Length', Buffer.byteLength(body))
  res.statusCode = redirectStatus(method)
  if (!hasLargeBody(req)) {
    res.end(body)
    req.resume()
    return
  }
  res.setHeader('Connection', 'close')
  res.flushHeaders()
  letClientNotice(req, res)
}

function hasLargeBody(req: IncomingMessage): boolean {
  if (req.headers['transfer-encoding'] !== undefined) return req.headers.expect === undefined
  const length = Number(req.headers['content-length'] ?? 0)
  // A client that waits for "100 Continue" has sent nothing yet and will not.
  return length > DRAIN_BYTES_MAX && req.headers.expect === undefined
}

/** Ends the answer when the body has ended, or when enough was read and the client had its time. */
function letClientNotice(req: IncomingMessage, res: ServerResponse): void {
  let bytes = 0
  let noticed = false
  const finish = (): void => {
    if (!res.writableEnded) res.end()
  }
  const timer = setTimeout(() => {
    noticed = true
    if (bytes > DRAIN_BYTES_MAX) finish()
  }, NOTICE_MS)
  req.on('data', (chunk: Buffer) => {
    bytes += chunk.byteLength
    if (noticed && bytes > DRAIN_BYTES_MAX) finish()
  })
  req.once('end', finish)
  req.once('close', () => {
    clearTimeout(timer)
    finish()
  })
}
