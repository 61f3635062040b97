/** The operator's lease: in the record, in calls of the API, and what it refuses. */

import t from 'tap'
import {withLease, withoutLease, whyLeased} from '../../src/core/membership/operator-lease.ts'
import {draftFrom} from '../../src/core/kernel/draft.ts'
import type {RecordCommand} from '../../src/core/kernel/state.ts'
import type {LeaseCommand} from '../../src/model/command.ts'
import {isRefusal} from '../../src/model/ids.ts'
import {decodeNodeAction, encodeNodeAction} from '../../src/wire/action.ts'
import {decodeLease, encodeLease} from '../../src/wire/operator-lease.ts'
import {decodeRecord, encodeRecord} from '../../src/wire/record.ts'
import {started} from '../helpers/kernel-stage.ts'

const RUN = '20261121T230431-5e0c1a'
const TAKE = {
  type: 'take-lease',
  run: RUN,
  who: 'alice',
  from: 'bastion',
  what: 'cluster restart',
  ttlMs: 20_000,
} as const satisfies LeaseCommand

t.test('one run has the lease until it lets go or is silent; it may renew it', (t) => {
  const taken = withLease({lease: null}, TAKE, 1000)
  if (isRefusal(taken)) throw new Error(taken.message)
  t.match(taken.lease, {run: RUN, sinceMs: 1000, expiresMs: 21_000})
  t.equal(whyLeased(taken, RUN, 2000), undefined)
  t.match(whyLeased(taken, undefined, 4000), {
    code: 'BUSY',
    message: /^alice from bastion runs "cluster restart" since 3 s/,
  })
  t.match(withLease(taken, {...TAKE, run: 'other'}, 2000), {code: 'BUSY'})
  t.match(withLease(taken, TAKE, 9000), {lease: {sinceMs: 1000, expiresMs: 29_000}})
  t.equal(whyLeased(taken, undefined, 21_000), undefined, 'it has ended by itself')
  t.match(withLease(taken, {...TAKE, run: 'other'}, 21_000), {lease: {run: 'other'}})
  t.equal(withoutLease(taken, 'other'), taken)
  t.strictSame(withoutLease(taken, RUN), {lease: null})
  t.end()
})

t.test('in the record it keeps lifecycle calls of others waiting, and nothing else', (t) => {
  const node = started(1, 2).at(0).state()
  const before = node.phase === 'running' ? node.durable.committed : null
  if (before === null) throw new Error('nothing is committed')
  const draft = (commands: readonly RecordCommand[]) =>
    draftFrom(
      before,
      commands.map((command) => ({
        change: {type: 'command', command, wallMs: 5000, settledIndex: 0},
        asks: [],
      })),
      1,
      {wallMs: 5000, peers: {}},
    )
  const foreign = draft([TAKE, {type: 'start-rebalance'}, {...TAKE, run: 'other'}])
  t.match(
    foreign.refused.map(({refusal}) => refusal.code),
    ['BUSY', 'BUSY'],
  )
  t.equal(foreign.next?.record.lease?.run, RUN)
  t.strictSame(draft([TAKE, {type: 'start-rebalance', run: RUN}]).refused, [])
  t.strictSame(draft([TAKE, {type: 'set-config', set: {}, reset: true}]).refused, [])
  const released = draft([TAKE, {type: 'release-lease', run: RUN}, {type: 'start-rebalance'}])
  t.strictSame(released.refused, [])
  const record = foreign.next?.record
  if (record === undefined) throw new Error('nothing was drafted')
  t.strictSame(decodeRecord(encodeRecord(record)).lease, record.lease)
  t.end()
})

t.test('calls of the API carry it; one without a run, or for too long, is refused', (t) => {
  for (const command of [TAKE, {type: 'release-lease', run: RUN}] as const) {
    const {action, value} = encodeLease(command)
    t.strictSame(decodeLease(action, value), command)
  }
  t.equal(decodeLease('start', {}), undefined)
  const value = {run: RUN, who: 'a', from: 'b', what: 'c', ttlMs: 60_001}
  t.throws(() => decodeLease('ext-take-lease', value), {code: 'BAD_REQUEST'})
  const order = decodeNodeAction({sid: 'x', run: RUN})
  t.equal(order.run, RUN)
  t.match(encodeNodeAction(order), {run: RUN})
  t.notOk('run' in encodeNodeAction(decodeNodeAction({sid: 'x'})))
  t.end()
})
