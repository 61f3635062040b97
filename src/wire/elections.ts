/**
 * Who leads, since when and why, as one gateway knows it: `GET /v1/cluster?what=elections`. Ours
 * alone: AIStore has no such question. What comes of the history is `core/election`'s concern.
 */

import type {ElectionNote} from '../model/record.ts'
import {ELECTION_REASONS} from '../model/record.ts'
import {bool, count, list, nullable, struct, text, textAs, withDefault, word} from './decode.ts'
import type {Json, JsonMap} from './json.ts'
import {nodeId, nodeIdOrNone} from './record.ts'
import {formatRfc3339Nano, parseRfc3339} from './time.ts'

/** One gateway's knowledge; answered without a primary, too. */
export interface ElectionsAnswer {
  readonly uuid: string
  /** Id of the gateway that answers. */
  readonly node: string
  /** Position of the committed record that it holds. */
  readonly epoch: number
  readonly index: number
  /** The primary on that record. */
  readonly primary: string
  /** Whether this gateway leads, or has heard a primary within the time that elections wait. */
  readonly live: boolean
  /** When it last heard one, ms since 1970; null while it does, and before it ever did. */
  readonly sinceMs: number | null
  /** What it waits for meanwhile, as a sentence; '' when it has nothing to say. */
  readonly waiting: string
  /** Changes of primary, oldest first. */
  readonly elections: readonly ElectionNote[]
}

/** The answer as a JSON value. */
export function encodeElections(answer: ElectionsAnswer): JsonMap {
  const {uuid, node, epoch, index, primary, live, sinceMs, waiting, elections} = answer
  return {
    uuid,
    node,
    epoch,
    index,
    primary,
    live,
    since: sinceMs === null ? null : formatMs(sinceMs),
    waiting,
    elections: elections.map((note) => ({
      epoch: note.epoch,
      primary: note.primary,
      before: note.before,
      reason: note.reason,
      votes: note.votes,
      voters: note.voters,
      took_ms: note.tookMs,
      at: formatMs(note.atMs),
    })),
  }
}

const NS_PER_MS = 1_000_000n

function formatMs(ms: number): string {
  return formatRfc3339Nano(BigInt(ms) * NS_PER_MS)
}

const moment = textAs('a time such as "2026-11-21T11:28:12Z"', (found) => {
  const ns = parseRfc3339(found)
  return ns === undefined ? undefined : Number(ns / NS_PER_MS)
})

const ELECTIONS = struct({
  uuid: text,
  node: text,
  epoch: count,
  index: count,
  primary: text,
  live: bool,
  since: nullable(moment),
  waiting: withDefault(text, ''),
  elections: list(
    struct({
      epoch: count,
      primary: nodeId,
      before: nodeIdOrNone,
      reason: word(ELECTION_REASONS),
      votes: count,
      voters: count,
      took_ms: count,
      at: moment,
    }),
  ),
})

/** The inverse of encodeElections. @throws AisError BAD_REQUEST */
export function decodeElections(value: Json): ElectionsAnswer {
  const {since, elections, ...found} = ELECTIONS(value, 'elections')
  return {
    ...found,
    sinceMs: since,
    elections: elections.map(({took_ms: tookMs, at: atMs, ...note}) => ({...note, tookMs, atMs})),
  }
}
