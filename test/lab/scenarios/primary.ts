/** The primary goes: killed, with others, frozen, restarted at once, stopped in order. */

import {setTimeout as sleep} from 'node:timers/promises'
import {action, nowMs, request} from '../stage/http.ts'
import type {Play} from '../stage/play.ts'
import {gatewaysBut, type StageNode} from '../stage/stage.ts'
import {
  eventually,
  expectPrimary,
  expectReads,
  expectWhole,
  inRounds,
  killForGood,
  KILLED_MS_MAX,
  ORDINARY_MS_MAX,
  reign,
  type Scenario,
  SILENT_MS_MAX,
} from './scenario.ts'

/** Most of it is the start of a process; the quick ring may run on a busy machine. */
const READY_MS_MAX = process.argv.includes('--long') ? 5000 : 10_000
const HAND_OVER_MS_MAX = 5000
/** After a handover, so that what clients meet is seen. */
const AFTER_MS = 1000
/** Its watchdog, told every 15 s, ends it after 30: it is to thaw as the process that led. */
const FROZEN_MS = 12_000

export const primaryScenarios: readonly Scenario[] = [
  {
    name: 'killed',
    title: '1: the primary is killed under load, and comes back as an ordinary node',
    on: 'hosts',
    long: false,
    run: (play) => inRounds(play, play.longRun ? 10 : 1, () => killed(play)),
  },
  {
    name: 'two-killed',
    title: '15: the primary and the next in line are killed within a second',
    on: 'hosts',
    long: false,
    run: twoKilled,
  },
  {
    name: 'second-failure',
    title: '16: the candidate, or another gateway, dies while an election runs',
    on: 'hosts',
    long: false,
    run: (play) => {
      const offsets = play.longRun ? [100, 300, 600, 1000, 2000, 3000] : [200]
      return inRounds(play, offsets.length * 2, (number) =>
        secondFailure(play, offsets[Math.floor(number / 2)] ?? 0, number % 2 === 0),
      )
    },
  },
  {
    name: 'frozen',
    title: '17: a frozen primary that thaws changes nothing any more',
    on: 'hosts',
    long: false,
    run: (play) => inRounds(play, play.longRun ? 5 : 1, () => frozen(play)),
  },
  {
    name: 'restarted',
    title: '18: the primary crashes and is back within two seconds',
    on: 'hosts',
    long: false,
    run: (play) => inRounds(play, play.longRun ? 20 : 2, () => restarted(play)),
  },
  {
    name: 'stopped',
    title: '22: a planned stop of the primary hands over before it ends',
    on: 'hosts',
    long: false,
    run: (play) => inRounds(play, play.longRun ? 5 : 1, () => stopped(play)),
  },
]

async function killed(play: Play): Promise<readonly string[]> {
  const {stage} = play
  const {primary, heirs} = reign(play)
  const sinceMs = await stage.kill([primary])
  const expected = heirs[0]?.id ?? ''
  const next = await expectPrimary(play, [primary], {withinMs: KILLED_MS_MAX, sinceMs, expected})
  await sleep(AFTER_MS)
  expectReads(play, sinceMs)
  await stage.start([primary])
  await expectWhole(play, next)
  return [primary.id]
}

async function twoKilled(play: Play): Promise<readonly string[]> {
  const {stage, load} = play
  const {primary, heirs} = reign(play)
  const [next, third] = heirs
  if (next === undefined || third === undefined) throw new Error('it takes three gateways')
  load.use([third.endpoint])
  const sinceMs = await stage.kill([primary])
  await killForGood(play, [next])
  await stage.stop(primary)
  const gone = [primary, next]
  const bounds = {withinMs: KILLED_MS_MAX * 2, sinceMs, expected: third.id}
  const leader = await expectPrimary(play, gone, bounds)
  expectReads(play, sinceMs)
  await stage.start(gone)
  await expectWhole(play, leader)
  return gone.map(({id}) => id)
}

async function secondFailure(
  play: Play,
  afterMs: number,
  candidate: boolean,
): Promise<readonly string[]> {
  const {stage, load} = play
  const {primary, heirs} = reign(play)
  const [next, third] = heirs
  if (next === undefined || third === undefined) throw new Error('it takes three gateways')
  const [second, survivor] = candidate ? [next, third] : [third, next]
  load.use([survivor.endpoint])
  await killForGood(play, [primary])
  await sleep(afterMs)
  const sinceMs = await killForGood(play, [second])
  const gone = [primary, second]
  const bounds = {withinMs: KILLED_MS_MAX * 2, sinceMs, expected: survivor.id}
  const leader = await expectPrimary(play, gone, bounds)
  await stage.start(gone)
  await expectWhole(play, leader)
  return gone.map(({id}) => id)
}

async function frozen(play: Play): Promise<readonly string[]> {
  const {stage, checks, watch} = play
  const {primary} = reign(play)
  const sinceMs = await stage.freeze([primary])
  // The kernel of the frozen one accepts; what it does with them when it thaws is the question.
  const asked = Array.from({length: 5}, (_, number) => changeThrough(play, primary, number))
  const next = await expectPrimary(play, [primary], {withinMs: SILENT_MS_MAX, sinceMs})
  await sleep(play.longRun ? Math.max(0, FROZEN_MS - (nowMs() - sinceMs)) : AFTER_MS)
  expectReads(play, sinceMs)
  const thawMs = await stage.thaw([primary])
  const leader = (): string | undefined => watch.of(primary.id)?.primary
  const ordinary = await eventually(() => leader() === next, ORDINARY_MS_MAX)
  checks.expect(ordinary, 'the old primary is ordinary soon', leader() ?? 'silent')
  if (ordinary) checks.measure('ordinary ms', nowMs() - thawMs)
  await Promise.all(asked)
  await expectWhole(play, next)
  return []
}

/** A bucket by way of one gateway, noted in the ledger: what it acknowledges has to be there. */
async function changeThrough({load}: Play, gateway: StageNode, number: number): Promise<void> {
  const key = `through-${gateway.id.toLowerCase()}-${Math.floor(nowMs())}-${number}`
  const create = action('POST', `/v1/buckets/${key}`, {action: 'create-bck'})
  const {status, startMs, endMs} = await request(gateway.endpoint, create, 90_000)
  const outcome = status === 200 ? 'acknowledged' : 'unknown'
  load.buckets.note({by: 'frozen', key, content: 'bucket', startMs, endMs, outcome})
}

async function restarted(play: Play): Promise<readonly string[]> {
  const {stage, checks, watch} = play
  const {primary} = reign(play)
  const version = watch.of(primary.id)?.version ?? 0
  const sinceMs = await stage.kill([primary])
  await stage.start([primary])
  // Whether it was quick enough to keep its office or another was elected: one map, nobody away.
  const ready = await watch.until(() => {
    const map = watch.agreed()
    const fresh = stage.processOf(primary) !== '' && watch.of(primary.id) !== undefined
    return fresh && map !== undefined && Object.keys(map.away).length === 0 ? map : undefined
  }, READY_MS_MAX * 3)
  const tookMs = (ready?.atMs ?? Number.POSITIVE_INFINITY) - sinceMs
  checks.expect(
    tookMs <= READY_MS_MAX,
    `ready within ${READY_MS_MAX / 1000} s`,
    `${Math.round(tookMs)} ms`,
  )
  if (ready !== undefined) checks.measure('ready ms', tookMs)
  const after = watch.agreed()?.version ?? 0
  checks.expect(after >= version, 'the map is not older', {version, after})
  return [primary.id]
}

async function stopped(play: Play): Promise<readonly string[]> {
  const {stage, load, checks, watch} = play
  const {primary, heirs} = reign(play)
  load.use(gatewaysBut(stage))
  const expected = heirs[0]?.id ?? ''
  const beganMs = nowMs()
  const [{atMs, status}, next] = await Promise.all([
    stage.stop(primary),
    expectPrimary(play, [primary], {withinMs: HAND_OVER_MS_MAX, sinceMs: beganMs, expected}),
  ])
  checks.measure('stop ms', nowMs() - atMs)
  checks.expect(/^(?:success 0|ended)$/.test(status), 'it ends with status 0', status)
  await sleep(AFTER_MS)
  expectReads(play, atMs)
  const refused = [...load.failuresOf('write', atMs), ...load.failuresOf('admin', atMs)]
  checks.expect(refused.length === 0, 'no change is refused', refused.slice(0, 3))
  checks.measure('slowest write ms', load.slowestMs('write', atMs))
  checks.measure('connections reset', load.resetsSince(atMs))
  const shown = watch.of(next)?.away[primary.id]
  const seen = watch.since(atMs, [next]).map(({version, away}) => ({version, away}))
  checks.expect(shown === 'absent', 'it is shown as absent', seen)
  await stage.start([primary])
  await expectWhole(play, next)
  return [primary.id]
}
