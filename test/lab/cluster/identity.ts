/** What a node knows about its cluster, and what it must never make up. */

import type {Test} from 'tap'
import {setTimeout as sleep} from 'node:timers/promises'
import {type Cluster, isWell, type NodePlace, onNode, settled, unitOf} from './cluster.ts'
import {allThere} from './install.ts'
import {insideNetwork} from '../../../plugins/lab/src/lab/network.ts'
import {attempt} from '../../../plugins/lab/src/lab/run.ts'
import {stateOf} from '../lab-under-test.ts'

/** A founder that is going to make a mistake has made it by then. */
const FOUNDING_MS = 15_000

export async function identityCases(t: Test, cluster: Cluster): Promise<void> {
  await t.test(
    'nodes whose files name only dead hosts come back through their saved map',
    async (t) => {
      const nodes = [lastOf(cluster, 'proxy'), lastOf(cluster, 'target')]
      for (const node of nodes) {
        const said = await onNode(cluster, node, deadPeers(node))
        t.equal(said, 'changed', node.id)
        await onNode(cluster, node, `systemctl restart ${unitOf(node)}`)
      }
      t.ok(isWell(cluster, await settled(cluster)))
      for (const node of nodes) await onNode(cluster, node, livingPeers(node))
      await allThere(t, cluster)
    },
  )

  await t.test('nodes that lost their state come back as the members they were', async (t) => {
    for (const node of [lastOf(cluster, 'proxy'), lastOf(cluster, 'target')]) {
      const state = stateDirectory(node)
      const wipe = `systemctl stop ${unitOf(node)} && find ${state} -mindepth 1 -delete`
      await onNode(cluster, node, `${wipe}; systemctl start ${unitOf(node)}`)
      const maps = await settled(cluster)
      t.ok(isWell(cluster, maps), `${node.id}: ${JSON.stringify(maps)}`)
    }
    await allThere(t, cluster)
  })

  await t.test('a founder that lost its state never forms a cluster of its own', async (t) => {
    const founder = cluster.nodes.find(({role}) => role === 'proxy')
    if (founder === undefined) return void t.fail('a cluster without gateways')
    const others = cluster.nodes.filter(({id}) => id !== founder.id)
    const each = (verb: string): Promise<unknown> =>
      Promise.all(
        others.map((one) => onNode(cluster, one, `systemctl ${verb} --no-block ${unitOf(one)}`)),
      )
    const state = stateDirectory(founder)
    await each('stop')
    await onNode(
      cluster,
      founder,
      `systemctl stop ${unitOf(founder)}; cp -a ${state} ${state}.kept
       find ${state} -mindepth 1 -delete; systemctl start --no-block ${unitOf(founder)}`,
    )
    await sleep(FOUNDING_MS)
    t.not(await createBucket(cluster, 'made-up'), 200, 'alone it takes no changes')
    await each('start')
    await sleep(FOUNDING_MS)
    for (const map of await settled(cluster, 1000)) {
      t.equal(map.uuid, cluster.uuid)
      t.equal(map.nodes.length, cluster.nodes.length, 'nobody shows a smaller cluster')
    }
    await onNode(
      cluster,
      founder,
      `systemctl stop ${unitOf(founder)}; find ${state} -mindepth 1 -delete
       cp -a ${state}.kept/. ${state}/; systemctl start --no-block ${unitOf(founder)}`,
    )
    t.ok(isWell(cluster, await settled(cluster)), 'with its state it leads again')
    await allThere(t, cluster)
  })
}

function stateDirectory({instance}: NodePlace): string {
  return `/var/lib/aisnode/${instance}`
}

function lastOf(cluster: Cluster, role: NodePlace['role']): NodePlace {
  const node = cluster.nodes.findLast((one) => one.role === role)
  if (node === undefined) throw new Error(`a cluster without a ${role}`)
  return node
}

/** Rewrites the peers in the node's file, in place; what it was stays beside it. */
function deadPeers({instance}: NodePlace): string {
  return `python3 - <<'X'
import json, subprocess
path = "/etc/aisnode/${instance}.json"
subprocess.run(["cp", "-a", path, path + ".living"], check=True)
value = json.load(open(path))
value["peers"] = ["10.43.255.1:51084", "10.43.255.2:51084"]
open(path, "w").write(json.dumps(value))
print("changed")
X`
}

function livingPeers({instance}: NodePlace): string {
  return `mv /etc/aisnode/${instance}.json.living /etc/aisnode/${instance}.json`
}

async function createBucket(cluster: Cluster, name: string): Promise<number> {
  const curl = `
    const answer = await fetch('http://${cluster.gateways[0]}/v1/buckets/${name}', {
      method: 'POST',
      headers: {'content-type': 'application/json'},
      body: JSON.stringify({action: 'create-bck'}),
      signal: AbortSignal.timeout(10_000),
    }).catch(() => ({status: 0}))
    console.log(answer.status)`
  const command = [process.execPath, '--input-type=module', '--eval', curl]
  const {stdout} = await attempt(insideNetwork(stateOf(cluster.under), command))
  return Number(stdout)
}
