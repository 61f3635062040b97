/** A target's part in a rebalance, as decisions. */

import t from 'tap'
import {
  BATCH_BYTES_MAX,
  CLIENTS_RECENT_MS,
  NO_TALLY,
  NO_TOTALS,
  REST_MAX_MS,
  WALK_AGAIN_MAX_MS,
  WALK_AGAIN_MS,
  bucketOfId,
  cutBatches,
  destinationOf,
  isBusy,
  isSameMove,
  isWanted,
  moveBuckets,
  moveReport,
  moveTask,
  restMs,
  stillMoves,
  walkAgainMs,
  walkBegins,
  walkVerdict,
  whyNotTaken,
  withSent,
} from '../../src/core/objects/move.ts'
import {objectDigest} from '../../src/core/placement/locate.ts'
import {bucketUname, type Bucket} from '../../src/model/bucket.ts'
import type {BucketName, ClusterUuid, NodeId} from '../../src/model/ids.ts'
import type {Member} from '../../src/model/node.ts'
import type {ClusterRecord, OwnEntry} from '../../src/model/record.ts'
import {viewOf} from '../helpers/target-view.ts'
import {TEST_BUCKET, TEST_REF} from '../helpers/test-store.ts'

const [A, B, C] = ['tA', 'tB', 'tC'] as [NodeId, NodeId, NodeId]
const PART = {version: 1, epoch: 1}
const GONE: Bucket = {
  ...TEST_BUCKET,
  ref: {...TEST_REF, name: 'gone' as BucketName},
  bid: '1',
  deletedAt: {index: 4} as never,
}

function record(own: readonly OwnEntry[], entry: number | null): ClusterRecord {
  return {
    format: 1,
    uuid: 'cluster01' as ClusterUuid,
    epoch: 1,
    index: 9,
    parent: '',
    pv: null,
    level: 1,
    smap: {...PART, created: '', primary: 'p1' as NodeId, nodes: {}},
    bmd: {
      ...PART,
      serial: 2,
      buckets: {[bucketUname(GONE.ref)]: GONE, [bucketUname(TEST_REF)]: TEST_BUCKET},
    },
    rmd: {...PART, version: 3, targetIds: []},
    conf: {...PART, updated: '', set: {}, urls: {primary: '', original: '', discovery: ''}},
    tokens: {...PART, revoked: []},
    own,
    op: null,
    move: entry === null ? null : {entry},
    heir: null,
    elections: [],
    rebalances: [],
  }
}

const OWN: readonly OwnEntry[] = [
  {index: 2, targets: [A, B], merged: [[C]]},
  {index: 5, targets: [A]},
]
const MARK = {rebalance: 3, entry: 5}

t.test(
  'whoever an own entry names takes part, folded entries too, in whatever state',
  async (t) => {
    for (const self of [A, B, C]) {
      t.match(moveTask(...viewOf(self, record(OWN, 5))), {...MARK, ring: {index: 5}, waits: ''})
    }
    t.equal(moveTask(...viewOf('tD' as NodeId, record(OWN, 5))), null)
    t.equal(moveTask(...viewOf(A, record(OWN, null))), null, 'no rebalance goes on')
    t.equal(moveTask(...viewOf(A, record(OWN, 2))), null, 'it is not to the newest entry')
    t.equal(moveTask(...viewOf(A, null)), null)
    t.equal(moveTask(...viewOf(A, record([], 5))), null)
    const gateway = {self: {id: A, role: 'proxy' as const, inc: 1}}
    t.equal(moveTask(...viewOf(A, record(OWN, 5), gateway)), null)
  },
)

t.test('it begins when ownership has settled, and not while the node stops', async (t) => {
  const unsettled = viewOf(B, record(OWN, 5), {settledIndex: 4})
  t.equal(moveTask(...unsettled)?.waits, 'ownership is passing')
  t.equal(whyNotTaken(...unsettled, MARK), 'ownership is passing')
  const stopping = viewOf(B, record(OWN, 5), {stopping: true})
  t.equal(whyNotTaken(...stopping, MARK), 'this node is stopping')
})

t.test('a move of another rebalance is refused, before and after', async (t) => {
  const now = viewOf(A, record(OWN, 5))
  t.equal(whyNotTaken(...now, MARK), null)
  t.match(whyNotTaken(...now, {...MARK, rebalance: 2}), 'g3 to entry 5 goes on, not g2 to 5')
  t.match(whyNotTaken(...now, {...MARK, entry: 2}), 'not g3 to 2')
  t.match(whyNotTaken(...viewOf(A, record(OWN, null)), MARK), 'no rebalance')
  t.equal(isSameMove(null, null), true)
  t.equal(isSameMove(MARK, null), false)
  t.equal(isSameMove(MARK, {...MARK}), true)
})

t.test('nothing is taken from a target that is no member, or another incarnation', async (t) => {
  const inc = 3
  const moving = record(OWN, 5)
  const nodes = {[B]: {id: B, inc} as Member}
  const at = viewOf(A, {...moving, smap: {...moving.smap, nodes}})
  const mark = {rebalance: moving.rmd.version, entry: 5}
  t.equal(whyNotTaken(...at, mark), null)
  t.equal(whyNotTaken(...at, {...mark, from: {id: B, inc}}), null)
  t.match(whyNotTaken(...at, {...mark, from: {id: B, inc: inc + 1}}), /no member here/)
  t.match(whyNotTaken(...at, {...mark, from: {id: 't-unknown' as NodeId, inc}}), /no member here/)
})

t.test('a key goes to its owner under the entry, and stays where that is', async (t) => {
  const digest = objectDigest(TEST_REF, 'x')
  const task = (self: NodeId) => {
    const found = moveTask(...viewOf(self, record(OWN, 5)))
    if (found === null) throw new Error('it takes part')
    return found
  }
  t.equal(destinationOf(task(B), B, digest), A)
  t.equal(destinationOf(task(A), A, digest), null)
  const nobody = {...task(B), ring: {index: 5, candidates: [], merged: [], forgotten: []}}
  t.equal(destinationOf(nobody, B, digest), null)
})

t.test('buckets that are being destroyed do not move', async (t) => {
  const [view] = viewOf(A, record(OWN, 5))
  t.strictSame(moveBuckets(view), [TEST_BUCKET])
  t.strictSame(moveBuckets(viewOf(A, null)[0]), [])
  t.equal(bucketOfId(view, TEST_BUCKET.bid), TEST_BUCKET)
  t.equal(bucketOfId(view, '1'), undefined)
  t.equal(stillMoves(view, TEST_BUCKET), true)
  t.equal(stillMoves(view, GONE), false)
  t.equal(stillMoves(view, {...TEST_BUCKET, bid: '7'}), false, 'another of the same name')
  const other = {...TEST_BUCKET, bid: '2', ref: {...TEST_REF, name: 'b2' as BucketName}}
  const two = {...record(OWN, 5)}
  const buckets = {z: TEST_BUCKET, a: other, m: {...TEST_BUCKET, bid: '3'}}
  const [twoView] = viewOf(A, {...two, bmd: {...two.bmd, buckets}})
  t.strictSame(
    moveBuckets(twoView).map(({bid}) => bid),
    ['2', '3', TEST_BUCKET.bid],
  )
})

t.test('an owner wants what it lacks or holds older', async (t) => {
  const gen = {own: 2, counter: 7n}
  t.equal(isWanted(null, gen), true)
  t.equal(isWanted({own: 2, counter: 6n}, gen), true)
  t.equal(isWanted(gen, gen), false)
  t.equal(isWanted({own: 3, counter: 1n}, gen), false)
})

t.test('only a walk that moved nothing and failed at nothing is clean', async (t) => {
  t.equal(walkVerdict(NO_TALLY, true), 'clean')
  t.equal(walkVerdict(NO_TALLY, false), 'again', 'it has not seen the first names')
  t.equal(walkVerdict({...NO_TALLY, wanted: 3, moved: 3}, true), 'again')
  t.equal(walkVerdict({...NO_TALLY, wanted: 3, moved: 2}, true), 'failing')
  t.equal(walkVerdict({...NO_TALLY, failed: 1}, true), 'failing')
  t.equal(walkVerdict({...NO_TALLY, unseen: 1}, true), 'failing')
  const kept = {...MARK, bid: '7', after: 'n'}
  t.strictSame(walkBegins(MARK, kept), {bid: '7', after: 'n'})
  t.equal(walkBegins({...MARK, rebalance: 4}, kept), null, 'another rebalance')
  t.equal(walkBegins(MARK, null), null)
  t.equal(walkAgainMs(0), 0)
  t.equal(walkAgainMs(1), WALK_AGAIN_MS)
  t.equal(walkAgainMs(2), 2 * WALK_AGAIN_MS)
  t.equal(walkAgainMs(60), WALK_AGAIN_MAX_MS)
})

t.test('sizes are cut into requests; a large object goes by itself', async (t) => {
  t.strictSame(cutBatches([], 10), [])
  t.strictSame(cutBatches([1, 2, 3], 10), [3])
  t.strictSame(cutBatches([4, 4, 4, 20, 1, 9, 1], 10), [2, 1, 1, 2, 1])
  t.strictSame(cutBatches([BATCH_BYTES_MAX, 0], BATCH_BYTES_MAX), [2])
})

t.test('with clients about moving rests, and never for long', async (t) => {
  t.equal(isBusy({inFlight: 1, quietMs: 0}), true)
  t.equal(isBusy({inFlight: 0, quietMs: CLIENTS_RECENT_MS - 1}), true)
  t.equal(isBusy({inFlight: 0, quietMs: CLIENTS_RECENT_MS}), false)
  t.equal(restMs({inFlight: 0, quietMs: 1e9}, 100), 0)
  t.equal(restMs({inFlight: 4, quietMs: 0}, 100), 200)
  t.equal(restMs({inFlight: 4, quietMs: 0}, 1e6), REST_MAX_MS)
})

t.test(
  'the report says what is left as far as it is known, and no problem when clean',
  async (t) => {
    const t1 = 'target01' as NodeId
    const before = withSent(NO_TOTALS, t1, {objects: 2, bytes: 30})
    const totals = {...withSent(before, t1, {objects: 3, bytes: 20}), problem: 'disk'}
    t.strictSame(moveReport(MARK, 'walking', totals, null), {
      ...MARK,
      state: 'walking',
      objects: 5,
      bytes: 50,
      sent: {target01: {objects: 5, bytes: 50}},
      left: -1,
      problem: 'disk',
    })
    const tally = {...NO_TALLY, wanted: 7, moved: 2, unseen: 1}
    t.match(moveReport(MARK, 'failing', totals, tally), {left: 6, problem: 'disk'})
    const ahead = {...tally, found: 100, offered: 8}
    t.match(moveReport(MARK, 'walking', totals, ahead), {left: 98}, 'and what is counted ahead')
    t.match(moveReport(MARK, 'walking', totals, {...ahead, found: 3}), {left: 6})
    t.match(moveReport(MARK, 'clean', totals, NO_TALLY), {left: 0, problem: ''})
  },
)
