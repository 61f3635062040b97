/** The kernel in scenes: founding, joining, loss, return, stop, restart, refusals. Virtual time. */

import t from 'tap'
import type {
  BootFacts,
  CommandResult,
  KernelEffect,
  KernelEvent,
  PeerRequest,
} from '../../src/core/kernel/events.ts'
import type {PeerAnswer} from '../../src/model/peer-messages.ts'
import {standing} from '../../src/core/election/state.ts'
import {stepElection} from '../../src/core/election/step.ts'
import {draftFrom} from '../../src/core/kernel/draft.ts'
import {initialKernel, step} from '../../src/core/kernel/step.ts'
import {founding, stepFounding} from '../../src/core/membership/founding.ts'
import {METASYNC_IDLE} from '../../src/core/metasync/state.ts'
import {stepMetasync} from '../../src/core/metasync/step.ts'
import {COMMANDS_WAITING_MAX, MEMBERS_MAX, RECORD_BYTES_MAX} from '../../src/model/limits.ts'
import type {ClusterUuid, NodeId} from '../../src/model/ids.ts'
import {NODE_FLAG, type Member} from '../../src/model/node.ts'
import type {SimProcess} from '../sim/world/process.ts'
import {beatAt, bucket, put, started, stageOf} from '../helpers/kernel-stage.ts'
import {SIM_UUID, sceneFacts, scenePlace} from '../sim/world/scene.ts'
import {isConverged} from '../sim/world/world.ts'

const SEEN = {wallMs: 0, peers: {}}

t.test('seven nodes form a cluster within a second', (t) => {
  const stage = stageOf(sceneFacts(3, 4))
  for (const process of stage.processes) process.start()
  const ms = stage.until(() => isConverged(stage.processes))
  t.ok(ms >= 0 && ms < 1000, `took ${ms} ms`)
  t.equal(stage.record().uuid, SIM_UUID)
  t.equal(stage.record().pv, null, 'the joint change is finished')
  t.equal(stage.record().own.length, 1)
  t.end()
})

t.test('a founder waits for a majority of the configured nodes and says for whom', (t) => {
  const stage = stageOf(sceneFacts(3, 2))
  stage.at(0).start()
  stage.at(1).start()
  stage.run(25_000)
  t.notOk(stage.at(0).view()?.record)
  t.match(stage.lines.join('\n'), /2 of 5 configured nodes; silent: 127.0.0.1:50021/)
  stage.at(2).start()
  t.ok(stage.until(() => stage.at(0).view()?.leading === true) < 1000)
  t.notOk(stage.at(0).view()?.clusterStarted, 'two configured nodes are awaited')
  const waiting = stage.ask(0, {type: 'await-started'})
  t.equal(waiting.type, 'done', 'at most for startup_time')
  t.ok(stage.until(() => stage.at(0).view()?.clusterStarted === true) >= 0)
  t.equal(stage.ask(0, {type: 'await-started'}).type, 'done', 'and at once afterwards')
  t.end()
})

t.test(
  'whoever may found is chosen by id, by word or by configuration, and never with state',
  (t) => {
    const facts = sceneFacts(3, 0)
    const hinted = (hint: BootFacts['primaryHint']) =>
      facts.map((fact, index) =>
        index === 1 ? {...fact, primaryHint: hint} : {...fact, bootstrap: false},
      )
    for (const hint of [
      {id: facts[1]?.self.id ?? null, isPrimary: null},
      {id: null, isPrimary: true},
    ]) {
      const stage = stageOf(hinted(hint))
      for (const process of stage.processes) process.start()
      t.ok(stage.until(() => isConverged(stage.processes)) >= 0)
      t.equal(stage.record().smap.primary, facts[1]?.self.id)
    }
    const two = stageOf(facts.map((fact, index) => ({...fact, bootstrap: index < 2})))
    for (const process of two.processes) process.start()
    t.ok(two.until(() => isConverged(two.processes)) >= 0, 'of two founders one succeeds')
    t.end()
  },
)

t.test('a new target is in the map, leased and settled soon after its first contact', (t) => {
  const stage = stageOf(sceneFacts(1, 3))
  for (const index of [0, 1, 2]) stage.at(index).start()
  stage.until(() => stage.member(2)?.learner === false)
  stage.ask(0, bucket('some'))
  stage.at(3).start()
  const ms = stage.until(() => stage.member(3)?.learner === false && stage.at(3).leaseValid())
  t.ok(ms >= 0 && ms < 600, `took ${ms} ms, ticks and the first question included`)
  t.equal(stage.record().own.length, 2, 'keys have passed')
  stage.until(() => stage.at(3).view()?.settledIndex === stage.record().own.at(-1)?.index)
  t.equal(stage.at(3).view()?.settledIndex, stage.record().own.at(-1)?.index)
  t.end()
})

t.test('beats are due for all at once, whenever each came back', (t) => {
  const stage = started(1, 3)
  for (const [index, waitMs] of [[1, 370] as const, [2, 740] as const]) {
    stage.at(index).kill(false)
    stage.run(waitMs)
    stage.at(index).start()
    stage.run(waitMs)
  }
  stage.run(3000)
  const leading = stage.at(0).node()?.stage
  const due = leading?.stage === 'leading' ? Object.values(leading.peers) : []
  t.equal(due.length, 3)
  t.equal(new Set(due.map(({beatDueMs}) => beatDueMs)).size, 1)
  t.end()
})

t.test('all nodes restarted in any order come back as they were', (t) => {
  const stage = started(3, 4)
  stage.ask(0, bucket('kept'))
  const before = stage.record()
  for (const power of [false, true]) {
    for (const process of stage.processes) process.kill(power)
    stage.run(100)
    for (const index of [6, 2, 5, 0, 3, 1, 4]) {
      stage.at(index).start()
      stage.run(50)
    }
    t.ok(stage.until(() => isConverged(stage.processes)) >= 0)
  }
  const after = stage.record()
  t.equal(after.uuid, before.uuid)
  t.strictSame(Object.keys(after.smap.nodes).sort(), Object.keys(before.smap.nodes).sort())
  t.ok(after.index > before.index && after.epoch > before.epoch)
  t.equal(after.smap.version, before.smap.version)
  t.ok(after.bmd.buckets['ais/@#/kept'])
  t.end()
})

t.test('the only electable proxy is elected anew after a restart, and never resumes', (t) => {
  const stage = started(1, 3)
  const {epoch} = stage.record()
  stage.at(0).kill(true)
  stage.run(5000)
  t.match(stage.lines.join('\n'), /nothing heard from the primary/)
  t.match(stage.ask(1, bucket('early')), {refusal: {code: 'NO_PRIMARY'}})
  stage.at(0).start()
  const ms = stage.until(() => isConverged(stage.processes))
  t.ok(ms >= 0 && ms < 1500, `took ${ms} ms`)
  t.equal(stage.record().epoch, epoch + 1)
  t.end()
})

t.test('a candidate without a majority waits, says for whom, and raises no epoch', (t) => {
  const stage = started(3, 0)
  for (const process of stage.processes) process.kill(false)
  stage.at(0).start()
  stage.run(25_000)
  t.match(stage.lines.join('\n'), /no yes from proxy-01 at 127.0.0.1:50011, proxy-02/)
  t.equal(stage.at(0).node()?.durable.promisedEpoch, 1)
  stage.at(2).start()
  t.ok(stage.until(() => stage.at(0).view()?.leading === true) < 2000)
  t.end()
})

t.test('a command is answered when all active members use its record', (t) => {
  const stage = started(3, 4)
  const from = stage.clock.nowMs()
  const done = stage.ask(0, bucket('quick'))
  t.match(done, {type: 'done', bucket: {bid: '9223372036854775809'}})
  t.ok(stage.clock.nowMs() - from < 100, `took ${stage.clock.nowMs() - from} ms`)
  for (const process of stage.processes) t.ok(process.view()?.record?.bmd.buckets['ais/@#/quick'])
  t.match(stage.ask(0, bucket('quick')), {refusal: {code: 'BUCKET_EXISTS'}})
  t.match(stage.ask(1, bucket('other')), {type: 'elsewhere', primary: scenePlace(0, 1)})
  t.match(stage.ask(0, {type: 'set-config', set: {a: 1}, reset: false}), {type: 'done'})
  stage.at(6).pause()
  const slow = stage.clock.nowMs()
  t.match(stage.ask(0, bucket('slow')), {type: 'done'}, 'one that is slow is not waited for long')
  t.ok(stage.clock.nowMs() - slow <= 1200)
  stage.at(6).thaw()
  t.end()
})

t.test('without a majority nothing is changed, and nobody is kept waiting', (t) => {
  const stage = started(3, 0)
  stage.at(1).kill(false)
  stage.at(2).kill(false)
  const cut = stage.ask(0, bucket('lost'))
  t.match(cut, {refusal: {code: 'OUTCOME_UNKNOWN', message: /unknown/}})
  t.match(stage.ask(0, bucket('lost')), {refusal: {code: 'NO_QUORUM', message: /no majority/}})
  t.notOk(stage.at(0).view()?.leading)
  stage.at(1).start()
  t.ok(stage.until(() => stage.at(0).view()?.leading === true) >= 0)
  t.end()
})

t.test('an ordered stop is an absence: ownership stays, the visible map too', (t) => {
  const stage = started(3, 4)
  const before = stage.record()
  stage.at(6).stop()
  t.ok(stage.until(() => !stage.at(6).isUp()) < 500)
  t.match(stage.member(6), {away: {kind: 'absent'}})
  t.equal(stage.record().smap.version, before.smap.version)
  t.strictSame(stage.record().own, before.own)
  stage.run(2000)
  stage.at(6).start()
  const ms = stage.until(() => stage.member(6)?.away === null && stage.at(6).leaseValid())
  t.ok(ms >= 0 && ms < 500, `back after ${ms} ms`)
  t.equal(stage.record().smap.version, before.smap.version)
  stage.at(6).stop()
  stage.run(34_000)
  t.match(stage.member(6), {away: {kind: 'lost'}}, 'an absence that lasts is a loss')
  t.end()
})

t.test('a primary ends what is under way when it is told to stop', (t) => {
  const stage = started(3, 0)
  let heard: CommandResult | undefined
  stage.at(0).command(bucket('last'), (result) => {
    heard = result
  })
  stage.at(0).stop()
  t.match(stage.ask(0, bucket('late')), {type: 'elsewhere'}, 'it goes to the heir')
  stage.until(() => !stage.at(0).isUp(), 3000)
  t.notOk(stage.at(0).isUp())
  t.equal(heard?.type, 'done')
  stage.at(1).stop()
  t.ok(stage.until(() => !stage.at(1).isUp(), 5000) >= 0, 'nobody is left to hear it')
  t.end()
})

t.test('a dead target is lost when others confirm it, one at a time', (t) => {
  const stage = started(3, 4)
  stage.ask(0, bucket('some'))
  stage.at(6).kill(false)
  stage.at(5).kill(false)
  const ms = stage.until(() => [5, 6].some((index) => stage.member(index)?.away?.kind === 'lost'))
  t.ok(ms > 4000 && ms < 8000, `took ${ms} ms`)
  stage.run(5000)
  const lost = [5, 6].filter((index) => stage.member(index)?.away?.kind === 'lost')
  t.equal(lost.length, 1)
  t.match(stage.lines.join('\n'), /brake: .*(another target was marked lost|has not settled)/)
  stage.run(40_000)
  t.match(
    [5, 6].map((index) => stage.member(index)?.away?.kind),
    ['lost', 'lost'],
  )
  stage.at(4).kill(false)
  stage.run(80_000)
  t.equal(stage.member(4)?.away, null, 'never below two thirds')
  t.match(stage.lines.join('\n'), /brake: .*the floor is/)
  for (const index of [4, 5, 6]) stage.at(index).start()
  t.ok(stage.until(() => isConverged(stage.processes)) >= 0)
  t.ok(stage.record().own.length > 2)
  t.end()
})

t.test('a target that only the primary cannot reach is not lost', (t) => {
  const stage = started(3, 4)
  stage.network.cut(0, 6)
  stage.network.cut(6, 0)
  stage.run(30_000)
  t.equal(stage.member(6)?.away, null)
  stage.network.heal()
  t.ok(stage.until(() => isConverged(stage.processes)) >= 0)
  t.end()
})

t.test('where nobody else can look, silence has to last longer', (t) => {
  const stage = started(1, 4)
  for (const index of [1, 2, 3, 4]) stage.at(index).kill(false)
  stage.run(7000)
  t.notOk([1, 2, 3, 4].some((index) => stage.member(index)?.away))
  stage.run(10_000)
  t.equal([1, 2, 3, 4].filter((index) => stage.member(index)?.away).length, 1)
  t.end()
})

t.test('a primary that was frozen suspects itself first', (t) => {
  const stage = started(3, 4)
  stage.at(0).pause()
  stage.run(8000)
  stage.at(0).thaw()
  stage.run(1000)
  t.notOk(stage.lines.some((line) => line.includes('is lost')))
  t.ok(stage.until(() => isConverged(stage.processes)) >= 0)
  t.end()
})

t.test('a wiped node comes back as a learner under a new incarnation', (t) => {
  const stage = started(3, 4)
  stage.ask(0, bucket('some'))
  for (const forget of ['wipe', 'rot'] as const) {
    const inc = stage.member(6)?.inc ?? 0
    stage.at(6).kill(true)
    stage.at(6).disk[forget]()
    stage.at(6).start()
    t.ok(stage.until(() => stage.member(6)?.inc === inc + 1 && !stage.member(6)?.learner) >= 0)
    t.ok(stage.until(() => isConverged(stage.processes)) >= 0)
  }
  t.match(stage.lines.join('\n'), /stored state is unreadable/)
  t.end()
})

t.test('the only gateway founds nothing when it has lost its disk', (t) => {
  const stage = started(1, 4)
  stage.at(0).kill(true)
  stage.at(0).disk.wipe()
  stage.at(0).start()
  stage.run(20_000)
  t.notOk(stage.at(0).view()?.record)
  t.equal(stage.at(0).node()?.stage.stage, 'seeking')
  t.match(stage.lines.join('\n'), /has a record of the cluster: joining instead/)
  t.match(stage.lines.join('\n'), /whose state is lost: .* bring its disk back/)
  t.end()
})

t.test('a node whose file names only dead hosts finds the cluster through its saved map', (t) => {
  const facts = sceneFacts(3, 2)
  const stage = started(3, 2)
  stage.at(4).kill(false)
  const saved = stage.at(4).disk.load().state
  const dead = {...(facts[4] as BootFacts), peers: [{host: '127.0.0.1', port: 9}]}
  const asked = placesAsked(dead, saved)
  t.ok(asked.includes(50_001) && asked.includes(50_011))
  t.end()
})

/** Ports that a node asks in its first ticks. */
function placesAsked(
  facts: BootFacts,
  durable: ReturnType<SimProcess['disk']['load']>['state'],
): number[] {
  const ports: number[] = []
  let state = initialKernel()
  const tell = (event: KernelEvent): void => {
    const result = step(state, event)
    state = result.state
    for (const effect of result.effects) if (effect.type === 'send') ports.push(effect.to.port)
  }
  tell({type: 'booted', facts, durable, amnesia: '', seed: 1, nowMs: 0, wallMs: 0})
  tell({type: 'tick', nowMs: 100, wallMs: 0})
  return ports
}

t.test('a standby node waits for an invitation', (t) => {
  const facts = sceneFacts(2, 2).map((fact, index) =>
    index === 3 ? {...fact, standby: true, uuid: '' as const} : fact,
  )
  const stage = stageOf(facts)
  for (const process of stage.processes) process.start()
  stage.run(8000)
  t.equal(stage.member(3), undefined)
  const self = (facts[3] as BootFacts).self
  const member: Member = {
    id: self.id,
    role: self.role,
    public: self.public,
    control: self.control,
    data: self.data,
    flags: 0,
    inc: 0,
    learner: true,
    away: null,
    speaks: [1, 1],
  }
  t.match(stage.ask(0, {type: 'join-by-admin', member}), {type: 'done'})
  stage.run(5)
  stage.run(5)
  t.equal(stage.member(3)?.learner, false)
  t.match(stage.ask(0, {type: 'join-by-admin', member}), {type: 'done'}, 'again is no change')
  const nobody = {...member, id: 'nobody-0001' as NodeId, control: {host: 'x', port: 1}}
  t.match(stage.ask(0, {type: 'join-by-admin', member: nobody}), {refusal: {code: 'UNREACHABLE'}})
  t.end()
})

t.test('a node of another cluster, or with another state, is refused', (t) => {
  const facts = sceneFacts(2, 2)
  const stage = stageOf(
    facts.map((fact, index) => (index === 3 ? {...fact, uuid: 'another-1' as ClusterUuid} : fact)),
  )
  for (const process of stage.processes) process.start()
  stage.run(5000)
  t.equal(stage.member(3), undefined)
  t.match(stage.lines.join('\n'), /belongs to cluster sim-cluster-1, this node to another-1/)
  const saved = stage.at(1).disk.load().state
  const wrong = {...(facts[1] as BootFacts), uuid: 'another-1' as ClusterUuid}
  const {effects} = step(initialKernel(), {
    type: 'booted',
    facts: wrong,
    durable: saved,
    amnesia: '',
    seed: 1,
    nowMs: 0,
    wallMs: 0,
  })
  t.match(
    effects.find((effect) => effect.type === 'exit'),
    {status: 78},
  )
  t.end()
})

/** A place that belongs to no node: its id is `nobody-0`. */
const NOBODY = 99

t.test('what is stale, foreign or meant for another is refused with the reason', (t) => {
  const stage = started(3, 2)
  const {epoch} = stage.record()
  const beat = beatAt(stage)
  t.match(put(stage, 4, {...beat, uuid: 'another-1' as ClusterUuid}), {
    accepted: false,
    reason: /belongs/,
  })
  t.match(put(stage, 4, {...beat, to: {inc: 2, run: 1}}), {
    accepted: false,
    reason: /incarnation 1/,
  })
  t.match(put(stage, 4, {...beat, epoch: epoch - 1}), {accepted: false, reason: /promised epoch/})
  const leaving = {
    type: 'leaving' as const,
    uuid: SIM_UUID,
    voter: {id: 'nobody-0' as NodeId, inc: 1},
    run: 1,
    gone: false,
  }
  t.match(put(stage, 0, leaving, NOBODY), {recorded: false})
  t.match(put(stage, 1, leaving, NOBODY), {recorded: false})
  t.match(put(stage, 0, leaving), {recorded: false}, 'nobody speaks for another')
  t.match(put(stage, 1, {type: 'probe', uuid: ''}), {primary: {id: 'proxy-00'}, hasState: true})
  const invite = {
    type: 'invite' as const,
    uuid: 'another-1' as ClusterUuid,
    primary: scenePlace(0, 1),
    nonElectable: false,
  }
  t.match(put(stage, 1, invite), {refusal: {code: 'WRONG_CLUSTER'}})
  t.match(put(stage, 1, {...invite, uuid: SIM_UUID}), {refusal: null})
  const check = {
    type: 'check' as const,
    uuid: SIM_UUID,
    subject: 'target-04' as NodeId,
    control: scenePlace(4, 1),
  }
  t.match(put(stage, 1, check), {reachable: true})
  t.match(put(stage, 1, {...check, subject: 'target-03' as NodeId}), {reachable: false})
  const squatter: Member = {...(stage.member(4) as Member), id: 'nobody-0' as NodeId, inc: 0}
  const join = {
    type: 'join' as const,
    member: squatter,
    uuid: SIM_UUID,
    by: 'self' as const,
    hasState: false,
    run: 1,
  }
  t.match(put(stage, 0, join, NOBODY), {refusal: {code: 'DUPLICATE_NODE'}})
  t.match(put(stage, 1, join, NOBODY), {refusal: null, primary: scenePlace(0, 1)})
  t.match(put(stage, 0, join), {refusal: {code: 'FORBIDDEN'}})
  const vote = {
    type: 'vote' as const,
    uuid: SIM_UUID,
    epoch: epoch + 9,
    candidate: {id: 'proxy-00' as NodeId, inc: 1},
    pre: false,
    founding: false,
    led: 0,
    forced: false,
    holds: null,
  }
  t.match(put(stage, 2, vote, 1), {granted: false, reason: /in the name of another/})
  t.end()
})

t.test('a record of the same position and other content raises the alarm', (t) => {
  const stage = started(3, 0)
  const accepted = stage.at(1).node()?.durable.accepted
  if (accepted === null || accepted === undefined) return t.fail('a record')
  const forged = {...accepted, text: `${accepted.text} `, sha: 'forged'}
  const request = {
    type: 'prepare' as const,
    uuid: SIM_UUID,
    epoch: accepted.record.epoch,
    record: forged,
    committed: {epoch: 0, index: 0},
  }
  t.match(put(stage, 1, request), {accepted: false, reason: /another record/})
  t.match(stage.lines.join('\n'), /refused record/)
  t.match(put(stage, 1, {...request, record: accepted}), {accepted: true}, 'the same again is held')
  t.match(put(stage, 1, request, 2), {accepted: false, reason: /not the primary of that record/})
  return t.end()
})

t.test('a primary that hears of a higher epoch steps down and is elected above it', (t) => {
  const stage = started(3, 0)
  const {epoch} = stage.record()
  const vote = {
    type: 'vote' as const,
    uuid: SIM_UUID,
    epoch: epoch + 5,
    candidate: {id: 'proxy-00' as NodeId, inc: 1},
    pre: false,
    founding: false,
    led: epoch,
    forced: false,
    holds: null,
  }
  t.match(put(stage, 1, vote), {granted: true, promisedEpoch: epoch + 5})
  t.match(put(stage, 1, vote), {granted: true}, 'a repeat gets the same answer')
  let heard: CommandResult | undefined
  stage.at(0).command({type: 'await-started'}, (result) => {
    heard = result
  })
  t.ok(stage.until(() => stage.record().epoch > epoch + 5) >= 0)
  t.match(stage.lines.join('\n'), /no longer primary of epoch/)
  t.equal(heard?.type, 'done')
  t.ok(stage.until(() => isConverged(stage.processes)) >= 0)
  t.end()
})

t.test('a learner that is a proxy and not electable votes and never stands', (t) => {
  const facts = sceneFacts(3, 0).map((fact, index) =>
    index === 2 ? {...fact, self: {...fact.self, nonElectable: true}} : fact,
  )
  const stage = stageOf(facts)
  for (const process of stage.processes) process.start()
  t.ok(stage.until(() => isConverged(stage.processes)) >= 0)
  t.equal(stage.member(2)?.flags, NODE_FLAG.nonElectable)
  t.end()
})

t.test('a kernel takes nothing before it is booted, and boots once', (t) => {
  const idle = initialKernel()
  t.strictSame(step(idle, {type: 'tick', nowMs: 1, wallMs: 1}), {state: idle, effects: []})
  const facts = sceneFacts(1, 0)[0] as BootFacts
  const booted = {
    type: 'booted' as const,
    facts,
    durable: null,
    amnesia: '',
    seed: 1,
    nowMs: 5,
    wallMs: 5,
  }
  const first = step(idle, booted)
  t.throws(() => step(first.state, booted), /boots once/)
  t.throws(() => step(first.state, {type: 'tick', nowMs: 1, wallMs: 1}), /monotonic/)
  t.throws(
    () => step(first.state, {type: 'persisted', token: 9, sha: '', nowMs: 6}),
    /in their order/,
  )
  const writes = first.effects.filter((effect: KernelEffect) => effect.type === 'persist')
  t.equal(writes.length, 2, 'one node alone founds by its own vote')
  t.end()
})

t.test('a draft takes one loss at a time, and no command that would not travel', (t) => {
  const stage = started(1, 3)
  const before = stage.at(0).node()?.durable.accepted
  if (before === null || before === undefined) return t.fail('a record')
  const lost = [1, 2].map((index) => ({
    change: {type: 'mark-lost' as const, id: stage.at(index).facts.self.id, sinceMs: 0},
    asks: [],
  }))
  const two = draftFrom(before, lost, 1, SEEN)
  t.equal(two.taken.length, 1)
  t.equal(two.left.length, 1)
  const huge = {
    change: {
      type: 'command' as const,
      command: {type: 'set-config' as const, set: {x: 'x'.repeat(RECORD_BYTES_MAX)}, reset: false},
      wallMs: 0,
      settledIndex: 0,
    },
    asks: [],
  }
  const cut = draftFrom(before, [...lost, huge], 1, SEEN)
  t.match(cut.refused, [{refusal: {code: 'TOO_LARGE'}}])
  t.ok(cut.next, 'members do not wait for it')
  t.equal(draftFrom(before, [], 1, SEEN).next, null)
  t.equal(draftFrom(before, [huge], 1, SEEN).next, null)
  return t.end()
})

t.test('commands wait in bounded numbers, and for a primary that is confirmed', (t) => {
  const stage = started(2, 1)
  stage.at(0).kill(false)
  stage.at(1).kill(false)
  stage.at(2).kill(false)
  stage.at(0).start()
  t.match(stage.ask(0, bucket('early')), {refusal: {code: 'NO_PRIMARY'}})
  stage.at(2).start()
  stage.until(() => stage.at(0).node()?.stage.stage === 'leading')
  t.match(stage.ask(0, bucket('early')), {type: 'done'}, 'held until it is confirmed')
  stage.at(1).start()
  stage.until(() => isConverged(stage.processes))
  const results: CommandResult[] = []
  for (let count = 0; count < COMMANDS_WAITING_MAX + 5; count++) {
    stage.at(0).command(bucket(`many-${count}`), (result) => results.push(result))
  }
  stage.until(() => results.length >= COMMANDS_WAITING_MAX + 5)
  t.ok(results.some((one) => one.type === 'refused' && one.refusal.code === 'TOO_BUSY'))
  t.ok(results.filter((one) => one.type === 'done').length >= COMMANDS_WAITING_MAX)
  t.end()
})

t.test('an invited node that does not come is given up', (t) => {
  const facts = sceneFacts(2, 2).map((fact, index) =>
    index === 3 ? {...fact, standby: true, peers: [], uuid: '' as const} : fact,
  )
  const stage = stageOf(facts)
  for (const process of stage.processes) process.start()
  stage.until(() => stage.at(0).view()?.leading === true)
  const {self} = facts[3] as BootFacts
  const member: Member = {...self, flags: 0, inc: 0, learner: true, away: null}
  const silent = {...member, speaks: [1, 1] as const}
  stage.network.cut(3, 0)
  t.match(stage.ask(0, {type: 'join-by-admin', member: silent}), {refusal: {code: 'UNREACHABLE'}})
  stage.network.heal()
  stage.at(3).pause()
  t.match(stage.ask(0, {type: 'join-by-admin', member: silent}), {refusal: {code: 'UNREACHABLE'}})
  stage.at(3).thaw()
  let heard: CommandResult | undefined
  stage.at(0).command({type: 'join-by-admin', member: silent}, (result) => {
    heard = result
  })
  stage.run(3)
  stage.network.cut(3, 0)
  stage.run(20_000)
  t.match(heard, {refusal: {code: /UNREACHABLE|TIMED_OUT/}})
  t.end()
})

t.test('joiners are held by a founder for a while, then asked to come again', (t) => {
  const stage = stageOf(sceneFacts(5, 0))
  stage.at(0).start()
  stage.at(1).start()
  stage.run(8000)
  t.match(stage.lines.join('\n'), /not admitted: no majority has confirmed a primary yet/)
  const member: Member = {
    ...(sceneFacts(5, 0)[4] as BootFacts).self,
    flags: 0,
    inc: 0,
    learner: true,
    away: null,
  }
  const heard: PeerAnswer[] = []
  for (let count = 0; count < MEMBERS_MAX + 3; count++) {
    const request = {
      type: 'join' as const,
      member,
      uuid: SIM_UUID,
      by: 'self' as const,
      hasState: false,
      run: 1,
    }
    stage.at(0).peerAsked(4, request, (answer) => heard.push(answer))
  }
  t.ok(
    heard.some(
      (answer) => answer.type === 'join' && /too many/.test(answer.refusal?.message ?? ''),
    ),
  )
  t.end()
})

t.test('a primary that steps down tells everybody who waits that the outcome is unknown', (t) => {
  const stage = started(3, 2)
  for (const index of [1, 2]) stage.network.cut(0, index)
  let heard: CommandResult | undefined
  stage.at(0).command(bucket('unsure'), (result) => {
    heard = result
  })
  const member = stage.member(4) as Member
  const join = {
    type: 'join' as const,
    member: {...member, public: scenePlace(9, 0)},
    uuid: SIM_UUID,
    by: 'self' as const,
    hasState: true,
    run: 9,
  }
  const answers: PeerAnswer[] = []
  for (const index of [3, 4]) stage.network.cut(0, index)
  stage.at(0).peerAsked(4, join, (answer) => answers.push(answer))
  const leaving = {
    type: 'leaving' as const,
    uuid: SIM_UUID,
    voter: {id: member.id, inc: 1},
    run: 1,
    gone: false,
  }
  stage.at(0).peerAsked(4, leaving, (answer) => answers.push(answer))
  const {epoch} = stage.record()
  const beat = {...beatAt(stage, epoch + 3), committed: {epoch, index: 1}}
  stage.run(20)
  t.match(put(stage, 0, beat, 1), {accepted: true})
  t.match(heard, {refusal: {code: 'OUTCOME_UNKNOWN', message: /unknown/}})
  t.match(answers, [{refusal: {code: 'NO_QUORUM'}}, {recorded: false}])
  t.end()
})

t.test('a primary that was given other addresses describes itself', (t) => {
  const stage = started(1, 1)
  const facts = sceneFacts(1, 1)
  const self = (facts[0] as BootFacts).self
  const moved = {
    ...(facts[0] as BootFacts),
    self: {...self, public: {host: '127.0.0.1', port: 50_009}},
  }
  stage.at(0).kill(false)
  const saved = stage.at(0).disk.load().state
  const kernel = drive(moved, saved)
  t.match(kernel.record()?.smap.nodes[self.id], {public: {port: 50_009}})
  t.equal(kernel.record()?.epoch, 2)
  t.end()
})

/** Runs one kernel alone, its disk answering at once. */
function drive(facts: BootFacts, durable: ReturnType<SimProcess['disk']['load']>['state']) {
  let state = initialKernel()
  let nowMs = 0
  const queue: KernelEvent[] = []
  const tell = (event: KernelEvent): void => {
    queue.push(event)
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const result = step(state, next)
      state = result.state
      for (const effect of result.effects) {
        if (effect.type !== 'persist') continue
        const sha = `sha ${effect.state.accepted?.record.index ?? 0}`
        queue.push({type: 'persisted', token: effect.token, sha, nowMs})
      }
    }
  }
  tell({type: 'booted', facts, durable, amnesia: '', seed: 1, nowMs, wallMs: 0})
  for (let count = 0; count < 10; count++) {
    nowMs += 100
    tell({type: 'tick', nowMs, wallMs: nowMs})
  }
  return {record: () => (state.phase === 'running' ? state.onDisk.committed?.record : undefined)}
}

t.test('what is outside the types fails loudly', (t) => {
  const odd = {type: 'odd'} as never
  const begun = standing(
    {
      voter: {id: 'proxy-00' as NodeId, inc: 1},
      accepted: {record: {}, text: '', sha: ''} as never,
      committed: {epoch: 0, index: 0},
    },
    1,
  )
  t.throws(() => stepElection(begun, odd), /unreachable/)
  t.throws(() => stepMetasync(METASYNC_IDLE, odd), /unreachable/)
  t.throws(() => stepFounding(founding(2), odd), /unreachable/)
  const facts = sceneFacts(1, 0)[0] as BootFacts
  const {state} = step(initialKernel(), {
    type: 'booted',
    facts,
    durable: null,
    amnesia: '',
    seed: 1,
    nowMs: 0,
    wallMs: 0,
  })
  t.throws(() => step(state, {type: 'odd', nowMs: 1} as never), /unreachable/)
  const asked = {
    type: 'peer-asked',
    askId: 1,
    from: {id: 'x', inc: 0},
    request: odd,
    nowMs: 1,
    wallMs: 1,
  }
  t.throws(() => step(state, asked as never), /unreachable/)
  const tick: KernelEvent = {type: 'tick', nowMs: 1, wallMs: 1}
  const forged = (fields: object): never => ({...state, ...fields}) as never
  t.throws(() => step(forged({stage: {stage: 'odd'}}), tick), /unreachable/)
  const silent = {
    type: 'peer-silent' as const,
    reason: 'timeout' as const,
    detail: '',
    nowMs: 1,
    wallMs: 1,
  }
  t.throws(() => step(forged({sends: {5: odd}}), {...silent, sendId: 5}), /unreachable/)
  t.strictSame(step(state, {...silent, sendId: 77}).effects, [], 'a question that nobody asked')
  const [write] = state.phase === 'running' ? state.writes : []
  const writes = [{...write, token: 1, after: [odd]}]
  const persisted: KernelEvent = {type: 'persisted', token: 1, sha: '', nowMs: 1}
  t.throws(() => step(forged({writes}), persisted), /unreachable/)
  t.end()
})

t.test('a helper that stays silent after the reign has ended changes nothing', (t) => {
  const facts = sceneFacts(1, 0)[0] as BootFacts
  const times = {nowMs: 0, wallMs: 0}
  const {state} = step(initialKernel(), {
    type: 'booted',
    facts,
    durable: null,
    amnesia: '',
    seed: 1,
    ...times,
  })
  const purpose = {type: 'check', helper: 'proxy-01', subject: 'target-01'}
  const waiting = {...state, sends: {5: purpose}} as never
  const result = step(waiting, {
    type: 'peer-silent',
    sendId: 5,
    reason: 'timeout',
    detail: '',
    ...times,
  })
  t.strictSame(result.effects, [])
  t.match(result.state, {sends: {}})
  t.end()
})

/** One kernel whose questions the test answers itself. */
function solo(facts: BootFacts, durable: ReturnType<SimProcess['disk']['load']>['state']) {
  let state = initialKernel()
  let nowMs = 0
  const lines: string[] = []
  const sends: Extract<KernelEffect, {type: 'send'}>[] = []
  const writes: Extract<KernelEffect, {type: 'persist'}>[] = []
  const tell = (event: KernelEvent): void => {
    const result = step(state, event)
    state = result.state
    for (const effect of result.effects) {
      if (effect.type === 'send') sends.push(effect)
      if (effect.type === 'log') lines.push(effect.text)
      if (effect.type !== 'persist') continue
      writes.push(effect)
      const sha = effect.state.accepted?.sha ?? ''
      tell({type: 'persisted', token: effect.token, sha: sha === '' ? 'own' : sha, nowMs})
    }
  }
  tell({type: 'booted', facts, durable, amnesia: '', seed: 1, nowMs, wallMs: 0})
  return {
    lines,
    writes,
    stage: () => (state.phase === 'running' ? state.stage.stage : 'idle'),
    /** Ports of questions of a type that were asked. */
    ports: (type: PeerRequest['type']) =>
      sends.filter(({request}) => request.type === type).map(({to}) => to.port),
    tick: () => {
      nowMs += 100
      tell({type: 'tick', nowMs, wallMs: nowMs})
    },
    /** Answers the newest question of a type. */
    answer: (type: PeerRequest['type'], answer: PeerAnswer) => {
      const asked = sends.findLast(({request}) => request.type === type)
      if (asked === undefined) throw new Error(`no ${type} was asked`)
      const from = {id: 'proxy-00' as NodeId, inc: 1}
      tell({type: 'peer-answered', sendId: asked.sendId, from, answer, nowMs, wallMs: nowMs})
    },
  }
}

const noJoin = {type: 'join' as const, refusal: null, primary: null, inc: 0, committed: null}

t.test('a joiner goes where it is sent, and believes only what names it', (t) => {
  const facts = sceneFacts(2, 2)
  const node = solo(facts[3] as BootFacts, null)
  node.tick()
  t.strictSame(node.ports('probe'), [50_001, 50_011, 50_021])
  const place = {id: 'proxy-00' as NodeId, control: scenePlace(0, 1)}
  const probe = {
    type: 'probe' as const,
    id: 'target-02' as NodeId,
    role: 'target' as const,
    uuid: SIM_UUID,
    hasState: true,
    position: {epoch: 1, index: 1},
    promisedEpoch: 1,
    primary: place,
    clusterStarted: true,
    leads: 0,
  }
  node.answer('probe', {...probe, primary: null})
  t.strictSame(node.ports('join'), [])
  node.tick()
  node.tick()
  node.answer('probe', probe)
  t.strictSame(node.ports('join'), [50_001])
  node.answer('join', {...noJoin, primary: scenePlace(1, 1)})
  t.strictSame(node.ports('join'), [50_001, 50_011])
  node.answer('join', {...noJoin, primary: scenePlace(3, 1)})
  t.equal(node.ports('join').length, 2, 'it does not ask itself')
  const committed = started(2, 1).at(0).node()?.durable.committed ?? null
  for (let count = 0; count < 30; count++) node.tick()
  const writes = node.writes.length
  node.answer('join', {...noJoin, inc: 1, committed})
  t.equal(node.writes.length, writes, 'a record without it admits nobody')
  t.equal(node.stage(), 'seeking')
  t.end()
})

t.test('an answer of the wrong kind is as good as none', (t) => {
  const facts = sceneFacts(2, 1)
  const stage = started(2, 1)
  stage.at(2).kill(false)
  const node = solo(facts[2] as BootFacts, stage.at(2).disk.load().state)
  node.tick()
  t.strictSame(node.ports('join'), [50_001])
  node.answer('join', {type: 'leaving', recorded: false})
  for (let count = 0; count < 5; count++) node.tick()
  t.ok(node.ports('join').length > 1, 'it asks again')
  t.end()
})

t.test('a node is not admitted anew by a record older than its own', (t) => {
  const facts = sceneFacts(2, 1)
  const stage = started(2, 1)
  const older = stage.at(2).node()?.durable.committed ?? null
  stage.ask(0, bucket('newer'))
  stage.at(2).kill(false)
  const saved = stage.at(2).disk.load().state
  if (saved === null || older === null) return t.fail('a record')
  const node = solo(facts[2] as BootFacts, {...saved, inc: 7})
  node.tick()
  node.answer('join', {...noJoin, inc: 1, committed: older})
  t.match(node.lines.join('\n'), /admitted by an older record/)
  return t.end()
})

t.test('a candidate whose own promise has risen begins again above it', (t) => {
  const facts = sceneFacts(3, 0)
  const stage = started(3, 0)
  stage.at(0).kill(false)
  const saved = stage.at(0).disk.load().state
  const node = solo(facts[0] as BootFacts, saved)
  node.tick()
  t.equal(node.stage(), 'standing')
  const yes = {
    type: 'vote' as const,
    granted: true,
    reason: '',
    voter: {id: 'proxy-02' as NodeId, inc: 1},
    promisedEpoch: 9,
    position: {epoch: 1, index: saved?.accepted?.record.index ?? 0},
    sha: saved?.accepted?.sha ?? '',
    accepted: null,
    committed: {epoch: 1, index: saved?.accepted?.record.index ?? 0},
    amnesia: false,
  }
  node.answer('vote', {...yes, voter: {id: 'proxy-01' as NodeId, inc: 1}})
  t.equal(node.writes.at(-1)?.state.promisedEpoch, 1, 'a vote in the name of another is none')
  node.tick()
  node.answer('vote', {...yes, sha: 'unknown'})
  t.equal(node.writes.at(-1)?.state.promisedEpoch, 9, 'told of a higher epoch it keeps to it')
  for (let count = 0; count < 3; count++) node.tick()
  node.answer('vote', yes)
  t.equal(node.writes.at(-1)?.state.promisedEpoch, 9, 'and stores no vote below it')
  t.equal(node.stage(), 'standing')
  t.end()
})

t.test('a candidate goes above the epoch that its voters have promised', (t) => {
  const stage = started(3, 0)
  const vote = {
    type: 'vote' as const,
    uuid: SIM_UUID,
    epoch: 9,
    candidate: {id: 'proxy-00' as NodeId, inc: 1},
    pre: false,
    founding: false,
    led: stage.record().epoch,
    forced: false,
    holds: null,
  }
  for (const index of [1, 2]) t.match(put(stage, index, vote), {granted: true})
  stage.at(0).kill(false)
  stage.at(0).start()
  t.ok(stage.until(() => isConverged(stage.processes)) >= 0)
  t.ok(stage.record().epoch >= 10)
  t.end()
})

t.test('helpers that do not answer have no say', (t) => {
  const stage = started(3, 4)
  stage.at(6).kill(false)
  stage.until(() => stage.lines.some((line) => line.includes('to look')))
  for (const index of [1, 2, 3, 4, 5]) stage.network.cut(0, index)
  stage.run(4000)
  t.equal(stage.member(6)?.away, null)
  stage.network.heal()
  t.ok(stage.until(() => stage.member(6)?.away?.kind === 'lost') >= 0)
  t.end()
})

t.test('who waits for the start of a cluster is told when its primary stops', (t) => {
  const stage = stageOf(sceneFacts(3, 2))
  for (const index of [0, 1, 2]) stage.at(index).start()
  stage.until(() => stage.at(0).view()?.leading === true)
  let heard: CommandResult | undefined
  stage.at(0).command({type: 'await-started'}, (result) => {
    heard = result
  })
  stage.at(0).stop()
  stage.until(() => !stage.at(0).isUp(), 5000)
  t.match(heard, {refusal: {code: 'NOT_READY'}})
  t.end()
})
