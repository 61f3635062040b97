/** Which request of a rebalance means what, whatever carried it and proved who sent it. */

import type {Readable} from 'node:stream'
import {STREAMED_BYTES_MIN} from '../../core/objects/move.ts'
import {CONTROL_BODY_BYTES_MAX} from '../../model/limits.ts'
import type {Voter} from '../../model/record.ts'
import {
  OBJECTS_PATH,
  OBJECT_PATH,
  OFFER_PATH,
  decodeOffer,
  encodeObjectsAnswer,
  encodeOfferAnswer,
  parseMark,
} from '../../wire/move.ts'
import type {Query} from '../../wire/query.ts'
import {HELD_PATH, decodeHeldQuestion, encodeHeldAnswer} from '../../wire/reclaim.ts'
import type {MoveReceiver} from './receive.ts'

/** Objects in one request: a batch, its frames' heads, and one object that did not fit any more. */
const OBJECTS_BODY_MAX = 2 * STREAMED_BYTES_MIN

export interface MoveRequest {
  readonly path: string
  readonly query: Query
  /** Who sends it, as the connection has proved it; absent where none proves anything. */
  readonly from?: Voter | undefined
  /** The body whole, as it was signed. @throws AisError when it is larger */
  readonly body: (bytesMax: number) => Promise<Buffer>
  /** The same body, unread. */
  readonly source: Readable
}

export function isMovePath(path: string): boolean {
  return [OFFER_PATH, OBJECTS_PATH, OBJECT_PATH, HELD_PATH].includes(path)
}

/** The body of the answer. @throws AisError */
export async function serveMove(moves: MoveReceiver, request: MoveRequest): Promise<string> {
  const {path, query, body, source, from} = request
  if (path === OFFER_PATH) {
    const offer = await body(CONTROL_BODY_BYTES_MAX)
    const decoded = decodeOffer(offer.toString('utf8'))
    return encodeOfferAnswer(await moves.offer({...decoded, from}))
  }
  if (path === HELD_PATH) {
    const question = await body(CONTROL_BODY_BYTES_MAX)
    return encodeHeldAnswer(await moves.held(decodeHeldQuestion(question.toString('utf8'))))
  }
  const mark = {...parseMark(query), from}
  const leave = await moves.enter()
  try {
    if (path === OBJECT_PATH) return encodeObjectsAnswer(await moves.object(mark, source))
    return encodeObjectsAnswer(await moves.objects(mark, await body(OBJECTS_BODY_MAX)))
  } finally {
    leave()
  }
}
