/** Forced removal: who may go, what is forgotten with it, and who comes back as an empty one. */

import t from 'tap'
import {withoutRemoved} from '../../src/core/membership/forgotten.ts'
import {planRead, resolveRead, whyNotTold} from '../../src/core/objects/read.ts'
import {forgetsTheSame, ownersUnder, ringOf, type OwnRing} from '../../src/core/objects/ring.ts'
import {objectDigest} from '../../src/core/placement/locate.ts'
import type {CommandResult} from '../../src/core/kernel/events.ts'
import {forgottenIn, isForgotten, participantsOf, sinceOf} from '../../src/model/forgotten.ts'
import type {BucketName, NodeId} from '../../src/model/ids.ts'
import {GLOBAL_NAMESPACE} from '../../src/model/bucket.ts'
import {NODE_FLAG, type Member} from '../../src/model/node.ts'
import type {ClusterRecord, Operation, OwnEntry} from '../../src/model/record.ts'
import {bucket, started, type Stage} from '../helpers/kernel-stage.ts'

const BUCKET = {name: 'b' as BucketName, provider: 'ais' as const, namespace: GLOBAL_NAMESPACE}
const idOf = (stage: Stage, index: number): NodeId => stage.at(index).facts.self.id

/** A cluster of three gateways and four targets (3 to 6), with a bucket. */
function withData(): Stage {
  const stage = started(3, 4)
  stage.ask(0, bucket('data'))
  return stage
}

function leader(stage: Stage): number {
  return stage.processes.findIndex((process) => process.view()?.leading === true)
}

const record = (stage: Stage): ClusterRecord => stage.record(leader(stage))

function remove(stage: Stage, ...indexes: readonly number[]): CommandResult {
  const nodes = indexes.map((index) => idOf(stage, index))
  return stage.ask(leader(stage), {type: 'remove-from-smap', nodes})
}

function maintain(stage: Stage, index: number): CommandResult {
  return stage.ask(leader(stage), {
    type: 'lifecycle',
    action: 'start-maintenance',
    nodes: [idOf(stage, index)],
    skipRebalance: true,
    rmUserData: false,
    keepInitialConfig: false,
    noShutdown: false,
  })
}

const isMember = (stage: Stage, index: number): boolean =>
  record(stage).smap.nodes[idOf(stage, index)] !== undefined

t.test('a dead target is taken from the map when its share has passed, and not before', (t) => {
  const stage = withData()
  t.match(remove(stage, 6), {refusal: {code: 'REFUSED', hint: /maintenance start --no-rebalance/}})
  stage.at(6).kill(true)
  t.ok(stage.until(() => stage.member(6)?.away?.kind === 'lost') >= 0)
  t.match(remove(stage, 6), {refusal: {code: 'NOT_READY'}}, 'it may still hold a lease')
  t.ok(isMember(stage, 6))
  t.ok(stage.until(() => remove(stage, 6).type === 'done') >= 0)
  t.notOk(isMember(stage, 6))
  const {own, smap} = record(stage)
  t.equal(own.length, 2, 'what others have elsewhere is still to be looked for')
  t.strictSame(forgottenIn(smap, own[0] as OwnEntry), [idOf(stage, 6)])
  t.notOk(participantsOf(record(stage)).includes(idOf(stage, 6)), 'completion waits for it no more')
  t.equal(participantsOf(record(stage)).length, 3)
  t.match(remove(stage, 6), {refusal: {code: 'NODE_NOT_FOUND'}})
  t.end()
})

t.test('one that was given up too early comes back as an empty one, by itself', (t) => {
  const stage = withData()
  const {inc} = stage.member(6) as Member
  t.equal(maintain(stage, 6).type, 'done')
  t.ok(stage.until(() => remove(stage, 6).type === 'done') >= 0)
  const removedAt = record(stage).index
  const back = (): Member | undefined => record(stage).smap.nodes[idOf(stage, 6)]
  t.ok(stage.until(() => back()?.learner === false) >= 0, 'it runs, so it asks to come in')
  const member = back() as Member
  t.ok(sinceOf(member) > removedAt)
  t.ok(member.inc > inc)
  t.equal(member.flags, 0)
  t.ok(record(stage).own.at(-1)?.targets.includes(member.id), 'and owns its share again')
  t.ok(isForgotten(record(stage).smap, member.id, removedAt))
  t.notOk(isForgotten(record(stage).smap, member.id, record(stage).own.at(-1)?.index ?? 0))
  t.ok(participantsOf(record(stage)).includes(member.id), 'by what it got since')
  t.end()
})

t.test('an operation that waits for a dead node goes on without it', (t) => {
  const stage = withData()
  stage.ask(leader(stage), {
    type: 'lifecycle',
    action: 'decommission-node',
    nodes: [idOf(stage, 6)],
    skipRebalance: false,
    rmUserData: true,
    keepInitialConfig: false,
    noShutdown: false,
  })
  t.match(record(stage), {op: {phase: 'moving'}, move: {}})
  stage.at(6).kill(true)
  t.ok(stage.until(() => remove(stage, 6).type === 'done') >= 0)
  t.notOk(isMember(stage, 6))
  t.match(record(stage), {op: null, move: {}}, 'the others move on')
  t.end()
})

t.test('gateways go, too; never the primary, nor who is needed for a majority', (t) => {
  const stage = withData()
  t.match(remove(stage, leader(stage)), {refusal: {code: 'WRONG_STATE'}})
  stage.at(2).kill(true)
  t.equal(remove(stage, 2).type, 'done')
  t.notOk(isMember(stage, 2))
  const {smap, own, op} = record(stage)
  const [T3, T4, T5, T6] = [3, 4, 5, 6].map((at) => idOf(stage, at)) as [
    NodeId,
    NodeId,
    NodeId,
    NodeId,
  ]
  const lost = {kind: 'lost' as const, sinceMs: 0}
  const away = Object.fromEntries(
    Object.entries(smap.nodes).map(([id, member]) => [
      id,
      id === T6 || id === smap.primary ? member : {...member, away: lost},
    ]),
  )
  const few = {smap: {...smap, nodes: away}, own: [{index: 9, targets: [T6]}], op}
  t.match(withoutRemoved(few, [T5], 9), {code: 'REFUSED', message: /only 2 of the 5 voters/})
  const doomed: Operation = {
    id: 'm1',
    action: 'shutdown-node',
    nodes: [T4, T5],
    phase: 'moving',
    rmUserData: false,
    keepInitialConfig: false,
    noShutdown: false,
  }
  const out = (id: NodeId): Member => ({
    ...(smap.nodes[id] as Member),
    flags: NODE_FLAG.maintenance,
  })
  const leaving = {
    smap: {...smap, nodes: {...smap.nodes, [T4]: out(T4), [T5]: out(T5)}},
    own: [...own, {index: own[0]?.index ?? 0, targets: [T3, T6]}],
    op: doomed,
  }
  t.match(withoutRemoved(leaving, [T4], 99), {op: {nodes: [T5]}})
  t.match(withoutRemoved(leaving, [T4, T5], 99), {op: null})
  t.match(withoutRemoved({...leaving, own: []}, [T4], 0), {op: {nodes: [T5]}})
  t.end()
})

/** A name that a target owns in a set. */
function nameOf(ring: OwnRing, entry: number, owner: NodeId): bigint {
  for (let n = 0; n < 10_000; n++) {
    const digest = objectDigest(BUCKET, `o${n}`)
    if (ownersUnder(ring.entries[entry] as OwnRing['entries'][0], digest).includes(owner))
      return digest
  }
  throw new Error(`${owner} owns nothing`)
}

t.test('nobody is asked for what a removed target had, and nobody waits for it', (t) => {
  const stage = withData()
  const [A, B] = [idOf(stage, 3), idOf(stage, 4)]
  const base = record(stage)
  const own = [
    {index: 5, targets: [A, B]},
    {index: 8, targets: [A]},
  ]
  const ring = ringOf({...base, own})
  const digest = nameOf(ring, 0, B)
  const {[B]: gone, ...left} = base.smap.nodes
  const without = ringOf({...base, own, smap: {...base.smap, nodes: left}})
  t.strictSame(planRead({ring, self: A, digest}, null), {type: 'ask', targets: [B]})
  t.strictSame(planRead({ring: without, self: A, digest}, null), {type: 'local'})
  t.strictSame(resolveRead({ring, self: A, digest}, null, new Map()), {
    type: 'unknown',
    silent: [B],
  })
  t.strictSame(resolveRead({ring: without, self: A, digest}, null, new Map()), {type: 'missing'})
  t.notOk(forgetsTheSame(ring, without), 'what was asked under the one is not judged by the other')
  t.ok(forgetsTheSame(without, ringOf({...base, own, smap: {...base.smap, nodes: left}})))
  const back = {...base.smap.nodes, [B]: {...(gone as Member), since: 11}}
  const again = ringOf({
    ...base,
    own: [...own, {index: 12, targets: [A, B], merged: [[A, B]]}],
    smap: {...base.smap, nodes: back},
  })
  t.strictSame(
    again.entries.map(({forgotten}) => forgotten),
    [[B], [], []],
    'it counts again under what it got since',
  )
  t.end()
})

t.test('a question is answered with the record that it names, by the incarnation it means', (t) => {
  const stage = withData()
  const view = stage.at(3).view()
  if (view === undefined || view.record === null) throw new Error('it has a record')
  const {index} = view.record
  const {inc} = view.self
  t.equal(whyNotTold(view, {recordIndex: index, inc}), null)
  t.equal(whyNotTold(view, {recordIndex: index - 1, inc}), null, 'an older one is enough, too')
  t.match(whyNotTold(view, {recordIndex: index + 1, inc}), /here is record/)
  t.match(whyNotTold(view, {recordIndex: index, inc: inc + 1}), /the question means/)
  t.match(whyNotTold({...view, record: null}, {recordIndex: 0, inc}), /here is record 0/)
  t.end()
})
