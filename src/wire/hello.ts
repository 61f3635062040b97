/**
 * The greeting of two nodes: who asks whom, in which cluster, with which keys, and a nonce each.
 * What is signed with a cluster key is `helloTranscript`, the same text on both sides; the HMAC
 * itself is computed in `node/peer/session.ts`. Nothing secret is in here.
 */

import {count, decodeWith, list, struct, text, type Struct} from './decode.ts'
import {canonicalJson, parseJson} from './json.ts'

/** Number of the greeting's shape, part of what is signed. */
export const HELLO_FORMAT = 1
/** Bytes of a greeting: ids, nonces and two key ids. */
export const HELLO_BYTES_MAX = 4096
/** Where the greeting goes, on every intra-cluster listener. */
export const HELLO_PATH = '/v1/peer/hello'

const helloQuestion = struct({
  format: count,
  /** '' while the asking node belongs to no cluster. */
  uuid: text,
  id: text,
  inc: count,
  nonce: text,
  /** Ids of the keys that the asking node holds, the signing one first. */
  keys: list(text),
})

const helloReply = struct({
  format: count,
  uuid: text,
  id: text,
  inc: count,
  nonce: text,
  /** Which of the offered keys both hold. */
  key: text,
  session: text,
  /** HMAC of the transcript under that key: the asked node is one of us. */
  proof: text,
})

/** What the connecting node says first. */
export type HelloQuestion = Struct<{
  format: typeof count
  uuid: typeof text
  id: typeof text
  inc: typeof count
  nonce: typeof text
  keys: ReturnType<typeof list<string>>
}>

/** What the accepting node says. */
export type HelloReply = Struct<{
  format: typeof count
  uuid: typeof text
  id: typeof text
  inc: typeof count
  nonce: typeof text
  key: typeof text
  session: typeof text
  proof: typeof text
}>

/** Canonical JSON of either half. */
export function encodeHello(hello: HelloQuestion | HelloReply): string {
  return canonicalJson(hello)
}

/** @throws AisError BAD_REQUEST */
export function decodeHelloQuestion(body: string): HelloQuestion {
  return decodeWith(helloQuestion, parseJson(body), 'greeting')
}

/** @throws AisError BAD_REQUEST */
export function decodeHelloReply(body: string): HelloReply {
  return decodeWith(helloReply, parseJson(body), 'answer to a greeting')
}

/** What both sides sign: everything that was said, so that neither half can be used elsewhere. */
export function helloTranscript(question: HelloQuestion, reply: Omit<HelloReply, 'proof'>): string {
  return canonicalJson({
    question: {
      format: question.format,
      uuid: question.uuid,
      id: question.id,
      inc: question.inc,
      nonce: question.nonce,
      keys: question.keys,
    },
    reply: {
      format: reply.format,
      uuid: reply.uuid,
      id: reply.id,
      inc: reply.inc,
      nonce: reply.nonce,
      key: reply.key,
      session: reply.session,
    },
  })
}
