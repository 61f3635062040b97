/** Changes of primary in scenes: death, silence, partition, handover, recovery. Virtual time. */

import t from 'tap'
import type {CommandResult, KernelEvent} from '../../src/core/kernel/events.ts'
import type {KernelState} from '../../src/core/kernel/state.ts'
import {step} from '../../src/core/kernel/step.ts'
import {freshEvidence, NO_WATCH, sawGone} from '../../src/core/election/evidence.ts'
import {inheritance} from '../../src/core/election/inheritance.ts'
import {waitLeft, type PrimaryWatch} from '../../src/core/election/patience.ts'
import {standing, standingAsHeir} from '../../src/core/election/state.ts'
import {outcome, stepElection} from '../../src/core/election/step.ts'
import {succession} from '../../src/core/placement/next-primary.ts'
import {COMMANDS_WAITING_MAX, ELECTIONS_KEPT} from '../../src/model/limits.ts'
import type {ClusterUuid, NodeId} from '../../src/model/ids.ts'
import {timersOf} from '../../src/model/timers.ts'
import {beatAt, bucket, put, started, stageOf, type Stage} from '../helpers/kernel-stage.ts'
import type {SimProcess} from '../sim/world/process.ts'
import {SIM_UUID, sceneFacts} from '../sim/world/scene.ts'
import {isConverged} from '../sim/world/world.ts'

type Timeless<E = KernelEvent> = E extends KernelEvent ? Omit<E, 'nowMs' | 'wallMs'> : never

const idOf = (stage: Stage, index: number): NodeId => stage.at(index).facts.self.id

function indexOf(stage: Stage, id: NodeId | undefined): number {
  return stage.processes.findIndex((process) => process.facts.self.id === id)
}

/** Who leads with a majority; -1: nobody, or more than one. */
function leaderOf(stage: Stage): number {
  const leaders = stage.processes.filter((process) => process.view()?.leading === true)
  return leaders.length === 1 ? (leaders[0]?.index ?? -1) : -1
}

/** Indexes of the gateways in the order of succession, the present primary last. */
function order(stage: Stage, at = 0): readonly number[] {
  return succession(stage.record(at).smap).map((id) => indexOf(stage, id))
}

function untilLed(stage: Stage, limitMs?: number): number {
  return stage.until(() => leaderOf(stage) >= 0, limitMs)
}

t.test('a killed primary is followed by the first in succession, within seconds', (t) => {
  const stage = started(3, 4)
  stage.ask(0, bucket('kept'))
  const [first = -1] = order(stage)
  const {epoch, smap} = stage.record()
  stage.at(0).kill(false)
  const ms = stage.until(() => leaderOf(stage) === first)
  t.ok(ms >= 0 && ms < 2500, `took ${ms} ms`)
  const record = stage.record(first)
  t.ok(record.epoch > epoch)
  t.equal(record.smap.version, smap.version + 100 * (record.epoch - epoch))
  t.ok(record.bmd.buckets['ais/@#/kept'])
  const note = record.elections.at(-1)
  t.match(note, {primary: idOf(stage, first), before: idOf(stage, 0), reason: 'gone', voters: 7})
  t.ok((note?.votes ?? 0) >= 4)
  t.equal(record.conf.urls.primary, `http://127.0.0.1:${stage.at(first).facts.self.control.port}`)
  stage.at(0).start()
  t.ok(stage.until(() => isConverged(stage.processes)) >= 0)
  t.equal(leaderOf(stage), first, 'the old one is an ordinary member')
  t.end()
})

t.test('a frozen primary is succeeded after its silence, and follows when it is thawed', (t) => {
  const stage = started(3, 2)
  const [first = -1] = order(stage)
  stage.at(0).pause()
  const ms = stage.until(() => stage.at(first).view()?.leading === true)
  t.ok(ms > 2000 && ms < 5000, `took ${ms} ms`)
  t.equal(stage.record(first).elections.at(-1)?.reason, 'silent')
  t.match(stage.at(first).view()?.primary, {id: idOf(stage, first), live: true, waiting: ''})
  stage.at(0).thaw()
  t.ok(stage.until(() => isConverged(stage.processes)) < 2000)
  t.equal(leaderOf(stage), first)
  t.match(stage.ask(0, bucket('late')), {type: 'elsewhere'})
  t.end()
})

t.test('when the first in succession is dead, too, the next one leads', (t) => {
  const stage = started(4, 3)
  const [first = -1, second = -1, third = -1] = order(stage)
  for (const index of [0, first]) stage.at(index).kill(false)
  t.ok(stage.until(() => leaderOf(stage) === second) >= 0)
  stage.at(0).start()
  stage.at(first).start()
  stage.until(() => isConverged(stage.processes))
  for (const index of [second, ...order(stage).slice(0, 1)]) stage.at(index).kill(true)
  t.ok(untilLed(stage, 10_000) >= 0)
  t.not(leaderOf(stage), second)
  t.ok(third >= 0)
  t.end()
})

t.test('a primary cut off changes nothing; the majority goes on; one record remains', (t) => {
  const stage = started(3, 4)
  const others = [1, 2, 3, 4, 5, 6]
  for (const index of others) {
    stage.network.cut(0, index)
    stage.network.cut(index, 0)
  }
  const cut = stage.ask(0, bucket('minority'))
  t.equal(cut.type, 'refused')
  t.ok(untilLed(stage, 6000) >= 0)
  const leader = leaderOf(stage)
  t.not(leader, 0)
  t.equal(stage.ask(leader, bucket('majority')).type, 'done')
  t.match(stage.at(0).view()?.primary, {live: false, waiting: /no majority/})
  stage.network.heal()
  t.ok(stage.until(() => isConverged(stage.processes), 10_000) >= 0)
  t.equal(leaderOf(stage), leader)
  t.notOk(stage.record().bmd.buckets['ais/@#/minority'], 'what was refused is nowhere')
  t.ok(stage.record().bmd.buckets['ais/@#/majority'])
  t.end()
})

t.test('who alone cannot reach the primary changes nothing', (t) => {
  const stage = started(3, 4)
  const [first = -1] = order(stage)
  stage.network.cut(0, first)
  stage.network.cut(first, 0)
  const {epoch} = stage.record()
  stage.run(60_000)
  t.equal(leaderOf(stage), 0)
  t.equal(stage.record().epoch, epoch)
  t.equal(stage.at(0).node()?.durable.promisedEpoch, epoch, 'no epoch was raised')
  const {primary} = stage.at(first).view() ?? {}
  t.match(primary, {live: false, waiting: /voters say yes so far/})
  t.ok((primary?.silentSinceMs ?? 0) > 0)
  t.match(stage.ask(first, bucket('early')), {refusal: {code: 'NO_PRIMARY'}})
  t.end()
})

t.test('after a cold start without the old primary the others lead', (t) => {
  const stage = started(3, 4)
  for (const process of stage.processes) process.kill(true)
  for (const index of [1, 2, 3, 4, 5, 6]) stage.at(index).start()
  const ms = untilLed(stage)
  t.ok(ms >= 0 && ms < 6000, `took ${ms} ms`)
  t.not(leaderOf(stage), 0)
  stage.at(0).start()
  t.ok(stage.until(() => isConverged(stage.processes)) >= 0)
  t.end()
})

t.test('of two gateways and a target any one may fail', (t) => {
  for (const gone of [0, 1, 2]) {
    const stage = started(2, 1)
    stage.at(gone).kill(true)
    t.ok(stage.until(() => stage.at(gone === 0 ? 1 : 0).view()?.leading === true) >= 0)
    stage.at(gone).start()
    t.ok(stage.until(() => isConverged(stage.processes)) >= 0)
  }
  t.end()
})

t.test('a gateway that is not electable votes and never stands', (t) => {
  const facts = sceneFacts(3, 2).map((fact, index) =>
    index === 0 ? fact : {...fact, self: {...fact.self, nonElectable: index === 1}},
  )
  const stage = stageOf(facts)
  for (const process of stage.processes) process.start()
  stage.until(() => isConverged(stage.processes))
  stage.at(0).kill(false)
  t.ok(stage.until(() => leaderOf(stage) === 2) >= 0)
  stage.at(0).kill(false)
  stage.at(2).kill(false)
  stage.run(20_000)
  t.notOk(stage.at(1).view()?.leading)
  t.end()
})

t.test('the office is handed over on command, at once and to electable gateways only', (t) => {
  const facts = sceneFacts(4, 2).map((fact, index) =>
    index === 3 ? {...fact, self: {...fact.self, nonElectable: true}} : fact,
  )
  const stage = stageOf(facts)
  for (const process of stage.processes) process.start()
  stage.until(() => isConverged(stage.processes))
  const set = (at: number, id: NodeId): CommandResult => stage.ask(at, {type: 'set-primary', id})
  t.match(set(0, idOf(stage, 0)), {type: 'done'}, 'it is the primary')
  t.match(set(0, 'nobody-77' as NodeId), {refusal: {code: 'NODE_NOT_FOUND'}})
  t.match(set(0, idOf(stage, 4)), {refusal: {message: /only a gateway/}})
  t.match(set(0, idOf(stage, 3)), {refusal: {message: /non-electable/}})
  const from = stage.clock.nowMs()
  const before = stage.record()
  t.match(set(0, idOf(stage, 2)), {type: 'done'})
  t.ok(stage.clock.nowMs() - from < 500, `took ${stage.clock.nowMs() - from} ms`)
  t.ok(stage.until(() => isConverged(stage.processes)) < 1000)
  t.equal(leaderOf(stage), 2)
  const after = stage.record(2)
  t.equal(after.epoch, before.epoch + 1, "the next epoch is the heir's")
  t.equal(after.heir, null)
  t.match(after.elections.at(-1), {reason: 'handed-over', before: idOf(stage, 0)})
  t.match(set(0, idOf(stage, 1)), {type: 'elsewhere'}, 'the old one sends on')
  t.match(set(2, idOf(stage, 0)), {type: 'done'}, 'and back again')
  stage.until(() => isConverged(stage.processes))
  stage.at(1).pause()
  stage.run(3000)
  t.match(set(0, idOf(stage, 1)), {refusal: {code: 'REFUSED', message: /does not answer/}})
  t.end()
})

t.test('an heir that dies in between leaves the office to anybody', (t) => {
  const stage = started(3, 2)
  const {epoch} = stage.record()
  let heard: CommandResult | undefined
  stage.at(0).command({type: 'set-primary', id: idOf(stage, 1)}, (result) => {
    heard = result
  })
  t.ok(stage.until(() => stage.at(1).node()?.durable.accepted?.record.heir !== null, 100) >= 0)
  stage.at(1).kill(false)
  let late: CommandResult | undefined
  stage.at(0).command(bucket('held'), (result) => {
    late = result
  })
  stage.run(30)
  t.equal(late, undefined, 'held while the office is on its way')
  t.ok(stage.until(() => untilLed(stage) >= 0 && heard !== undefined && late !== undefined) >= 0)
  t.match(heard, {refusal: {code: 'OUTCOME_UNKNOWN'}})
  t.not(leaderOf(stage), 1)
  t.ok(stage.record(leaderOf(stage)).epoch >= epoch + 2, 'never the epoch of the heir')
  stage.at(1).start()
  t.ok(stage.until(() => isConverged(stage.processes)) >= 0)
  t.end()
})

t.test('without a majority nothing is handed over', (t) => {
  const stage = started(3, 0)
  for (const index of [1, 2]) stage.at(index).pause()
  const result = stage.ask(0, {type: 'set-primary', id: idOf(stage, 1)})
  t.equal(result.type, 'refused')
  for (const index of [1, 2]) stage.at(index).thaw()
  t.ok(stage.until(() => isConverged(stage.processes)) >= 0)
  t.end()
})

t.test('a handover that was never proposed is taken back', (t) => {
  const stage = started(3, 0)
  stage.at(0).disk.stallMs = 8000
  const command = stage.at(0).command
  command(bucket('slow'), () => undefined)
  let heard: CommandResult | undefined
  command({type: 'set-primary', id: idOf(stage, 1)}, (result) => {
    heard = result
  })
  stage.until(() => heard !== undefined, 20_000)
  t.match(heard, {refusal: {code: 'NO_QUORUM'}})
  stage.at(0).disk.stallMs = 0
  t.ok(stage.until(() => isConverged(stage.processes)) >= 0)
  t.end()
})

t.test('a primary that is told to stop hands over first, and loses no command', (t) => {
  const stage = started(3, 4)
  const [first = -1] = order(stage)
  const results: CommandResult[] = []
  stage.at(0).command(bucket('before'), (result) => results.push(result))
  stage.at(0).stop()
  stage.at(0).command(bucket('after'), (result) => results.push(result))
  const ms = stage.until(() => stage.at(first).view()?.leading === true && !stage.at(0).isUp())
  t.ok(ms >= 0 && ms < 1000, `took ${ms} ms`)
  t.match(results, [{type: 'done'}, {type: 'elsewhere'}])
  t.ok(stage.until(() => stage.record(first).smap.nodes[idOf(stage, 0)]?.away !== null) < 1000)
  t.match(stage.record(first).smap.nodes[idOf(stage, 0)]?.away, {kind: 'absent'})
  t.equal(stage.record(first).elections.at(-1)?.reason, 'handed-over')
  t.end()
})

t.test('who lost its disk as primary comes back under another one', (t) => {
  const stage = started(3, 2)
  stage.at(0).kill(true)
  stage.at(0).disk.wipe()
  stage.at(0).start()
  t.ok(stage.until(() => isConverged(stage.processes)) >= 0)
  t.not(leaderOf(stage), 0)
  t.equal(stage.record().smap.nodes[idOf(stage, 0)]?.inc, 2)
  t.equal(stage.record().uuid, SIM_UUID)
  t.end()
})

t.test('an operator gives up a majority: the survivors go on, the others keep their data', (t) => {
  const stage = started(3, 4)
  stage.ask(0, bucket('kept'))
  const survivors = [1, 2, 3].map((index) => idOf(stage, index))
  const recover = (at: number, named: readonly NodeId[]): CommandResult =>
    stage.ask(at, {type: 'recover', survivors: named})
  t.match(recover(0, survivors), {refusal: {message: /it leads with a majority/}})
  t.match(recover(1, survivors), {refusal: {message: /a primary was heard/}})
  for (const index of [0, 4, 5, 6]) stage.at(index).kill(true)
  stage.run(20_000)
  t.equal(leaderOf(stage), -1)
  t.match(recover(3, survivors), {refusal: {message: /may not be primary/}})
  t.match(recover(1, [idOf(stage, 2)]), {refusal: {message: /among the survivors/}})
  t.match(recover(1, [...survivors, 'nobody-88' as NodeId]), {refusal: {message: /not a member/}})
  t.match(recover(1, [...survivors, idOf(stage, 4)]), {refusal: {message: /no yes from/}})
  const {epoch} = stage.record(1)
  const first = new Promise<CommandResult>((resolve) =>
    stage.at(1).command({type: 'recover', survivors}, resolve),
  )
  t.match(recover(1, survivors), {refusal: {message: /recovering already/}})
  t.ok(stage.until(() => stage.at(1).view()?.leading === true) >= 0)
  const {record} = stage.at(1).view() ?? {}
  t.ok((record?.epoch ?? 0) >= epoch + 1000)
  t.match(record?.elections.at(-1), {reason: 'recovered', votes: 3, voters: 7})
  t.match(record?.smap.nodes[idOf(stage, 5)], {learner: true, away: {kind: 'lost'}})
  t.ok(record?.bmd.buckets['ais/@#/kept'])
  for (const index of [0, 4, 5, 6]) stage.at(index).start()
  t.ok(stage.until(() => isConverged(stage.processes)) >= 0, 'they are voters again')
  return first.then((result) => {
    t.equal(result.type, 'done')
    t.end()
  })
})

t.test('a primary that has lost its majority is made to go on with what is left', (t) => {
  const stage = started(3, 4)
  for (const index of [3, 4, 5, 6]) stage.at(index).kill(true)
  stage.run(4000)
  t.match(stage.ask(0, bucket('frozen')), {type: 'refused'})
  const survivors = [0, 1, 2].map((index) => idOf(stage, index))
  t.match(stage.ask(0, {type: 'recover', survivors}), {type: 'done'})
  t.equal(leaderOf(stage), 0)
  t.match(stage.record().elections.at(-1), {reason: 'recovered', before: idOf(stage, 0)})
  t.match(stage.ask(0, bucket('goes-on')), {type: 'done'})
  for (const index of [3, 4, 5, 6]) stage.at(index).start()
  t.ok(stage.until(() => isConverged(stage.processes)) >= 0)
  t.end()
})

t.test('nothing is recovered when one of those given up answers', (t) => {
  const stage = started(3, 0)
  stage.at(0).kill(true)
  stage.at(1).pause()
  stage.run(10_000)
  let heard: CommandResult | undefined
  stage.at(2).command({type: 'recover', survivors: [idOf(stage, 2)]}, (result) => {
    heard = result
  })
  stage.at(1).thaw()
  t.ok(stage.until(() => heard !== undefined, 12_000) >= 0)
  t.ok(stage.until(() => leaderOf(stage) >= 0) >= 0)
  if (heard?.type === 'refused') t.match(heard.refusal.message, /answers|not recovered/)
  t.end()
})

t.test('a node that knows no cluster recovers none', (t) => {
  const stage = stageOf(sceneFacts(2, 0))
  stage.at(1).start()
  const named = [idOf(stage, 1)]
  t.match(stage.ask(1, {type: 'recover', survivors: named}), {refusal: {message: /no record/}})
  t.match(stage.ask(1, bucket('none')), {refusal: {code: 'NO_PRIMARY'}}, 'at once')
  t.end()
})

t.test('a false alarm is looked into, and nothing else', (t) => {
  const stage = started(3, 2)
  const [first = -1, second = -1] = order(stage)
  const {epoch} = stage.record()
  const nominate = {type: 'nominate' as const, uuid: SIM_UUID, epoch, primary: idOf(stage, 0)}
  t.match(put(stage, first, nominate), {noted: true})
  t.match(put(stage, first, {...nominate, primary: idOf(stage, 1)}), {noted: false})
  t.match(put(stage, first, {...nominate, uuid: 'other' as ClusterUuid}), {noted: false})
  t.match(put(stage, 0, nominate), {noted: false}, 'the primary knows better')
  t.match(put(stage, second, {...nominate, epoch: 0}), {noted: false})
  stage.run(5000)
  t.equal(leaderOf(stage), 0)
  t.equal(stage.record().epoch, epoch)
  t.end()
})

t.test('a primary that answers after all is no longer held to be gone', (t) => {
  const stage = started(3, 2)
  const [first = -1] = order(stage)
  stage.at(0).kill(false)
  t.ok(stage.until(() => stage.lines.some((line) => /is gone: a new connection/.test(line))) >= 0)
  stage.at(0).start()
  t.ok(stage.until(() => isConverged(stage.processes)) >= 0)
  t.ok([0, first].includes(leaderOf(stage)), 'either is right')
  t.end()
})

t.test('evidence that a primary is gone ends with its next answer', (t) => {
  const stage = started(3, 2)
  const id = idOf(stage, 0)
  const {epoch} = stage.record()
  let state: KernelState = stage.at(4).state()
  let now = stage.at(4).node()?.nowMs ?? 0
  /** What the follower is told in the next second, and what it asks the primary then. */
  const tell = (event: Timeless): number => {
    now += 400
    const {state: next, effects} = step(state, {...event, nowMs: now, wallMs: now} as KernelEvent)
    state = next
    const asked = effects.flatMap((one) => (one.type === 'send' && one.fresh ? [one.sendId] : []))
    return asked[0] ?? -1
  }
  const gone = (): boolean => state.phase === 'running' && state.watch.evidence !== null
  const first = tell({type: 'connection-lost', from: id})
  tell({type: 'peer-silent', sendId: first, reason: 'refused', detail: ''})
  t.equal(gone(), true)
  const answer = put(stage, 0, {type: 'probe', uuid: SIM_UUID}, 4)
  t.match(answer, {type: 'probe', leads: epoch})
  const again = tell({type: 'tick'})
  tell({type: 'peer-answered', sendId: again, from: {id, inc: 1}, answer})
  t.equal(gone(), false)
  t.end()
})

t.test('the record remembers the latest changes of primary, and no more', (t) => {
  const stage = started(2, 1)
  for (let count = 0; count < ELECTIONS_KEPT + 3; count++) {
    const from = leaderOf(stage)
    const to = from === 0 ? 1 : 0
    t.equal(stage.ask(from, {type: 'set-primary', id: idOf(stage, to)}).type, 'done')
    stage.until(() => leaderOf(stage) === to && isConverged(stage.processes))
  }
  t.equal(stage.record().elections.length, ELECTIONS_KEPT)
  t.end()
})

t.test('patience is counted from silence or from evidence, by rank, and yields to a vote', (t) => {
  const timers = timersOf({})
  const me = 'p1-000001' as NodeId
  const gone = 'p0-000001' as NodeId
  const calm: PrimaryWatch = {
    nowMs: 10_000,
    quietSinceMs: 9000,
    evidence: null,
    granted: null,
    timers,
  }
  t.equal(waitLeft(calm, me, 0), 2000)
  t.equal(waitLeft(calm, me, 2), 3000)
  const seen = {...calm, evidence: {id: gone, sinceMs: 9800, lastMs: 9900}}
  t.equal(waitLeft(seen, me, 0), 0)
  t.equal(waitLeft(seen, me, 1), 300)
  t.equal(waitLeft({...seen, granted: {id: gone, atMs: 9500}}, me, 0), 1500)
  t.equal(waitLeft({...seen, granted: {id: me, atMs: 9500}}, me, 0), 0)
  const first = sawGone(NO_WATCH, gone, 100)
  const again = sawGone({...first, nominated: [me]}, gone, 900)
  t.match(again, {evidence: {sinceMs: 100, lastMs: 900}, nominated: [me]})
  t.match(sawGone(again, me, 950), {evidence: {id: me, sinceMs: 950}, nominated: []})
  t.ok(freshEvidence(again, gone, 1900))
  t.notOk(freshEvidence(again, gone, 1901), 'it ages')
  t.notOk(freshEvidence(again, me, 901))
  t.notOk(freshEvidence(NO_WATCH, gone, 0))
  t.end()
})

t.test('an heir begins with the votes, and an inheritance is a promise', (t) => {
  const stage = started(3, 0)
  const accepted = (stage.at(0).node() as NonNullable<ReturnType<SimProcess['node']>>).durable
    .accepted
  if (accepted === null) throw new Error('the cluster has a record')
  const voter = {id: idOf(stage, 1), inc: 1}
  const own = {voter, accepted, committed: accepted.record}
  const heir = standingAsHeir(own, accepted.record.epoch + 1)
  t.match(stepElection(heir, {type: 'begun'}).orders, [{type: 'ask'}])
  t.strictSame(inheritance({promisedEpoch: 1}, accepted), {})
  const intent = {...accepted, record: {...accepted.record, heir: voter}}
  const {epoch} = accepted.record
  t.strictSame(inheritance({promisedEpoch: epoch}, intent), {
    promisedEpoch: epoch + 1,
    votedFor: voter,
  })
  t.strictSame(inheritance({promisedEpoch: epoch + 1}, intent), {}, 'a later promise stands')
  const forced = standing(own, 5, [voter.id])
  t.equal(forced.epoch, 1005)
  t.match(outcome(forced.grants, voter, [voter.id]), {adopt: accepted})
  t.equal(outcome(forced.grants, voter, [voter.id, idOf(stage, 2)]), undefined)
  t.end()
})

t.test('a double of a living node is told why, and ends; the node itself goes on', (t) => {
  const facts = sceneFacts(3, 3)
  const [double, original] = [facts[5], facts[4]]
  if (double === undefined || original === undefined) throw new Error('six nodes were made')
  const exits: number[] = []
  const stage = stageOf(
    [...facts.slice(0, 5), {...double, self: {...double.self, id: original.self.id}}],
    7,
    (process) => exits.push(process.index),
  )
  for (const index of [0, 1, 2, 3, 4]) stage.at(index).start()
  stage.until(() => isConverged(stage.processes.slice(0, 5)))
  const {smap} = stage.record()
  stage.at(5).start()
  const ms = stage.until(() => exits.length > 0, 15_000)
  t.ok(ms > 5000 && ms < 10_500, `ended after ${ms} ms`)
  t.strictSame(exits, [5])
  t.match(stage.lines.join('\n'), /that id is taken by the node at/)
  t.strictSame(stage.record().smap, smap)
  t.ok(stage.at(4).leaseValid())
  t.end()
})

t.test('who missed a thousand versions and three primaries catches up at once', (t) => {
  const stage = started(3, 2)
  stage.at(4).kill(true)
  const {index} = stage.record()
  for (let count = 0; count < 1000; count++) {
    stage.ask(leaderOf(stage), {type: 'set-config', set: {count}, reset: false})
    if (count % 300 !== 299) continue
    const from = leaderOf(stage)
    stage.ask(from, {type: 'set-primary', id: idOf(stage, (from + 1) % 3)})
    stage.until(() => leaderOf(stage) === (from + 1) % 3)
  }
  t.ok(stage.record(leaderOf(stage)).index >= index + 1000)
  stage.at(4).start()
  const ms = stage.until(() => stage.at(4).view()?.record?.conf.set['count'] === 999)
  t.ok(ms >= 0 && ms < 1000, `took ${ms} ms`)
  t.ok(stage.until(() => isConverged(stage.processes)) >= 0)
  t.end()
})

t.test('a gateway that missed its own promotion can lead when it is the last one', (t) => {
  const stage = started(2, 2)
  stage.at(1).kill(true)
  stage.at(1).disk.wipe()
  stage.at(1).start()
  const acks = (): number => {
    const reign = stage.at(0).node()?.stage
    return reign?.stage === 'leading' ? (reign.peers[idOf(stage, 1)]?.learnerAcks ?? 0) : 0
  }
  const seen = (): boolean => {
    const self = stage.at(1).node()?.durable.accepted?.record.smap.nodes[idOf(stage, 1)]
    return self?.learner === true && acks() > 0
  }
  const until = (holds: () => boolean): void => {
    for (let step = 0; step < 100_000 && !holds(); step++) stage.run(0.2)
  }
  until(seen)
  stage.network.cut(0, 1)
  stage.until(() => stage.record().smap.nodes[idOf(stage, 1)]?.learner === false, 5000)
  const known = stage.at(1).node()?.durable.accepted?.record.smap.nodes[idOf(stage, 1)]
  t.equal(stage.record().smap.nodes[idOf(stage, 1)]?.learner, false, 'promoted')
  t.equal(known?.learner, true, 'and has not heard of it')
  stage.at(0).kill(true)
  t.ok(stage.until(() => leaderOf(stage) === 1, 20_000) >= 0)
  t.end()
})

t.test('a node that is slow to answer does not lose its place to a double', (t) => {
  const facts = sceneFacts(3, 4)
  const [last, original] = [facts[6], facts[5]]
  if (last === undefined || original === undefined) throw new Error('seven nodes were made')
  const stage = stageOf([
    ...facts.slice(0, 6),
    {...last, self: {...last.self, id: original.self.id}},
  ])
  for (const index of [0, 1, 2, 3, 4, 5]) stage.at(index).start()
  stage.until(() => isConverged(stage.processes.slice(0, 6)))
  stage.at(5).pause()
  stage.run(3300)
  stage.at(6).start()
  stage.run(1500)
  const place = stage.record().smap.nodes[original.self.id]
  t.match(place, {inc: 1, control: original.self.control}, 'busy, not gone')
  stage.at(5).thaw()
  t.ok(stage.until(() => stage.at(5).leaseValid(), 5000) >= 0)
  stage.at(5).kill(false)
  stage.at(6).kill(false)
  stage.at(6).disk.wipe()
  stage.at(6).start()
  const moved = (): boolean => stage.record().smap.nodes[original.self.id]?.inc === 2
  t.ok(stage.until(moved, 10_000) >= 0, 'an address that refuses is free')
  t.end()
})

t.test('what was never proposed goes to the next primary; what waits is bounded', (t) => {
  const stage = started(3, 2)
  const {epoch} = stage.record()
  stage.at(0).disk.stallMs = 3000
  const results: CommandResult[] = []
  for (const name of ['proposed', 'queued']) {
    stage.at(0).command(bucket(name), (result) => results.push(result))
  }
  stage.run(20)
  const beat = beatAt(stage, epoch + 3)
  t.match(put(stage, 0, beat, 1), {accepted: true})
  t.ok(stage.until(() => results.length === 2, 8000) >= 0)
  t.match(results, [{type: 'refused'}, {type: 'elsewhere'}])
  stage.at(0).disk.stallMs = 0
  for (const process of stage.processes) if (process.index > 0) process.kill(false)
  stage.run(6000)
  const busy: CommandResult[] = []
  for (let count = 0; count <= COMMANDS_WAITING_MAX; count++) {
    stage.at(0).command(bucket(`held-${count}`), (result) => busy.push(result))
  }
  t.match(busy, [{refusal: {code: 'TOO_BUSY'}}])
  t.end()
})

t.test('a primary that nobody confirms says so when a command has waited long enough', (t) => {
  const stage = started(3, 0)
  const [first = -1] = order(stage)
  stage.at(0).kill(false)
  const unconfirmed = (): boolean => {
    const reign = stage.at(first).node()?.stage
    return reign?.stage === 'leading' && !reign.confirmed
  }
  for (let step = 0; step < 100_000 && !unconfirmed(); step++) stage.run(0.2)
  for (const other of [0, 1, 2]) {
    stage.network.cut(first, other)
    stage.network.cut(other, first)
  }
  t.match(stage.ask(first, bucket('early')), {refusal: {code: 'NOT_READY', message: /confirmed/}})
  t.end()
})
