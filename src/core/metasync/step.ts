/**
 * The proposer of one record at a time: own copy durable, then prepare, then a quorum, then the
 * commit durable, then answers (R8, R9). What is proposed and when is the kernel's business.
 */

import {assert, unreachable} from '../../base/assert.ts'
import {isRecordQuorum, voterKey} from '../../model/quorum.ts'
import type {RecordPosition} from '../../model/record.ts'
import {comparePositions} from '../../model/record.ts'
import type {MetasyncEvent, MetasyncOrder} from './events.ts'
import type {Metasync} from './state.ts'
import {METASYNC_IDLE} from './state.ts'

/** The next state and the orders, in the order in which they are to be carried out. */
export interface MetasyncStep {
  readonly metasync: Metasync
  readonly orders: readonly MetasyncOrder[]
}

/** Takes one event. What arrives late or twice changes nothing. */
export function stepMetasync(metasync: Metasync, event: MetasyncEvent): MetasyncStep {
  switch (event.type) {
    case 'proposed': {
      assert(metasync.phase === 'idle', 'one proposal at a time')
      const {proposal} = event
      return {metasync: {phase: 'storing', proposal}, orders: [{type: 'store', proposal}]}
    }
    case 'stored': {
      if (metasync.phase !== 'storing' || !isAt(event.proposal.record, metasync)) {
        return quiet(metasync)
      }
      const {proposal} = event
      assert(proposal.sha !== '', 'a stored record has a hash')
      const acks = [voterKey(event.self)]
      return judge({phase: 'preparing', proposal, acks}, [{type: 'prepare'}])
    }
    case 'acknowledged': {
      if (metasync.phase !== 'preparing' || !isAt(event.position, metasync)) return quiet(metasync)
      const key = voterKey(event.voter)
      if (metasync.acks.includes(key)) return quiet(metasync)
      return judge({...metasync, acks: [...metasync.acks, key]}, [])
    }
    case 'sealed': {
      if (metasync.phase !== 'sealing' || !isAt(event.position, metasync)) return quiet(metasync)
      const {proposal} = metasync
      return {metasync: METASYNC_IDLE, orders: [{type: 'committed', proposal}]}
    }
    default:
      return unreachable(event)
  }
}

function judge(
  metasync: Extract<Metasync, {phase: 'preparing'}>,
  orders: readonly MetasyncOrder[],
): MetasyncStep {
  const {proposal, acks} = metasync
  if (!isRecordQuorum(proposal.record, new Set(acks))) return {metasync, orders}
  return {
    metasync: {phase: 'sealing', proposal},
    orders: [...orders, {type: 'seal', proposal}],
  }
}

function isAt(position: RecordPosition, metasync: Exclude<Metasync, {phase: 'idle'}>): boolean {
  return comparePositions(position, metasync.proposal.record) === 0
}

function quiet(metasync: Metasync): MetasyncStep {
  return {metasync, orders: []}
}
