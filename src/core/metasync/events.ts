/** What happens to a proposal, and what it orders. */

import type {StoredRecord} from '../../model/peer-messages.ts'
import type {RecordPosition, Voter} from '../../model/record.ts'

export type MetasyncEvent =
  | {readonly type: 'proposed'; readonly proposal: StoredRecord}
  /** The own copy is durable; now its hash is known. */
  | {readonly type: 'stored'; readonly proposal: StoredRecord; readonly self: Voter}
  /** A member holds this position durably. */
  | {readonly type: 'acknowledged'; readonly voter: Voter; readonly position: RecordPosition}
  /** The commit is durable at the proposer. */
  | {readonly type: 'sealed'; readonly position: RecordPosition}

export type MetasyncOrder =
  /** Make the record the accepted one, durably, then report `stored`. */
  | {readonly type: 'store'; readonly proposal: StoredRecord}
  /** Put it to every member. */
  | {readonly type: 'prepare'}
  /** Make it the committed one, durably, then report `sealed`. */
  | {readonly type: 'seal'; readonly proposal: StoredRecord}
  /** It may be answered for and spread. */
  | {readonly type: 'committed'; readonly proposal: StoredRecord}
