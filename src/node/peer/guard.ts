/**
 * The accepting half of authentication: greets, then admits requests that carry a valid MAC under a
 * session of this process, each sequence number once. What a request may do is decided by the
 * listener that asks this guard; a bare header never admits anything. The MAC is checked before a
 * body is read.
 */

import type {IncomingHttpHeaders} from 'node:http'

import {AisError, refusal} from '../../base/errors.ts'
import type {PeerIdentity} from '../../core/kernel/events.ts'
import {isNodeId} from '../../model/ids.ts'
import {
  decodeHelloQuestion,
  encodeHello,
  HELLO_FORMAT,
  helloTranscript,
  type HelloQuestion,
} from '../../wire/hello.ts'
import {PEER_HEADER} from '../../wire/peer-headers.ts'
import type {ClusterKey} from './session.ts'
import * as session from './session.ts'

/** Conversations remembered: 51 members, several lanes each, and their predecessors. */
const SESSIONS_MAX = 1024
/**
 * Greetings without a first valid request: they may come from anybody, so they have their own room.
 */
const GREETINGS_MAX = 256
/** Requests of one conversation that may arrive out of order (parallel connections). */
const WINDOW = 256

/** Who this process is, as far as it knows now. */
export interface SelfIdentity extends PeerIdentity {
  readonly uuid: string
}

export interface Admitted {
  readonly from: PeerIdentity
  readonly epoch: number
  /** SHA-256 that the body must have; STREAMED when it carries its own checksum. */
  readonly digest: string
  /** The answer's MAC for a status and a body digest. */
  readonly sign: (status: number, digest: string) => string
}

export interface PeerGuard {
  /** Answers a greeting. @throws AisError UNAUTHENTICATED, WRONG_CLUSTER, NOT_READY */
  readonly greet: (body: string) => string
  /** Admits a request by its headers. @throws AisError UNAUTHENTICATED */
  readonly admit: (method: string, target: string, headers: IncomingHttpHeaders) => Admitted
}

interface Conversation {
  readonly from: PeerIdentity
  readonly secret: Buffer
  highest: number
  readonly seen: Set<number>
}

/** @param self null until the node knows its incarnation */
export function createPeerGuard(
  keys: readonly ClusterKey[],
  self: () => SelfIdentity | null,
): PeerGuard {
  const greeted = new Map<string, Conversation>()
  const conversations = new Map<string, Conversation>()

  function greet(body: string): string {
    const me = self()
    if (me === null) throw new AisError(refusal('NOT_READY', 'this node is still starting'))
    const question = decodeHelloQuestion(body)
    const from = checkQuestion(question, me)
    const key = question.keys.map((id) => keys.find((own) => own.id === id)).find((own) => own)
    if (key === undefined) throw denied(`${question.id} holds no key of this cluster`)
    const reply = {
      format: HELLO_FORMAT,
      uuid: me.uuid,
      id: me.id,
      inc: me.inc,
      nonce: session.newNonce(),
      key: key.id,
      session: session.newNonce(),
    }
    const transcript = helloTranscript(question, reply)
    const secret = session.sessionKey(key, transcript)
    forgetOldest(greeted, GREETINGS_MAX)
    greeted.set(reply.session, {from, secret, highest: 0, seen: new Set()})
    return encodeHello({...reply, proof: session.helloProof(key, transcript)})
  }

  function admit(method: string, target: string, headers: IncomingHttpHeaders): Admitted {
    const id = headerOf(headers, PEER_HEADER.session)
    const conversation = conversations.get(id) ?? greeted.get(id)
    if (conversation === undefined) throw denied('no such session: greet first')
    const facts = {
      session: id,
      sequence: Number(headerOf(headers, PEER_HEADER.sequence)),
      method,
      target,
      epoch: Number(headerOf(headers, PEER_HEADER.epoch)),
      digest: headerOf(headers, PEER_HEADER.digest),
    }
    const mac = session.requestMac(conversation.secret, facts)
    if (!session.sameMac(mac, headerOf(headers, PEER_HEADER.mac))) throw denied('wrong MAC')
    if (greeted.delete(id)) forgetOldest(conversations, SESSIONS_MAX)
    // Last in the map: what is in use is not what is forgotten.
    else conversations.delete(id)
    conversations.set(id, conversation)
    if (!firstTime(conversation, facts.sequence)) throw denied('replayed request')
    return {
      from: conversation.from,
      epoch: facts.epoch,
      digest: facts.digest,
      sign: (status, digest) =>
        session.answerMac(conversation.secret, {
          session: id,
          sequence: facts.sequence,
          status,
          digest,
        }),
    }
  }

  return {greet, admit}
}

function checkQuestion(question: HelloQuestion, me: SelfIdentity): PeerIdentity {
  if (question.format !== HELLO_FORMAT) {
    throw new AisError(refusal('INCOMPATIBLE', `greeting of format ${question.format}`))
  }
  if (!isNodeId(question.id)) throw denied('the greeting names no node')
  if (question.uuid !== '' && me.uuid !== '' && question.uuid !== me.uuid) {
    throw new AisError(
      refusal('WRONG_CLUSTER', `${me.id} belongs to cluster ${me.uuid}, not ${question.uuid}`),
    )
  }
  return {id: question.id, inc: question.inc}
}

/** Accepts each number once, and none that lies more than a window behind the highest. */
function firstTime(conversation: Conversation, sequence: number): boolean {
  const {highest, seen} = conversation
  if (!Number.isSafeInteger(sequence) || sequence <= highest - WINDOW || seen.has(sequence)) {
    return false
  }
  seen.add(sequence)
  if (sequence > highest) {
    conversation.highest = sequence
    if (seen.size > 2 * WINDOW) {
      for (const old of seen) if (old <= sequence - WINDOW) seen.delete(old)
    }
  }
  return true
}

function forgetOldest(conversations: Map<string, Conversation>, max: number): void {
  if (conversations.size < max) return
  const [oldest] = conversations.keys()
  if (oldest !== undefined) conversations.delete(oldest)
}

function headerOf(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name]
  return typeof value === 'string' ? value : ''
}

function denied(why: string): AisError {
  return new AisError(refusal('UNAUTHENTICATED', `intra-cluster request refused: ${why}`))
}
