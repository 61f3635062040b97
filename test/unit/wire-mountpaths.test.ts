/** Orders about mountpaths and the resilver's state, on the wire. */

import t from 'tap'
import {encodeAction} from '../../src/wire/action.ts'
import {encodeMountpaths} from '../../src/wire/capacity.ts'
import type {Json} from '../../src/wire/json.ts'
import {encodeJson, parseJson} from '../../src/wire/json.ts'
import type {ResilverSnap} from '../../src/wire/mountpaths.ts'
import {
  decodeMountpathLists,
  decodeMountpathRequest,
  decodeResilver,
  encodeResilver,
  encodeResilverSnap,
  encodeResilverStatus,
  mountpathQuery,
} from '../../src/wire/mountpaths.ts'
import {formatQuery, parseQuery} from '../../src/wire/query.ts'

function overTheWire(value: unknown): Json {
  return parseJson(encodeJson(value))
}

t.test('an order is its action; the path is the value, the rest stands in the query', (t) => {
  const body = encodeAction({action: 'detach-mp', value: '/ais/mp1'})
  t.strictSame(decodeMountpathRequest(parseQuery('dntres=true'), body), {
    verb: 'detach',
    path: '/ais/mp1',
    label: '',
    resilver: false,
  })
  for (const request of [
    {label: 'nvme', resilver: true},
    {label: '', resilver: false},
  ]) {
    const query = parseQuery(formatQuery(mountpathQuery(request)))
    const found = decodeMountpathRequest(query, encodeAction({action: 'attach-mp', value: '/a'}))
    t.strictSame(found, {verb: 'attach', path: '/a', ...request})
  }
  for (const [action, value] of [
    ['list', '/a'],
    ['attach-mp', ''],
    ['attach-mp', 5],
  ] as const) {
    const bad = encodeAction({action, value})
    t.throws(() => decodeMountpathRequest(new Map(), bad), {code: 'BAD_REQUEST'}, bad)
  }
  t.end()
})

t.test(
  'a target’s mountpaths are listed by their state, with the reason of a disabled one',
  (t) => {
    const facts = {
      label: '',
      device: '',
      fsType: '',
      fsId: '',
      disks: [],
      usedBytes: 0,
      availableBytes: 0,
    }
    const answer = encodeMountpaths([
      {...facts, path: '/a', enabled: true, waiting: false},
      {...facts, path: '/b', enabled: true, waiting: true},
      {...facts, path: '/c', enabled: false, waiting: false, why: 'EIO'},
      {...facts, path: '/d', enabled: false, waiting: false},
    ])
    t.strictSame(decodeMountpathLists(overTheWire(answer)), {
      available: ['/a'],
      waiting: ['/b'],
      disabled: ['/c', '/d'],
      why: {'/c': 'EIO', '/d': ''},
    })
    const healthy = encodeMountpaths([{...facts, path: '/a', enabled: true, waiting: false}])
    t.strictSame(healthy, {available: ['/a'], waiting_dd: [], disabled: []}, 'as the reference')
    t.strictSame(decodeMountpathLists({}), {available: [], waiting: [], disabled: [], why: {}})
    t.end()
  },
)

t.test('a resilver is a job of AIStore’s, and goes between nodes as it is', (t) => {
  const running: ResilverSnap = {
    id: 'r1',
    beganMs: 1000,
    endedMs: null,
    objects: 3,
    bytes: 300,
    problem: '/mp1: EIO',
  }
  const ended = {...running, endedMs: 2000, problem: ''}
  for (const job of [null, running, ended]) {
    t.strictSame(decodeResilver(overTheWire(encodeResilver(job))), job)
  }
  t.match(encodeResilverSnap(running), {
    'id': 'r1',
    'kind': 'resilver',
    'start-time': '1970-01-01T00:00:01Z',
    'end-time': '0001-01-01T00:00:00Z',
    'err': '/mp1: EIO',
    'stats': {'loc-objs': '3', 'loc-bytes': '300'},
  })
  t.match(encodeResilverSnap(ended), {'end-time': '1970-01-01T00:00:02Z'})
  t.strictSame(encodeResilverStatus(running), {
    kind: 'resilver',
    uuid: 'r1',
    err: '/mp1: EIO',
    end_time: 0,
    aborted: false,
  })
  t.equal(encodeResilverStatus(ended)['end_time'], 2_000_000_000n)
  t.end()
})
