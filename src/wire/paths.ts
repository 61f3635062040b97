/**
 * The URL space, once. Object names are routed on the raw path: `/v1/objects/<bucket>/` is split
 * off and the rest is percent-decoded exactly once, so that `%2F`, `..` or a space mean what the
 * client meant. Handlers and listeners are `node/http`'s business.
 */

import type {Refusal} from '../base/errors.ts'
import {refusal} from '../base/errors.ts'
import type {BucketName, ObjectName} from '../model/ids.ts'
import {isRefusal, parseBucketName, parseObjectName} from '../model/ids.ts'

/** First part of every native path. */
export const API = '/v1'

/** First words after `/v1`, as AIStore names them. */
export const RESOURCE = {
  buckets: 'buckets',
  objects: 'objects',
  daemon: 'daemon',
  cluster: 'cluster',
  reverse: 'reverse',
  health: 'health',
  vote: 'vote',
  metasync: 'metasync',
  xactions: 'xactions',
} as const

/** A request target: raw path and raw query, neither decoded. */
export interface RequestTarget {
  readonly path: string
  /** Without `?`; '' when there is none. */
  readonly query: string
}

/** Splits a request target (`/v1/a?b=c`) at its first `?`. A `#` is data, as on the wire. */
export function splitTarget(url: string): RequestTarget {
  const mark = url.indexOf('?')
  return mark < 0 ? {path: url, query: ''} : {path: url.slice(0, mark), query: url.slice(mark + 1)}
}

/** Which bucket and object a path under `/v1/objects/` names. */
export interface ObjectPath {
  readonly bucket: BucketName
  readonly objectName: ObjectName
}

const OBJECTS_PREFIX = `${API}/${RESOURCE.objects}/`
const BUCKETS_PREFIX = `${API}/${RESOURCE.buckets}`

/** Whether the raw path belongs to the object handler. */
export function isObjectPath(path: string): boolean {
  return path.startsWith(OBJECTS_PREFIX)
}

/** The bucket and the object of a raw path, or why it names none. */
export function parseObjectPath(path: string): ObjectPath | Refusal {
  const rest = path.slice(OBJECTS_PREFIX.length)
  const slash = rest.indexOf('/')
  if (!isObjectPath(path) || slash < 0) {
    return refusal('BAD_REQUEST', `path ${JSON.stringify(path.slice(0, 80))} names no object`)
  }
  const bucketText = decodePathPart(rest.slice(0, slash))
  if (isRefusal(bucketText)) return bucketText
  const bucket = parseBucketName(bucketText)
  if (isRefusal(bucket)) return bucket
  const nameText = decodePathPart(rest.slice(slash + 1))
  if (isRefusal(nameText)) return nameText
  const objectName = parseObjectName(nameText)
  return isRefusal(objectName) ? objectName : {bucket, objectName}
}

/** The raw path of an object: the inverse of parseObjectPath. */
export function objectPath(bucket: string, objectName: string): string {
  const name = objectName.split('/').map(encodeURIComponent).join('/')
  return `${OBJECTS_PREFIX}${encodeURIComponent(bucket)}/${name}`
}

/** The raw path of a bucket, or of all buckets. */
export function bucketPath(bucket?: string): string {
  return bucket === undefined ? BUCKETS_PREFIX : `${BUCKETS_PREFIX}/${encodeURIComponent(bucket)}`
}

/** The bucket of a raw path under `/v1/buckets`; undefined when it names all buckets. */
export function parseBucketPath(path: string): BucketName | undefined | Refusal {
  if (path !== BUCKETS_PREFIX && !path.startsWith(`${BUCKETS_PREFIX}/`)) {
    return refusal('BAD_REQUEST', `path ${JSON.stringify(path.slice(0, 80))} names no bucket`)
  }
  const rest = path.slice(BUCKETS_PREFIX.length + 1).replace(/\/$/, '')
  if (rest === '') return undefined
  const text = decodePathPart(rest)
  return isRefusal(text) ? text : parseBucketName(text)
}

/** Percent-decodes once. Refused: a bad escape, and bytes that are no UTF-8. */
export function decodePathPart(raw: string): string | Refusal {
  if (!raw.includes('%')) return raw
  try {
    return decodeURIComponent(raw)
  } catch (error) {
    const details = {reason: error instanceof Error ? error.message : String(error)}
    return refusal('BAD_NAME', `path ${JSON.stringify(raw.slice(0, 80))} is not valid UTF-8`, {
      hint: 'percent-encode the UTF-8 bytes of the name, each once',
      details,
    })
  }
}
