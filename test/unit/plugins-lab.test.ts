/** The pure parts of the lab: names, rules, topology, words of a command line. */

import {spawnSync} from 'node:child_process'
import t from 'tap'
import {parse} from 'yaml'
import {hostAddress, hostCgroup, hostPaths, namespaceName} from '../../plugins/lab/src/lab/names.ts'
import {parseMs, parsePercent} from '../../plugins/lab/src/lab/numbers.ts'
import {
  cutRules,
  lossRules,
  oneWayRules,
  parseGroups,
  splitRules,
} from '../../plugins/lab/src/lab/partitions.ts'
import {splitLine} from '../../plugins/lab/src/lab/pass-through.ts'
import {installCommand, missingPackages} from '../../plugins/lab/src/lab/requirements.ts'
import {hostOf, type LabState, parseHosts, withHost} from '../../plugins/lab/src/lab/state.ts'
import {statusText} from '../../plugins/lab/src/lab/status-text.ts'
import {findStrays} from '../../plugins/lab/src/lab/strays.ts'
import {topologyText, type TopologyShape} from '../../plugins/lab/src/lab/topology.ts'
import {readTopology} from '../../src/ops/topology/read.ts'

const lab: LabState = {
  format: 1,
  name: 'x',
  directory: '/labs/x',
  subnet: 7,
  diskBytes: 1,
  systemBytes: 1,
  base: 'k',
  clusterUuid: 'lab-0123456789abcdef',
  proxies: 3,
  targets: 4,
  hosts: [1, 2, 3].map((number) => ({number, disks: 2, away: []})),
}

t.test('everything of a lab carries its name, so that labs do not meet', async (t) => {
  t.equal(namespaceName(lab), 'aislab-x')
  t.equal(hostCgroup(lab, 2), 'aislab-x/h2')
  t.equal(hostAddress(lab, 2), '10.43.7.12')
  t.ok(hostPaths(lab, 2).system.startsWith('/labs/x/run/h2/'))
})

t.test('a loop device is released only if its lab is gone, and nobody else has it', async (t) => {
  const attached = new Map([
    ['/dev/loop0', '/labs/x/run/h1/system.img'],
    ['/dev/loop1', '/labs/gone/run/h2/mp1.img'],
    ['/dev/loop2', '/labs/gone/run/h1/system.img (deleted)'],
    ['/dev/loop3', '/labs/gone/run/h1/notes.img'],
    ['/dev/loop4', '/labs/gone/mp1.img'],
    ['/dev/loop5', '/labs-of-mine/gone/run/h1/mp1.img'],
    ['/dev/loop6', '/srv/labs/gone/run/h1/mp1.img'],
    ['/dev/loop7', '/labs/../gone/run/h1/mp1.img'],
  ])
  const strays = findStrays(attached, '/labs', (name) => name === 'x')
  t.strictSame(strays, [
    {device: '/dev/loop1', lab: 'gone'},
    {device: '/dev/loop2', lab: 'gone'},
  ])
})

t.test('hosts are named by number, by h and number, or all together', async (t) => {
  t.same(parseHosts(lab, ['2', 'h3', '2']), [2, 3])
  t.same(parseHosts(lab, ['all']), [1, 2, 3])
  t.throws(() => parseHosts(lab, ['4']), {code: 'NOT_FOUND', hint: /1 2 3/})
  t.throws(() => parseHosts(lab, ['-1']), {code: 'USAGE'})
  t.throws(() => parseHosts(lab, []), {code: 'USAGE'})
  t.same(hostOf(withHost(lab, {number: 2, disks: 2, away: [1]}), 2).away, [1])
  t.same(
    withHost(lab, {number: 1, disks: 2, away: []}).hosts.map((host) => host.number),
    [1, 2, 3],
  )
})

t.test('rules of the bridge say who no longer hears whom', async (t) => {
  t.match(oneWayRules(1, 2), [/iifname .*"vb-h1".*oifname .*"vb-h2".* drop$/])
  t.equal(cutRules([1, 2]).length, 4)
  const split = splitRules([[1, 2], [3]])
  t.equal(split.length, 4, 'both directions of both pairs')
  t.notOk(split.some((rule) => /iifname .*h1.*oifname .*h2/.test(rule)))
  t.match(lossRules(1, 2.5), [/numgen random mod 10000 < 250 drop$/, /oifname/])
})

t.test('groups of a split are two or more, and no host stands in two', async (t) => {
  const groups = (...words: string[]): number[][] =>
    parseGroups(words, (hosts) => parseHosts(lab, hosts))
  t.same(groups('1 2', '3'), [[1, 2], [3]])
  t.same(groups('1,2', 'h3'), [[1, 2], [3]])
  t.throws(() => groups('1 2'), {code: 'USAGE'})
  t.throws(() => groups('1 2', '2 3'), {code: 'USAGE'})
})

t.test('shares and delays have bounds', async (t) => {
  t.equal(parsePercent('2.5%'), 2.5)
  t.equal(parseMs('50ms'), 50)
  for (const word of ['', '-1', '101', 'x']) {
    t.throws(() => parsePercent(word), {code: 'USAGE'})
    t.throws(() => parseMs(word === '101' ? '60001' : word), {code: 'USAGE'})
  }
})

t.test(
  'a command that is not ours keeps its flags, and words that stand in it twice',
  async (t) => {
    const split = (line: string, ownWords: number): string => {
      const {own, foreign} = splitLine(line.split(' '), ownWords)
      return `${own.join(' ')} | ${foreign.join(' ')}`
    }
    t.equal(split('ping -c3 h1', 0), ' | ping -c3 h1')
    t.equal(split('--name x node a.js node stop', 0), '--name x | node a.js node stop')
    t.equal(split('--name=x ls -l', 0), '--name=x | ls -l')
    t.equal(split('1 ls -l', 1), '1 | ls -l')
    t.equal(split('1 -- ls -- -l', 1), '1 | ls -- -l')
    t.equal(split('1 --user ops', 1), '1 --user ops | ')
  },
)

t.test('missing tools name their packages and one command', async (t) => {
  const missing = missingPackages('/nowhere')
  t.same(missing, [...new Set(missing)].sort())
  t.equal(
    installCommand(['a', 'b']),
    'apt-get update && apt-get install -y --no-install-recommends a b',
  )
})

const shape: TopologyShape = {
  name: 'x',
  clusterUuid: lab.clusterUuid,
  keyFile: '/labs/x/key',
  proxies: 3,
  targets: 4,
  hosts: [],
}
const hosts = (count: number, disks: number): TopologyShape['hosts'] =>
  Array.from({length: count}, (_, index) => ({
    name: `h${index + 1}`,
    address: `10.43.7.${11 + index}`,
    hostKey: 'ssh-ed25519 AAAA',
    disks,
  }))

t.test('with enough hosts every node has one of its own', async (t) => {
  const {file} = readTopology(topologyText({...shape, hosts: hosts(7, 2)}), 'topology.yaml')
  t.same(
    file.hosts.map((host) => host.nodes.map((node) => node.id)),
    [
      ['proxy-h1'],
      ['proxy-h2'],
      ['proxy-h3'],
      ['target-h4'],
      ['target-h5'],
      ['target-h6'],
      ['target-h7'],
    ],
  )
  t.same(file.hosts[6]?.nodes[0]?.mountpaths, [{path: '/ais/mp1'}, {path: '/ais/mp2'}])
})

t.test('with fewer hosts nodes share them, and no two share a disk', async (t) => {
  const {file} = readTopology(topologyText({...shape, hosts: hosts(3, 4)}), 'topology.yaml')
  const nodes = file.hosts.flatMap((host) => host.nodes)
  t.equal(nodes.filter((node) => node.role === 'proxy').length, 3)
  t.equal(nodes.filter((node) => node.role === 'target').length, 4)
  t.equal(new Set(nodes.map((node) => node.id)).size, 7)
  for (const host of file.hosts) {
    const paths = host.nodes.flatMap((node) => node.mountpaths ?? []).map(({path}) => path)
    t.equal(new Set(paths).size, paths.length)
  }
  t.throws(() => topologyText({...shape, hosts: hosts(1, 2)}), {code: 'USAGE', hint: /--disks 8/})
})

t.test('hosts without a node are left out of the topology', async (t) => {
  const text = topologyText({...shape, proxies: 1, targets: 1, hosts: hosts(4, 2)})
  const {hosts: named} = parse(text) as {hosts: {name: string}[]}
  t.same(
    named.map((host) => host.name),
    ['h1', 'h4'],
  )
})

t.test('status is one line per host', async (t) => {
  const text = statusText({
    name: 'x',
    directory: '/labs/x',
    namespace: '/run/netns/aislab-x',
    up: true,
    operatorAddress: '10.43.7.1',
    identity: 'key',
    knownHosts: 'known_hosts',
    inventory: 'inventory.ini',
    topology: 'topology.yaml',
    clusterUuid: lab.clusterUuid,
    hosts: [
      {
        name: 'h1',
        number: 1,
        address: '10.43.7.11',
        hostKey: null,
        power: 'on',
        delayed: true,
        disks: [
          {path: '/ais/mp1', state: 'pulled'},
          {path: '/ais/mp2', state: 'ok'},
        ],
      },
      {
        name: 'h2',
        number: 2,
        address: '10.43.7.12',
        hostKey: null,
        power: 'off',
        delayed: false,
        disks: [],
      },
    ],
    networkFaults: ['drop'],
    snapshots: ['one'],
  })
  t.match(text, /h1 +10\.43\.7\.11 +on, delayed +\/ais\/mp1 pulled, \/ais\/mp2 ok/)
  t.match(text, /h2 +10\.43\.7\.12 +off +-/)
  t.match(text, /1 rules? drop[^]*snapshots: one/)
})

t.test('a number that is none is a mistake of usage, not a defect of aisctl', async (t) => {
  const bin = new URL('../../bin/aisctl.js', import.meta.url).pathname
  const {status, stderr} = spawnSync(
    '/bin/sh',
    ['-c', 'NODE_OPTIONS= exec "$0" "$@"', process.execPath, bin, 'lab', 'up', 'zero'],
    {encoding: 'utf8', timeout: 20_000},
  )
  t.equal(status, 2)
  t.match(stderr, /Error: Expected an integer but received: zero/)
})
