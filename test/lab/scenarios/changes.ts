/**
 * Clients overwrite and delete while a target is on its way out, is out, or is dead, and read the
 * rest all along. Nothing is reverted, nothing undone, nothing that exists is "not found".
 */

import {nowMs} from '../stage/http.ts'
import type {Done, Herd} from '../stage/herd.ts'
import {orderRebalance} from '../stage/lifecycle.ts'
import {type Play, whole} from '../stage/play.ts'
import {gatewaysBut} from '../stage/stage.ts'
import {eventually, killForGood, type Scenario} from './scenario.ts'
import {
  expectPromises,
  expectServed,
  moveAtMost,
  ordered,
  settledDown,
  SLOW_BYTES_MAX,
  SLOWEST,
  someTarget,
  withHerd,
} from './moving.ts'

const READERS = 4
/** Other targets take its keys over after a lease, and after it was marked as lost. */
const TAKEN_OVER_MS_MAX = 60_000

export const changeScenarios: readonly Scenario[] = [
  {
    name: 'changes-while-moving',
    title: 'objects are overwritten and deleted while one target of four moves out',
    on: 'processes',
    long: false,
    run: (play) => withHerd(play, 'moving', (herd) => whileMoving(play, herd), SLOW_BYTES_MAX),
  },
  {
    name: 'changes-while-out',
    title:
      'objects are overwritten and deleted while a target is out with its data, and it returns',
    on: 'processes',
    long: false,
    run: (play) => withHerd(play, 'out', (herd) => whileOut(play, herd)),
  },
  {
    name: 'changes-while-lost',
    title: '13: objects are overwritten and deleted while a target is dead, and it returns',
    on: 'processes',
    long: false,
    run: (play) => withHerd(play, 'lost', (herd) => whileLost(play, herd)),
  },
  {
    name: 'changes-while-returning',
    title: '12: objects are written, overwritten and deleted while a target takes its share again',
    on: 'processes',
    long: false,
    run: (play) => withHerd(play, 'returning', (herd) => whileReturning(play, herd)),
  },
]

interface Shares {
  readonly overwritten: readonly string[]
  readonly deleted: readonly string[]
  readonly rest: readonly string[]
}

/** As in the reference's failure: a third each, every object in its third version. */
async function fill({longRun}: Play, herd: Herd): Promise<Shares> {
  const third = longRun ? 2000 : 250
  await herd.write(herd.names(third * 3), 3)
  return {
    overwritten: herd.names(third),
    deleted: herd.names(third, third),
    rest: herd.names(third, third * 2),
  }
}

async function change(play: Play, herd: Herd, shares: Shares, what: string): Promise<number> {
  const sinceMs = nowMs()
  const changes = await Promise.all([herd.write(shares.overwritten), herd.remove(shares.deleted)])
  const all = changes.reduce(sum)
  expectServed(play, herd, `changes ${what}`, all)
  play.checks.measure(`changes ${what} ms`, nowMs() - sinceMs)
  return nowMs()
}

function sum(a: Done, b: Done): Done {
  return {
    done: a.done + b.done,
    again: a.again + b.again,
    givenUp: a.givenUp + b.givenUp,
    slowestMs: Math.max(a.slowestMs, b.slowestMs),
  }
}

async function whileMoving(play: Play, herd: Herd): Promise<readonly string[]> {
  const {checks} = play
  const target = someTarget(play)
  const shares = await fill(play, herd)
  const stopReading = herd.watch(shares.rest, READERS)
  await moveAtMost(play, SLOWEST)
  const outMs = nowMs()
  const rebalance = await ordered(play, 'start-maintenance', [target])
  checks.expect(/^g\d+$/.test(rebalance), 'it names the rebalance', rebalance)
  const [, movedMs] = await Promise.all([
    change(play, herd, shares, 'while it moves').then(async (atMs) => {
      await moveAtMost(play, '0')
      return atMs
    }),
    settledDown(play, outMs, 'moving out'),
  ])
  const {ledger} = herd
  const during = ledger.acknowledged(outMs) - ledger.acknowledged(movedMs)
  checks.measure('changes acknowledged before the end of the move', during)
  expectServed(play, herd, 'reads while it moves', await stopReading())
  await expectPromises(play, herd, 'out')
  await back(play, herd, shares, [target.id])
  return []
}

async function back(play: Play, herd: Herd, {rest}: Shares, ids: readonly string[]): Promise<void> {
  const nodes = play.stage.nodes.filter(({id}) => ids.includes(id))
  const stopReading = herd.watch(rest, READERS)
  const backMs = nowMs()
  await ordered(play, 'stop-maintenance', nodes)
  await settledDown(play, backMs, 'moving back')
  expectServed(play, herd, 'reads while it returns', await stopReading())
  await expectPromises(play, herd, 'back')
}

async function whileOut(play: Play, herd: Herd): Promise<readonly string[]> {
  const target = someTarget(play)
  const shares = await fill(play, herd)
  const stopReading = herd.watch(shares.rest, READERS)
  await ordered(play, 'start-maintenance', [target], {skipRebalance: true})
  await change(play, herd, shares, 'while it is out')
  expectServed(play, herd, 'reads while it is out', await stopReading())
  await expectPromises(play, herd, 'out')
  await back(play, herd, shares, [target.id])
  return []
}

async function whileReturning(play: Play, herd: Herd): Promise<readonly string[]> {
  const {checks, stage} = play
  const target = someTarget(play)
  const shares = await fill(play, herd)
  await ordered(play, 'start-maintenance', [target])
  await settledDown(play, nowMs(), 'moving out')
  const stopReading = herd.watch(shares.rest, READERS)
  const fresh = herd.names(shares.rest.length, herd.ledger.keys.length)
  const backMs = nowMs()
  await ordered(play, 'stop-maintenance', [target])
  const writing = herd.write(fresh)
  const [, doneMs, written] = await Promise.all([
    change(play, herd, shares, 'while it returns'),
    settledDown(play, backMs, 'moving back'),
    writing,
  ])
  const {ledger} = herd
  const during = ledger.acknowledged(backMs) - ledger.acknowledged(doneMs)
  checks.measure('changes acknowledged before the end of the move', during)
  expectServed(play, herd, 'new objects', written)
  expectServed(play, herd, 'reads while it returns', await stopReading())
  await expectPromises(play, herd, 'back')
  const {status, text} = await orderRebalance(gatewaysBut(stage)[0] ?? '', 'start')
  checks.expect(status === 200, 'a second rebalance is granted', `${status} ${text}`)
  await settledDown(play, nowMs(), 'second rebalance')
  await expectPromises(play, herd, 'after a second rebalance')
  return []
}

async function whileLost(play: Play, herd: Herd): Promise<readonly string[]> {
  const {stage, checks, watch} = play
  const target = someTarget(play)
  const shares = await fill(play, herd)
  const killedMs = await killForGood(play, [target])
  const marked = (): boolean => watch.agreed(livingIds(play, target.id))?.away[target.id] === 'lost'
  checks.expect(await eventually(marked, TAKEN_OVER_MS_MAX), 'it is marked as lost')
  checks.measure('marked as lost ms', nowMs() - killedMs)
  await change(play, herd, shares, 'while it is lost')
  const backMs = nowMs()
  await stage.start([target])
  // From the first read on only what is new.
  const stopReading = herd.watch(herd.ledger.keys, READERS)
  await whole(play)
  await settledDown(play, backMs, 'return')
  expectServed(play, herd, 'reads while it returns', await stopReading())
  await expectPromises(play, herd, 'returned')
  return [target.id]
}

function livingIds({stage}: Play, dead: string): readonly string[] {
  return stage.nodes.map(({id}) => id).filter((id) => id !== dead)
}
