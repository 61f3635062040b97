/** Nodes are taken out and back in, in scenes: phases, refusals, interruptions. Virtual time. */

import t from 'tap'
import type {CommandResult} from '../../src/core/kernel/events.ts'
import {
  afterMove,
  finalized,
  isGone,
  mayHold,
  withoutNode,
} from '../../src/core/membership/lifecycle.ts'
import type {LifecycleCommand} from '../../src/model/command.ts'
import type {NodeId} from '../../src/model/ids.ts'
import {REBALANCES_KEPT} from '../../src/model/limits.ts'
import {NODE_FLAG} from '../../src/model/node.ts'
import {votersOf} from '../../src/model/quorum.ts'
import type {ClusterRecord} from '../../src/model/record.ts'
import {bucket, started, type Stage} from '../helpers/kernel-stage.ts'
import {isConverged} from '../sim/world/world.ts'

const OUT = NODE_FLAG.maintenance
const MOVED = NODE_FLAG.maintenance | NODE_FLAG.maintenancePostRebalance

const idOf = (stage: Stage, index: number): NodeId => stage.at(index).facts.self.id

/** What every target's mover would say when nothing is left to be moved. */
function movers(stage: Stage, slow: readonly number[] = []): void {
  for (const process of stage.processes) {
    const view = process.view()
    const move = view?.record?.move
    if (process.facts.self.role !== 'target' || view?.record === null || !move) continue
    if (slow.includes(process.index) || view === undefined) continue
    process.reportMove({
      rebalance: view.record.rmd.version,
      entry: move.entry,
      state: 'clean',
      objects: 0,
      bytes: 0,
      sent: {},
      left: 0,
      problem: '',
    })
  }
}

/** Runs with movers at work until something holds; -1: it did not. */
function moving(stage: Stage, holds: () => boolean, slow: readonly number[] = []): number {
  return stage.until(() => {
    movers(stage, slow)
    return holds()
  }, 60_000)
}

function take(
  stage: Stage,
  action: LifecycleCommand['action'],
  indexes: readonly number[],
  more: Partial<LifecycleCommand> = {},
): CommandResult {
  const leader = stage.processes.find((process) => process.view()?.leading === true)
  return stage.ask(leader?.index ?? 0, {
    type: 'lifecycle',
    action,
    nodes: indexes.map((index) => idOf(stage, index)),
    skipRebalance: false,
    rmUserData: false,
    keepInitialConfig: false,
    noShutdown: false,
    ...more,
  })
}

/** The record of whoever leads. */
function record(stage: Stage): ClusterRecord {
  const leader = stage.processes.find((process) => process.view()?.leading === true)
  return stage.record(leader?.index ?? 0)
}

const flagsOf = (stage: Stage, index: number): number =>
  record(stage).smap.nodes[idOf(stage, index)]?.flags ?? -1

function withData(): Stage {
  const stage = started(3, 4)
  stage.ask(0, bucket('data'))
  return stage
}

t.test('a target goes into maintenance: its data moves, then it is safe to power it off', (t) => {
  const stage = withData()
  const before = record(stage)
  const taken = take(stage, 'start-maintenance', [6])
  t.match(taken, {type: 'done', rebalance: before.rmd.version + 1})
  const during = record(stage)
  t.match(during.op, {action: 'start-maintenance', phase: 'moving', nodes: [idOf(stage, 6)]})
  t.match(during.move, {entry: during.own.at(-1)?.index})
  t.notOk(during.own.at(-1)?.targets.includes(idOf(stage, 6)))
  t.equal(flagsOf(stage, 6), OUT)
  t.notOk(
    votersOf(during.smap).some(({id}) => id === idOf(stage, 6)),
    'no vote either',
  )
  stage.run(20_000)
  t.match(record(stage).op, {phase: 'moving'}, 'nothing ends without the word of all')
  t.ok(moving(stage, () => record(stage).move === null) >= 0)
  t.equal(flagsOf(stage, 6), MOVED)
  t.match(record(stage), {op: null, own: {length: 1}, pv: null})
  t.equal(take(stage, 'start-maintenance', [6]).type, 'done', 'again: nothing to do')
  t.equal(record(stage).move, null)
  const back = take(stage, 'stop-maintenance', [6])
  t.match(back, {type: 'done', rebalance: record(stage).rmd.version})
  t.equal(flagsOf(stage, 6), 0)
  t.ok(record(stage).own.at(-1)?.targets.includes(idOf(stage, 6)), 'it serves at once')
  t.ok(moving(stage, () => record(stage).own.length === 1) >= 0)
  t.ok(moving(stage, () => isConverged(stage.processes)) >= 0)
  t.end()
})

t.test('one that does not report keeps it open, and nothing is taken for moved', (t) => {
  const stage = withData()
  take(stage, 'decommission-node', [6])
  t.equal(
    moving(stage, () => record(stage).move === null, [4]),
    -1,
  )
  t.match(record(stage).op, {phase: 'moving'})
  t.ok(stage.at(6).isUp())
  t.ok(moving(stage, () => record(stage).op === null) >= 0)
  t.end()
})

t.test('a decommissioned node leaves the map after its data, and ends', (t) => {
  const stage = withData()
  t.match(take(stage, 'decommission-node', [6], {rmUserData: true}), {type: 'done'})
  t.ok(moving(stage, () => record(stage).smap.nodes[idOf(stage, 6)] === undefined) >= 0)
  t.ok(stage.until(() => !stage.at(6).isUp(), 5000) >= 0)
  t.match(record(stage), {op: null, move: null})
  t.match(take(stage, 'decommission-node', [6]), {refusal: {code: 'NODE_NOT_FOUND'}})
  t.end()
})

t.test('one that dies after the wipe tells when it is back, and joins nobody', (t) => {
  const stage = withData()
  for (const other of [0, 1, 2, 3, 4, 5]) stage.network.slow(6, other, 400)
  take(stage, 'decommission-node', [6], {rmUserData: true})
  const wiped = (): boolean => stage.at(6).node()?.leaving === 'wiped'
  t.ok(moving(stage, wiped) >= 0)
  stage.at(6).kill(true)
  t.ok(record(stage).smap.nodes[idOf(stage, 6)], 'nobody has heard of it yet')
  stage.network.heal()
  stage.run(2000)
  stage.at(6).start()
  t.ok(stage.until(() => record(stage).smap.nodes[idOf(stage, 6)] === undefined) >= 0)
  t.equal(record(stage).op, null)
  t.ok(stage.at(6).isUp())
  stage.at(6).kill(true)
  stage.at(6).start()
  t.ok(stage.until(() => !stage.at(6).isUp(), 30_000) >= 0, 'it hears that it is gone already')
  t.equal(record(stage).smap.nodes[idOf(stage, 6)], undefined, 'it has not joined again')
  t.end()
})

t.test('what is left where it is, is remembered and moved before a decommission', (t) => {
  const stage = withData()
  const left = take(stage, 'start-maintenance', [6], {skipRebalance: true})
  t.match(left, {type: 'done', rebalance: undefined})
  t.equal(flagsOf(stage, 6), OUT, 'its data has not moved')
  t.equal(record(stage).own.length, 2)
  const refused = take(stage, 'decommission-node', [6], {skipRebalance: true})
  t.match(refused, {refusal: {message: /has not moved/}})
  t.match(take(stage, 'decommission-node', [6]), {type: 'done', rebalance: /\d/})
  t.ok(moving(stage, () => record(stage).smap.nodes[idOf(stage, 6)] === undefined) >= 0)
  t.end()
})

t.test('a target out of office that starts anew gets a beat a second, and no more', (t) => {
  const stage = withData()
  take(stage, 'start-maintenance', [6], {skipRebalance: true, noShutdown: true})
  stage.at(6).kill(false)
  stage.run(500)
  stage.at(6).start()
  stage.run(3000)
  const [before, others] = [stage.at(6).events(), stage.at(5).events()]
  stage.run(10_000)
  const events = stage.at(6).events() - before
  t.ok(events <= stage.at(5).events() - others + 20, `${events} events in ten seconds`)
  t.end()
})

t.test('a gateway shut down by command stays in maintenance until it is told otherwise', (t) => {
  const stage = withData()
  t.match(take(stage, 'shutdown-node', [2]), {type: 'done'})
  t.ok(stage.until(() => !stage.at(2).isUp(), 5000) >= 0)
  t.ok(stage.until(() => record(stage).op === null) >= 0)
  stage.at(2).start()
  stage.run(5000)
  t.ok(stage.at(2).isUp(), 'started by hand it stays up')
  t.equal(flagsOf(stage, 2), OUT)
  stage.ask(0, bucket('more'))
  t.match(take(stage, 'stop-maintenance', [2]), {type: 'done'})
  t.equal(flagsOf(stage, 2), 0)
  t.ok(stage.until(() => isConverged(stage.processes)) >= 0)
  t.end()
})

t.test('a target is shut down after its data has moved, and not before', (t) => {
  const stage = withData()
  take(stage, 'shutdown-node', [6])
  stage.run(5000)
  t.ok(stage.at(6).isUp())
  t.ok(moving(stage, () => !stage.at(6).isUp()) >= 0)
  t.equal(flagsOf(stage, 6), MOVED)
  t.end()
})

t.test('one operation at a time; the same again is no second one; a return interrupts', (t) => {
  const stage = withData()
  take(stage, 'start-maintenance', [5, 6])
  stage.run(500)
  const {op, index} = record(stage)
  for (const [action, nodes] of [
    ['start-maintenance', [4]],
    ['stop-maintenance', [6]],
    ['stop-maintenance', [4, 5, 6]],
    ['decommission-node', [5, 6]],
    ['shutdown-node', [4]],
  ] as const) {
    t.match(take(stage, action, nodes), {refusal: {code: 'BUSY', details: {op: op?.id}}})
  }
  t.match(stage.ask(0, {type: 'start-rebalance'}), {refusal: {code: 'BUSY'}})
  t.match(stage.ask(0, {type: 'stop-rebalance'}), {refusal: {code: 'BUSY'}})
  t.equal(take(stage, 'start-maintenance', [6, 5]).type, 'done')
  t.strictSame(record(stage).op, op)
  t.equal(record(stage).index, index, 'nothing was changed')
  t.match(take(stage, 'stop-maintenance', [5, 6]), {type: 'done'})
  t.equal(record(stage).op, null)
  t.match(take(stage, 'start-maintenance', [6]), {refusal: {code: 'BUSY', message: /rebalance\[g/}})
  t.ok(moving(stage, () => record(stage).move === null) >= 0)
  t.match(take(stage, 'start-maintenance', [6]), {type: 'done'})
  t.end()
})

t.test('a part of an operation again is the same; with other options it is refused', (t) => {
  const stage = withData()
  take(stage, 'decommission-node', [5, 6])
  stage.run(500)
  const {op, index} = record(stage)
  t.match(take(stage, 'decommission-node', [6]), {type: 'done', rebalance: /\d/})
  const wiping = take(stage, 'decommission-node', [5, 6], {rmUserData: true})
  t.match(wiping, {refusal: {code: 'BUSY', message: /with other options/, details: {op: op?.id}}})
  const staying = take(stage, 'decommission-node', [5, 6], {skipRebalance: true})
  t.match(staying, {refusal: {code: 'BUSY'}})
  t.match(
    take(stage, 'stop-maintenance', [6]),
    {refusal: {code: 'BUSY'}},
    'a part is not taken back',
  )
  t.match(take(stage, 'stop-maintenance', [4, 5, 6]), {refusal: {code: 'BUSY'}}, 'nor with others')
  t.match(record(stage), {index, op})
  t.match(take(stage, 'stop-maintenance', [6, 5]), {type: 'done'})
  t.equal(flagsOf(stage, 6), 0)
  t.end()
})

t.test('one that is out already and an active one are completed by one rebalance', (t) => {
  const stage = withData()
  take(stage, 'start-maintenance', [5], {skipRebalance: true})
  const {rmd} = record(stage)
  t.match(take(stage, 'start-maintenance', [5, 6]), {type: 'done', rebalance: rmd.version + 1})
  t.ok(moving(stage, () => record(stage).op === null) >= 0)
  t.strictSame([flagsOf(stage, 5), flagsOf(stage, 6)], [MOVED, MOVED])
  t.equal(record(stage).rmd.version, rmd.version + 1)
  t.match(take(stage, 'shutdown-node', [4, 0]), {refusal: {code: 'WRONG_STATE'}})
  const unknown = stage.ask(0, {
    type: 'lifecycle',
    action: 'shutdown-node',
    skipRebalance: false,
    rmUserData: false,
    keepInitialConfig: false,
    noShutdown: false,
    nodes: [idOf(stage, 4), 'nobody-7' as NodeId],
  })
  t.match(unknown, {refusal: {code: 'NODE_NOT_FOUND'}})
  t.equal(flagsOf(stage, 4), 0, 'nothing was touched')
  t.end()
})

t.test('a move that is stopped by force leaves the nodes out, and what they hold is known', (t) => {
  const stage = withData()
  take(stage, 'start-maintenance', [6])
  const {rmd} = record(stage)
  t.match(stage.ask(0, {type: 'stop-rebalance'}), {refusal: {code: 'BUSY', hint: /--force/}})
  const stop = {type: 'stop-rebalance', force: true} as const
  const other = stage.ask(0, {...stop, rebalance: rmd.version + 1})
  t.match(other, {refusal: {code: 'JOB_NOT_FOUND'}})
  t.match(stage.ask(0, {...stop, rebalance: rmd.version - 1}), {type: 'done'}, 'it is over')
  t.ok(record(stage).op)
  t.match(stage.ask(0, {...stop, rebalance: rmd.version}), {type: 'done'})
  t.match(record(stage), {op: null, move: null, rebalances: [{state: 'stopped'}]})
  t.equal(flagsOf(stage, 6), OUT)
  t.ok(mayHold(record(stage), idOf(stage, 6)))
  t.match(take(stage, 'start-maintenance', [6]), {type: 'done', rebalance: /\d/}, 'again')
  stage.ask(0, stop)
  t.match(take(stage, 'shutdown-node', [6]), {type: 'done', rebalance: /\d/})
  stage.ask(0, stop)
  t.match(take(stage, 'decommission-node', [6]), {type: 'done', rebalance: /\d/})
  stage.ask(0, stop)
  t.equal(flagsOf(stage, 6), NODE_FLAG.decommission)
  t.match(take(stage, 'start-maintenance', [6]), {refusal: {message: /being decommissioned/}})
  t.match(take(stage, 'decommission-node', [6]), {type: 'done', rebalance: /\d/})
  t.ok(moving(stage, () => record(stage).smap.nodes[idOf(stage, 6)] === undefined) >= 0)
  t.end()
})

t.test('a node that is off, or is leaving for good, is not taken back', (t) => {
  const stage = withData()
  take(stage, 'shutdown-node', [2])
  t.ok(stage.until(() => record(stage).smap.nodes[idOf(stage, 2)]?.away?.kind === 'absent') >= 0)
  t.ok(stage.until(() => record(stage).op === null) >= 0)
  const off = take(stage, 'stop-maintenance', [2])
  t.match(off, {refusal: {code: 'WRONG_STATE', message: /is off/, hint: /node start/}})
  const gone = take(stage, 'decommission-node', [2])
  t.match(gone, {refusal: {code: 'WRONG_STATE', message: /is off/, hint: /remove-from-smap/}})
  const active = take(stage, 'stop-maintenance', [3])
  t.match(active, {type: 'done', rebalance: undefined}, 'an active node: nothing to do')
  take(stage, 'decommission-node', [6])
  const {index} = record(stage)
  const finalizing = (): boolean => record(stage).op?.phase === 'finalizing'
  for (let step = 0; step < 100_000 && !finalizing(); step++) {
    movers(stage)
    stage.run(0.2)
  }
  t.ok(record(stage).index > index)
  t.match(take(stage, 'stop-maintenance', [6]), {refusal: {message: /too late/}})
  t.end()
})

t.test('a gateway that dies while it shuts down is not waited for for ever', (t) => {
  const stage = withData()
  stage.at(2).pause()
  take(stage, 'shutdown-node', [2])
  t.match(record(stage).op, {phase: 'finalizing'})
  stage.at(2).kill(true)
  t.ok(stage.until(() => record(stage).op === null, 60_000) >= 0)
  t.equal(flagsOf(stage, 2), OUT)
  t.end()
})

t.test('what cannot be taken out is refused, all or nothing', (t) => {
  const stage = withData()
  t.match(take(stage, 'start-maintenance', [0]), {
    refusal: {code: 'WRONG_STATE', message: /is the current primary/},
  })
  t.match(take(stage, 'start-maintenance', [6, 0]), {type: 'refused'})
  t.equal(flagsOf(stage, 6), 0)
  const all = take(stage, 'start-maintenance', [3, 4, 5, 6])
  t.match(all, {refusal: {message: /no target would remain/, hint: /--no-rebalance/}})
  const gone = take(stage, 'decommission-node', [3, 4, 5, 6])
  t.match(gone, {refusal: {message: /no target would remain/, hint: 'add a target first'}})
  for (const index of [1, 2, 3]) stage.at(index).stop()
  stage.run(2000)
  const thin = take(stage, 'start-maintenance', [6], {skipRebalance: true})
  t.match(thin, {refusal: {message: /voters that would remain are there/}})
  const alone = started(1, 2)
  const none = alone.ask(0, {
    type: 'lifecycle',
    action: 'start-maintenance',
    nodes: ['nobody-7' as NodeId],
    skipRebalance: false,
    rmUserData: false,
    keepInitialConfig: false,
    noShutdown: false,
  })
  t.match(none, {refusal: {code: 'NODE_NOT_FOUND'}})
  t.match(take(alone, 'start-maintenance', [1, 2]), {type: 'done'}, 'no object was ever written')
  t.end()
})

t.test('rebalance switched off never makes a decommission a loss', (t) => {
  const stage = withData()
  stage.ask(0, {type: 'set-config', set: {'rebalance.enabled': false}, reset: false})
  t.match(take(stage, 'decommission-node', [6]), {refusal: {hint: /enable rebalance/}})
  t.match(take(stage, 'start-maintenance', [6]), {type: 'done'})
  t.equal(record(stage).move, null)
  t.equal(flagsOf(stage, 6), OUT)
  t.match(take(stage, 'start-maintenance', [5]), {type: 'done'})
  t.end()
})

t.test('any primary carries an operation on', (t) => {
  const stage = withData()
  take(stage, 'decommission-node', [6])
  const {op} = record(stage)
  stage.at(0).kill(true)
  stage.until(() => stage.processes.some((process) => process.view()?.leading === true))
  t.strictSame(record(stage).op, op)
  t.ok(moving(stage, () => record(stage).smap.nodes[idOf(stage, 6)] === undefined) >= 0)
  t.equal(record(stage).op, null)
  t.end()
})

t.test('a target that is lost in the middle is waited for, and moving goes on with it', (t) => {
  const stage = withData()
  take(stage, 'start-maintenance', [6])
  stage.at(5).kill(true)
  moving(stage, () => record(stage).smap.nodes[idOf(stage, 5)]?.away?.kind === 'lost')
  t.match(record(stage).move, {entry: record(stage).own.at(-1)?.index}, 'to those that are left')
  t.match(record(stage).op, {phase: 'moving'})
  stage.at(5).start()
  t.ok(moving(stage, () => record(stage).op === null) >= 0)
  t.equal(flagsOf(stage, 6), MOVED)
  t.ok(moving(stage, () => record(stage).own.length === 1) >= 0, 'its share comes back, too')
  t.end()
})

t.test('nobody waits a whole beat for the last word on a rebalance', (t) => {
  const stage = withData()
  const tooks = Array.from({length: 8}, () => {
    take(stage, 'start-maintenance', [6])
    const took = moving(stage, () => record(stage).move === null)
    take(stage, 'stop-maintenance', [6])
    moving(stage, () => record(stage).own.length === 1)
    stage.run(130)
    return took
  })
  t.ok(
    tooks.every((took) => took >= 0 && took <= 400),
    `ms: ${tooks.join(' ')}`,
  )
  t.end()
})

t.test('what a target has received is told by those who sent it', (t) => {
  const stage = withData()
  take(stage, 'start-maintenance', [6])
  const sent = {
    [idOf(stage, 3)]: {objects: 2, bytes: 20},
    [idOf(stage, 4)]: {objects: 1, bytes: 7},
  }
  const ended = (): boolean => {
    movers(stage, [6])
    const {move, rmd} = record(stage)
    const report = {rebalance: rmd.version, entry: move?.entry ?? 0, state: 'clean' as const}
    if (move !== null) {
      stage.at(6).reportMove({...report, objects: 3, bytes: 27, sent, left: 0, problem: ''})
    }
    return move === null
  }
  t.ok(stage.until(ended, 60_000) >= 0)
  const shares = record(stage).rebalances.at(-1)?.shares
  t.match(shares, [
    {objects: 0, inObjects: 2, inBytes: 20},
    {inObjects: 1, inBytes: 7},
    {inObjects: 0},
    {objects: 3, bytes: 27, inObjects: 0},
  ])
  t.end()
})

t.test('a rebalance is begun and stopped by hand', (t) => {
  const stage = withData()
  const {rmd} = record(stage)
  t.match(stage.ask(0, {type: 'start-rebalance'}), {type: 'done', rebalance: rmd.version + 1})
  t.match(stage.ask(0, {type: 'start-rebalance'}), {refusal: {code: 'BUSY'}})
  t.match(stage.ask(0, {type: 'stop-rebalance'}), {type: 'done', rebalance: undefined})
  t.equal(record(stage).move, null)
  t.match(stage.ask(0, {type: 'stop-rebalance'}), {type: 'done'}, 'there is none')
  const one = started(1, 1)
  t.match(one.ask(0, {type: 'start-rebalance'}), {refusal: {message: /not enough targets/}})
  t.end()
})

t.test('what became of a rebalance is in the record, alike at every node and for good', (t) => {
  const stage = withData()
  const notes = (index: number): readonly (readonly [number, string])[] =>
    stage.record(index).rebalances.map(({rebalance, state}) => [rebalance, state])
  take(stage, 'start-maintenance', [6])
  t.match(record(stage).rebalances, [{state: 'running', endedMs: null, shares: []}])
  take(stage, 'stop-maintenance', [6])
  t.ok(moving(stage, () => record(stage).move === null) >= 0)
  stage.ask(0, {type: 'start-rebalance'})
  take(stage, 'start-maintenance', [5], {skipRebalance: true})
  const {rmd} = record(stage)
  const [first = 0] = notes(0).map(([number]) => number)
  t.match(notes(0).slice(0, 2), [
    [first, 'overtaken'],
    [first + 1, 'finished'],
  ])
  t.match(record(stage).rebalances[1]?.shares, [{objects: 0}, {}, {}, {id: idOf(stage, 6)}])
  const before = notes(0)
  stage.at(0).kill(true)
  t.ok(
    stage.until(
      () => stage.at(1).view()?.leading === true || stage.at(2).view()?.leading === true,
    ) >= 0,
  )
  stage.run(3000)
  for (const index of [1, 2, 3]) t.strictSame(notes(index), before)
  t.equal(before.at(-1)?.[0], rmd.version)
  for (let again = 0; again < 20; again++) {
    const leader = stage.processes.findIndex((process) => process.view()?.leading === true)
    stage.ask(leader, {type: 'stop-rebalance'})
    stage.ask(leader, {type: 'start-rebalance'})
  }
  t.equal(record(stage).rebalances.length, REBALANCES_KEPT)
  t.equal(record(stage).rebalances.filter(({shares}) => shares.length > 0).length, 0)
  t.end()
})

t.test('an operation is carried out from verified only, node by node', (t) => {
  const stage = withData()
  const {smap} = record(stage)
  const member = smap.nodes[idOf(stage, 6)]
  if (member === undefined) throw new Error('the target is a member')
  const op = {
    id: 'm7',
    action: 'decommission-node' as const,
    nodes: [idOf(stage, 5), member.id],
    phase: 'moving' as const,
    rmUserData: false,
    keepInitialConfig: false,
    noShutdown: false,
  }
  t.equal(finalized(op), op)
  t.equal(finalized(null), null)
  const last = finalized({...op, phase: 'verified'})
  t.match(last, {phase: 'finalizing'})
  t.equal(withoutNode(op, member.id), op)
  t.match(withoutNode(last, member.id), {nodes: [idOf(stage, 5)]})
  t.equal(withoutNode(withoutNode(last, member.id), idOf(stage, 5)), null)
  t.equal(withoutNode(last, idOf(stage, 1)), last)
  t.notOk(isGone(last, member), 'it is not being taken out')
  t.ok(isGone(last, {...member, flags: NODE_FLAG.decommission}))
  const parts = {smap, own: record(stage).own, op: null, move: {entry: 1}}
  t.equal(afterMove(parts), parts, 'another entry')
  t.notOk(mayHold({bmd: {version: 1, epoch: 1, serial: 0, buckets: {}}, own: parts.own}, member.id))
  t.end()
})

t.test('who is being taken out cannot be made primary', (t) => {
  const stage = withData()
  take(stage, 'start-maintenance', [1])
  const set = (index: number): CommandResult =>
    stage.ask(0, {type: 'set-primary', id: idOf(stage, index)})
  t.match(set(1), {refusal: {message: /under maintenance/}})
  stage.at(2).pause()
  take(stage, 'decommission-node', [2])
  t.match(set(2), {refusal: {message: /being decommissioned/}})
  stage.at(2).thaw()
  t.ok(stage.until(() => record(stage).op === null, 20_000) >= 0)
  t.end()
})

t.test('a decommissioned node tells that it is gone until a primary has heard it', (t) => {
  const stage = withData()
  take(stage, 'decommission-node', [6])
  const wiped = (): boolean => {
    movers(stage)
    return stage.at(6).node()?.leaving === 'wiped'
  }
  for (let step = 0; step < 100_000 && !wiped(); step++) stage.run(0.2)
  t.ok(wiped(), 'its part is done')
  stage.at(0).kill(true)
  const led = (): boolean => stage.processes.some((process) => process.view()?.leading === true)
  const gone = (): boolean => led() && record(stage).smap.nodes[idOf(stage, 6)] === undefined
  t.ok(stage.until(gone, 20_000) >= 0)
  t.equal(record(stage).op, null)
  t.ok(stage.until(() => !stage.at(6).isUp(), 10_000) >= 0, 'and then it ends')
  t.end()
})
