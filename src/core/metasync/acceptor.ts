/**
 * What an acceptor does with a record that is put to it (R1, R7, R8). A verdict only: the caller
 * stores an accepted record, together with the promise that it raises, before anybody hears of it.
 */

import type {NodeId} from '../../model/ids.ts'
import type {StoredRecord} from '../../model/peer-messages.ts'
import type {ClusterRecord, RecordPosition} from '../../model/record.ts'
import {comparePositions, POSITION_NONE} from '../../model/record.ts'

/** What the acceptor goes by. */
export interface AcceptorFacts {
  readonly id: NodeId
  readonly uuid: string
  /** 0: it has not been told under which incarnation it is recorded, so it accepts nothing (R3). */
  readonly inc: number
  readonly promisedEpoch: number
  readonly accepted: StoredRecord | null
  /** Highest `level` that this release speaks. */
  readonly levelMax: number
}

/** `fork`: another content under an accepted position, which the protocol rules out (R1). */
export type Verdict =
  | {readonly type: 'accept'}
  | {readonly type: 'held'}
  | {readonly type: 'refuse'; readonly reason: string; readonly alarm: 'none' | 'fork' | 'level'}

/** Judges one record. */
export function judgeRecord(acceptor: AcceptorFacts, offered: StoredRecord): Verdict {
  const {record} = offered
  const problem = whyNotAddressed(acceptor, record)
  if (problem !== '') return refuse(problem)
  if (record.level > acceptor.levelMax) {
    return refuse(`level ${record.level} is above ${acceptor.levelMax}`, 'level')
  }
  if (record.epoch < acceptor.promisedEpoch) {
    return refuse(`this node has promised epoch ${acceptor.promisedEpoch}`)
  }
  const order = comparePositions(record, acceptor.accepted?.record ?? POSITION_NONE)
  if (order > 0) return {type: 'accept'}
  if (order < 0) return refuse('this node has accepted a newer record')
  return offered.sha === acceptor.accepted?.sha
    ? {type: 'held'}
    : refuse(`another record ${record.epoch}.${record.index} is accepted here`, 'fork')
}

/**
 * Whether the accepted record is the very one that a message names as committed (R8: activate
 * exactly that record, never "a newer one").
 */
export function isNamed(
  accepted: StoredRecord | null,
  committed: RecordPosition,
  sha: string | null,
): accepted is StoredRecord {
  if (accepted === null || comparePositions(accepted.record, committed) !== 0) return false
  return sha === null || accepted.sha === sha
}

function whyNotAddressed(acceptor: AcceptorFacts, record: ClusterRecord): string {
  if (record.uuid !== acceptor.uuid) return `this node belongs to cluster ${acceptor.uuid}`
  if (acceptor.inc === 0) return 'this node has not joined yet'
  const member = record.smap.nodes[acceptor.id]
  if (member === undefined) return 'this node is not in that record'
  return member.inc === acceptor.inc
    ? ''
    : `that record knows this node as incarnation ${member.inc}, it is ${acceptor.inc}`
}

function refuse(reason: string, alarm: 'none' | 'fork' | 'level' = 'none'): Verdict {
  return {type: 'refuse', reason, alarm}
}
