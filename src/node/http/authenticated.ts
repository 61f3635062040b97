/**
 * What the intra-cluster listeners have in common: the greeting, and the check of a request's MAC
 * before a byte of its body is read. Handlers behind it get the proven sender, and answers are
 * signed.
 */

import type {IncomingMessage, ServerResponse} from 'node:http'

import {AisError, refusal} from '../../base/errors.ts'
import {HELLO_BYTES_MAX, HELLO_PATH} from '../../wire/hello.ts'
import type {HeaderPair} from '../../wire/headers.ts'
import {PEER_HEADER} from '../../wire/peer-headers.ts'
import {readBody} from '../peer/body.ts'
import type {Admitted, PeerGuard} from '../peer/guard.ts'
import {sha256Hex, STREAMED} from '../peer/session.ts'
import {writeAnswer} from './answer.ts'

const JSON_TYPE: HeaderPair = ['Content-Type', 'application/json']

/** Answers a greeting; true when the request was one. */
export async function answeredGreeting(
  guard: PeerGuard,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<boolean> {
  if (req.url !== HELLO_PATH || req.method !== 'POST') return false
  const body = await readBody(req, HELLO_BYTES_MAX)
  const reply = guard.greet(body.toString('utf8'))
  writeAnswer(req, res, {status: 200, headers: [JSON_TYPE], body: reply})
  return true
}

/** Admits a request by its headers. @throws AisError UNAUTHENTICATED */
export function admitRequest(guard: PeerGuard, req: IncomingMessage): Admitted {
  return guard.admit(req.method ?? '', req.url ?? '', req.headers)
}

/**
 * The admitted body, whole. @throws AisError UNAUTHENTICATED when it is not the one that was signed
 */
export async function admittedBody(
  admitted: Admitted,
  req: IncomingMessage,
  bytesMax: number,
): Promise<Buffer> {
  const body = await readBody(req, bytesMax)
  if (sha256Hex(body) !== admitted.digest) {
    throw new AisError(refusal('UNAUTHENTICATED', 'the body is not the one that was signed'))
  }
  return body
}

/** Writes an answer with its MAC. */
export function signedAnswer(
  admitted: Admitted,
  req: IncomingMessage,
  res: ServerResponse,
  answer: {readonly status: number; readonly body: string},
): void {
  const digest = sha256Hex(answer.body)
  const headers: HeaderPair[] = [
    JSON_TYPE,
    [PEER_HEADER.digest, digest],
    [PEER_HEADER.mac, admitted.sign(answer.status, digest)],
  ]
  writeAnswer(req, res, {...answer, headers})
}

/** MACs an answer when its head is written, unless it was MACed with a digest before. */
export function signStream(admitted: Admitted, res: ServerResponse): void {
  const writeHead = res.writeHead.bind(res) as (
    status: number,
    ...rest: unknown[]
  ) => ServerResponse
  const signed = (status: number, ...rest: unknown[]): ServerResponse => {
    if (!res.hasHeader(PEER_HEADER.mac)) {
      res.setHeader(PEER_HEADER.mac, admitted.sign(status, STREAMED))
    }
    return writeHead(status, ...rest)
  }
  res.writeHead = signed
}
