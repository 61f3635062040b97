/** How a rebalance stands, by the record alone. */

import t from 'tap'
import type {NodeId} from '../../src/model/ids.ts'
import {participantsOf} from '../../src/model/forgotten.ts'
import {isMovedTo, isSilent, moveOutcome} from '../../src/model/movement.ts'
import type {ClusterRecord, OwnEntry} from '../../src/model/record.ts'

const A = 'targetAAAA' as NodeId
const B = 'targetBBBB' as NodeId
const GONE = 'targetGone' as NodeId

type Parts = Pick<ClusterRecord, 'own' | 'move' | 'rmd'>

function parts(own: readonly OwnEntry[], version: number, entry: number | null): Parts {
  return {
    own,
    move: entry === null ? null : {entry},
    rmd: {version, epoch: 1, targetIds: []},
  }
}

const OLD = {index: 3, targets: [A, B]}
const NEW = {index: 7, targets: [A]}
const NEWER = {index: 9, targets: [A, B]}
const G2 = {rebalance: 2, entry: 7}

t.test('a rebalance runs until nothing older than its entry is left', (t) => {
  t.equal(moveOutcome(parts([OLD, NEW], 2, 7), G2), 'running')
  t.equal(moveOutcome(parts([NEW], 2, null), G2), 'finished')
  t.equal(moveOutcome(parts([NEW, NEWER], 2, null), G2), 'finished', 'what came later is no part')
  t.equal(moveOutcome(parts([NEWER], 3, null), G2), 'finished')
  t.end()
})

t.test('one that was broken off is told from one that a newer one carries on', (t) => {
  t.equal(moveOutcome(parts([OLD, NEW], 2, null), G2), 'stopped')
  t.equal(moveOutcome(parts([OLD, NEW, NEWER], 3, 9), G2), 'overtaken')
  t.equal(moveOutcome(parts([OLD, NEW], 3, 7), G2), 'overtaken', 'the same entry, begun again')
  t.end()
})

t.test('an entry that older ones were joined into hides where they are', (t) => {
  t.notOk(isMovedTo([{...NEW, merged: [[A, B]]}], 7))
  t.notOk(isMovedTo([], 7))
  t.ok(isMovedTo([{...NEW, merged: []}], 7))
  t.end()
})

t.test('whoever an entry names, joined ones included, holds data while it is a member', (t) => {
  const nodes = {[A]: {}, [B]: {}} as unknown as ClusterRecord['smap']['nodes']
  const smap = {nodes} as ClusterRecord['smap']
  const own = [{index: 3, targets: [A], merged: [[B, GONE]]}, NEW]
  t.strictSame(participantsOf({own, smap}), [A, B])
  t.end()
})

t.test('a node is silent when it was never heard, not for seconds, or is known to be away', (t) => {
  t.ok(isSilent({away: false, heardMs: null}, 9000))
  t.ok(isSilent({away: true, heardMs: 9000}, 9000))
  t.ok(isSilent({away: false, heardMs: 3000}, 9000))
  t.notOk(isSilent({away: false, heardMs: 5000}, 9000))
  t.end()
})
