/**
 * One round of a partition on hosts, with a client on each side that tries the same changes: never
 * two sides that get the same thing acknowledged, a majority that serves soon, and after the heal
 * one cluster by itself with all that was promised.
 */

import {setTimeout as sleep} from 'node:timers/promises'
import {nowMs} from '../lab/stage/http.ts'
import {
  contradictions,
  describe,
  newPrimary,
  type Play,
  primaryOf,
  removeBuckets,
} from '../lab/stage/play.ts'
import {whole} from '../lab/stage/play.ts'
import {lostOfSides, type Side, type Sides, startSides} from '../lab/stage/sides.ts'
import {gatewaysBut, hostsOf, nodesOf, type Stage, type StageNode} from '../lab/stage/stage.ts'

export const PARTITIONS = [
  'halves',
  'primary-alone',
  'primary-and-two-targets',
  'one-way',
  'bridge',
] as const

export type Partition = (typeof PARTITIONS)[number]

/** The goal for a primary that is cut off, for every single round. */
const FAILOVER_MS_MAX = 6000
const HEALED_MS_MAX = 10_000
const GIVE_UP_MS = 45_000

interface Plan {
  readonly sides: readonly [withPrimary: Side, rest: Side]
  /** Whether the present primary loses its majority. */
  readonly deposes: boolean
  act(): Promise<number>
}

/** Plays one round: nodes stay, so no process is expected to end. */
export async function partitionRound(
  play: Play,
  kind: Partition,
  holdMs: number,
): Promise<readonly string[]> {
  const {stage, checks, load} = play
  const old = primaryOf(play)
  const {sides, deposes, act} = planOf(stage, kind, old)
  // The watcher's load stands outside of the partition; a client that could reach both sides.
  load.use(gatewaysBut(stage, deposes ? [old.id] : []))
  const name = `p${Date.now().toString(36)}`
  const clients = startSides(stage, name, sides)
  try {
    await until(() => clients.buckets.acknowledged() >= 2)
    const splitMs = await act()
    const served = deposes ? sides[1] : sides[0]
    if (deposes) {
      const next = await newPrimary(play, served.nodes, [old.id], GIVE_UP_MS)
      const tookMs = (next?.atMs ?? Number.POSITIVE_INFINITY) - splitMs
      const seen = next === undefined ? describe(play.watch, stage) : `${Math.round(tookMs)} ms`
      checks.expect(tookMs <= FAILOVER_MS_MAX, 'the majority has a primary in time', seen)
      if (next !== undefined) checks.measure('failover ms', tookMs)
    }
    await sleep(Math.max(0, holdMs - (nowMs() - splitMs)))
    const healMs = await hostsOf(stage).heal()
    judgeSplit(play, clients, {served: served.name, splitMs, healMs, deposes, old})
    await judgeHeal(play, healMs)
  } finally {
    await clients.stop()
  }
  await judgePromises(play, clients)
  return []
}

function planOf(stage: Stage, kind: Partition, old: StageNode): Plan {
  const faults = hostsOf(stage)
  const proxies = stage.nodes.filter(({role, id}) => role === 'proxy' && id !== old.id)
  const targets = stage.nodes.filter(({role}) => role === 'target')
  const small = {
    'halves': [old, ...proxies.slice(0, 1), ...targets.slice(0, 1)],
    'primary-alone': [old],
    'primary-and-two-targets': [old, ...targets.slice(0, 2)],
    'one-way': [old],
    'bridge': [old, ...targets.slice(0, 2)],
  }[kind]
  const bridge = kind === 'bridge' ? proxies.slice(0, 1) : []
  const numbers = (nodes: readonly StageNode[]): number[] => [
    ...new Set(nodes.map(({host}) => host)),
  ]
  const near = numbers(small)
  const far = numbers(stage.nodes).filter(
    (host) => !near.includes(host) && !numbers(bridge).includes(host),
  )
  const on = (hosts: readonly number[]): readonly StageNode[] =>
    stage.nodes.filter(({host}) => hosts.includes(host))
  const sides = [
    {name: 'with the old primary', nodes: on(near)},
    {name: 'rest', nodes: on(far)},
  ] as const
  if (kind === 'one-way') {
    const pairs = far.map((host) => [old.host, host] as const)
    return {sides, deposes: true, act: () => faults.oneWay(pairs)}
  }
  const act = (): Promise<number> => faults.split([near, far])
  // Over the bridge the primary still has four of seven, and no other side has four without it.
  return {sides, deposes: kind !== 'bridge', act}
}

interface Split {
  /** Side that has to serve. */
  readonly served: string
  readonly splitMs: number
  readonly healMs: number
  readonly deposes: boolean
  readonly old: StageNode
}

function judgeSplit({checks, watch, stage}: Play, clients: Sides, split: Split): void {
  const {served, splitMs, healMs, deposes, old} = split
  const twice = clients.buckets.takenTwice()
  checks.expect(twice.length === 0, 'no bucket is acknowledged twice', twice)
  const back = clients.objects.turnedBack(splitMs, healMs)
  checks.expect(back.length === 0, 'no key is acknowledged by two sides in turns', back)
  const stallMs = clients.buckets.longestGapMs(served, splitMs, healMs)
  checks.measure('longest stall of changes ms', stallMs)
  checks.measure(
    'longest stall of writes ms',
    clients.objects.longestGapMs(served, splitMs, healMs),
  )
  const patienceMs = FAILOVER_MS_MAX + 2000
  checks.expect(stallMs <= patienceMs, 'the majority takes changes in time', `${stallMs} ms`)
  if (deposes) return
  const [named] = nodesOf(stage, [old.id]).map(({id}) => watch.of(id)?.primary)
  checks.expect(named === old.id, 'the primary stays', named ?? '')
}

async function judgeHeal(play: Play, healMs: number): Promise<void> {
  const {checks, watch, stage} = play
  const same = await watch.until(() => watch.agreed(), GIVE_UP_MS)
  const back = await whole(play, GIVE_UP_MS)
  const tookMs = (back?.atMs ?? Number.POSITIVE_INFINITY) - healMs
  if (same !== undefined) checks.measure('one map ms', same.atMs - healMs)
  if (back !== undefined) checks.measure('healed ms', tookMs)
  const seen = back === undefined ? describe(watch, stage) : `${Math.round(tookMs)} ms`
  checks.expect(tookMs <= HEALED_MS_MAX, 'the cluster is whole in time', seen)
}

async function judgePromises({stage, checks}: Play, clients: Sides): Promise<void> {
  const lost = await lostOfSides(stage, clients)
  checks.expect(lost.length === 0, 'what either side was promised is there', lost)
  checks.measure('writes acknowledged', clients.objects.acknowledged())
  checks.measure('buckets acknowledged', clients.buckets.acknowledged())
  const wrong = await contradictions(stage, (lists) => [
    ...clients.buckets.keys.filter((key) =>
      lists.some((list) => !clients.buckets.allows(key, list.get(key) ?? null)),
    ),
    ...lists.filter((list) => list.size !== lists[0]?.size).map(({size}) => `${size} buckets`),
  ])
  checks.expect(wrong.length === 0, 'buckets that either side was promised are there', wrong)
  await removeBuckets(stage, clients.buckets.keys)
}

async function until(done: () => boolean): Promise<void> {
  const deadline = nowMs() + GIVE_UP_MS
  while (!done()) {
    if (nowMs() > deadline) throw new Error('the clients of the sides are not served at all')
    await sleep(50)
  }
}
