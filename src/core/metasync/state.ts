/** One record on its way from the primary's mind to a commit (R8): depth 1, so at most one. */

import type {StoredRecord} from '../../model/peer-messages.ts'

export type Metasync =
  | {readonly phase: 'idle'}
  /** The proposer's own copy is on its way to the disk; nobody has heard of the record. */
  | {readonly phase: 'storing'; readonly proposal: StoredRecord}
  /** Put to every member; `acks` are `voterKey`s of those who hold it durably. */
  | {
      readonly phase: 'preparing'
      readonly proposal: StoredRecord
      readonly acks: readonly string[]
    }
  /** A quorum holds it; that it is committed is on its way to the proposer's disk. */
  | {readonly phase: 'sealing'; readonly proposal: StoredRecord}

export const METASYNC_IDLE: Metasync = {phase: 'idle'}
