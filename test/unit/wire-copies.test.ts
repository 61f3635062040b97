/** The job of copies on the wire, and the values of the actions that begin and end a bucket's data. */

import t from 'tap'
import type {ObjectAttributes} from '../../src/model/object.ts'
import {GLOBAL_NAMESPACE} from '../../src/model/bucket.ts'
import type {BucketName, ObjectName} from '../../src/model/ids.ts'
import {
  decodeAction,
  decodeCopiesCount,
  decodeDestroy,
  decodeNodeOrder,
  encodeNodeOrder,
} from '../../src/wire/action.ts'
import {availableMountpaths} from '../../src/wire/capacity.ts'
import {
  copiesJobId,
  copiesJobName,
  decodeCopiesShares,
  encodeCopiesShares,
  encodeCopiesSnap,
  encodeCopiesStatus,
  type CopiesJob,
  type CopiesShare,
} from '../../src/wire/copies-job.ts'
import {encodeHeadHeaders, encodeHeadProps} from '../../src/wire/object.ts'

const REF = {
  name: 'photos' as BucketName,
  provider: 'ais' as const,
  namespace: GLOBAL_NAMESPACE,
}
const SHARE: CopiesShare = {
  bid: '9223372036854775809',
  copiesAt: 7,
  state: 'failing',
  beganMs: 1_795_295_150_250,
  endedMs: null,
  objects: 3,
  bytes: 4096,
  removed: 1,
  problem: '/ais/mp1 is away',
}

t.test('what targets say of their copies comes back as it was said', (t) => {
  const done = {...SHARE, state: 'done' as const, endedMs: SHARE.beganMs + 9, problem: ''}
  const shares = [SHARE, done]
  t.strictSame(decodeCopiesShares(JSON.parse(JSON.stringify(encodeCopiesShares(shares)))), shares)
  for (const bad of ['x', [{bid: 1}], [{...SHARE, state: 'lost'}]]) {
    t.throws(() => decodeCopiesShares(bad), {code: 'BAD_REQUEST'})
  }
  t.end()
})

t.test('the job has the shapes of the reference', (t) => {
  const job: CopiesJob = {copiesAt: 7, ref: REF, beganMs: SHARE.beganMs, endedMs: null}
  t.equal(copiesJobId(7), 'n7')
  t.equal(copiesJobName(job), 'make-n-copies[n7]')
  t.match(encodeCopiesStatus(job), {kind: 'make-n-copies', uuid: 'n7', end_time: 0})
  t.match(encodeCopiesStatus({...job, endedMs: 5}), {end_time: 5_000_000n})
  t.match(encodeCopiesSnap(job, SHARE), {
    'bck': {name: 'photos'},
    'start-time': '2026-11-21T21:05:50.25Z',
    'end-time': '0001-01-01T00:00:00Z',
    'ctlmsg': 'failing',
    'err': '/ais/mp1 is away',
    'stats': {'loc-objs': '3', 'loc-bytes': '4096'},
  })
  const ended = encodeCopiesSnap(job, {...SHARE, state: 'done', endedMs: SHARE.beganMs})
  t.match(ended, {'end-time': '2026-11-21T21:05:50.25Z', 'ctlmsg': ''})
  t.end()
})

t.test('a number of copies is a number, and a bucket is destroyed at once only when asked', (t) => {
  t.equal(decodeCopiesCount(3), 3)
  t.equal(decodeCopiesCount('2'), 2)
  for (const bad of [0, -1, 1.5, 'two', '12345', null, {}]) {
    t.throws(() => decodeCopiesCount(bad), {code: 'BAD_REQUEST'})
  }
  t.strictSame(decodeDestroy(null), {now: false})
  t.strictSame(decodeDestroy({now: true}), {now: true})
  t.equal(availableMountpaths({available: ['/a', '/b']}), 2)
  t.equal(availableMountpaths({available: null}), 0)
  t.equal(availableMountpaths(null), 0)
  t.end()
})

t.test('HEAD names every mountpath with a copy', (t) => {
  const attributes: ObjectAttributes = {
    name: 'a' as ObjectName,
    bid: SHARE.bid,
    sizeBytes: 1,
    gen: {own: 1, counter: 1n},
    version: 1,
    atimeNs: 1n,
    mtimeNs: 1n,
    checksum: {type: 'none', value: ''},
    custom: {},
    tombstone: false,
  }
  const place = {node: 't[t1]', mountpath: '/a', label: '', disks: []}
  const of = (pairs: readonly (readonly [string, string])[]): Record<string, string> =>
    Object.fromEntries(pairs)
  const one = of(encodeHeadHeaders(REF, attributes, place))
  t.match(one, {'Ais-Mirror-Copies': '1', 'Ais-Mirror-Paths': '[/a]'})
  const two = of(encodeHeadProps(['copies'], attributes, {...place, copies: ['/a', '/b']}))
  t.match(two, {'Ais-Mirror-Copies': '2', 'Ais-Mirror-Paths': '[/a,/b]'})
  t.end()
})

t.test('an order that a whole cluster ends travels whole, and is no other', (t) => {
  for (const action of ['shutdown', 'decommission'] as const) {
    const order = {action, removeUserData: true, keepInitialConfig: false}
    t.strictSame(decodeNodeOrder(decodeAction(encodeNodeOrder(order))), order)
  }
  t.equal(decodeNodeOrder(decodeAction('{"action":"start-maintenance"}')), undefined)
  t.end()
})
