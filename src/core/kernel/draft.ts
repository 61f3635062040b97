/**
 * The next record out of the one before it and the changes that wait: the only author of records.
 */

import {canonicalJson} from '../../base/canonical-json.ts'
import {refusal, type Refusal} from '../../base/errors.ts'
import type {Bucket} from '../../model/bucket.ts'
import {isRefusal} from '../../model/ids.ts'
import {CHANGES_PER_RECORD_MAX, RECORD_BYTES_MAX} from '../../model/limits.ts'
import type {StoredRecord} from '../../model/peer-messages.ts'
import {previousVoters} from '../../model/quorum.ts'
import type {ClusterRecord} from '../../model/record.ts'
import {applyMemberChange} from '../membership/changes.ts'
import {nextRecord} from '../metasync/next-record.ts'
import {applyCommand} from '../metasync/metadata.ts'
import {withUrls} from '../metasync/urls.ts'
import {nextOwn} from '../ownership/own.ts'
import type {Queued, UnderWay} from './state.ts'

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
export function draftFrom(before: StoredRecord, queue: readonly Queued[], epoch: number): Draft {
  const index = before.record.index + 1
  const taken: UnderWay[] = []
  const refused: {item: Queued; refusal: Refusal}[] = []
  const left: Queued[] = []
  let parts: ClusterRecord = before.record
  let marked = 0
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
    const applied = apply(parts, item, index)
    if (isRefusal(applied)) {
      refused.push({item, refusal: applied})
      continue
    }
    if (change.type === 'mark-lost') marked++
    parts = applied.parts
    taken.push({...item, bucket: applied.bucket})
  }
  return finish(before, parts, epoch, {taken, refused, left})
}

function apply(
  parts: ClusterRecord,
  item: Queued,
  index: number,
): {readonly parts: ClusterRecord; readonly bucket: Bucket | null} | Refusal {
  const {change} = item
  if (change.type === 'command') {
    const applied = applyCommand(parts, change.command, {index, wallMs: change.wallMs})
    if (isRefusal(applied)) return applied
    const {bmd, conf, bucket} = applied
    return {parts: {...parts, bmd, conf}, bucket: bucket ?? null}
  }
  if (change.type === 'hand-over') return {parts: {...parts, heir: change.heir}, bucket: null}
  const smap = applyMemberChange(parts.smap, change)
  if (isRefusal(smap)) return smap
  return {parts: smap === parts.smap ? parts : {...parts, smap}, bucket: null}
}

function finish(
  before: StoredRecord,
  parts: ClusterRecord,
  epoch: number,
  rest: Omit<Draft, 'next'>,
): Draft {
  const old = before.record
  if (parts === old && old.pv === null) return {...rest, next: null}
  const draft = {
    ...parts,
    pv: previousVoters(old.smap, parts.smap),
    conf: withUrls(parts.conf, parts.smap),
    own: nextOwn(parts, old.index + 1),
  }
  const record = nextRecord(before, draft, epoch)
  const text = canonicalJson(record)
  const fits = text.length <= RECORD_BYTES_MAX
  const commands = rest.taken.some(({change}) => change.type === 'command')
  return fits || !commands ? {...rest, next: {record, text}} : withoutCommands(before, epoch, rest)
}

/** A record that would not travel is not made: its commands are refused, its members are taken. */
function withoutCommands(before: StoredRecord, epoch: number, rest: Omit<Draft, 'next'>): Draft {
  const commands = rest.taken.filter(({change}) => change.type === 'command')
  const others = rest.taken.filter(({change}) => change.type !== 'command')
  const tooLarge = refusal('TOO_LARGE', `the metadata would exceed ${RECORD_BYTES_MAX} bytes`)
  const again = draftFrom(before, [...others, ...rest.left], epoch)
  return {
    ...again,
    refused: [
      ...rest.refused,
      ...again.refused,
      ...commands.map((item) => ({item, refusal: tooLarge})),
    ],
  }
}
