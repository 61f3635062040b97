/** The network parts, evenly or not, or between two nodes only. */

import {setTimeout as sleep} from 'node:timers/promises'
import {partitionRound} from '../../bench/partition-round.ts'
import {nowMs} from '../stage/http.ts'
import {describe, type Play, primaryOf, whole} from '../stage/play.ts'
import {startSides} from '../stage/sides.ts'
import {gatewaysBut, hostsOf, type StageNode} from '../stage/stage.ts'
import {
  expectPrimary,
  expectReads,
  expectWhole,
  inRounds,
  reign,
  type Scenario,
  SILENT_MS_MAX,
} from './scenario.ts'

/** Longer than a primary's own lease: after it a side without a majority takes no changes. */
const LEASE_MS = 3000
const HEALED_MS_MAX = 30_000

export const networkScenarios: readonly Scenario[] = [
  {
    name: 'minority',
    title: '6: a primary on the minority side takes no changes, and the cluster heals by itself',
    on: 'hosts',
    long: false,
    run: (play) => partitionRound(play, 'primary-alone', play.longRun ? 60_000 : 14_000),
  },
  {
    name: 'even-split',
    title: '7: of two equal halves neither takes changes',
    on: 'seven',
    long: true,
    run: evenSplit,
  },
  {
    name: 'bridge',
    title: '20: the next in line alone does not reach the primary: nothing happens',
    on: 'hosts',
    long: false,
    run: (play) => pairApart(play, 'proxy'),
  },
  {
    name: 'bridge-target',
    title: '20: one target does not reach the primary but all others: out at most once',
    on: 'seven',
    long: true,
    run: (play) => pairApart(play, 'target'),
  },
  {
    name: 'one-way',
    title: 'a primary that is not heard but hears gives way',
    on: 'seven',
    long: true,
    run: (play) => partitionRound(play, 'one-way', 30_000),
  },
  {
    name: 'smallest',
    title:
      'of two gateways and a target, the other gateway leads when the host of the primary goes',
    on: 'smallest',
    long: true,
    run: (play) => inRounds(play, 2, () => smallestFailover(play)),
  },
]

async function evenSplit(play: Play): Promise<readonly string[]> {
  const {stage, checks, load, watch} = play
  const {primary} = reign(play)
  const faults = hostsOf(stage)
  const targets = stage.nodes.filter(({role}) => role === 'target')
  const proxies = stage.nodes.filter(({role, id}) => role === 'proxy' && id !== primary.id)
  const [off, ...rest] = targets
  if (off === undefined) throw new Error('no targets')
  await faults.powerOff([off.host])
  // Six of seven voters are up: three on either side are not four.
  const small = [primary, ...rest.slice(0, 2)]
  const far = [...proxies, ...rest.slice(2)]
  const name = `even-${Date.now().toString(36)}`
  const sides = startSides(stage, name, [
    {name: 'left', nodes: small},
    {name: 'right', nodes: far},
  ])
  load.use(gatewaysBut(stage, [primary.id]))
  const hosts = (nodes: readonly StageNode[]): number[] => nodes.map(({host}) => host)
  const splitMs = await faults.split([hosts(small), hosts(far)])
  await sleep(play.longRun ? 120_000 : 15_000)
  const changed = sides.buckets.acknowledged(splitMs + LEASE_MS)
  checks.expect(changed === 0, 'neither half takes changes', `${changed} buckets`)
  const leaders = new Set(watch.since(splitMs).map((one) => one.primary))
  leaders.delete(primary.id)
  checks.expect(leaders.size === 0, 'neither half elects', [...leaders])
  const healMs = await faults.heal()
  await expectServed(play, [off], healMs)
  await sides.stop()
  checks.expect(sides.buckets.takenTwice().length === 0, 'no bucket is acknowledged twice')
  await faults.powerOn([off.host])
  return [off.id]
}

async function expectServed(
  {watch, checks, stage}: Play,
  gone: readonly StageNode[],
  healMs: number,
): Promise<void> {
  const ids = stage.nodes.filter((node) => !gone.includes(node)).map(({id}) => id)
  const same = await watch.until(() => watch.agreed(ids), HEALED_MS_MAX)
  checks.expect(same !== undefined, 'one map after the heal', describe(watch, stage))
  if (same !== undefined) checks.measure('one map ms', same.atMs - healMs)
}

/** The primary and one other do not reach each other, in both directions. */
async function pairApart(play: Play, role: StageNode['role']): Promise<readonly string[]> {
  const {stage, checks, watch} = play
  const primary = primaryOf(play)
  const heir = watch.of(primary.id)?.heirs[0]
  const other = stage.nodes.find((one) => {
    return role === 'proxy' ? one.id === heir : one.role === 'target' && one.host !== primary.host
  })
  if (other === undefined) throw new Error('nobody to part from the primary')
  const before = watch.of(primary.id)?.version ?? 0
  const splitMs = await hostsOf(stage).split([[primary.host], [other.host]])
  await sleep(play.longRun ? 300_000 : 10_000)
  const seen = watch.since(splitMs)
  const leaders = new Set(seen.map((one) => one.primary))
  leaders.delete(primary.id)
  checks.expect(leaders.size === 0, 'nobody else is elected', [...leaders])
  const after = watch.of(primary.id)?.version ?? 0
  checks.measure('changes of the map', after - before)
  checks.expect(after - before <= 2, 'the map does not flap', `${after - before} changes`)
  const healMs = await hostsOf(stage).heal()
  const back = await whole(play, HEALED_MS_MAX)
  checks.expect(back !== undefined, 'whole soon after the heal', describe(watch, stage))
  if (back !== undefined) checks.measure('healed ms', back.atMs - healMs)
  return []
}

async function smallestFailover(play: Play): Promise<readonly string[]> {
  const {stage} = play
  const {primary, heirs} = reign(play)
  const gone = stage.nodes.filter(({host}) => host === primary.host)
  const sinceMs = nowMs()
  await hostsOf(stage).powerOff([primary.host])
  const expected = heirs[0]?.id ?? ''
  const leader = await expectPrimary(play, gone, {withinMs: SILENT_MS_MAX, sinceMs, expected})
  play.checks.measure('changes again ms', await play.load.changesAgain(sinceMs, SILENT_MS_MAX))
  expectReads(play, sinceMs)
  await hostsOf(stage).powerOn([primary.host])
  await expectWhole(play, leader)
  return gone.map(({id}) => id)
}
