/**
 * The next record out of the one before it and the changes that wait: the only author of records.
 */

import {canonicalJson} from '../../base/canonical-json.ts'
import {refusal, type Refusal} from '../../base/errors.ts'
import {isRefusal} from '../../model/ids.ts'
import {CHANGES_PER_RECORD_MAX, RECORD_BYTES_MAX, RECORD_RESERVE_BYTES} from '../../model/limits.ts'
import type {StoredRecord} from '../../model/peer-messages.ts'
import {previousVoters} from '../../model/quorum.ts'
import type {ClusterRecord, Moves} from '../../model/record.ts'
import {nextRecord} from '../metasync/next-record.ts'
import {withUrls} from '../metasync/urls.ts'
import {withMovement} from '../ownership/movement.ts'
import {nextOwn} from '../ownership/own.ts'
import {applyChange} from './change.ts'
import {rebalanceNotes, type Seen} from './rebalances.ts'
import type {Change, Queued, RecordCommand, UnderWay} from './state.ts'

export interface Draft {
  /** The record and its text; null: nothing is left to change. */
  readonly next: {readonly record: ClusterRecord; readonly text: string} | null
  readonly taken: readonly UnderWay[]
  readonly refused: readonly {readonly item: Queued; readonly refusal: Refusal}[]
  /** Waits for the next record. */
  readonly left: readonly Queued[]
}

/**
 * Drafts in the order of the queue. At most one member is marked lost by one record (R13), and an
 * office is handed over by a record that changes nothing else (R16).
 */
export function draftFrom(
  before: StoredRecord,
  queue: readonly Queued[],
  epoch: number,
  seen: Seen,
): Draft {
  const index = before.record.index + 1
  const taken: UnderWay[] = []
  const refused: {item: Queued; refusal: Refusal}[] = []
  const left: Queued[] = []
  let parts: ClusterRecord = before.record
  let marked = 0
  let moves: Moves = 'with-owners'
  for (const item of queue) {
    const {change} = item
    const waits =
      taken.length >= CHANGES_PER_RECORD_MAX ||
      (change.type === 'mark-lost' && marked > 0) ||
      (change.type === 'hand-over' && taken.length > 0) ||
      parts.heir !== null
    if (waits) {
      left.push(item)
      continue
    }
    const applied = applyChange(parts, item, index)
    if (isRefusal(applied)) {
      refused.push({item, refusal: applied})
      continue
    }
    if (change.type === 'mark-lost') marked++
    parts = applied.parts
    if (applied.moves !== undefined && moves !== 'yes') moves = applied.moves
    taken.push({...item, bucket: applied.bucket})
  }
  return finish(before, {parts, moves, epoch, seen}, {taken, refused, left})
}

/** What was drafted, before it is a record. */
interface Drafted {
  readonly parts: ClusterRecord
  readonly moves: Moves
  readonly epoch: number
  readonly seen: Seen
}

function finish(
  before: StoredRecord,
  {parts, moves, epoch, seen}: Drafted,
  rest: Omit<Draft, 'next'>,
): Draft {
  const old = before.record
  if (parts === old && old.pv === null && moves !== 'yes') return {...rest, next: null}
  const own = nextOwn(parts, old.index + 1)
  const draft = withMovement(
    {
      ...parts,
      pv: previousVoters(old.smap, parts.smap),
      conf: withUrls(parts.conf, parts.smap),
      own,
    },
    old,
    moves,
  )
  const next = nextRecord(before, draft, epoch)
  const record = {...next, rebalances: rebalanceNotes(next, seen)}
  const text = canonicalJson(record)
  const tooMuch = rest.taken.filter(({change}) => text.length > bytesLeftTo(change))
  return tooMuch.length === 0
    ? {...rest, next: {record, text}}
    : withoutThem(before, {tooMuch, epoch, seen}, rest)
}

/** Up to what size a record may grow by a change. */
function bytesLeftTo(change: Change): number {
  if (change.type !== 'command') return Infinity
  const grows = GROWING.includes(change.command.type)
  return grows ? RECORD_BYTES_MAX - RECORD_RESERVE_BYTES : RECORD_BYTES_MAX
}

/** Commands that may be refused for their size: no way out of a full record leads through them. */
const GROWING: readonly RecordCommand['type'][] = [
  'create-bucket',
  'set-bucket-props',
  'set-config',
]

/** A record that would not travel is not made: its commands are refused, its members are taken. */
function withoutThem(
  before: StoredRecord,
  {tooMuch, epoch, seen}: {tooMuch: readonly UnderWay[]; epoch: number; seen: Seen},
  rest: Omit<Draft, 'next'>,
): Draft {
  const others = rest.taken.filter((item) => !tooMuch.includes(item))
  const tooLarge = refusal(
    'TOO_LARGE',
    `the metadata would exceed ${RECORD_BYTES_MAX - RECORD_RESERVE_BYTES} bytes`,
  )
  const again = draftFrom(before, [...others, ...rest.left], epoch, seen)
  return {
    ...again,
    refused: [
      ...rest.refused,
      ...again.refused,
      ...tooMuch.map((item) => ({item, refusal: tooLarge})),
    ],
  }
}
