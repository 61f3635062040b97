/** What the primary tells of nodes that come and go, in our shape and in AIStore's. */

import t from 'tap'
import {AisError} from '../../src/base/errors.ts'
import type {NodeId} from '../../src/model/ids.ts'
import {encodeJobStatus, encodeSnap, jobName} from '../../src/wire/job.ts'
import type {Json} from '../../src/wire/json.ts'
import {encodeJson, parseJson} from '../../src/wire/json.ts'
import type {OperationAnswer} from '../../src/wire/operation.ts'
import {decodeOperation, encodeOperation} from '../../src/wire/operation.ts'

const AT = 1_795_280_400_123

const ANSWER: OperationAnswer = {
  uuid: 'cluster-1',
  node: 'gateway1',
  live: true,
  epoch: 8,
  index: 121,
  nowMs: AT + 5000,
  op: {
    id: 'm120',
    action: 'decommission-node',
    nodes: ['target01' as NodeId],
    phase: 'moving',
    rmUserData: true,
    keepInitialConfig: false,
    noShutdown: true,
  },
  move: {entry: 120},
  rebalance: 'g3',
  ownFrom: 4,
  inPlace: false,
  nodes: [
    {
      id: 'target01',
      role: 'target',
      status: 'decommission',
      away: false,
      state: 'walking',
      objects: 5,
      bytes: 500,
      inObjects: 6,
      inBytes: 600,
      left: 7,
      problem: '',
      heardMs: AT,
      holds: true,
      objectsPerSecond: 2.5,
      bytesPerSecond: 250,
      secondsLeft: 3,
    },
    {
      id: 'gateway2',
      role: 'proxy',
      status: 'maintenance',
      away: true,
      state: 'idle',
      objects: 0,
      bytes: 0,
      inObjects: 0,
      inBytes: 0,
      left: null,
      problem: '',
      heardMs: null,
      holds: false,
      objectsPerSecond: 0,
      bytesPerSecond: 0,
      secondsLeft: null,
    },
  ],
  reclaim: {
    targets: 4,
    done: 3,
    objects: 12,
    bytes: 3400,
    problems: [{id: 'target02', problem: 'its owner does not hold "a"'}],
    silent: [
      {id: 'target03', role: 'target', heardMs: AT - 60_000},
      {id: 'target04', role: 'target', heardMs: null},
    ],
  },
  rebalances: [
    {
      id: 'g2',
      state: 'stopped',
      entry: 90,
      beganMs: AT - 9000,
      endedMs: AT - 8000,
      nodes: [
        {id: 'target01', objects: 1, bytes: 2, inObjects: 3, inBytes: 4, problem: 'no space'},
      ],
    },
    {id: 'g3', state: 'running', entry: 120, beganMs: AT, endedMs: null, nodes: []},
  ],
}

const again = (answer: OperationAnswer): OperationAnswer =>
  decodeOperation(parseJson(encodeJson(encodeOperation(answer))))

t.test('what is written is what is read', (t) => {
  t.strictSame(again(ANSWER), ANSWER)
  const rest = {...ANSWER, op: null, move: null, rebalance: '', nodes: [], rebalances: []}
  t.strictSame(again(rest), rest)
  t.end()
})

t.test('another shape is refused by its path', (t) => {
  const bad = {...encodeOperation(ANSWER), move: 7} as Json
  t.throws(() => decodeOperation(bad), AisError)
  t.throws(() => decodeOperation({...encodeOperation(ANSWER), now: 'yesterday'}), {
    message: /operation\.now: expected a time/,
  })
  t.end()
})

t.test('a rebalance is one of AIStore’s jobs', (t) => {
  const job = {rebalance: 3, beganMs: AT, endedMs: null, aborted: false}
  const moved = {objects: 5, bytes: 500, inObjects: 7, inBytes: 70}
  const share = {...moved, text: 'walking', problem: ''}
  t.equal(jobName(3), 'rebalance[g3]')
  t.match(encodeSnap(job, share), {
    'start-time': '2026-11-21T17:00:00.123Z',
    'end-time': '0001-01-01T00:00:00Z',
    'id': 'g3',
    'kind': 'rebalance',
    'ctlmsg': 'walking',
    'abort-err': '',
    'stats': {'out-objs': '5', 'out-bytes': '500', 'in-objs': '7', 'in-bytes': '70'},
    'aborted': false,
  })
  t.match(encodeSnap({...job, endedMs: AT + 1000, aborted: true}, share), {
    'end-time': '2026-11-21T17:00:01.123Z',
    'abort-err': 'stopped',
    'aborted': true,
  })
  t.strictSame(encodeJobStatus(job), {
    kind: 'rebalance',
    uuid: 'g3',
    err: '',
    end_time: 0,
    aborted: false,
  })
  t.equal(encodeJobStatus({...job, endedMs: AT})['end_time'], BigInt(AT) * 1_000_000n)
  t.end()
})
