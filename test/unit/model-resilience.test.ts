/** How much more may fail, as operators are told. */

import t from 'tap'

import type {NodeId} from '../../src/model/ids.ts'
import {NODE_FLAG} from '../../src/model/node.ts'
import {resilienceOf, type Weighed} from '../../src/model/resilience.ts'

/** `p1 p2 t1`; `p2-` is not electable, `t1+` a learner, `t1!` in maintenance. */
function nodes(names: string): readonly Weighed[] {
  return names.split(' ').map((name) => ({
    id: name.slice(0, 2) as NodeId,
    role: name.startsWith('p') ? 'proxy' : 'target',
    flags: name.endsWith('-')
      ? NODE_FLAG.nonElectable
      : name.endsWith('!')
        ? NODE_FLAG.maintenance
        : 0,
    learner: name.endsWith('+'),
  }))
}

function of(names: string, down = '', primary: string | null = 'p1') {
  const ids = new Set(down.split(' '))
  return resilienceOf(nodes(names), {primary: primary as NodeId | null, down: ids})
}

t.test('a majority of the voters and one electable proxy have to remain', (t) => {
  const whole = of('p1 p2 p3 t1 t2 t3 t4')
  t.match(whole, {voters: 7, needed: 4, up: 7, spare: 2, electable: 3, failover: true, sole: null})
  t.match(of('p1 p2 p3 t1 t2 t3 t4', 'p1 p2', 'p3'), {up: 5, spare: 0, failover: false})
  t.match(of('p1 p2 p3 t1 t2 t3 t4', 't1 t2 t3'), {up: 4, spare: 0, failover: false})
  t.match(of('p1 p2 p3 t1 t2 t3 t4', 't1 t2 t3 t4'), {up: 3, spare: -1, failover: false})
  t.match(of('p1 p2 t1'), {voters: 3, needed: 2, spare: 1, failover: true})
  t.match(of('p1 p2'), {voters: 2, needed: 2, spare: 0, failover: false})
  t.end()
})

t.test('one electable proxy alone decides, and nothing takes its place', (t) => {
  t.match(of('p1 t1 t2'), {voters: 3, needed: 1, spare: 0, failover: false, sole: 'p1'})
  t.match(of('p1 p2- t1', 'p2 t1'), {spare: 0, sole: 'p1', electable: 1})
  t.match(of('p1 t1 t2', 'p1'), {spare: -1, electableUp: 0, failover: false})
  t.match(of('p1- t1'), {electable: 0, spare: -1, sole: null, failover: false})
  t.end()
})

t.test('learners and nodes in maintenance do not vote', (t) => {
  t.match(of('p1 p2 t1 t2+ t3!'), {voters: 3, needed: 2, spare: 1})
  t.end()
})

t.test('a primary that is down or unknown leaves what the others survive', (t) => {
  t.match(of('p1 p2 p3 t1', 'p1'), {up: 3, spare: 0, failover: true})
  t.match(of('p1 p2 t1', '', null), {failover: true})
  t.match(of('p1 p2 t1', 'p2', null), {failover: false})
  t.end()
})

t.test('without copies every target that fails takes its objects away', (t) => {
  t.equal(of('p1 p2 t1 t2').dataSpare, 0)
  t.equal(of('p1 p2 t1 t2', 't2 p2').dataSpare, -1)
  t.end()
})
