/** What is removed when all has moved, and when tombstones may go, as decisions. */

import t from 'tap'
import {collectingEntry, mayCollect} from '../../src/core/objects/collect.ts'
import {
  confirmingEntry,
  entryToSweep,
  mayReclaim,
  onlyEntry,
  reclaimTask,
  sweptEntry,
  withSwept,
} from '../../src/core/objects/reclaim.ts'
import {NO_RING, ownSpan} from '../../src/core/objects/ring.ts'
import {candidatesOf, highestWeight, objectDigest} from '../../src/core/placement/locate.ts'
import {bucketUname} from '../../src/model/bucket.ts'
import type {ClusterUuid, NodeId} from '../../src/model/ids.ts'
import {NODE_FLAG, type Member} from '../../src/model/node.ts'
import type {MoveReport} from '../../src/model/peer-messages.ts'
import type {ClusterRecord, OwnEntry} from '../../src/model/record.ts'
import {bucket, started, type Stage} from '../helpers/kernel-stage.ts'
import {viewOf} from '../helpers/target-view.ts'
import {TEST_BUCKET, TEST_REF} from '../helpers/test-store.ts'

const [A, B, C, P] = ['tA', 'tB', 'tC', 'pP'] as [NodeId, NodeId, NodeId, NodeId]
const PART = {version: 1, epoch: 1}
const NOWHERE = {host: '127.0.0.1', port: 1}
/** C is in maintenance: it owns nothing, and is a member. */
const ONLY: OwnEntry = {index: 5, targets: [A, B]}
const SWEPT: OwnEntry = {...ONLY, swept: true}
const TWO: readonly OwnEntry[] = [{index: 2, targets: [A, B, C]}, ONLY]
const MARK = {rebalance: 3, entry: 5}
const CLEAN: MoveReport = {
  ...MARK,
  state: 'clean',
  objects: 0,
  bytes: 0,
  sent: {},
  left: 0,
  problem: '',
}

function memberOf(id: NodeId, more: Partial<Member> = {}): Member {
  return {
    id,
    role: id === P ? 'proxy' : 'target',
    public: NOWHERE,
    control: NOWHERE,
    data: NOWHERE,
    flags: 0,
    inc: 1,
    learner: false,
    away: null,
    speaks: [1, 1],
    ...more,
  }
}

function record(own: readonly OwnEntry[], more: Partial<ClusterRecord> = {}): ClusterRecord {
  const nodes = [memberOf(P), memberOf(A), memberOf(B), memberOf(C, {flags: NODE_FLAG.maintenance})]
  return {
    format: 1,
    uuid: 'cluster01' as ClusterUuid,
    epoch: 1,
    index: 9,
    parent: '',
    pv: null,
    level: 1,
    smap: {
      ...PART,
      created: '',
      primary: P,
      nodes: Object.fromEntries(nodes.map((member) => [member.id, member])),
    },
    bmd: {...PART, serial: 2, buckets: {[bucketUname(TEST_REF)]: TEST_BUCKET}},
    rmd: {...PART, version: 3, targetIds: []},
    conf: {...PART, updated: '', set: {}, urls: {primary: '', original: '', discovery: ''}},
    tokens: {...PART, revoked: []},
    own,
    op: null,
    move: null,
    heir: null,
    elections: [],
    rebalances: [],
    ...more,
  }
}

function withMember(of: ClusterRecord, id: NodeId, more: Partial<Member>): ClusterRecord {
  return {...of, smap: {...of.smap, nodes: {...of.smap.nodes, [id]: memberOf(id, more)}}}
}

/** A digest whose owner is that one of A and B. */
function digestOf(owner: NodeId): bigint {
  for (let at = 0; ; at++) {
    const digest = objectDigest(TEST_REF, `n${at}`)
    if (highestWeight(candidatesOf([A, B]), digest) === owner) return digest
  }
}

t.test('an entry holds alone when nothing is older than it and nothing moves', (t) => {
  t.equal(onlyEntry(record([ONLY])), ONLY)
  t.equal(onlyEntry(record(TWO)), undefined)
  t.equal(onlyEntry(record([{...ONLY, merged: [[C]]}])), undefined, 'a folded one is older')
  t.equal(onlyEntry(record([ONLY], {move: {entry: 5}})), undefined)
  t.equal(onlyEntry(record([])), undefined)
  t.equal(entryToSweep(record([SWEPT])), undefined, 'all have said so')
  const none = record([ONLY])
  t.equal(entryToSweep({...none, bmd: {...none.bmd, serial: 0}}), undefined, 'no bucket ever')
  t.end()
})

t.test('a list is true for the oldest and the newest entry that it was asked under', (t) => {
  t.strictSame(ownSpan(record(TWO)), {from: 2, to: 5})
  t.strictSame(ownSpan(record([SWEPT])), {from: 5, to: 5})
  t.strictSame(ownSpan(record([])), {from: 0, to: 0}, 'before any target was active')
  t.end()
})

t.test('every member removes what is not its own, in whatever state, when all has moved', (t) => {
  for (const self of [A, B, C]) {
    t.match(reclaimTask(...viewOf(self, record([ONLY]))), {...MARK, waits: ''})
  }
  t.equal(reclaimTask(...viewOf(A, record(TWO))), null)
  t.equal(reclaimTask(...viewOf(A, record([SWEPT]))), null)
  t.equal(reclaimTask(...viewOf(A, null)), null)
  t.equal(reclaimTask(viewOf(A, record([ONLY]))[0], NO_RING), null)
  t.equal(reclaimTask(...viewOf('tX' as NodeId, record([ONLY]))), null, 'it is no member')
  const gateway = {self: {id: P, role: 'proxy', inc: 1}} as const
  t.equal(reclaimTask(...viewOf(P, record([ONLY]), gateway)), null)
  const leaves = withMember(record([ONLY]), C, {flags: NODE_FLAG.decommission})
  t.equal(reclaimTask(...viewOf(C, leaves)), null, 'a decommission may leave the data')
  const early = viewOf(A, record([ONLY]), {settledIndex: 4})
  t.equal(reclaimTask(...early)?.waits, 'ownership is passing')
  const stops = viewOf(A, record([ONLY]), {stopping: true})
  t.equal(reclaimTask(...stops)?.waits, 'this node is stopping')
  t.end()
})

t.test('an owner confirms under that very entry, alone and settled, and under no other', (t) => {
  t.match(confirmingEntry(...viewOf(A, record([ONLY])), 5), {index: 5})
  t.match(confirmingEntry(...viewOf(A, record([SWEPT])), 5), {index: 5}, 'who asks may be behind')
  const why = (view: ReturnType<typeof viewOf>, entry = 5): unknown =>
    confirmingEntry(...view, entry)
  t.equal(why(viewOf(A, record([ONLY])), 4), 'here own entry 5 holds, not 4')
  t.equal(why(viewOf(A, record(TWO))), 'data moves, or is still to be moved')
  t.equal(why(viewOf(A, record([ONLY], {move: {entry: 5}}))), 'data moves, or is still to be moved')
  t.equal(why(viewOf(A, null)), 'this node has not joined a cluster yet')
  t.equal(why(viewOf(A, record([ONLY]), {settledIndex: 4})), 'ownership is passing')
  t.equal(why(viewOf(A, record([ONLY]), {stopping: true})), 'this node is stopping')
  t.end()
})

t.test('a confirmation is void under any other entry, and for what is its own', (t) => {
  const mine = {mark: MARK, digest: digestOf(A)}
  const another = {mark: MARK, digest: digestOf(B)}
  t.equal(mayReclaim(...viewOf(A, record([ONLY])), another), true)
  t.equal(mayReclaim(...viewOf(A, record([ONLY])), mine), false)
  t.equal(mayReclaim(...viewOf(C, record([ONLY])), mine), true)
  t.equal(mayReclaim(...viewOf(C, record(TWO)), mine), false)
  t.equal(mayReclaim(...viewOf(C, record([ONLY]), {settledIndex: 4}), mine), false)
  const other = {...mine, mark: {rebalance: 3, entry: 4}}
  t.equal(mayReclaim(...viewOf(C, record([ONLY])), other), false)
  t.end()
})

t.test('an entry is swept when every target has said so, none away', (t) => {
  const of = record([ONLY])
  const said =
    (silent: readonly NodeId[], report: MoveReport = CLEAN) =>
    (id: NodeId) =>
      silent.includes(id) ? undefined : report
  t.equal(sweptEntry(of, said([P])), ONLY)
  for (const id of [A, B, C]) t.equal(sweptEntry(of, said([P, id])), undefined, id)
  t.equal(sweptEntry(of, said([P], {...CLEAN, state: 'walking'})), undefined)
  t.equal(sweptEntry(of, said([P], {...CLEAN, entry: 4})), undefined)
  t.equal(sweptEntry(of, said([P], {...CLEAN, rebalance: 2})), undefined)
  const lost = withMember(of, C, {away: {kind: 'lost', sinceMs: 1}})
  t.equal(sweptEntry(lost, said([P])), undefined, 'it may come back with something')
  t.equal(sweptEntry(record(TWO), said([P])), undefined)
  t.strictSame(withSwept(of, 5).own, [SWEPT])
  t.equal(withSwept(of, 4), of)
  const later = record(TWO)
  t.equal(withSwept(later, 5), later, 'the owners have changed meanwhile')
  t.end()
})

t.test('a tombstone goes from its owner only, under a swept entry that holds alone', (t) => {
  const digest = digestOf(A)
  t.equal(mayCollect(...viewOf(A, record([SWEPT])), digest), true)
  t.equal(mayCollect(...viewOf(B, record([SWEPT])), digest), false)
  t.equal(mayCollect(...viewOf(A, record([ONLY])), digest), false)
  const next = {index: 7, targets: [A, B, C]}
  t.equal(mayCollect(...viewOf(A, record([SWEPT, next])), digest), false, 'it ends at once')
  t.equal(mayCollect(...viewOf(A, record([SWEPT], {move: {entry: 5}})), digest), false)
  t.equal(collectingEntry(...viewOf(A, null)), null)
  t.equal(collectingEntry(...viewOf(A, record([SWEPT]), {settledIndex: 4})), null)
  t.equal(collectingEntry(...viewOf(A, record([SWEPT]), {stopping: true})), null)
  t.equal(collectingEntry(viewOf(A, record([SWEPT]))[0], NO_RING), null)
  t.end()
})

/** Every target says, with each look, what its disks would let it say. */
function reporting(stage: Stage, holds: () => boolean, silent: readonly number[] = []): number {
  return stage.until(() => {
    for (const process of stage.processes) {
      const of = process.view()?.record
      if (process.facts.self.role !== 'target' || !of || silent.includes(process.index)) continue
      const {move, own, rmd, bmd} = of
      const at = {rebalance: rmd.version, entry: own.at(-1)?.index ?? 0}
      if (move !== null) process.reportMove({...CLEAN, ...at})
      else if (own.length === 1 && bmd.serial > 0) process.reportReclaim({...CLEAN, ...at})
    }
    return holds()
  }, 30_000)
}

function recordOf(stage: Stage): ClusterRecord {
  const leader = stage.processes.find((process) => process.view()?.leading === true)
  return stage.record(leader?.index ?? 0)
}

function lifecycle(stage: Stage, action: 'start-maintenance' | 'stop-maintenance', at: number) {
  return stage.ask(0, {
    type: 'lifecycle',
    action,
    nodes: [stage.at(at).facts.self.id],
    skipRebalance: false,
    rmUserData: false,
    keepInitialConfig: false,
    noShutdown: false,
  })
}

t.test('the primary commits that an entry is swept, and other owners void it', (t) => {
  const stage = started(3, 4)
  const isSwept = (): boolean => recordOf(stage).own.at(-1)?.swept === true
  t.equal(reporting(stage, isSwept), -1, 'before the first bucket there is nothing')
  stage.ask(0, bucket('data'))
  t.equal(reporting(stage, isSwept, [5]), -1, 'one has not said so')
  t.ok(reporting(stage, isSwept) >= 0)
  const {index} = recordOf(stage)
  stage.run(5000)
  t.equal(recordOf(stage).index, index, 'once')
  t.equal(lifecycle(stage, 'start-maintenance', 6).type, 'done')
  t.match(recordOf(stage), {own: {length: 2}, move: {}})
  t.ok(reporting(stage, () => recordOf(stage).own.length === 1, [6]) === -1, 'it moves first')
  t.ok(reporting(stage, () => recordOf(stage).own.length === 1) >= 0)
  t.notOk(isSwept(), 'under the new entry nobody has said so yet')
  t.equal(reporting(stage, isSwept, [6]), -1, 'one in maintenance counts')
  t.ok(reporting(stage, isSwept) >= 0)
  t.equal(recordOf(stage).own.length, 1)
  t.end()
})

t.test('one that is away has not said it, whatever it said before', (t) => {
  const stage = started(3, 4)
  stage.ask(0, bucket('data'))
  stage.at(6).kill(false)
  const isLost = (): boolean =>
    recordOf(stage).smap.nodes[stage.at(6).facts.self.id]?.away?.kind === 'lost'
  t.ok(stage.until(isLost) >= 0)
  t.equal(
    reporting(stage, () => recordOf(stage).own.some(({swept}) => swept === true), [6]),
    -1,
  )
  t.end()
})

t.test('one that is lost for good holds an operation up until it is removed', (t) => {
  const stage = started(3, 5)
  stage.ask(0, bucket('data'))
  const lost = stage.at(7).facts.self.id
  t.equal(lifecycle(stage, 'start-maintenance', 6).type, 'done')
  stage.at(7).kill(false)
  const isLost = (): boolean => recordOf(stage).smap.nodes[lost]?.away?.kind === 'lost'
  t.ok(reporting(stage, isLost, [6, 7]) >= 0)
  const newest = recordOf(stage).own.at(-1)
  t.notOk(newest?.targets.includes(lost))
  t.match(recordOf(stage), {op: {phase: 'moving'}, move: {entry: newest?.index}}, 'it goes on')
  const isOver = (): boolean => recordOf(stage).op === null && recordOf(stage).move === null
  t.equal(reporting(stage, isOver, [7]), -1, 'it may have what is nowhere else')
  t.equal(stage.ask(0, {type: 'remove-from-smap', nodes: [lost]}).type, 'done')
  t.ok(reporting(stage, isOver) >= 0)
  t.match(recordOf(stage).own, {length: 1})
  t.ok(reporting(stage, () => recordOf(stage).own.at(-1)?.swept === true) >= 0)
  t.end()
})

t.test('an operation that waits for a lost one can be taken back', (t) => {
  const stage = started(3, 5)
  stage.ask(0, bucket('data'))
  const lost = stage.at(7).facts.self.id
  lifecycle(stage, 'start-maintenance', 6)
  stage.at(7).kill(false)
  const isLost = (): boolean => recordOf(stage).smap.nodes[lost]?.away?.kind === 'lost'
  t.ok(reporting(stage, isLost, [6, 7]) >= 0)
  t.equal(lifecycle(stage, 'stop-maintenance', 6).type, 'done')
  t.equal(recordOf(stage).op, null)
  t.ok(recordOf(stage).own.at(-1)?.targets.includes(stage.at(6).facts.self.id))
  t.equal(
    reporting(stage, () => recordOf(stage).own.length === 1, [7]),
    -1,
  )
  stage.at(7).start()
  t.ok(
    reporting(stage, () => recordOf(stage).own.length === 1) >= 0,
    'and it ends when the lost one is back',
  )
  t.end()
})

t.test('one that leaves and dies on the way ends its operation when it is removed', (t) => {
  const stage = started(3, 4)
  stage.ask(0, bucket('data'))
  const {id} = stage.at(6).facts.self
  t.equal(lifecycle(stage, 'start-maintenance', 6).type, 'done')
  stage.at(6).kill(false)
  t.equal(
    reporting(stage, () => recordOf(stage).move === null, [6]),
    -1,
  )
  t.equal(stage.ask(0, {type: 'remove-from-smap', nodes: [id]}).type, 'done')
  t.ok(reporting(stage, () => recordOf(stage).move === null) >= 0)
  t.match(recordOf(stage), {op: null, own: {length: 1}})
  t.end()
})
