/**
 * What a target asks an owner before it removes its copies, over the intra-data listener: "do you
 * hold these, durably, at least as new?" Between our own nodes only; the answer holds under the
 * entry that the question names, and under no other.
 */

import type {Generation} from '../model/generation.ts'
import {formatGeneration, parseGeneration} from '../model/generation.ts'
import {count, decodeWith, int, list, struct, text, textAs} from './decode.ts'
import {canonicalJson, parseJson} from './json.ts'
import type {Failure} from './move.ts'

export const HELD_PATH = '/v1/ext/held'

export interface HeldQuestion {
  /** Own entry under which the one who is asked owns the names. */
  readonly entry: number
  /** Bucket id. */
  readonly bid: string
  readonly names: readonly {readonly name: string; readonly gen: Generation}[]
}

/** Positions in the question; what is in neither list is not held. */
export interface HeldAnswer {
  readonly held: readonly number[]
  readonly failed: readonly Failure[]
}

const question = struct({
  entry: count,
  bid: text,
  names: list(struct({n: text, g: textAs('a generation', parseGeneration)})),
})
const answer = struct({held: list(count), failed: list(struct({at: int, why: text}))})

/** The body of a question. */
export function encodeHeldQuestion({entry, bid, names}: HeldQuestion): string {
  const short = names.map(({name, gen}) => ({n: name, g: formatGeneration(gen)}))
  return JSON.stringify({entry, bid, names: short})
}

/** The inverse of encodeHeldQuestion. @throws AisError BAD_REQUEST */
export function decodeHeldQuestion(body: string): HeldQuestion {
  const {entry, bid, names} = decodeWith(question, parseJson(body), 'question')
  return {entry, bid, names: names.map(({n, g}) => ({name: n, gen: g}))}
}

/** The body of an answer. */
export function encodeHeldAnswer(of: HeldAnswer): string {
  return canonicalJson(of)
}

/** The inverse of encodeHeldAnswer. @throws AisError BAD_REQUEST */
export function decodeHeldAnswer(body: string): HeldAnswer {
  return decodeWith(answer, parseJson(body), 'answer to a question')
}
