/** Whether nodes may be off: the judgement, and how it travels. */

import t from 'tap'
import {AisError} from '../../src/base/errors.ts'
import type {NodeId} from '../../src/model/ids.ts'
import {NODE_FLAG, type Member} from '../../src/model/node.ts'
import {judgeStop, type OkToStop, type StopFacts} from '../../src/model/ok-to-stop.ts'
import {encodeJson, parseJson} from '../../src/wire/json.ts'
import {
  decodeOkToStop,
  decodeOkToStopQuery,
  encodeOkToStop,
  okToStopQuery,
} from '../../src/wire/ok-to-stop.ts'
import {allOf} from '../../src/wire/query.ts'

const AT = 1_795_280_400_000

function member(name: string, more: Partial<Member> = {}): Member {
  const endpoint = {host: '127.0.0.1', port: 1}
  return {
    id: name as NodeId,
    role: name.startsWith('t') ? 'target' : 'proxy',
    public: endpoint,
    control: endpoint,
    data: endpoint,
    flags: 0,
    inc: 1,
    learner: false,
    away: null,
    speaks: [1, 1],
    ...more,
  }
}

function judged(wanted: string, more: Partial<StopFacts> = {}): OkToStop {
  return judgeStop({
    members: ['t2', 't1', 't3', 'p2', 'p1', 'p3'].map((id) => member(id)),
    wanted: new Set(wanted.split(' ') as NodeId[]),
    primary: 'p1' as NodeId,
    live: true,
    silent: new Set(),
    holds: new Map(),
    stored: new Map(['t1', 't2', 't3'].map((id) => [id, {objects: 100, bytes: 1000}])),
    availableBytes: new Map(['t1', 't2', 't3'].map((id) => [id, 5000])),
    moves: [],
    op: null,
    moving: '',
    ...more,
  })
}

t.test('a gateway may go while a majority is left; a target takes its objects along', (t) => {
  t.match(judged('p1'), {
    safe: true,
    reasons: [],
    unknown: [],
    nodes: [{id: 'p1', isPrimary: true, down: false, serves: false}],
    quorum: {holds: true, without: {up: 5, needed: 4}},
    toMove: {objects: 0},
    moveTime: {seconds: 0, rebalance: ''},
  })
  const target = judged('t1')
  t.match(target, {
    safe: false,
    reasons: [/^100 objects of t\[t1\] would answer 503/, /names that belong to t\[t1\]/],
    unknown: [/own index/, /how long/],
    toMove: {objects: 100, bytes: 1000},
    moveTime: null,
    room: {targets: 2, availableBytes: 10_000},
  })
  t.strictSame(
    judged('t1 p1 t2').nodes.map(({id}) => id),
    ['p1', 't1', 't2'],
  )
  const one = judged('t1', {stored: new Map([['t1', {objects: 1, bytes: 1}]])})
  t.match(one.reasons[0], /^1 object of/)
  t.end()
})

t.test('what is silent, away or not known counts against it', (t) => {
  t.match(judged('p1 p2 p3').reasons, [/no gateway that may lead/])
  t.match(judged('p2', {silent: new Set(['t1', 't2'] as NodeId[])}).reasons, [
    /^3 of 6 voters would be up, 4 are needed/,
  ])
  const lost = member('t1', {away: {kind: 'lost', sinceMs: AT}})
  const members = [lost, ...['t2', 't3', 'p1', 'p2', 'p3'].map((id) => member(id))]
  t.match(judged('t1', {members}).nodes, [{down: true}])
  t.match(judged('p1', {members}).quorum.now, {up: 5})
  t.match(judged('t1', {stored: new Map()}).reasons, [/not known what only t\[t1\] has/, /names/])
  t.match(judged('p2', {live: false}).unknown, [/does not say what moves now/])
  t.equal(judged('t1', {availableBytes: new Map([['t2', 5000]])}).room.availableBytes, null)
  t.equal(judged('t1', {members}).room.targets, 2)
  t.end()
})

t.test('a target whose data has moved may go', (t) => {
  const out = (flags: number): Member[] => [
    member('t1', {flags}),
    ...['t2', 't3', 'p1', 'p2', 'p3'].map((id) => member(id)),
  ]
  const leaving = out(NODE_FLAG.maintenance)
  const moved = out(NODE_FLAG.maintenance | NODE_FLAG.maintenancePostRebalance)
  t.equal(judged('t1', {members: leaving}).safe, false, 'nobody says that it has nothing')
  t.equal(judged('t1', {members: leaving, holds: new Map([['t1', false]])}).safe, true)
  t.equal(judged('t1', {members: leaving, holds: new Map([['t1', true]])}).safe, false)
  t.equal(judged('t1', {members: moved}).safe, true)
  t.equal(judged('t1', {members: moved, holds: new Map([['t1', true]])}).safe, false)
  t.end()
})

t.test('the time that moving takes comes from the newest rebalance that moved something', (t) => {
  const past = {objects: 50, bytes: 1000, beganMs: AT, endedMs: AT + 10_000}
  const moves = [
    {...past, id: 'g1'},
    {...past, id: 'g2', objects: 0},
    {...past, id: 'g3', endedMs: null},
  ]
  const timed = judged('t1', {moves})
  t.strictSame(timed.moveTime, {seconds: 20, rebalance: 'g1'})
  t.equal(timed.unknown.length, 1)
  const small = [{...past, id: 'g1', bytes: 0, endedMs: AT}]
  t.strictSame(judged('t1', {moves: small}).moveTime, {seconds: 1, rebalance: 'g1'})
  t.end()
})

t.test('a restart waits for all others, for a majority and for what moves', (t) => {
  t.strictSame(judged('t1').restart, {safe: true, reasons: [], heir: null})
  t.strictSame(judged('p1').restart, {safe: true, reasons: [], heir: 'p2'})
  const others = [
    member('t2', {away: {kind: 'lost', sinceMs: AT}}),
    member('t3', {flags: NODE_FLAG.maintenance, away: {kind: 'absent', sinceMs: AT}}),
    member('p2', {learner: true}),
  ]
  const members = [member('t1'), ...others, member('p1'), member('p3')]
  t.match(judged('p1', {members, silent: new Set(['t3', 'p3'] as NodeId[])}).restart, {
    safe: false,
    reasons: [/t\[t2\] is lost/, /p\[p2\] is catching up/, /p\[p3\] does not answer/, /no gateway/],
    heir: null,
  })
  t.match(judged('t1', {primary: null}).restart.reasons, [/nobody leads/])
  t.match(judged('t1', {moving: 'g3'}).restart.reasons, ['data moves (g3)'])
  const op = {action: 'shutdown-node', nodes: ['t2' as NodeId], phase: 'moving'} as const
  t.match(judged('t1', {op, moving: 'g3'}).restart.reasons, ['shutdown-node of t2 is moving'])
  const two = [member('p1'), member('t1')]
  const small = judged('t1', {members: two})
  t.equal(small.safe, false)
  t.equal(small.restart.safe, true, 'two nodes never have a majority without one')
  t.end()
})

t.test('the answer comes through the wire as it was; the question names its nodes', (t) => {
  for (const verdict of [
    judged('t1 p2'),
    judged('p1 p2 p3'),
    judged('t1', {stored: new Map(), availableBytes: new Map()}),
  ]) {
    const text = encodeJson(encodeOkToStop(verdict))
    t.notMatch(text, /[a-z][A-Z]\w*":/, 'keys in snake case')
    t.strictSame(decodeOkToStop(parseJson(text)), verdict)
  }
  t.throws(() => decodeOkToStop({safe: true}), {code: 'BAD_REQUEST'})
  const query = okToStopQuery(['t1', 'a b'])
  t.equal(query, 'what=ok_to_stop&node=t1&node=a%20b')
  t.strictSame(decodeOkToStopQuery(query), ['t1', 'a b'])
  t.strictSame(decodeOkToStopQuery('node=t1&node=t1'), ['t1'], 'each once')
  t.strictSame(allOf('', 'node'), [])
  const many = Array.from({length: 52}, (_, at) => `node=t${at}`).join('&')
  for (const wrong of ['what=ok_to_stop', many]) {
    t.throws(() => decodeOkToStopQuery(wrong), AisError)
  }
  t.end()
})
