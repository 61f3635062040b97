/**
 * Where the implementation could leave the checked model of elections
 * (`src/core/election/model`): rule by rule, in scenes. Virtual time.
 */

import t from 'tap'
import {outcome, stepElection} from '../../src/core/election/step.ts'
import {standing, type Grant} from '../../src/core/election/state.ts'
import type {CommandResult, DurableState, KernelEvent} from '../../src/core/kernel/events.ts'
import type {KernelState, NodeState} from '../../src/core/kernel/state.ts'
import {step} from '../../src/core/kernel/step.ts'
import type {NodeId} from '../../src/model/ids.ts'
import {NODE_FLAG, type Member} from '../../src/model/node.ts'
import type {PeerRequest, StoredRecord} from '../../src/model/peer-messages.ts'
import {isRecordQuorum, previousVoters, voterKey, votersOf} from '../../src/model/quorum.ts'
import type {ClusterRecord, Smap} from '../../src/model/record.ts'
import {bucket, put, started, type Stage} from '../helpers/kernel-stage.ts'
import {faultyRun, whyNoAction} from '../helpers/model-actions.ts'
import {randomOf} from '../sim/world/random.ts'
import {sceneFacts, SIM_UUID} from '../sim/world/scene.ts'
import {isConverged} from '../sim/world/world.ts'

const NONE = {epoch: 0, index: 0}

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
  stage.run(5)
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

t.test('what is no action of the model is told by its write', (t) => {
  const stage = started(3, 0)
  const node = running(stage.at(1).state())
  const {durable} = node
  const {epoch, index} = stage.record(1)
  const self = {id: idOf(stage, 1), inc: durable.inc}
  const heir = {id: idOf(stage, 2), inc: 1}
  const record = {...(durable.accepted as StoredRecord).record, index: index + 1}
  const stored = (fields: Partial<ClusterRecord>): StoredRecord => {
    const next = {...record, ...fields}
    return {record: next, text: JSON.stringify(next), sha: 'c'.repeat(64)}
  }
  const voted = {...durable, promisedEpoch: epoch + 1, votedFor: self}
  const wrong: readonly [DurableState, Partial<DurableState>][] = [
    [durable, {promisedEpoch: epoch - 1}],
    [voted, {votedFor: heir}],
    [voted, {promisedEpoch: epoch, votedFor: null, accepted: stored({})}],
    [voted, {accepted: stored({})}],
    [durable, {accepted: stored({epoch: epoch + 1})}],
    [durable, {accepted: stored({heir})}],
    [durable, {accepted: stored({heir}), promisedEpoch: epoch + 1}],
    [durable, {accepted: stored({}), votedFor: heir}],
    [durable, {committed: stored({})}],
    [durable, {committed: null}],
    [durable, {accepted: null}],
    [durable, {accepted: stored({}), committed: stored({index: index + 2})}],
    [durable, {inc: durable.inc + 1}],
    [durable, {run: durable.run + 1, promisedEpoch: epoch + 1}],
  ]
  for (const [at, [before, fields]] of wrong.entries()) {
    t.not(whyNoAction(before, {...before, ...fields}), '', `case ${at}`)
  }
  const binds = {accepted: stored({heir}), promisedEpoch: epoch + 1, votedFor: heir}
  t.equal(whyNoAction(durable, {...durable, ...binds}), '')
  t.equal(whyNoAction(durable, voted), '')
  t.end()
})

t.test('whatever goes wrong, every write of a node is an action of the model', (t) => {
  const sums: Record<string, number> = {}
  const clusters = [sceneFacts(3, 2), sceneFacts(2, 1), sceneFacts(1, 2)]
  for (const [at, facts] of clusters.entries()) {
    for (let seed = 1; seed <= 5; seed++) {
      const {problems, counts} = faultyRun(seed, 60, facts)
      t.strictSame(problems.slice(0, 3), [], `cluster ${at}, seed ${seed}`)
      for (const [key, value] of Object.entries(counts)) sums[key] = (sums[key] ?? 0) + value
    }
  }
  for (const [key, value] of Object.entries(sums)) t.ok(value > 20, `${value} ${key}`)
  t.end()
})

const NOW = {host: '127.0.0.1', port: 1}

/** A member as the model has it: an id, maybe a gateway. */
function member(id: string, inc = 1): Member {
  return {
    id: id as NodeId,
    role: id.startsWith('p') ? 'proxy' : 'target',
    public: NOW,
    control: NOW,
    data: NOW,
    flags: 0,
    inc,
    learner: false,
    away: null,
    speaks: [1, 1],
  }
}

function mapOf(members: readonly Member[]): Smap {
  const nodes = Object.fromEntries(members.map((one) => [one.id, one]))
  return {version: 1, epoch: 1, created: '', primary: 'p1' as NodeId, nodes}
}

/** `Q` of the model. */
function modelQuorum(voters: readonly Member[], said: ReadonlySet<string>): boolean {
  const electable = voters.filter(({role}) => role === 'proxy')
  const [sole] = electable
  if (electable.length === 1 && sole !== undefined) return said.has(voterKey(sole))
  return voters.filter((voter) => said.has(voterKey(voter))).length * 2 > voters.length
}

/** Every subset of a list. */
function subsets<T>(list: readonly T[]): readonly (readonly T[])[] {
  return list.reduce<readonly (readonly T[])[]>(
    (all, item) => [...all, ...all.map((subset) => [...subset, item])],
    [[]],
  )
}

t.test('the joint rule is the one of the model, for every change of four nodes', (t) => {
  const nodes = [member('p1'), member('p2'), member('t1'), member('t1', 2)]
  // One incarnation of an id at a time.
  const maps = subsets(nodes).filter((set) => new Set(set.map(({id}) => id)).size === set.length)
  let joint = 0
  for (const before of maps) {
    for (const after of maps) {
      const differ =
        before.filter((one) => !after.includes(one)).length +
        after.filter((one) => !before.includes(one)).length
      const gateways = (set: readonly Member[]): readonly Member[] =>
        set.filter(({role}) => role === 'proxy')
      const wasSole = gateways(before).length === 1
      const isSole = gateways(after).length === 1
      // From one sole gateway to another is two voters anyway.
      const expected = differ > 1 || wasSole !== isSole
      const found = previousVoters(mapOf(before), mapOf(after))
      if (found !== null) joint++
      if ((found !== null) !== expected) t.fail(`${ids(before)} to ${ids(after)}`)
      if (found !== null) t.equal(found.length, before.length)
    }
  }
  t.ok(joint > 50)
  t.end()
})

function ids(members: readonly Member[]): string {
  return members.map(voterKey).join(' ')
}

t.test('a candidate wins exactly when the model elects it', (t) => {
  const random = randomOf(5, 5)
  const p1 = member('p1')
  const nodes = [p1, member('p2'), member('t1'), member('t2'), member('t2', 2)]
  const some = (): readonly Member[] => {
    const set = nodes.filter(() => random.chance(0.7))
    return set.filter(
      (one) => one.inc === 2 || !set.some((two) => two.id === one.id && two.inc === 2),
    )
  }
  let won = 0
  for (let round = 0; round < 4000; round++) {
    const records = [1, 2, 3].map((index) =>
      recordOf(index, some(), random.chance(0.4) ? some() : null),
    )
    const grants = nodes
      .filter((one) => one === p1 || random.chance(0.6))
      .map((voter): Grant => {
        const accepted = random.pick(records)
        const knows = random.chance(0.3)
        return {voter, accepted: accepted.stored, committed: knows ? accepted.stored.record : NONE}
      })
    const newest = records.findLast(({stored}) =>
      grants.some((grant) => grant.accepted === stored),
    ) as (typeof records)[number]
    const known = grants.some((grant) => grant.committed === newest.stored.record)
    const said = new Set(grants.map(({voter}) => voterKey(voter)))
    const elected =
      newest.voters.includes(p1) &&
      modelQuorum(newest.voters, said) &&
      (newest.previous === null || known || modelQuorum(newest.previous, said))
    const byKey = Object.fromEntries(grants.map((grant) => [voterKey(grant.voter), grant]))
    const found = outcome(byKey, p1)
    if ((found !== undefined) !== elected) t.fail(`round ${round}: ${ids(newest.voters)}`)
    if (found !== undefined) {
      won++
      if (found.adopt !== newest.stored || found.known !== known) t.fail(`round ${round}: adopted`)
    }
    const commits =
      modelQuorum(newest.voters, said) &&
      (newest.previous === null || modelQuorum(newest.previous, said))
    if (isRecordQuorum(newest.stored.record, said) !== commits) t.fail(`round ${round}: commits`)
  }
  t.ok(won > 300 && won < 3700, `${won} won`)
  t.end()
})

function recordOf(index: number, voters: readonly Member[], previous: readonly Member[] | null) {
  const pv = previous === null ? null : votersOf(mapOf(previous))
  const record = {epoch: 1, index, smap: mapOf(voters), pv} as unknown as ClusterRecord
  return {voters, previous, stored: {record, text: '', sha: `${index}`}}
}

t.test('a recovery leaps above what any survivor has promised', (t) => {
  const own = {voter: member('p1'), accepted: recordOf(1, [member('p1')], null).stored}
  const survivors = ['p1' as NodeId, 'p2' as NodeId]
  const forced = standing({...own, committed: NONE}, 5, survivors)
  t.equal(forced.epoch, 1005)
  const told = (promisedEpoch: number) => stepElection(forced, {type: 'outbid', promisedEpoch})
  t.equal(told(5).election.epoch, 1005)
  t.equal(told(600).election.epoch, 1600)
  const ordinary = standing({...own, committed: NONE}, 5)
  t.equal(stepElection(ordinary, {type: 'outbid', promisedEpoch: 5}).election.epoch, 6)
  t.equal(stepElection(ordinary, {type: 'outbid', promisedEpoch: 6}).election.epoch, 7)
  t.end()
})

t.test('a survivor that has promised more than the candidate is heard before the leap', (t) => {
  const stage = started(3, 2)
  const beyond = {epoch: 400, candidate: {id: idOf(stage, 2), inc: 1}, pre: false, led: 0}
  const question = {type: 'vote', uuid: SIM_UUID, founding: false, forced: false, holds: null}
  for (const index of [0, 3, 4]) stage.at(index).kill(true)
  part(stage, 1, 2)
  stage.run(8000)
  put(stage, 2, {...question, ...beyond} as PeerRequest, 2)
  const promised = stage.at(2).node()?.durable.promisedEpoch ?? 0
  stage.network.heal()
  const survivors = [idOf(stage, 1), idOf(stage, 2)]
  t.equal(stage.ask(1, {type: 'recover', survivors}).type, 'done')
  const {epoch} = stage.record(1)
  t.ok(promised >= 400 && epoch >= promised + 1000, `epoch ${epoch} above ${promised}`)
  t.end()
})

t.test('who may not lead in the newest record is not elected, whoever votes', (t) => {
  const bars: readonly Partial<Member>[] = [
    {learner: true},
    {inc: 2},
    {flags: NODE_FLAG.nonElectable},
    {flags: NODE_FLAG.maintenance},
    {role: 'target'},
  ]
  const p1 = member('p1')
  const others = [member('p2'), member('t1')]
  for (const bar of bars) {
    const old = recordOf(1, [p1, ...others], null).stored
    const next = recordOf(2, [{...p1, ...bar}, ...others], null).stored
    const grants = Object.fromEntries(
      [p1, ...others].map((voter) => {
        const accepted = voter === p1 ? old : next
        return [voterKey(voter), {voter, accepted, committed: NONE}]
      }),
    )
    t.equal(outcome(grants, p1), undefined, JSON.stringify(bar))
  }
  t.end()
})
