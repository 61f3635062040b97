/**
 * Where the implementation could leave the checked model of elections
 * (`src/core/election/model`): rule by rule, in scenes. Virtual time.
 */

import t from 'tap'
import type {CommandResult, KernelEvent} from '../../src/core/kernel/events.ts'
import type {KernelState, NodeState} from '../../src/core/kernel/state.ts'
import {step} from '../../src/core/kernel/step.ts'
import type {NodeId} from '../../src/model/ids.ts'
import type {StoredRecord} from '../../src/model/peer-messages.ts'
import {bucket, started, type Stage} from '../helpers/kernel-stage.ts'
import {isConverged} from '../sim/world/world.ts'

const idOf = (stage: Stage, index: number): NodeId => stage.at(index).facts.self.id

function running(state: KernelState): NodeState {
  if (state.phase !== 'running') throw new Error('the kernel is not running')
  return state
}

/** Both directions between two nodes. */
function part(stage: Stage, a: number, b: number): void {
  stage.network.cut(a, b)
  stage.network.cut(b, a)
}

t.test('a primary that has voted for its heir covers no lease from then on', (t) => {
  const stage = started(3, 4)
  const targets = [3, 4, 5, 6]
  // The targets do not get the record that names the heir, but go on answering beats.
  for (const target of targets) stage.network.cut(0, target)
  stage.at(0).command({type: 'set-primary', id: idOf(stage, 1)}, () => undefined)
  const voted = (): boolean => stage.at(0).node()?.durable.votedFor?.id === idOf(stage, 1)
  t.ok(stage.until(voted) >= 0)
  const votedMs = stage.at(0).node()?.nowMs ?? 0
  stage.run(20)
  for (const target of targets) stage.network.mend(0, target)
  stage.run(2500)
  const leader = stage.at(0).node()
  t.equal(leader?.stage.stage, 'leading', 'the heir has no majority yet')
  const coveredMs = leader?.stage.stage === 'leading' ? leader.stage.majorityAtMs : Infinity
  t.ok(coveredMs <= votedMs, `covered until ${coveredMs - votedMs} ms after its vote`)
  t.ok(stage.until(() => isConverged(stage.processes)) >= 0)
  t.end()
})

t.test('nothing is recovered while it is not known that those given up are silent', (t) => {
  const stage = started(3, 2)
  for (const index of [0, 3, 4]) stage.at(index).kill(true)
  stage.run(10_000)
  // Alive, on a slow link.
  stage.network.slow(2, 1, 300)
  stage.network.slow(1, 2, 300)
  const result = stage.ask(1, {type: 'recover', survivors: [idOf(stage, 1)]})
  t.match(result, {type: 'refused', refusal: {message: /was given up, answers/}})
  t.end()
})

t.test('those given up come back with a longer history than that which was recovered', (t) => {
  const stage = started(3, 4)
  const left = [2, 5, 6]
  const others = [0, 1, 3, 4]
  for (const a of left) for (const b of others) part(stage, a, b)
  for (let n = 0; n < 20; n++) {
    const made = stage.ask(0, bucket(`of-the-majority-${n}`))
    t.equal(made.type, 'done')
  }
  const {index} = stage.record(0)
  for (const index of others) stage.at(index).kill(true)
  stage.run(10_000)
  const survivors = left.map((index) => idOf(stage, index))
  const result: CommandResult = stage.ask(2, {type: 'recover', survivors})
  t.equal(result.type, 'done')
  t.ok(stage.record(2).index > index, 'no index, and so no generation, is used twice')
  stage.network.heal()
  for (const index of others) stage.at(index).start()
  t.ok(stage.until(() => isConverged(stage.processes), 30_000) >= 0, 'one record everywhere')
  t.end()
})

t.test('who is admitted under a new incarnation stands no longer under the old one', (t) => {
  const stage = started(3, 0)
  for (const index of [0, 2]) stage.at(index).kill(true)
  const standing = (): boolean => stage.at(1).node()?.stage.stage === 'standing'
  t.ok(stage.until(standing) >= 0)
  t.ok(stage.until(() => joinUnderWay(stage.at(1).node()) !== undefined) >= 0)
  const node = running(stage.at(1).state())
  const id = idOf(stage, 1)
  const old = node.durable.accepted as StoredRecord
  const self = old.record.smap.nodes[id]
  if (self === undefined) throw new Error('it is no member')
  const nodes = {...old.record.smap.nodes, [id]: {...self, inc: self.inc + 1, learner: true}}
  const record = {...old.record, index: old.record.index + 1, smap: {...old.record.smap, nodes}}
  const admitted: KernelEvent = {
    type: 'peer-answered',
    sendId: joinUnderWay(node) ?? -1,
    from: {id: idOf(stage, 0), inc: 1},
    answer: {
      type: 'join',
      refusal: null,
      primary: null,
      inc: self.inc + 1,
      committed: {record, text: JSON.stringify(record), sha: 'b'.repeat(64)},
    },
    nowMs: node.nowMs,
    wallMs: node.wallMs,
  }
  const after = running(step(node, admitted).state)
  t.equal(after.durable.inc, self.inc + 1)
  t.not(after.stage.stage, 'standing')
  t.end()
})

/** The question for admission that is under way. */
function joinUnderWay(node: NodeState | undefined): number | undefined {
  const found = Object.entries(node?.sends ?? {}).find(([, {type}]) => type === 'join')
  return found === undefined ? undefined : Number(found[0])
}
