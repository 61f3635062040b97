/** Names of things, as branded strings, and what makes one valid. Display forms live here too. */

import type {Refusal} from '../base/errors.ts'
import {refusal} from '../base/errors.ts'
import {BUCKET_NAME_MAX, OBJECT_NAME_BYTES_MAX} from './limits.ts'

declare const brand: unique symbol
type Branded<Name extends string> = string & {readonly [brand]: Name}

/** 8 to 32 of `[A-Za-z0-9_-]`, first and last alphanumeric. Made once per node and kept. */
export type NodeId = Branded<'NodeId'>
/** 9 to 32 of the same, and not of the form of a rebalance id (`g47`). */
export type ClusterUuid = Branded<'ClusterUuid'>
/** Letters, digits, `-`, `_`, `.`; at most 64; no `..`; no leading `.`. */
export type BucketName = Branded<'BucketName'>
/** 1 to 1,024 bytes of UTF-8 without NUL; no segment is `.` or `..`; no leading `/`. */
export type ObjectName = Branded<'ObjectName'>

const NODE_ID = /^[A-Za-z0-9](?:[A-Za-z0-9_-]{6,30})[A-Za-z0-9]$/
const CLUSTER_UUID = /^[A-Za-z0-9](?:[A-Za-z0-9_-]{7,30})[A-Za-z0-9]$/
const BUCKET = /^[A-Za-z0-9_-][A-Za-z0-9_.-]*$/

/** Whether the text is a node id. */
export function isNodeId(text: string): text is NodeId {
  return NODE_ID.test(text)
}

/** Whether the text is a cluster uuid. */
export function isClusterUuid(text: string): text is ClusterUuid {
  return CLUSTER_UUID.test(text) && !/^g\d+$/.test(text)
}

/** The node id, or why it is none. */
export function parseNodeId(text: string): NodeId | Refusal {
  if (isNodeId(text)) return text
  return refusal('BAD_NAME', `node id ${JSON.stringify(text)} is not valid`, {
    hint: 'use 8 to 32 letters, digits, "-" or "_", the first and the last a letter or digit',
  })
}

/** The bucket name, or why it is none. */
export function parseBucketName(text: string): BucketName | Refusal {
  if (text.length <= BUCKET_NAME_MAX && BUCKET.test(text) && !text.includes('..')) {
    return text as BucketName
  }
  return refusal('BAD_NAME', `bucket name ${JSON.stringify(text)} is not valid`, {
    hint:
      `use letters, digits, "-", "_" and ".", at most ${BUCKET_NAME_MAX}, ` +
      'no "..", no leading "."',
  })
}

/** The object name, or why it is none. The text is already percent-decoded. */
export function parseObjectName(text: string): ObjectName | Refusal {
  const problem = objectNameProblem(text)
  if (problem === undefined) return text as ObjectName
  return refusal('BAD_NAME', `object name ${JSON.stringify(text.slice(0, 80))}: ${problem}`)
}

function objectNameProblem(text: string): string | undefined {
  if (text === '') return 'it is empty'
  if (text.startsWith('/')) return 'it begins with "/"'
  if (text.includes('\0')) return 'it contains a NUL byte'
  if (!text.isWellFormed()) return 'it is not valid UTF-8'
  if (new TextEncoder().encode(text).byteLength > OBJECT_NAME_BYTES_MAX) {
    return `it is longer than ${OBJECT_NAME_BYTES_MAX} bytes`
  }
  if (text.split('/').some((part) => part === '.' || part === '..')) {
    return 'a path segment is "." or ".."'
  }
  return undefined
}

/** Whether a parse gave a refusal. */
export function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && 'code' in value && 'message' in value
}

/** Display form of a node: `p[id]` or `t[id]`. */
export function nodeLabel(role: 'proxy' | 'target', id: string): string {
  return `${role === 'proxy' ? 'p' : 't'}[${id}]`
}
