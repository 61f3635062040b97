/** What the runtime tells of its kernel to those who look. */

import {readFileSync} from 'node:fs'

import t from 'tap'

import type {BootFacts, DurableState} from '../../src/core/kernel/events.ts'
import {initialKernel, step} from '../../src/core/kernel/step.ts'
import type {NodeId} from '../../src/model/ids.ts'
import {createFlightRecorder} from '../../src/node/runtime/flight-recorder.ts'
import {standingOf} from '../../src/node/runtime/standing.ts'
import {HOST, member, NODES, recordWith, UUID} from '../helpers/gateway.ts'

const TARGET = member('tTarget01', 'target', 52110)

const FACTS: BootFacts = {
  self: {
    id: TARGET.id,
    role: TARGET.role,
    public: TARGET.public,
    control: TARGET.control,
    data: TARGET.data,
    nonElectable: false,
    speaks: TARGET.speaks,
  },
  uuid: UUID,
  bootstrap: false,
  peers: [],
  askFirst: [],
  primaryHint: {id: null, isPrimary: null},
  standby: false,
  foundingConfig: {},
}

const DURABLE: DurableState = {
  format: 1,
  uuid: UUID,
  inc: 1,
  run: 3,
  promisedEpoch: 5,
  votedFor: {id: 'pGateway1' as NodeId, inc: 1},
  accepted: null,
  committed: null,
}

t.test('what is kept for a defect names records, and holds none', (t) => {
  const recorder = createFlightRecorder()
  const record = recordWith(NODES)
  const stored = {record, text: 'x'.repeat(100_000), sha: 'abc'}
  const durable = {...DURABLE, accepted: stored}
  recorder.record({type: 'tick', nowMs: 1, wallMs: 1}, [
    {type: 'persist', token: 1, state: durable},
    {type: 'log', level: 'info', text: 'said', facts: {at: 7n}},
  ])
  for (let number = 0; number < 499; number += 1) {
    recorder.record({type: 'tick', nowMs: 2, wallMs: 2}, [])
  }
  const text = readFileSync(recorder.dump(t.testdir(), 'why'), 'utf8')
  t.ok(text.length < 100_000)
  const {reason, steps} = JSON.parse(text)
  t.equal(reason, 'why')
  t.equal(steps.length, 500)
  t.match(steps[0].effects, [
    {state: {promisedEpoch: 5, accepted: {record: {epoch: 1, index: 7}, sha: 'abc'}}},
    {text: 'said', facts: {at: '7'}},
  ])
  t.notOk(text.includes('photos'))
  t.end()
})

t.test('a node tells an operator where it stands, whoever leads', (t) => {
  const record = recordWith(NODES)
  const stored = {record, text: '', sha: 'abc'}
  const durable: DurableState = {...DURABLE, accepted: stored}
  t.match(standingOf(initialKernel(), 0), {uuid: '', accepted: null, members: []})
  const now = {nowMs: 1000, wallMs: 1_700_000_000_000}
  const booted = {type: 'booted', facts: FACTS, durable, amnesia: '', seed: 1, ...now} as const
  const {state} = step(initialKernel(), booted)
  const standing = standingOf(state, 2000)
  t.match(standing, {
    uuid: UUID,
    inc: 1,
    promisedEpoch: 5,
    accepted: {epoch: 1, index: 7, sha: 'abc'},
    committed: null,
    primary: null,
    leads: 0,
  })
  t.same(
    standing.members.find(({id}) => id === 'pGateway1'),
    {
      id: 'pGateway1',
      role: 'proxy',
      inc: 1,
      public: `http://${HOST}:52100`,
      control: `http://${HOST}:52101`,
      voter: true,
      electable: true,
      away: null,
    },
  )
  t.end()
})
