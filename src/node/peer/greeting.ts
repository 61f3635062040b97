/**
 * The connecting half's sessions: greets when it must, checks that the answer comes from a holder
 * of the key, and greets again when told to. One session serves all connections of a lane.
 */

import type {PeerIdentity} from '../../core/kernel/events.ts'
import {isNodeId} from '../../model/ids.ts'
import {formatEndpoint, type Endpoint} from '../../model/node.ts'
import {
  decodeHelloReply,
  encodeHello,
  HELLO_BYTES_MAX,
  HELLO_FORMAT,
  HELLO_PATH,
  helloTranscript,
} from '../../wire/hello.ts'
import {readBody} from './body.ts'
import {exchange, PeerFailure, type Connections} from './exchange.ts'
import type {SelfIdentity} from './guard.ts'
import type {ClusterKey} from './session.ts'
import * as session from './session.ts'

export interface Session {
  readonly id: string
  readonly secret: Buffer
  readonly from: PeerIdentity
  readonly asInc: number
  /** Of the newest request under it. */
  sequence: number
}

export interface Sessions {
  /** The session to use now. @throws PeerFailure */
  readonly current: (timeoutMs: number) => Promise<Session>
  /** The other side does not know this one. */
  readonly forget: (refused: Session) => void
}

/** A greeting that takes longer than this keeps nobody from another: its connection may hang. */
const PATIENCE_MS = 1000
/** A greeting outlives the request that it was begun for: the next one needs it as well. */
const GREETING_MS = 5000

interface Greeting {
  readonly sinceMs: number
  readonly outcome: Promise<Session>
}

/** @param self who asks; null until the node knows its incarnation */
export function createSessions(
  over: Connections,
  keys: readonly ClusterKey[],
  self: () => SelfIdentity | null,
): Sessions {
  let current: Session | null = null
  let greeting: Greeting | null = null

  function begin(me: SelfIdentity): Greeting {
    const begun = {sinceMs: performance.now(), outcome: greet(over, keys, me)}
    const finished = (): void => {
      if (greeting === begun) greeting = null
    }
    const succeeded = (made: Session): void => {
      current = made
      finished()
    }
    begun.outcome.then(succeeded, finished)
    return begun
  }

  return {
    current: async (timeoutMs) => {
      const me = self()
      if (me === null) throw new PeerFailure('rejected', 'this node does not know itself yet')
      if (current !== null && current.asInc === me.inc) return current
      if (greeting === null || performance.now() - greeting.sinceMs > PATIENCE_MS) {
        greeting = begin(me)
      }
      return await within(timeoutMs, greeting.outcome, over.to)
    },
    forget: (refused) => {
      if (current === refused) current = null
    },
  }
}

function within<T>(timeoutMs: number, outcome: Promise<T>, to: Endpoint): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new PeerFailure('timeout', `${formatEndpoint(to)}: no answer in time`))
    }, timeoutMs)
    outcome.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

async function greet(
  over: Connections,
  keys: readonly ClusterKey[],
  me: SelfIdentity,
): Promise<Session> {
  const question = {
    format: HELLO_FORMAT,
    uuid: me.uuid,
    id: me.id,
    inc: me.inc,
    nonce: session.newNonce(),
    keys: keys.map(({id}) => id),
  }
  const answer = await exchange(over, {
    method: 'POST',
    target: HELLO_PATH,
    headers: {},
    body: encodeHello(question),
    timeoutMs: GREETING_MS,
  })
  const text = (await readBody(answer, HELLO_BYTES_MAX)).toString('utf8')
  const where = formatEndpoint(over.to)
  if (answer.statusCode !== 200) {
    throw new PeerFailure('rejected', `${where}: greeting refused: ${text.slice(0, 300)}`)
  }
  const reply = decodeHelloReply(text)
  const key = keys.find(({id}) => id === reply.key)
  const {proof, ...said} = reply
  if (key === undefined || !isNodeId(reply.id)) {
    throw new PeerFailure('rejected', `${where}: greeting answered under an unknown key`)
  }
  const transcript = helloTranscript(question, said)
  if (!session.sameMac(session.helloProof(key, transcript), proof)) {
    throw new PeerFailure('rejected', `${where}: does not hold the cluster key`)
  }
  const from = {id: reply.id, inc: reply.inc}
  const secret = session.sessionKey(key, transcript)
  return {id: reply.session, secret, from, asInc: me.inc, sequence: 0}
}
