/**
 * Keys of one conversation between two nodes, and the MACs under them (DESIGN: connections). Both
 * sides prove that they hold a cluster key by signing the greeting; the session key is derived from
 * the same greeting, so it is bound to the cluster, both ids, both incarnations and both nonces.
 * Requests are MACed over method, path with query, body digest, epoch and a sequence number;
 * answers over status, body digest and the request's number.
 */

import {createHash, createHmac, randomBytes, timingSafeEqual} from 'node:crypto'

/** A cluster key with its public name. */
export interface ClusterKey {
  /** First 16 hex digits of its SHA-256: says which key, not what it is. */
  readonly id: string
  readonly secret: Buffer
}

/** Digest that stands for a body that is streamed: its bytes carry their own checksum. */
export const STREAMED = 'stream'

export interface RequestFacts {
  readonly session: string
  readonly sequence: number
  readonly method: string
  /** Path with query, as it stands in the request line. */
  readonly target: string
  readonly epoch: number
  /** SHA-256 of the body, hex; or STREAMED. */
  readonly digest: string
}

export interface AnswerFacts {
  readonly session: string
  readonly sequence: number
  readonly status: number
  readonly digest: string
}

/** @param hex keys as the key file holds them, the signing one first */
export function clusterKeys(hex: readonly string[]): readonly ClusterKey[] {
  return hex.map((line) => {
    const secret = Buffer.from(line, 'hex')
    return {id: createHash('sha256').update(secret).digest('hex').slice(0, 16), secret}
  })
}

export function newNonce(): string {
  return randomBytes(16).toString('hex')
}

export function sha256Hex(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}

/** What the accepting node returns to prove that it holds the key. */
export function helloProof(key: ClusterKey, transcript: string): string {
  return hmac(key.secret, `proof\n${transcript}`)
}

export function sessionKey(key: ClusterKey, transcript: string): Buffer {
  return createHmac('sha256', key.secret).update(`session\n${transcript}`).digest()
}

export function requestMac(secret: Buffer, facts: RequestFacts): string {
  const {session, sequence, method, target, epoch, digest} = facts
  return hmac(secret, ['request', session, sequence, method, target, epoch, digest].join('\n'))
}

export function answerMac(secret: Buffer, facts: AnswerFacts): string {
  const {session, sequence, status, digest} = facts
  return hmac(secret, ['answer', session, sequence, status, digest].join('\n'))
}

/** Whether two hex MACs are the same, in constant time. */
export function sameMac(expected: string, given: string): boolean {
  const left = Buffer.from(expected, 'latin1')
  const right = Buffer.from(given, 'latin1')
  return left.length === right.length && timingSafeEqual(left, right)
}

function hmac(secret: Buffer, text: string): string {
  return createHmac('sha256', secret).update(text).digest('hex')
}
