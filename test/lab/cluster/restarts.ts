/** Ordered and unordered ends of nodes: restart under load, shutdown and start, SIGKILL of all. */

import type {Test} from 'tap'
import {setTimeout as sleep} from 'node:timers/promises'
import {lab} from '../lab-under-test.ts'
import {
  type Cluster,
  isWell,
  killAllNodes,
  onNode,
  operate,
  settled,
  startWriting,
  unitOf,
  write,
} from './cluster.ts'
import {allThere} from './install.ts'

const LONG = process.argv.includes('--long')
const KILL_ROUNDS = LONG ? 5 : 1
/** Nodes come back within this of each other. */
const START_SPREAD_MS = 5000
const SMALL = 256 * 1024

export async function restartCases(t: Test, cluster: Cluster): Promise<void> {
  await t.test(
    'a restart of one target under load fails no operation and moves no map',
    async (t) => {
      const target = cluster.nodes.find(({role}) => role === 'target')
      if (target === undefined) return void t.fail('a cluster without targets')
      const [before] = await settled(cluster)
      const writing = write(cluster, {
        prefix: 'restart',
        count: 400,
        bytesMax: SMALL,
        forMs: 60_000,
      })
      await sleep(500)
      await onNode(cluster, target, `systemctl restart ${unitOf(target)}`)
      const {acknowledged} = await writing
      t.equal(acknowledged, 400, 'every write succeeds, after retries')
      const maps = await settled(cluster)
      t.ok(isWell(cluster, maps), 'nobody is away')
      t.equal(maps[0]?.version, before?.version, 'the map is the same')
      await allThere(t, cluster)
    },
  )

  await t.test('shutdown, power off, power on, start: the same cluster', async (t) => {
    const [before] = await settled(cluster)
    const file = ['--topology', cluster.topology]
    const down = await operate(cluster, 'cluster', 'shutdown', '--yes', ...file)
    t.equal(down.status, 0, down.stderr)
    for (const node of cluster.nodes) {
      t.equal(await onNode(cluster, node, `systemctl is-active ${unitOf(node)}`), 'inactive')
    }
    t.equal((await lab(cluster.under, 'power-off', 'all')).status, 0)
    t.equal((await lab(cluster.under, 'power-on', 'all')).status, 0)
    const up = await operate(cluster, 'cluster', 'start', ...file)
    t.equal(up.status, 0, up.stderr)
    const maps = await settled(cluster)
    t.ok(isWell(cluster, maps))
    t.equal(maps[0]?.uuid, before?.uuid)
    t.ok((maps[0]?.version ?? 0) >= (before?.version ?? 0), 'the map is not older')
    await allThere(t, cluster)
  })

  for (let round = 1; round <= KILL_ROUNDS; round += 1) {
    await t.test(`all nodes killed at once and started in any order, round ${round}`, async (t) => {
      const [before] = await settled(cluster)
      const load = {prefix: `kill-${round}`, count: 10_000, bytesMax: SMALL, forMs: 120_000}
      const writing = startWriting(cluster, load)
      await sleep(2000)
      await killAllNodes(cluster)
      await writing.stop()
      await Promise.all(
        cluster.nodes.map(async (node) => {
          await onNode(cluster, node, `systemctl stop ${unitOf(node)}`)
          await sleep(Math.random() * START_SPREAD_MS)
          await onNode(cluster, node, `systemctl start --no-block ${unitOf(node)}`)
        }),
      )
      const maps = await settled(cluster)
      t.ok(isWell(cluster, maps), JSON.stringify(maps))
      t.equal(maps[0]?.uuid, before?.uuid)
      t.ok((maps[0]?.version ?? 0) >= (before?.version ?? 0))
      await allThere(t, cluster)
    })
  }
}
