/** What gateways tell of elections, and all nodes to whoever recovers a cluster: twins. */

import t from 'tap'
import {AisError} from '../../src/base/errors.ts'
import type {NodeId} from '../../src/model/ids.ts'
import type {ElectionsAnswer} from '../../src/wire/elections.ts'
import {decodeElections, encodeElections} from '../../src/wire/elections.ts'
import type {Json} from '../../src/wire/json.ts'
import {encodeJson, parseJson} from '../../src/wire/json.ts'
import type {RecoveryAnswer} from '../../src/wire/recovery.ts'
import {
  decodeRecover,
  decodeRecovery,
  encodeRecover,
  encodeRecovery,
} from '../../src/wire/recovery.ts'

const G1 = 'gateway1' as NodeId
const G2 = 'gateway2' as NodeId

const ELECTIONS: ElectionsAnswer = {
  uuid: 'cluster-1',
  node: G2,
  epoch: 8,
  index: 121,
  primary: G1,
  live: false,
  sinceMs: 1_795_280_400_123,
  waiting: 'asks for votes in epoch 9: 3 of 7 so far',
  elections: [
    {
      epoch: 1,
      primary: G2,
      before: '',
      reason: 'founded',
      votes: 4,
      voters: 7,
      tookMs: 20,
      atMs: 1_795_280_000_000,
    },
    {
      epoch: 8,
      primary: G1,
      before: G2,
      reason: 'gone',
      votes: 5,
      voters: 7,
      tookMs: 812,
      atMs: 1_795_280_300_000,
    },
  ],
}

const RECOVERY: RecoveryAnswer = {
  uuid: 'cluster-1',
  id: 'target-1',
  role: 'target',
  inc: 2,
  promisedEpoch: 9,
  accepted: {epoch: 8, index: 121, sha: 'ab'},
  committed: {epoch: 8, index: 120, sha: 'cd'},
  primary: {id: G1, live: false, silentMs: 12_000},
  leads: 0,
  objects: 12_034,
  bytes: 99,
  members: [
    {
      id: G1,
      role: 'proxy',
      inc: 1,
      public: 'http://10.0.0.1:51080',
      control: 'http://10.0.0.1:51084',
      voter: true,
      electable: true,
      away: 'lost',
    },
  ],
}

/** As it arrives after a journey. */
const sent = (value: unknown): Json => parseJson(encodeJson(value))

t.test('what is told of elections is read as it was meant', (t) => {
  t.strictSame(decodeElections(sent(encodeElections(ELECTIONS))), ELECTIONS)
  const live = {...ELECTIONS, live: true, sinceMs: null, waiting: ''}
  t.strictSame(decodeElections(sent(encodeElections(live))), live)
  const wire = encodeElections(ELECTIONS)
  t.match(wire, {since: '2026-11-21T17:00:00.123Z', elections: [{}, {took_ms: 812, votes: 5}]})
  t.throws(() => decodeElections({...wire, since: 'yesterday'}), {code: 'BAD_REQUEST'})
  t.throws(() => decodeElections(null), AisError)
  t.end()
})

t.test('what is told for a recovery is read as it was meant', (t) => {
  t.strictSame(decodeRecovery(sent(encodeRecovery(RECOVERY))), RECOVERY)
  const fresh: RecoveryAnswer = {
    ...RECOVERY,
    accepted: null,
    committed: null,
    primary: null,
    objects: null,
    bytes: null,
    members: [],
  }
  t.strictSame(decodeRecovery(sent(encodeRecovery(fresh))), fresh)
  t.throws(() => decodeRecovery({...encodeRecovery(RECOVERY), role: 'x'}), {code: 'BAD_REQUEST'})
  t.end()
})

t.test('an order to recover names the survivors', (t) => {
  const order = {survivors: ['gateway1', 'target-1']}
  t.strictSame(decodeRecover(sent(encodeRecover(order))), order)
  t.strictSame(decodeRecover(null), {survivors: []})
  t.end()
})
