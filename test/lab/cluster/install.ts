/**
 * From bare hosts to a cluster that stores and returns objects; the second deploy changes nothing.
 */

import type {Test} from 'tap'
import {lab, onHost} from '../lab-under-test.ts'
import {
  BUCKET,
  type Cluster,
  deploy,
  hostsOf,
  isWell,
  onNode,
  operate,
  settled,
  unitOf,
  verify,
  write,
} from './cluster.ts'

/** `systemd-analyze security` of each unit; 10 is a unit without any protection. */
const EXPOSURE_MAX = 2
const OBJECTS = process.argv.includes('--long') ? 2000 : 200
const BYTES_MAX = process.argv.includes('--long') ? 64 * 1024 * 1024 : 1024 * 1024
const WRITE_MS_MAX = process.argv.includes('--long') ? 600_000 : 120_000

export async function installCases(t: Test, cluster: Cluster): Promise<void> {
  await t.test('deploy turns bare hosts into a cluster that is well', async (t) => {
    const {reports} = await deploy(cluster)
    t.ok(reports.length === hostsOf(cluster).length && reports.every(({changed}) => changed > 0))
    t.ok(isWell(cluster, await settled(cluster)))
    for (const node of cluster.nodes) {
      t.equal(await onNode(cluster, node, `systemctl is-active ${unitOf(node)}`), 'active')
      const exposure = `systemd-analyze security --no-pager ${unitOf(node)} | tail -n 1`
      const line = await onNode(cluster, node, exposure)
      const score = Number(/: ([\d.]+)/.exec(line)?.[1] ?? Number.NaN)
      t.ok(score <= EXPOSURE_MAX, `${node.id}: exposure ${score}`)
    }
  })

  await t.test('a second deploy changes nothing and restarts nothing', async (t) => {
    const runs = (): Promise<string[]> =>
      Promise.all(
        cluster.nodes.map((node) =>
          onNode(cluster, node, `systemctl show -P InvocationID ${unitOf(node)}`),
        ),
      )
    const before = await runs()
    const {reports, restarted} = await deploy(cluster)
    t.ok(reports.every(({changed}) => changed === 0))
    t.same(restarted, [])
    t.same(await runs(), before)
  })

  await t.test('objects put through every gateway are read through another', async (t) => {
    const created = await operate(cluster, 'bucket', 'create', `ais://${BUCKET}`, ...via(cluster))
    t.equal(created.status, 0, created.stderr)
    const written = await write(cluster, {
      prefix: 'first',
      count: OBJECTS,
      bytesMax: BYTES_MAX,
      forMs: WRITE_MS_MAX,
    })
    t.same(written, {acknowledged: OBJECTS, failures: 0})
    await allThere(t, cluster)
  })

  await t.test('the cluster key is where it belongs and nowhere else', async (t) => {
    for (const host of hostsOf(cluster)) {
      const leaks = await onHost(
        cluster.under,
        host,
        `key=$(head -n 1 /etc/aisnode/secrets/* | grep -oE '[0-9a-f]{64}' | head -n 1)
         [ \${#key} = 64 ] || echo no key
         for place in /proc/[0-9]*/cmdline /proc/[0-9]*/environ; do
           grep -qsF "$key" "$place" && echo "$place"
         done
         journalctl --no-pager | grep -F "$key"
         grep -rlF "$key" /tmp /var/tmp /var/log /var/lib/aisctl 2>/dev/null
         stat -c '%a %U' /etc/aisnode/secrets`,
      )
      t.equal(leaks, '700 root', `h${host}`)
    }
  })

  await t.test('a snapshot brings the deployed cluster back in seconds', async (t) => {
    t.equal((await lab(cluster.under, 'save', 'deployed')).status, 0)
    const deleted = await operate(
      cluster,
      'bucket',
      'rm',
      `ais://${BUCKET}`,
      '--yes',
      ...via(cluster),
    )
    t.equal(deleted.status, 0, deleted.stderr)
    const started = performance.now()
    t.equal((await lab(cluster.under, 'restore', 'deployed')).status, 0)
    t.ok(isWell(cluster, await settled(cluster)))
    t.comment(`restored and well after ${Math.round(performance.now() - started)} ms`)
    await allThere(t, cluster)
  })
}

/** Everything that was ever acknowledged is there, unchanged, and in the list. */
export async function allThere(t: Test, cluster: Cluster): Promise<void> {
  const {acknowledged, ...problems} = await verify(cluster)
  t.same(
    problems,
    {notFound: [], outOfReach: [], wrong: [], unlisted: []},
    `all of ${acknowledged} acknowledged objects`,
  )
}

/** Flags that make a command of aisctl speak to this cluster. */
export function via(cluster: Cluster): string[] {
  return ['--cluster', `http://${cluster.gateways[0]}`]
}
