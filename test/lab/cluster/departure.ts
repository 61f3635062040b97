/**
 * The whole cluster off by order and on again, with power lost between; and a node that leaves for
 * good: its unit is off, and no boot brings it back.
 */

import type {Test} from 'tap'
import {lab} from '../lab-under-test.ts'
import {type Cluster, hostsOf, isWell, onNode, operate, settled, unitOf, write} from './cluster.ts'
import {allThere, via} from './install.ts'

const isLong = process.argv.includes('--long')
const BODY_BYTES_MAX = 64 * 1024
const OBJECTS = 200
const WRITE_MS_MAX = 120_000

/** Only under --long: power that goes by itself is played always. */
export async function shutdownCases(t: Test, cluster: Cluster): Promise<void> {
  if (!isLong) return
  await t.test('a cluster that was shut down starts as it was, by command', async (t) => {
    await fill(t, cluster, 'before')
    await shutDown(t, cluster)
    const start = await operate(cluster, 'cluster', 'start', ...via(cluster))
    t.equal(start.status, 0, start.stderr)
    t.ok(isWell(cluster, await settled(cluster)), 'the same nodes in one map')
    await allThere(t, cluster)
  })

  await t.test('hosts that are switched off meanwhile change nothing of it', async (t) => {
    await shutDown(t, cluster)
    t.equal((await lab(cluster.under, 'power-off', 'all')).status, 0)
    const on = await lab(cluster.under, 'power-on', 'all')
    t.equal(on.status, 0, on.stderr)
    const start = await operate(cluster, 'cluster', 'start', ...via(cluster))
    t.equal(start.status, 0, start.stderr)
    t.ok(isWell(cluster, await settled(cluster)), 'the same nodes in one map')
    await allThere(t, cluster)
  })
}

async function shutDown(t: Test, cluster: Cluster): Promise<void> {
  const {status, stdout, stderr} = await operate(
    cluster,
    'cluster',
    'shutdown',
    '--yes',
    ...via(cluster),
  )
  t.equal(status, 0, `${stdout}${stderr}`)
  t.match(stdout, /is off; .* aisctl cluster start/, 'it says how to start it')
  for (const node of cluster.nodes) {
    t.equal(
      await stateOfUnit(cluster, node),
      'inactive enabled',
      `${node.instance} of h${node.host}`,
    )
  }
}

/** The cluster has one node less afterwards. */
export async function decommissionCases(t: Test, cluster: Cluster): Promise<void> {
  const node = cluster.nodes.findLast(({role}) => role === 'target')
  if (node === undefined) return void t.fail('no target')
  const words = ['node', 'decommission', node.id]
  const rest: Cluster = {...cluster, nodes: cluster.nodes.filter((one) => one !== node)}

  await t.test('a node that is taken out for good has its unit off', async (t) => {
    await fill(t, cluster, 'leaving')
    const {status, stdout, stderr} = await operate(
      cluster,
      ...words,
      '--wait',
      '--yes',
      ...via(cluster),
    )
    t.equal(status, 0, `${stdout}${stderr}`)
    t.ok(isWell(rest, await settled(rest)), 'it is in no map')
    t.equal(await stateOfUnit(cluster, node), 'inactive disabled')
    await allThere(t, rest)
  })

  await t.test('no boot of its host brings it back', async (t) => {
    const host = String(node.host)
    t.equal((await lab(cluster.under, 'power-off', host)).status, 0)
    t.equal((await lab(cluster.under, 'power-on', host)).status, 0)
    t.ok(isWell(rest, await settled(rest)), 'the others are back without it')
    t.equal(await stateOfUnit(cluster, node), 'inactive disabled')
    await allThere(t, rest)
  })

  if (!isLong) return
  await t.test('a deploy of the old topology leaves it out', async (t) => {
    const again = await operate(cluster, 'deploy', '--file', cluster.topology)
    t.equal(again.status, 0, again.stderr)
    t.ok(isWell(rest, await settled(rest)))
    t.equal(await stateOfUnit(cluster, node), 'inactive disabled')
  })

  await t.test(
    'what a host could not be told is owed, named, and paid by asking again',
    async (t) => {
      const other = rest.nodes.findLast(({role, host}) => role === 'target' && host !== node.host)
      const host = hostsOf(rest).find((one) => one === other?.host)
      if (other === undefined || host === undefined) return void t.fail('no other target')
      const leave = ['node', 'decommission', other.id, '--yes', ...via(cluster)]
      const left: Cluster = {...rest, nodes: rest.nodes.filter((one) => one !== other)}
      t.equal((await operate(cluster, ...leave)).status, 0, 'the order alone')
      t.ok(isWell(left, await settled(left)), 'it has left')
      t.equal((await lab(cluster.under, 'cut', '--unplug', String(host))).status, 0)
      const owed = await operate(cluster, ...leave)
      t.equal(owed.status, 6, `${owed.stdout}${owed.stderr}`)
      t.ok(`${owed.stdout}${owed.stderr}`.includes(`systemctl disable --now ${unitOf(other)}`))
      t.equal((await lab(cluster.under, 'heal')).status, 0)
      const paid = await operate(cluster, ...leave)
      t.equal(paid.status, 0, `${paid.stdout}${paid.stderr}`)
      t.equal(await stateOfUnit(cluster, other), 'inactive disabled')
      t.ok(isWell(left, await settled(left)))
      await allThere(t, left)
    },
  )
}

async function fill(t: Test, cluster: Cluster, prefix: string): Promise<void> {
  const load = {prefix, count: OBJECTS, bytesMax: BODY_BYTES_MAX, forMs: WRITE_MS_MAX}
  t.equal((await write(cluster, load)).acknowledged, OBJECTS)
}

/** `inactive enabled`. */
async function stateOfUnit(cluster: Cluster, node: Cluster['nodes'][number]): Promise<string> {
  const unit = unitOf(node)
  const said = await onNode(
    cluster,
    node,
    `systemctl is-active ${unit}; systemctl is-enabled ${unit}`,
  )
  return said.split('\n').join(' ')
}
