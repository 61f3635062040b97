/**
 * The intra-control listener, on the main thread: messages of other nodes for the kernel.
 * Everything but the greeting and a bare liveness question must be authenticated; a message that is
 * not meant for its path is refused. Clients have no business here.
 */

import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http'

import {AisError, refusal} from '../../base/errors.ts'
import {RECORD_BYTES_MAX} from '../../model/limits.ts'
import {decodeAction, decodeNodeOrder, type NodeOrder} from '../../wire/action.ts'
import {PEER_HEADER} from '../../wire/peer-headers.ts'
import {decodePeerRequest, encodePeerAnswer, foreignJoinRefusal} from '../../wire/peer.ts'
import {peerPath} from '../../wire/peer-paths.ts'
import type {Log} from '../observe/log.ts'
import type {PeerGuard} from '../peer/guard.ts'
import type {Presence} from '../peer/presence.ts'
import {sha256Hex} from '../peer/session.ts'
import type {Runtime} from '../runtime/runtime.ts'
import {answerError, writeAnswer} from './answer.ts'
import {admitRequest, admittedBody, answeredGreeting, signedAnswer} from './authenticated.ts'

export interface ControlListenerDeps {
  readonly guard: PeerGuard
  readonly runtime: Pick<Runtime, 'peerAsked'>
  /** Hears of every admitted request. */
  readonly presence: Pick<Presence, 'note'>
  /** `p[id]`, for error bodies. */
  readonly node: string
  readonly alive: () => boolean
  /** This node's own description, as `what=snode` gives it: for an administrator's join. */
  readonly snode: () => string
  /** The whole cluster ends, and this node with it. */
  readonly ordered: (order: NodeOrder) => void
  readonly log: Log
}

/** A peer that connects and says nothing is dropped after this. */
const HEADERS_TIMEOUT_MS = 10_000
/** A record of the largest size on a slow line. */
const REQUEST_TIMEOUT_MS = 120_000
/** Above every timeout of a connecting node's idle connections. */
const KEEP_ALIVE_MS = 60_000
/** Escaped twice, a record may grow on its way into a message. */
const MESSAGE_BYTES_MAX = 2 * RECORD_BYTES_MAX

export function createControlListener(deps: ControlListenerDeps): Server {
  const server = createServer(
    {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
    },
    (req, res) => {
      serve(deps, req, res).catch((error: unknown) => {
        if (!(error instanceof AisError)) {
          deps.log.error('control request failed', {error: String(error)})
        }
        answerError(req, res, error, deps.node)
      })
    },
  )
  return server
}

async function serve(
  deps: ControlListenerDeps,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  if (await answeredGreeting(deps.guard, req, res)) return
  if (req.method === 'GET' && req.url === '/v1/health') {
    return writeAnswer(req, res, {status: deps.alive() ? 200 : 503, headers: [], body: ''})
  }
  refuseForeign(req)
  const admitted = admitRequest(deps.guard, req)
  deps.presence.note(req.socket, admitted.from.id, req.headers.connection === 'close')
  const body = await admittedBody(admitted, req, MESSAGE_BYTES_MAX)
  if (req.method === 'GET' && req.url === '/v1/daemon?what=snode') {
    return signedAnswer(admitted, req, res, {status: 200, body: deps.snode()})
  }
  if (req.method === 'PUT' && req.url === '/v1/daemon') {
    deps.ordered(nodeOrderOf(body.toString('utf8')))
    return signedAnswer(admitted, req, res, {status: 200, body: ''})
  }
  const message = decodePeerRequest(body.toString('utf8'), sha256Hex)
  const {method, path} = peerPath(message.type)
  if (method !== req.method || path !== req.url) {
    throw new AisError(refusal('BAD_REQUEST', `a ${message.type} message does not go to this path`))
  }
  const answer = await deps.runtime.peerAsked(admitted.from, message)
  if (answer === undefined) {
    throw new AisError(refusal('TOO_BUSY', 'too many messages wait for the kernel'))
  }
  signedAnswer(admitted, req, res, {status: 200, body: encodePeerAnswer(answer)})
}

function nodeOrderOf(body: string): NodeOrder {
  const message = decodeAction(body)
  const order = decodeNodeOrder(message)
  if (order !== undefined) return order
  const text = `invalid action ${JSON.stringify(message.action)}`
  throw new AisError(refusal('BAD_REQUEST', text))
}

/** AIStore's nodes come without a session of ours, under their own header: told apart by name. */
function refuseForeign(req: IncomingMessage): void {
  const caller = req.headers['ais-caller-id']
  if (typeof caller !== 'string' || req.headers[PEER_HEADER.session] !== undefined) return
  const refused = foreignJoinRefusal({si: {daemon_id: caller}})
  if (refused !== undefined) throw new AisError(refused)
}
