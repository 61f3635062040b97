/**
 * What is said of a rebalance is so: a wait does not return before its end, every gateway gives the
 * same answer for an id, a list is whole or refused, and no client notices that a node goes and
 * comes.
 */

import {setTimeout as sleep} from 'node:timers/promises'
import {run} from '../../../plugins/lab/src/lab/run.ts'
import {encodeJson, parseJson} from '../../../src/wire/json.ts'
import type {Herd} from '../stage/herd.ts'
import {listNames, nowMs, request} from '../stage/http.ts'
import {isDone, isIdle, operationAt, orderRebalance, untilOperation} from '../stage/lifecycle.ts'
import {type Play, primaryOf, whole} from '../stage/play.ts'
import {gatewaysBut, type StageNode} from '../stage/stage.ts'
import {AISCTL} from '../../bench/playground.ts'
import {
  expectPromises,
  expectServed,
  moveAtMost,
  MOVED_MS_MAX,
  ordered,
  settledDown,
  SLOW_BYTES_MAX,
  SLOWEST,
  someTarget,
  withHerd,
} from './moving.ts'
import {eventually, expectPrimary, killForGood, KILLED_MS_MAX, type Scenario} from './scenario.ts'

const READERS = 20
const OBJECTS = 400
const OVERTAKEN_MS_MAX = 20_000
const LIST_EVERY_MS = 300

export const truthScenarios: readonly Scenario[] = [
  {
    name: 'reads-all-along',
    title: '23: a target goes and returns beside twenty readers, and no read fails',
    on: 'processes',
    long: false,
    run: (play) => withHerd(play, 'readers', (herd) => readsAllAlong(play, herd)),
  },
  {
    name: 'rebalance-primary-killed',
    title: '2: the primary is killed in a rebalance: it goes on, and every gateway knows its end',
    on: 'processes',
    long: false,
    run: (play) => withHerd(play, 'orphaned', (herd) => primaryKilled(play, herd), SLOW_BYTES_MAX),
  },
  {
    name: 'overtaken',
    title: '31: targets return one after the other: one rebalance at a time, the newest ends',
    on: 'processes',
    long: false,
    run: (play) => withHerd(play, 'overtaken', (herd) => overtaken(play, herd)),
  },
  {
    name: 'lists',
    title: '36: a list is exact at every moment of a rebalance, or refused',
    on: 'processes',
    long: false,
    run: (play) => withHerd(play, 'lists', (herd) => lists(play, herd)),
  },
  {
    name: 'waits',
    title: '39: a wait for a rebalance never returns before its end',
    on: 'processes',
    long: true,
    run: (play) => withHerd(play, 'waits', (herd) => waits(play, herd)),
  },
  {
    name: 'flapping',
    title: '32: a target is killed and started again and again under load',
    on: 'processes',
    long: true,
    run: (play) => withHerd(play, 'flapping', (herd) => flapping(play, herd)),
  },
]

async function readsAllAlong(play: Play, herd: Herd): Promise<readonly string[]> {
  const {load, checks} = play
  const target = someTarget(play)
  await herd.write(herd.names(play.longRun ? 5000 : OBJECTS))
  const sinceMs = nowMs()
  const stopReading = herd.watch(herd.ledger.keys, READERS)
  await ordered(play, 'start-maintenance', [target])
  await settledDown(play, nowMs(), 'moving out')
  await ordered(play, 'stop-maintenance', [target])
  await settledDown(play, nowMs(), 'moving back')
  expectServed(play, herd, 'reads', await stopReading())
  const beside = load.failuresOf('read', sinceMs)
  checks.measure('reads beside it that were refused', beside.length)
  await expectPromises(play, herd, 'afterwards')
  return []
}

async function primaryKilled(play: Play, herd: Herd): Promise<readonly string[]> {
  const {stage, checks} = play
  const primary = primaryOf(play)
  const target = someTarget(play)
  await herd.write(herd.names(play.longRun ? 25_000 : 1200))
  await ordered(play, 'start-maintenance', [target])
  await settledDown(play, nowMs(), 'moving out')
  const rest = gatewaysBut(stage, [primary.id])
  play.load.use(rest)
  herd.use(rest)
  const stopReading = herd.watch(herd.ledger.keys, 4)
  await moveAtMost(play, SLOWEST)
  const rebalance = await ordered(play, 'stop-maintenance', [target])
  const begun = await untilOperation(
    [primary.endpoint],
    ({nodes, move}) => move === null || nodes.some(({objects}) => objects > 0),
    MOVED_MS_MAX,
    3,
  )
  checks.expect(begun?.move !== null, 'it is killed while data moves')
  const sinceMs = await killForGood(play, [primary])
  await expectPrimary(play, [primary], {withinMs: KILLED_MS_MAX, sinceMs})
  await moveAtMost(play, '0')
  const ended = await untilOperation(rest, isDone, MOVED_MS_MAX)
  checks.expect(ended !== undefined, 'it ends', await operationAt(rest[0] ?? ''))
  checks.measure('ended ms', nowMs() - sinceMs)
  for (const gateway of rest) {
    const state = await statusAt(gateway, rebalance)
    checks.expect(state === 'finished', `${gateway} knows the end of ${rebalance}`, state)
  }
  const unknown = await statusAt(rest[0] ?? '', 'g999')
  checks.expect(unknown === '404', 'an unknown one is not found', unknown)
  expectServed(play, herd, 'reads', await stopReading())
  await expectPromises(play, herd, 'afterwards')
  await stage.start([primary])
  await whole(play)
  const state = await statusAt(primary.endpoint, rebalance)
  checks.expect(state === 'finished', 'the killed one knows it, too', state)
  return [primary.id]
}

/** What a gateway says became of a rebalance: `running`, `finished`, `aborted`, or a status. */
async function statusAt(gateway: string, id: string): Promise<string> {
  const body = Buffer.from(encodeJson({id}))
  const ask = {method: 'GET', path: '/v1/cluster?what=status', body} as const
  const headers = {'content-type': 'application/json'}
  const reply = await request(gateway, {...ask, headers})
  if (reply.status !== 200) return String(reply.status)
  const said = parseJson(reply.text) as {readonly aborted?: boolean; readonly end_time?: unknown}
  if (said.aborted === true) return 'aborted'
  return String(said.end_time) === '0' ? 'running' : 'finished'
}

async function overtaken(play: Play, herd: Herd): Promise<readonly string[]> {
  const {stage, checks} = play
  const gateways = gatewaysBut(stage)
  const nodes = [1, 2].map((at) => someTarget(play, at))
  await herd.write(herd.names(OBJECTS))
  const seen: number[] = []
  for (let round = 0; round < (play.longRun ? 5 : 1); round += 1) {
    for (const node of nodes) await killForGood(play, [node])
    await untilLost(play, nodes)
    await herd.write(herd.names(OBJECTS / 2))
    for (const node of nodes) {
      await stage.start([node])
      await sleep(1500)
    }
    await whole(play)
    const begun = nowMs()
    await untilOperation(gateways, ({move}) => move !== null, 1000)
    await orderRebalance(gateways[0] ?? '', 'stop')
    checks.expect(nowMs() - begun < OVERTAKEN_MS_MAX, 'the stop is answered')
    const {status, text} = await orderRebalance(gateways[0] ?? '', 'start')
    checks.expect(status === 200 || status === 409, 'start by hand', `${status} ${text}`)
    await settledDown(play, nowMs(), 'the newest')
    const said = await operationAt(primaryOf(play).endpoint)
    const notes = said?.rebalances ?? []
    const numbers = notes.map(({id}) => Number(id.slice(1)))
    const rising = numbers.every((one, at) => at === 0 || one > (numbers[at - 1] ?? 0))
    checks.expect(rising, 'their numbers rise', numbers)
    const running = notes.filter(({state}) => state === 'running')
    checks.expect(running.length === 0, 'none is shown as running', running)
    seen.push(...numbers)
    await expectPromises(play, herd, `round ${round + 1}`)
  }
  checks.measure('rebalances', Math.max(0, ...seen))
  return nodes.map(({id}) => id)
}

async function untilLost(play: Play, nodes: readonly StageNode[]): Promise<void> {
  const primary = primaryOf(play)
  const lost = (): boolean => nodes.every(({id}) => play.watch.of(primary.id)?.away[id] === 'lost')
  play.checks.expect(await eventually(lost, 90_000), 'they are marked as lost')
}

async function lists(play: Play, herd: Herd): Promise<readonly string[]> {
  const {stage, checks} = play
  const target = someTarget(play)
  await herd.write(herd.names(play.longRun ? 10_000 : 1200))
  let ended = false
  const counts = {exact: 0, refused: 0}
  const wrong: string[] = []
  const listing = (async () => {
    for (let turn = 0; !ended; turn += 1) {
      const gateways = gatewaysBut(stage)
      const names = await listNames(gateways[turn % gateways.length] ?? '', herd.bucket)
      const differences = names === undefined ? [] : herd.compare(names)
      if (names === undefined) counts.refused += 1
      else if (differences.length === 0) counts.exact += 1
      else wrong.push(`${names.length} names, ${differences.length}: ${differences[0]}`)
      await sleep(LIST_EVERY_MS)
    }
  })()
  await ordered(play, 'start-maintenance', [target])
  await settledDown(play, nowMs(), 'moving out')
  await ordered(play, 'stop-maintenance', [target])
  await orderRebalance(gatewaysBut(stage)[0] ?? '', 'stop')
  await untilOperation(gatewaysBut(stage), isIdle, MOVED_MS_MAX)
  await sleep(LIST_EVERY_MS * 2)
  await orderRebalance(gatewaysBut(stage)[0] ?? '', 'start')
  await settledDown(play, nowMs(), 'moving back')
  await killForGood(play, [target])
  const before = {...counts}
  await sleep(4000)
  const without = counts.exact - before.exact
  // One that was on its way when the target died may be exact still.
  checks.expect(without <= 1, 'without one target no list is whole', counts)
  await stage.start([target])
  await whole(play)
  await settledDown(play, nowMs(), 'return')
  ended = true
  await listing
  checks.expect(wrong.length === 0, 'each list is the ledger, or refused', wrong)
  checks.measure('lists', counts.exact)
  checks.measure('lists refused', counts.refused)
  await expectPromises(play, herd, 'afterwards')
  return [target.id]
}

async function waits(play: Play, herd: Herd): Promise<readonly string[]> {
  const {stage, checks} = play
  const target = someTarget(play)
  const [gateway = ''] = gatewaysBut(stage)
  await herd.write(herd.names(OBJECTS))
  const early: string[] = []
  const rounds = 50
  for (let round = 0; round < rounds; round += 1) {
    const what = round % 2 === 0 ? 'start-maintenance' : 'stop-maintenance'
    const rebalance = await ordered(play, what, [target])
    await sleep(Math.floor((round * 500) / rounds))
    const words = ['rebalance', 'wait', ...(round % 4 < 2 ? [] : [rebalance])]
    const cluster = ['--cluster', `http://${gateway}`]
    const said = await run([process.execPath, AISCTL, ...words, ...cluster]).catch(String)
    const state = await statusAt(gateway, rebalance)
    if (state !== 'finished') early.push(`round ${round}: ${state}: ${said.slice(0, 200)}`)
    await settledDown(play, nowMs(), 'the rest of it')
  }
  checks.expect(early.length === 0, `${rounds} waits end with the rebalance`, early)
  return []
}

async function flapping(play: Play, herd: Herd): Promise<readonly string[]> {
  const {stage, load, checks} = play
  const target = someTarget(play)
  await herd.write(herd.names(OBJECTS))
  const sinceMs = nowMs()
  for (let round = 0; nowMs() - sinceMs < 300_000; round += 1) {
    await stage.kill([target])
    await sleep(500 + (round % 4) * 3000)
    await stage.start([target])
    await sleep(15_000 - (round % 4) * 3000)
    await herd.write(herd.names(OBJECTS / 8, (round % 8) * (OBJECTS / 8)))
  }
  await whole(play)
  await settledDown(play, nowMs(), 'the last return')
  checks.measure('writes beside it', load.objects.acknowledged(sinceMs))
  await expectPromises(play, herd, 'afterwards')
  for (let round = 0; round < 6; round += 1) {
    const what = round % 2 === 0 ? 'start-maintenance' : 'stop-maintenance'
    await ordered(play, what, [target])
    await sleep(3000)
    // The next order is refused while the one before is under way.
    await untilOperation(gatewaysBut(stage), isIdle, MOVED_MS_MAX)
  }
  await settledDown(play, nowMs(), 'the last order')
  await expectPromises(play, herd, 'in and out')
  return [target.id]
}
