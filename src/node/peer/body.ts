/** Reads a request's or an answer's body whole, never more than a named limit. */

import type {IncomingMessage} from 'node:http'

import {AisError, refusal} from '../../base/errors.ts'

/** @throws AisError TOO_LARGE beyond the limit, BAD_REQUEST when the sender stops half-way */
export async function readBody(message: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const announced = Number(message.headers['content-length'] ?? 0)
  if (announced > bytesMax) throw tooLarge(bytesMax)
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of message as AsyncIterable<Buffer>) {
      length += chunk.byteLength
      if (length > bytesMax) throw tooLarge(bytesMax)
      chunks.push(chunk)
    }
  } catch (error) {
    if (error instanceof AisError) throw error
    throw new AisError(refusal('BAD_REQUEST', 'the body ended half-way'), error)
  }
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)
}

function tooLarge(bytesMax: number): AisError {
  return new AisError(refusal('TOO_LARGE', `the body is larger than ${bytesMax} bytes`))
}
