/** What happens to a candidate, and what it orders. */

import type {StoredRecord} from '../../model/peer-messages.ts'
import type {Grant} from './state.ts'

export type ElectionEvent =
  | {readonly type: 'begun'}
  | {readonly type: 'granted'; readonly epoch: number; readonly pre: boolean; readonly grant: Grant}
  /** A no, an epoch heard of elsewhere, or what a survivor has promised (R17). */
  | {readonly type: 'outbid'; readonly promisedEpoch: number}
  /** The candidate's own vote for the epoch is durable. */
  | {readonly type: 'stored'; readonly epoch: number}

export type ElectionOrder =
  /** Put the question to everybody who has not said yes yet. */
  | {readonly type: 'ask'}
  /** Make the own vote for this epoch durable, then report `stored`. */
  | {readonly type: 'store-ballot'; readonly epoch: number}
  /** Won: re-commit `adopt`, whole, in the epoch; `known`: somebody knows it committed. */
  | {
      readonly type: 'elected'
      readonly epoch: number
      readonly adopt: StoredRecord
      readonly known: boolean
      /** Who said yes, the candidate included. */
      readonly votes: number
    }
