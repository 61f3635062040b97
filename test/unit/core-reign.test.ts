/** What a reign knows of its members, and what it takes over from the one before. Virtual time. */

import t from 'tap'
import {draftFrom} from '../../src/core/kernel/draft.ts'
import {step} from '../../src/core/kernel/step.ts'
import type {LeadingStage, NodeState, RecordCommand} from '../../src/core/kernel/state.ts'
import type {CommandResult} from '../../src/core/kernel/events.ts'

import type {NodeId} from '../../src/model/ids.ts'
import {RECORD_BYTES_MAX, RECORD_RESERVE_BYTES} from '../../src/model/limits.ts'
import type {BeatAnswer} from '../../src/model/peer-messages.ts'
import {bucket, put, beatAt, started, type Stage} from '../helpers/kernel-stage.ts'

const idOf = (stage: Stage, index: number): NodeId => stage.at(index).facts.self.id

function running(stage: Stage, index: number): NodeState {
  const state = stage.at(index).state()
  if (state.phase !== 'running') throw new Error('it has not booted')
  return state
}

function leadingOf({stage}: NodeState): LeadingStage {
  if (stage.stage !== 'leading') throw new Error('it does not lead')
  return stage
}

/** The primary with two beats to a member under way. */
function asking(stage: Stage, id: NodeId): {readonly node: NodeState; readonly sends: number[]} {
  const node = running(stage, 0)
  const purpose = {type: 'beat' as const, id, epoch: leadingOf(node).epoch, sentMs: node.nowMs}
  const first = node.nextSendId
  const sends = {...node.sends, [first]: purpose, [first + 1]: purpose}
  return {node: {...node, nextSendId: first + 2, sends}, sends: [first, first + 1]}
}

/** The primary after these answers of a member, in this order. */
function afterAnswers(
  stage: Stage,
  id: NodeId,
  answers: readonly Partial<BeatAnswer>[],
): NodeState {
  const place = stage.processes.findIndex(({facts}) => facts.self.id === id)
  const given = put(stage, place, beatAt(stage)) as BeatAnswer
  const {node, sends} = asking(stage, id)
  return answers.reduce<NodeState>((before, fields, at) => {
    const next = step(before, {
      type: 'peer-answered',
      sendId: sends[at] ?? -1,
      from: {id, inc: 1},
      answer: {...given, ...fields},
      nowMs: before.nowMs,
      wallMs: before.wallMs,
    }).state
    if (next.phase !== 'running') throw new Error('it has ended')
    return next
  }, node)
}

t.test('an answer that a run gave before it ended does not hide the one after it', (t) => {
  const stage = started(3, 4)
  const id = idOf(stage, 5)
  const held = {epoch: 1, index: 1}
  const node = afterAnswers(stage, id, [
    {run: 2, nonce: 1},
    {run: 1, nonce: 900, held, stopping: true},
  ])
  const peer = leadingOf(node).peers[id]
  t.match(peer, {heard: {inc: 1, run: 2}, nonce: 1, stopping: false})
  t.not(peer?.held.index, held.index)
  t.end()
})

t.test('of two answers of one run the later counts, in whatever order they arrive', (t) => {
  const stage = started(3, 4)
  const id = idOf(stage, 5)
  const node = afterAnswers(stage, id, [
    {nonce: 902, cleared: 7},
    {nonce: 901, cleared: 3},
  ])
  t.match(leadingOf(node).peers[id], {nonce: 902, cleared: 7})
  t.end()
})

t.test('a new run that refuses a beat is heard with the nonces of its own', (t) => {
  const stage = started(3, 4)
  const id = idOf(stage, 5)
  const node = afterAnswers(stage, id, [
    {run: 2, nonce: 1, accepted: false, reason: 'this node is starting'},
    {run: 2, nonce: 2},
  ])
  t.match(leadingOf(node).peers[id], {heard: {run: 2}, nonce: 2})
  t.end()
})

t.test('a new primary is held to the floor of the reign before it', (t) => {
  const stage = started(3, 4)
  stage.ask(0, bucket('some'))
  for (const index of [5, 6]) {
    stage.at(index).kill(false)
    t.ok(stage.until(() => stage.member(index)?.away?.kind === 'lost') >= 0)
    stage.run(40_000)
  }
  t.match(stage.ask(0, {type: 'set-primary', id: idOf(stage, 1)}), {type: 'done'})
  stage.at(4).kill(false)
  stage.run(60_000)
  t.equal(stage.member(4)?.away, null, 'four of seven would remain')
  t.match(stage.lines.at(-1), /brake: .*the floor is 5 of 7/)
  stage.run(600_000)
  t.match(stage.member(4)?.away, {kind: 'lost'}, 'ten minutes later, five are the measure')
  t.end()
})

t.test('a rebalance goes on to the owners that a recovery has left', (t) => {
  const stage = started(3, 4)
  stage.ask(0, bucket('data'))
  const taken = stage.ask(0, {
    type: 'lifecycle',
    action: 'start-maintenance',
    nodes: [idOf(stage, 6)],
    skipRebalance: false,
    rmUserData: false,
    keepInitialConfig: false,
    noShutdown: false,
  })
  t.equal(taken.type, 'done')
  for (const index of [0, 4, 5]) stage.at(index).kill(true)
  stage.run(20_000)
  const survivors = [1, 2, 3].map((index) => idOf(stage, index))
  let result: CommandResult | undefined
  stage.at(1).command({type: 'recover', survivors}, (heard) => {
    result = heard
  })
  t.ok(stage.until(() => stage.at(1).view()?.leading === true) >= 0)
  stage.until(() => result !== undefined)
  const {move, own, op} = stage.record(1)
  t.equal(op?.phase, 'moving')
  t.equal(move?.entry, own.at(-1)?.index)
  t.end()
})

t.test('a cluster whose record is lost everywhere is not formed anew over its data', (t) => {
  for (const [proxies, targets] of [
    [2, 3],
    [3, 2],
  ] as const) {
    const stage = started(proxies, targets)
    stage.ask(0, bucket('data'))
    for (const process of stage.processes) {
      process.kill(true)
      process.disk.wipe()
    }
    for (const process of stage.processes) process.start()
    stage.run(30_000)
    t.ok(stage.processes.every((process) => (process.view()?.record ?? null) === null))
    const said = stage.lines.filter((line) => /has data of this cluster/.test(line))
    t.match(said[0], /aisctl cluster restore FILE/)
    t.ok(said.length >= 2 && said.length <= 8, `said ${said.length} times in 30 s`)
  }
  t.end()
})

t.test('a full record refuses what would make it larger, and nothing else', (t) => {
  const stage = started(1, 2)
  const before = running(stage, 0).durable.committed
  if (before === null) throw new Error('nothing is committed')
  const filler = 'x'.repeat(RECORD_BYTES_MAX - RECORD_RESERVE_BYTES - before.text.length)
  const full = {
    ...before,
    record: {...before.record, conf: {...before.record.conf, set: {filler}}},
  }
  const asked = (command: RecordCommand) =>
    draftFrom(
      full,
      [{change: {type: 'command', command, wallMs: 0, settledIndex: 0}, asks: []}],
      1,
      {wallMs: 0, peers: {}},
    )
  t.match(asked(bucket('one-more')).refused, [{refusal: {code: 'TOO_LARGE'}}])
  t.strictSame(asked({type: 'start-rebalance'}).refused, [])
  t.end()
})
