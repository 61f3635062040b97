/** Nodes that have left a cluster, in the operator's file, the saved state and on hosts. */

import t from 'tap'
import {AisError} from '../../src/base/errors.ts'
import {stateToSave} from '../../src/ops/deploy/deployment.ts'
import {groupsOf} from '../../src/ops/inventory/inventory.ts'
import {nodeFileOf} from '../../src/ops/host/unit-files.ts'
import {checkImmutable} from '../../src/ops/topology/immutable.ts'
import {everyNodeOf, founderOf, nodesOf, type Topology} from '../../src/ops/topology/resolve.ts'
import {keepRemoved, withRemoved} from '../../src/ops/topology/removed.ts'
import {
  BUNDLE_TEXT,
  manifestFor,
  RUNTIME_TEXT,
  TOPOLOGY,
  topologyOf,
} from '../helpers/ops/sample-topology.ts'
import {forThisUser, scratchHost} from '../helpers/ops/scratch-host.ts'

const idAt = (topology: Topology, place: string): string =>
  everyNodeOf(topology).find(({host, instance}) => `${host}/${instance}` === place)?.id ?? ''

const places = (topology: Topology): string[] =>
  nodesOf(topology).map(({host, instance}) => `${host}/${instance}`)

const messageOf = (call: () => unknown): string => {
  try {
    call()
  } catch (error) {
    if (error instanceof AisError) return error.message
    throw error
  }
  return ''
}

const MARKED = TOPOLOGY.replace(
  'mountpaths: [{path: /ais/mp3}]',
  'removed: true\n        mountpaths: [{path: /ais/mp3}]',
)

t.test('a node that has left is no node of its topology, and is remembered beside them', (t) => {
  const before = topologyOf()
  const left = withRemoved(before, [idAt(before, 'h1/target-2')])
  t.strictSame(places(left), ['h1/proxy', 'h1/target', 'h2/target'])
  t.equal(everyNodeOf(left).length, 4)
  t.strictSame(left, topologyOf(MARKED), 'as the file says it')
  const first = stateToSave(before, [])
  t.equal(stateToSave(left, [first]).generation, 2, 'a change of what is deployed')
  const empty = withRemoved(before, [idAt(before, 'h2/target')])
  t.equal(empty.hosts.length, 2, 'its host can still be reached, to be cleaned up')
  t.end()
})

t.test('a node that has left stays so, whether the file names it, marks it or drops it', (t) => {
  const whole = topologyOf()
  const deployed = withRemoved(whole, [idAt(whole, 'h2/target')])
  const named = keepRemoved(deployed, topologyOf())
  t.strictSame(named, deployed)
  checkImmutable(deployed, named)
  const dropped = topologyOf(TOPOLOGY.slice(0, TOPOLOGY.indexOf('  - name: h2')))
  checkImmutable(deployed, keepRemoved(deployed, dropped))
  t.strictSame(places(keepRemoved(deployed, dropped)), places(deployed))
  t.end()
})

t.test('a file cannot take a node out by itself, by dropping it or by the mark', (t) => {
  t.match(
    messageOf(() => checkImmutable(topologyOf(), topologyOf(MARKED))),
    /h1\/target-2 \(\w+\) is marked as removed, but has not left the cluster/,
  )
  t.end()
})

t.test('the unit of a node that has left is off for good, and nobody else notices', (t) => {
  const before = topologyOf()
  const left = withRemoved(before, [idAt(before, 'h1/target-2')])
  const units = (topology: Topology): unknown =>
    manifestFor({topology})
      .entries.filter(({type}) => type === 'unit')
      .map(({path, value}) => `${path} ${value}`)
  t.strictSame(units(left), [
    'aisnode.target started',
    'aisnode@proxy.service started',
    'aisnode@target.service started',
    'aisnode@target-2.service disabled',
  ])
  const restarting = (topology: Topology): unknown =>
    manifestFor({topology})
      .entries.filter(({restart, path}) => restart.length > 0 && !path.includes('target-2'))
      .map(({path, sha256, value}) => [path, sha256, value])
  t.strictSame(restarting(left), restarting(before), 'no other node restarts because of it')
  const host = left.hosts[0]
  const proxy = host?.nodes[0]
  if (host === undefined || proxy === undefined) throw new Error('the sample has changed')
  t.equal(nodeFileOf(proxy, host, left).peers.length, 3)
  t.strictSame(
    groupsOf({topology: withRemoved(before, [idAt(before, 'h2/target')])})['aisnode_targets'],
    {
      hosts: ['h1'],
    },
  )
  t.end()
})

t.test(
  'the unit of a node that has left is turned off, by a deploy and by Ansible alike',
  async (t) => {
    const before = topologyOf()
    const left = withRemoved(before, [idAt(before, 'h1/target-2')])
    const payload = [RUNTIME_TEXT, BUNDLE_TEXT]
    for (const by of ['shell', 'python'] as const) {
      const host = scratchHost(t.testdir({[by]: {}}) + `/${by}`)
      await host.apply(forThisUser(manifestFor({topology: before})), payload)
      const manifest = forThisUser(manifestFor({topology: left}))
      const apply = async (): Promise<readonly {state: string}[]> =>
        (by === 'shell' ? await host.apply(manifest) : host.applyWithPython(manifest)).entries
      t.ok((await apply()).some(({state}) => state === 'changed'))
      t.notOk(host.units().enabled.includes('aisnode@target-2.service'))
      t.notOk(host.units().active.includes('aisnode@target-2.service'))
      t.ok(
        (await apply()).every(({state}) => state !== 'changed'),
        'once',
      )
    }
  },
)

t.test('a gateway that has left founds nothing', (t) => {
  const two = topologyOf(
    TOPOLOGY.replace('  - name: h2', '  - name: h3\n    nodes: [{role: proxy}]\n  - name: h2'),
  )
  const first = founderOf(two)
  t.equal(first?.host, 'h1')
  t.equal(founderOf(withRemoved(two, [first?.id ?? '']))?.host, 'h3')
  t.end()
})

t.test('more nodes than a cluster can have are refused where they stand', (t) => {
  const hosts = (count: number): string =>
    Array.from(
      {length: count},
      (_, index) =>
        `  - name: n${index}\n    nodes: [{role: ${index === 0 ? 'proxy' : 'target, mountpaths: [{path: /ais/mp1}]'}}]\n`,
    ).join('')
  const file = (count: number): string => `format: 1\ncluster: {name: big}\nhosts:\n${hosts(count)}`
  t.equal(nodesOf(topologyOf(file(51))).length, 51)
  t.equal(
    messageOf(() => topologyOf(file(52))),
    'topology.yaml:107:5: hosts[51].nodes: 52 nodes; a cluster has at most 51: every node has a vote, and a change waits for a majority of them',
  )
  t.end()
})
