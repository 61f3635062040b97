/**
 * Messages between nodes as canonical JSON and back. A record travels as its own text inside a
 * string, so that its bytes, unknown fields and hash arrive as they left (DESIGN: formats); the
 * receiver hashes what it got. Unknown fields of a message are kept and ignored.
 */

import {AisError, type Refusal} from '../base/errors.ts'
import type {PeerAnswer, PeerRequest, StoredRecord} from '../model/peer-messages.ts'
import type {Decoder} from './decode.ts'
import {
  bool,
  count,
  decodeWith,
  int,
  isJsonMap,
  map,
  mapOf,
  mismatch,
  nullable,
  struct,
  text,
  withDefault,
  word,
} from './decode.ts'
import type {Json} from './json.ts'
import {canonicalJson, parseJson} from './json.ts'
import {clusterUuid, decodeRecord, endpoint, member, nodeId, position, voter} from './record.ts'

/**
 * SHA-256 of the UTF-8 bytes of a text, lower-case hex. Given by the caller: hashes live at the
 * edge.
 */
export type Sha256 = (text: string) => string

/** The body of a request. */
export function encodePeerRequest(request: PeerRequest): string {
  if (request.type !== 'prepare') return canonicalJson(request)
  return canonicalJson({...request, record: request.record.text})
}

/** The body of an answer. */
export function encodePeerAnswer(answer: PeerAnswer): string {
  switch (answer.type) {
    case 'vote':
      return canonicalJson({...answer, accepted: answer.accepted?.text ?? null})
    case 'join':
      return canonicalJson({...answer, committed: answer.committed?.text ?? null})
    default:
      return canonicalJson(answer)
  }
}

/**
 * The request of a body.
 * @throws AisError BAD_REQUEST, or INCOMPATIBLE for another release or another product
 */
export function decodePeerRequest(body: string, sha256: Sha256): PeerRequest {
  const value = parseJson(body)
  refuseForeign(value)
  const found = decodeWith(byType(REQUESTS), value, 'request')
  if (found['type'] !== 'prepare') return found as unknown as PeerRequest
  return {...found, record: storedRecord(found['record'], sha256)} as unknown as PeerRequest
}

/** The answer of a body. @throws AisError BAD_REQUEST or INCOMPATIBLE */
export function decodePeerAnswer(body: string, sha256: Sha256): PeerAnswer {
  const found = decodeWith(byType(ANSWERS), parseJson(body), 'answer')
  switch (found['type']) {
    case 'vote':
      return {...found, accepted: storedRecord(found['accepted'], sha256)} as unknown as PeerAnswer
    case 'join':
      return {
        ...found,
        committed: storedRecord(found['committed'], sha256),
      } as unknown as PeerAnswer
    default:
      return found as unknown as PeerAnswer
  }
}

/**
 * Why the body of a join comes from a node of AIStore; undefined when it does not. Such a node
 * sends its `cluMeta`: `{"si": {"daemon_id": …}, …}`.
 */
export function foreignJoinRefusal(value: Json): Refusal | undefined {
  const snode = isJsonMap(value) ? value['si'] : undefined
  if (!isJsonMap(snode)) return undefined
  const id = snode['daemon_id']
  const name = typeof id === 'string' ? id.slice(0, 64) : '(unnamed)'
  return {
    code: 'INCOMPATIBLE',
    message: `AIStore node ${name} cannot join: the nodes of one cluster all run aisnode`,
    hint: 'stop that node, or point it at an AIStore cluster',
  }
}

function refuseForeign(value: Json): void {
  const refused = foreignJoinRefusal(value)
  if (refused !== undefined) throw new AisError(refused)
}

function storedRecord(source: unknown, sha256: Sha256): StoredRecord | null {
  if (typeof source !== 'string') return null
  return {record: decodeRecord(source), text: source, sha: sha256(source)}
}

type Message = Readonly<Record<string, unknown>>

function byType(decoders: Readonly<Record<string, Decoder<unknown>>>): Decoder<Message> {
  return (value, path) => {
    const type = map(value, path)['type']
    const decoder =
      typeof type === 'string' && Object.hasOwn(decoders, type) ? decoders[type] : undefined
    return decoder === undefined
      ? mismatch(`${path}.type`, 'a known message', type ?? null)
      : (decoder(value, path) as Message)
  }
}

const uuidOrNone: Decoder<string> = (value, path) => (value === '' ? '' : clusterUuid(value, path))
const refusal = nullable(map)

const REQUESTS: Readonly<Record<string, Decoder<unknown>>> = {
  vote: struct({
    uuid: clusterUuid,
    epoch: count,
    candidate: voter,
    pre: bool,
    founding: bool,
    led: count,
    forced: bool,
    holds: nullable(struct({position, sha: text})),
  }),
  prepare: struct({uuid: clusterUuid, epoch: count, record: text, committed: position}),
  beat: struct({
    uuid: clusterUuid,
    epoch: count,
    committed: position,
    committedSha: text,
    settled: count,
    started: bool,
    to: struct({inc: count, run: count}),
    echo: count,
    leaseMs: count,
  }),
  join: struct({
    member,
    uuid: uuidOrNone,
    by: word(['self', 'admin']),
    hasState: bool,
    run: count,
  }),
  leaving: struct({uuid: clusterUuid, voter, run: count, gone: bool}),
  probe: struct({uuid: uuidOrNone}),
  check: struct({uuid: clusterUuid, subject: nodeId, control: endpoint}),
  invite: struct({uuid: clusterUuid, primary: endpoint, nonElectable: bool}),
  nominate: struct({uuid: clusterUuid, epoch: count, primary: nodeId}),
}

const moveReport = nullable(
  struct({
    rebalance: count,
    entry: count,
    state: word(['waiting', 'walking', 'clean', 'failing']),
    objects: count,
    bytes: count,
    sent: withDefault(mapOf(struct({objects: count, bytes: count})), {}),
    left: int,
    problem: text,
  }),
)

const ANSWERS: Readonly<Record<string, Decoder<unknown>>> = {
  vote: struct({
    granted: bool,
    reason: text,
    voter,
    promisedEpoch: count,
    position,
    sha: text,
    accepted: nullable(text),
    committed: position,
    amnesia: withDefault(bool, false),
  }),
  prepare: struct({accepted: bool, reason: text, voter, promisedEpoch: count, position}),
  beat: struct({
    accepted: bool,
    reason: text,
    voter,
    run: count,
    promisedEpoch: count,
    position,
    held: position,
    nonce: count,
    stopping: bool,
    move: moveReport,
    reclaim: moveReport,
    cleared: withDefault(count, 0),
  }),
  join: struct({
    refusal,
    primary: nullable(endpoint),
    inc: count,
    committed: nullable(text),
  }),
  leaving: struct({recorded: bool}),
  probe: struct({
    id: nodeId,
    role: word(['proxy', 'target']),
    uuid: uuidOrNone,
    hasState: bool,
    position,
    promisedEpoch: count,
    primary: nullable(struct({id: nodeId, control: endpoint})),
    clusterStarted: bool,
    leads: count,
  }),
  check: struct({reachable: bool, detail: text}),
  invite: struct({refusal}),
  nominate: struct({noted: bool}),
}
