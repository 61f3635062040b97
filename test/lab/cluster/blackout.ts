/** Power and disks that go while the cluster works. */

import type {Test} from 'tap'
import {setTimeout as sleep} from 'node:timers/promises'
import {diskPath} from '../../../plugins/lab/src/lab/names.ts'
import {lab, onHost, stateOf} from '../lab-under-test.ts'
import {readdirSync} from 'node:fs'
import {
  type Cluster,
  isWell,
  onNode,
  settled,
  startWriting,
  unitOf,
  verifyReachable,
  write,
} from './cluster.ts'
import {allThere} from './install.ts'

const BLACKOUTS = process.argv.includes('--long') ? 5 : 1
const WRITE_BEFORE_CUT_MS = 3000
const SMALL = 256 * 1024

export async function blackoutCases(t: Test, cluster: Cluster): Promise<void> {
  for (let round = 1; round <= BLACKOUTS; round += 1) {
    await t.test(`power of all hosts goes while objects are written, round ${round}`, async (t) => {
      const load = {prefix: `dark-${round}`, count: 100_000, bytesMax: SMALL, forMs: 120_000}
      const writing = startWriting(cluster, load)
      await sleep(WRITE_BEFORE_CUT_MS)
      t.equal((await lab(cluster.under, 'power-off', 'all')).status, 0)
      await writing.stop()
      t.equal((await lab(cluster.under, 'power-on', 'all')).status, 0)
      t.ok(isWell(cluster, await settled(cluster)), 'it comes back by itself')
      await allThere(t, cluster)
    })
  }

  await t.test(
    'a host boots with one disk missing: it serves with the other and says so',
    async (t) => {
      const target = cluster.nodes.findLast(
        ({role, mountpaths}) => role === 'target' && mountpaths.length > 1,
      )
      const path = target?.mountpaths[0]
      if (target === undefined || path === undefined) return void t.fail('no target has two disks')
      const disk = path.replace('/ais/mp', '')
      const host = String(target.host)
      t.equal((await lab(cluster.under, 'power-off', host)).status, 0)
      t.equal((await lab(cluster.under, 'disk', host, disk, 'pull')).status, 0)
      t.equal((await lab(cluster.under, 'power-on', host)).status, 0)
      t.ok(isWell(cluster, await settled(cluster)), 'the node is a member')
      const {acknowledged} = await write(cluster, {
        prefix: 'one-disk',
        count: 200,
        bytesMax: SMALL,
        forMs: 60_000,
      })
      t.equal(acknowledged, 200, 'the cluster takes writes')
      const bare = diskPath(stateOf(cluster.under), target.host, Number(disk))
      t.same(readdirSync(bare), [], 'nothing on the root disk')
      const status = await onNode(cluster, target, `systemctl status --no-pager ${unitOf(target)}`)
      const journal = await onNode(cluster, target, `journalctl -o cat -u ${unitOf(target)} -b`)
      t.ok(`${status}${journal}`.includes(path), 'the node names the missing disk')
      const {wrong, notFound} = await verifyReachable(cluster)
      t.same(wrong, [], 'what can be read is right')
      t.same(notFound, [], 'what cannot is out of reach, and never "not found"')
      t.equal((await lab(cluster.under, 'disk', host, disk, 'heal')).status, 0)
      await onHost(cluster.under, target.host, `systemctl restart ${unitOf(target)}`)
      t.ok(isWell(cluster, await settled(cluster)))
      await allThere(t, cluster)
    },
  )
}
