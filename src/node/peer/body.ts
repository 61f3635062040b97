/** Reads a request's or an answer's body whole, never more than a named limit. */

import type {IncomingMessage} from 'node:http'

import {AisError, refusal} from '../../base/errors.ts'
import {MIB} from '../../base/units.ts'

/**
 * Of a body that is too large, so much more is read and dropped: a sender that does not listen
 * before it has sent everything hears why.
 */
const DROPPED_BYTES_MAX = 16 * MIB

/** @throws AisError TOO_LARGE beyond the limit, BAD_REQUEST when the sender stops half-way */
export async function readBody(message: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const announced = Number(message.headers['content-length'] ?? 0)
  if (announced > bytesMax + DROPPED_BYTES_MAX) throw tooLarge(bytesMax)
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of message as AsyncIterable<Buffer>) {
      length += chunk.byteLength
      if (length > bytesMax + DROPPED_BYTES_MAX) throw tooLarge(bytesMax)
      if (length <= bytesMax) chunks.push(chunk)
      else chunks.length = 0
    }
  } catch (error) {
    if (error instanceof AisError) throw error
    throw new AisError(refusal('BAD_REQUEST', 'the body ended half-way'), error)
  }
  if (length > bytesMax) throw tooLarge(bytesMax)
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)
}

function tooLarge(bytesMax: number): AisError {
  return new AisError(refusal('TOO_LARGE', `the body is larger than ${bytesMax} bytes`))
}
