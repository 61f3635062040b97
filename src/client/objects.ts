/**
 * Objects: put, get, head, delete. Bytes stream; a put is verified by the target against the
 * checksum sent with it, a get is verified here against the one that comes with it. What fails
 * because a node is away for a moment is repeated through another gateway, within a patience.
 */

import {Agent} from 'node:http'
import type {IncomingMessage} from 'node:http'
import type {Readable} from 'node:stream'
import {buffer} from 'node:stream/consumers'
import {AisError} from '../base/errors.ts'
import type {BucketRef} from '../model/bucket.ts'
import {isRefusal, parseObjectName} from '../model/ids.ts'
import type {Checksum} from '../model/object.ts'
import {decodeError} from '../wire/error-body.ts'
import type {HeaderPair} from '../wire/headers.ts'
import {collectHeaders} from '../wire/headers.ts'
import type {ObjectProps} from '../wire/object.ts'
import {decodeObjectHeaders, encodePutHeaders} from '../wire/object.ts'
import {objectPath} from '../wire/paths.ts'
import {bucketQuery, formatQuery} from '../wire/query.ts'
import type {HasherFactory} from './checksum.ts'
import {createHasherFactory} from './checksum.ts'
import type {Body} from './data-request.ts'
import {requestData} from './data-request.ts'
import type {Gateways} from './gateways.ts'
import {createGateways} from './gateways.ts'
import {persist, Refused} from './persist.ts'
import {fileError, interrupted, reasonOf} from './reasons.ts'

export interface ObjectAddress {
  readonly bucket: BucketRef
  readonly objectName: string
}

export interface ByteRange {
  readonly offset: number
  /** Absent: to the end. */
  readonly length?: number
}

export interface GetOptions {
  readonly range?: ByteRange
  /** Compare the bytes with the checksum that came with them; ranges cannot be. Default true. */
  readonly verify?: boolean
  /** Called before the first byte, again when the transfer begins anew from the start. */
  begin(props: ObjectProps): Promise<ByteSink>
}

/** Where the bytes of a get go. */
export interface ByteSink {
  write(chunk: Uint8Array): Promise<void>
  /** All bytes are there and verified. */
  finish(): Promise<void>
  /** They are not; what was written does not count. */
  discard(): Promise<void>
  /** Whether a transfer that was cut may begin anew. Not so for standard output. */
  readonly canRestart: boolean
}

export interface GotObject {
  readonly props: ObjectProps
  readonly bytes: number
}

export interface ObjectClient {
  put(address: ObjectAddress, body: Body, options?: PutOptions): Promise<ObjectProps>
  get(address: ObjectAddress, options: GetOptions): Promise<GotObject>
  head(address: ObjectAddress): Promise<ObjectProps>
  delete(address: ObjectAddress): Promise<void>
  /** Closes idle connections. */
  close(): void
}

export interface PutOptions {
  /** Sent with the object and verified by the target. Absent: computed from the body (XXH64). */
  readonly checksum?: Checksum
  readonly custom?: Readonly<Record<string, string>>
  /** Told how many bytes are on their way; begins at 0 again with every attempt. */
  onBytes?(bytes: number): void
}

export interface ObjectClientOptions {
  readonly endpoints: readonly string[]
  /** Kept together with other users of the same cluster. Default: of `endpoints`. */
  readonly gateways?: Gateways
  readonly signal?: AbortSignal
  /** How long 503 and lost connections are repeated. Default RETRY_PATIENCE_MS. */
  readonly patienceMs?: number
  /** How long a gateway may be silent before another is tried. Default GATEWAY_SILENT_MS. */
  readonly silentMs?: number
}

/** Connections that one command keeps to one host. */
const CONNECTIONS_MAX = 32

export function createObjectClient(options: ObjectClientOptions): ObjectClient {
  const agent = new Agent({keepAlive: true, maxSockets: CONNECTIONS_MAX})
  const gateways = options.gateways ?? createGateways(options.endpoints)
  const link: Link = {...options, gateways, agent, hasher: createHasherFactory()}
  return {
    put: (address, body, more = {}) => putObject(link, address, body, more),
    get: (address, more) => getObject(link, address, more),
    head: (address) => headObject(link, address),
    delete: (address) => deleteObject(link, address),
    close: () => agent.destroy(),
  }
}

interface Link extends ObjectClientOptions {
  readonly gateways: Gateways
  readonly agent: Agent
  readonly hasher: HasherFactory
}

async function putObject(
  link: Link,
  address: ObjectAddress,
  body: Body,
  {checksum, custom = {}, onBytes}: PutOptions,
): Promise<ObjectProps> {
  const sum = checksum ?? (await checksumOf(link, body))
  const sent = onBytes === undefined ? body : counted(body, onBytes)
  const headers = encodePutHeaders({checksum: sum, custom})
  const answer = await persist(link, (endpoint) =>
    ask(link, endpoint, address, {method: 'PUT', headers, body: sent}),
  )
  await buffer(answer)
  return {...propsOf(answer), sizeBytes: body.sizeBytes, checksum: sum}
}

function counted(body: Body, onBytes: (bytes: number) => void): Body {
  const open = (): Readable => {
    let read = 0
    return body.open().on('data', (chunk: Uint8Array) => onBytes((read += chunk.byteLength)))
  }
  return {...body, open}
}

async function checksumOf({hasher: make, signal}: Link, body: Body): Promise<Checksum> {
  const hasher = await make('xxhash2')
  try {
    for await (const chunk of body.bytes === undefined ? body.open() : [body.bytes]) {
      if (signal?.aborted === true) throw interrupted()
      hasher.update(chunk as Uint8Array)
    }
  } catch (error) {
    throw fileError(error) ?? error
  }
  return {type: hasher.type, value: hasher.digest()}
}

async function headObject(link: Link, address: ObjectAddress): Promise<ObjectProps> {
  const answer = await persist(link, (endpoint) =>
    ask(link, endpoint, address, {method: 'HEAD', headers: []}),
  )
  answer.resume()
  return propsOf(answer)
}

async function deleteObject(link: Link, address: ObjectAddress): Promise<void> {
  let cut = false
  await persist(link, async (endpoint) => {
    try {
      const answer = await ask(link, endpoint, address, {method: 'DELETE', headers: []})
      await buffer(answer)
    } catch (error) {
      // The attempt that was cut may have been the one that deleted it.
      if (cut && error instanceof AisError && error.code === 'OBJECT_NOT_FOUND') return
      cut ||= !(error instanceof AisError)
      throw error
    }
  })
}

async function getObject(
  link: Link,
  address: ObjectAddress,
  options: GetOptions,
): Promise<GotObject> {
  const headers: HeaderPair[] =
    options.range === undefined ? [] : [['Range', formatRange(options.range)]]
  return persist(link, async (endpoint) => {
    const answer = await ask(link, endpoint, address, {method: 'GET', headers})
    return receive(link, answer, options)
  })
}

/** `bytes=10-29`, both ends included. */
export function formatRange({offset, length}: ByteRange): string {
  return `bytes=${offset}-${length === undefined ? '' : offset + length - 1}`
}

async function receive(
  link: Link,
  answer: IncomingMessage,
  options: GetOptions,
): Promise<GotObject> {
  const props = propsOf(answer)
  const sink = await options.begin(props)
  const whole = answer.statusCode === 200
  const sum = whole && options.verify !== false ? props.checksum : null
  const hasher = sum === null || sum.type === 'none' ? null : await link.hasher(sum.type)
  let bytes = 0
  try {
    for await (const chunk of answer as AsyncIterable<Uint8Array>) {
      bytes += chunk.byteLength
      hasher?.update(chunk)
      await sink.write(chunk)
    }
    if (sum !== null && hasher !== null) compare(sum, hasher.digest())
    await sink.finish()
  } catch (error) {
    await sink.discard()
    throw sink.canRestart || bytes === 0 ? error : final(error, bytes)
  }
  return {props, bytes}
}

function compare(wanted: Checksum, found: string): void {
  if (wanted.value === found) return
  throw new AisError({
    code: 'BAD_CHECKSUM',
    message: `what arrived is not what is stored: ${wanted.type} ${found}, expected ${wanted.value}`,
    hint: 'try again; if it stays, run aisnode fsck on the target',
  })
}

/**
 * An error that must not be repeated, because bytes have already gone where they cannot be taken
 * back.
 */
function final(error: unknown, bytes: number): AisError {
  if (error instanceof AisError) return error
  const reason = error instanceof Error ? reasonOf(error) : String(error)
  return new AisError(
    {code: 'UNREACHABLE', message: `${reason} after ${bytes} bytes`, hint: 'get it into a file'},
    error,
  )
}

interface Ask {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'DELETE'
  readonly headers: readonly HeaderPair[]
  readonly body?: Body
}

async function ask(
  link: Link,
  endpoint: string,
  {bucket, objectName}: ObjectAddress,
  {method, headers, body}: Ask,
): Promise<IncomingMessage> {
  // A URL would fold `..` before the cluster could refuse it.
  const name = parseObjectName(objectName)
  if (isRefusal(name)) throw new AisError(name)
  const url = new URL(
    `${objectPath(bucket.name, name)}?${formatQuery(bucketQuery(bucket))}`,
    endpoint,
  )
  const answer = await requestData({
    method,
    url,
    headers,
    agent: link.agent,
    ...(body === undefined ? {} : {body}),
    ...(link.signal === undefined ? {} : {signal: link.signal}),
    ...(link.silentMs === undefined ? {} : {silentMs: link.silentMs}),
  })
  const status = answer.statusCode ?? 0
  if (status < 400) return answer
  const text = (await buffer(answer)).toString('utf8')
  const found = decodeError(status, collectHeaders(answer.rawHeaders), text)
  throw new Refused(found, answer)
}

function propsOf(answer: IncomingMessage): ObjectProps {
  return decodeObjectHeaders(collectHeaders(answer.rawHeaders))
}
