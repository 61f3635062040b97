/** What doctor makes of what hosts say: each cause by itself, two together, and nothing of a healthy one. */

import {readFileSync} from 'node:fs'
import t from 'tap'
import {AisError} from '../../src/base/errors.ts'
import {formatNodeFile} from '../../src/model/config/node-file.ts'
import type {ClusterHealth} from '../../src/ops/cluster/health.ts'
import {diagnose} from '../../src/ops/doctor/diagnose.ts'
import {EXPLANATIONS} from '../../src/ops/check/explain.ts'
import {unitOf} from '../../src/ops/host/manifest.ts'
import {nodeFileOf} from '../../src/ops/host/unit-files.ts'
import {readTopology} from '../../src/ops/topology/read.ts'
import {nodesOf, resolveTopology, type TopologyHost} from '../../src/ops/topology/resolve.ts'
import {parseSurvey} from '../../src/ops/survey/host-survey.ts'
import {topologyOf} from '../helpers/ops/sample-topology.ts'
import {surveyOf, type SurveyChanges} from '../helpers/ops/sample-survey.ts'

const TOPOLOGY = topologyOf(`format: 1
cluster: {name: sample}
ssh: {user: root}
hosts:
  - {name: h1, address: 10.0.0.1, nodes: [{role: proxy, id: proxy-h1}]}
  - name: h2
    address: 10.0.0.2
    nodes: [{role: target, id: target-h2, mountpaths: [{path: /ais/mp1}]}]
  - name: h3
    address: 10.0.0.3
    nodes: [{role: target, id: target-h3, mountpaths: [{path: /ais/mp1}]}]
`)

const base64 = (text: string): string => Buffer.from(text).toString('base64')
const mark = (target: string, uuid = TOPOLOGY.cluster.uuid): string =>
  base64(JSON.stringify({format: 1, uuid, target, id: 'x'}))

/** What a lab host with one node says when all is well. */
function healthyLines(host: TopologyHost): SurveyChanges {
  const [node] = host.nodes
  if (node === undefined) throw new Error('a host has a node')
  const unit = `unit ${unitOf(node)}`
  return {
    'machine': `machine-of-${host.name}`,
    [`${unit} MainPID`]: '226',
    [`${unit} Result`]: 'success',
    [`${unit} NRestarts`]: '0',
    [`${unit} ExecMainCode`]: '0',
    [`${unit} ExecMainStatus`]: '0',
    [`${unit} LoadState`]: 'loaded',
    [`${unit} ActiveState`]: 'active',
    [`${unit} SubState`]: 'running',
    [`${unit} ActiveEnterTimestampMonotonic`]: '34879584750',
    [`${unit} process`]: 'S',
    [`program ${node.instance}`]: '7f454c4602010103000000000000000002003e00',
    'stat /etc/aisnode/secrets/cluster-key': '0400 root:root 65 regular file',
    [`stat /var/lib/aisnode/${node.instance}`]: '0750 aisnode:aisnode 4096 directory',
    [`file /etc/aisnode/${node.instance}.json`]: base64(
      formatNodeFile(nodeFileOf(node, host, TOPOLOGY)),
    ),
    'space /': '216282 249195 4096 65434 65536',
    'space /var/lib': '216282 249195 4096 65434 65536',
    ...(node.role === 'proxy'
      ? {}
      : {
          'mount /ais/mp1': 'mounted 1832 aisnode:aisnode 750 rw,noatime,rw,errors=remount-ro',
          'mark /ais/mp1': mark(node.id),
          'space /ais/mp1': '12000 14000 4096 16000 16384',
          [`port ${node.ports.public}`]: `${host.networks.public}:${node.ports.public} users:(("MainThread",pid=226,fd=43))`,
        }),
  }
}

let complaints: ReadonlyMap<string, string> | undefined

const WELL: ClusterHealth = {
  ok: true,
  nodes: nodesOf(TOPOLOGY).map((node) => ({node, ok: true, why: ''})),
  primary: 'proxy-h1',
  mapVersion: 4,
}

/** First lines of causes when h2 says these things otherwise. */
function find(
  changes: SurveyChanges,
  health = WELL,
  others: Readonly<Record<string, SurveyChanges>> = {},
): string[] {
  const surveys = new Map(
    TOPOLOGY.hosts.map((host) => [
      host.name,
      surveyOf({...healthyLines(host), ...(host.name === 'h2' ? changes : others[host.name])}),
    ]),
  )
  const causes = diagnose({
    topology: TOPOLOGY,
    surveys,
    lost: new Map(),
    health,
    complaints: complaints ?? new Map<string, string>(),
  })
  for (const {id, why, fix} of causes) t.ok(why !== '' && fix !== '' && id in EXPLANATIONS, id)
  return causes.map(({what}) => what)
}

const U = 'unit aisnode@target.service'
const DOWN: SurveyChanges = {
  [`${U} ActiveState`]: 'activating',
  [`${U} SubState`]: 'auto-restart',
  [`${U} Result`]: 'exit-code',
  [`${U} ExecMainCode`]: '1',
  [`${U} ExecMainStatus`]: '1',
  [`${U} MainPID`]: '0',
  [`${U} NRestarts`]: '7',
  [`${U} process`]: null,
  'port 51081': null,
}
const journal = (from: string, text: string): SurveyChanges => ({
  'journal aisnode@target.service': JSON.stringify({
    MESSAGE: text,
    SYSLOG_IDENTIFIER: from,
    PRIORITY: '6',
    __REALTIME_TIMESTAMP: '1795303810387138',
    __MONOTONIC_TIMESTAMP: '34879585407',
  }),
})
const file = (edit: (text: string) => string): SurveyChanges => {
  const host = TOPOLOGY.hosts[1]
  const [node] = host?.nodes ?? []
  if (host === undefined || node === undefined) throw new Error('the sample has h2')
  const text = formatNodeFile(nodeFileOf(node, host, TOPOLOGY))
  return {'file /etc/aisnode/target.json': base64(edit(text))}
}

t.test('nothing is wrong with hosts that say that all is well', (t) => {
  t.strictSame(find({}), [])
  t.end()
})

t.test('a port that somebody has is told with who has it', (t) => {
  const taken = {'port 51081': '0.0.0.0:51081 users:(("python3",pid=1217,fd=3))'}
  t.strictSame(find({...DOWN, ...taken}), ['h2/target: port 51081 is in use by python3 (pid 1217)'])
  const elsewhere = {'port 51081': '127.0.0.1:51081 users:(("python3",pid=1217,fd=3))'}
  t.notMatch(find({...DOWN, ...elsewhere}).join(), 'in use', 'another address is another port')
  t.end()
})

t.test('what is wrong with a node file is told with its line', (t) => {
  t.match(find({...DOWN, ...file((text) => text.replace('"target-h2",', '"target-h2"'))}), [
    /^h2\/target: \/etc\/aisnode\/target\.json:5:\d+: no JSON: Expected/,
  ])
  t.match(find({...DOWN, ...file((text) => text.slice(0, -3))}), [/target\.json:\d+:\d+: no JSON/])
  t.match(find({...DOWN, ...file((text) => text.replace('{\n', '{\n  "colour": "blue",\n'))}), [
    'h2/target: /etc/aisnode/target.json:2: colour: unknown key',
  ])
  t.match(find({...DOWN, ...file((text) => text.replace('{\n', '{\n  "dataWorkers": 900,\n'))}), [
    'h2/target: /etc/aisnode/target.json:2: dataWorkers: expected a whole number from 1 to 64, found 900',
  ])
  t.match(
    find({...DOWN, ...file((text) => text.replace(TOPOLOGY.cluster.uuid, 'another-cluster'))}),
    [
      'h2/target: /etc/aisnode/target.json names the cluster another-cluster; this one is abcdefghij',
    ],
  )
  t.match(find({...DOWN, ...file((text) => text.replace('"target-h2"', '"target-h3"'))}), [
    'h2/target: /etc/aisnode/target.json has the id target-h3, which is that of h3/target',
  ])
  t.match(find({...DOWN, ...file((text) => text.replace('"target-h2"', '"target-h9"'))}), [
    'h2/target: /etc/aisnode/target.json has the id target-h9; the topology says target-h2',
  ])
  t.match(find({...DOWN, 'file /etc/aisnode/target.json': null}), [
    'h2/target: /etc/aisnode/target.json is missing',
  ])
  const founding = '{\n  "foundingConfig": {"rebalance.enabled": "perhaps"},\n'
  t.match(find(file((text) => text.replace('{\n', founding))), [
    /foundingConfig: .*rebalance\.enabled/,
  ])
  t.end()
})

t.test('a credential that is missing or open to others is told', (t) => {
  const key = 'stat /etc/aisnode/secrets/cluster-key'
  t.match(find({...DOWN, [key]: 'absent'}), [/^h2\/target: its credential .* is missing/])
  t.match(find({[key]: '0444 root:root 65 regular file'}), [/is open to others/])
  t.match(find({[key]: '0400 root:root 0 regular file'}), [/is empty/])
  t.end()
})

t.test('a program that cannot be run is told with the reason', (t) => {
  t.match(find({...DOWN, 'program target': '7f454c460201010300000000000000000200b700'}), [
    /^h2\/target: .* is made for arm64, this host is x64|x86_64/,
  ])
  t.match(find({...DOWN, 'program target': '23212f62696e2f7368'}), [
    /is no program \(exec format error\)/,
  ])
  t.match(find({...DOWN, 'program target': 'absent'}), [/runtime\/node is missing/])
  const said =
    "node: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.99' not found (required by node)"
  t.match(find({...DOWN, 'version target': said}), [
    'h2/target: its Node.js needs GLIBC_2.99: the glibc of this host is too old',
  ])
  const missing =
    'node: error while loading shared libraries: libstdc++.so.6: cannot open shared object file'
  t.match(find({...DOWN, 'version target': missing}), [
    'h2/target: its Node.js does not find libstdc++.so.6',
  ])
  t.end()
})

t.test('disks are told apart: away, foreign, read-only, failing, full', (t) => {
  const mount = (value: string, more: SurveyChanges = {}): string[] =>
    find({'mount /ais/mp1': value, ...more})
  t.match(mount('bare 5 root:root 555'), ['h2/target: /ais/mp1 is not mounted'])
  t.match(mount('absent'), ['h2/target: /ais/mp1 is not mounted'])
  t.match(mount('mounted 1 root:root 755 rw,rw'), ['h2/target: /ais/mp1 belongs to root:root'])
  t.match(mount('mounted 1 aisnode:aisnode 750 rw,ro,errors=remount-ro'), [
    'h2/target: /ais/mp1 is read-only (EROFS)',
  ])
  t.match(mount('mounted 1 aisnode:aisnode 750 rw,rw,emergency_ro'), [
    'h2/target: /ais/mp1 is read-only (EROFS)',
  ])
  t.match(
    mount('mounted 1 aisnode:aisnode 750 rw,rw', {
      'mark /ais/mp1': null,
      'broken /ais/mp1': 'head: error reading: Input/output error',
    }),
    ['h2/target: the disk of /ais/mp1 fails: Input/output error'],
  )
  t.match(mount('broken it hangs'), [/the disk of \/ais\/mp1 fails/])
  t.match(find({'space /ais/mp1': '0 14000 4096 16000 16384'}), [
    'h2/target: /ais/mp1 is full (ENOSPC)',
  ])
  t.match(find({'space /ais/mp1': '9000 14000 4096 0 16384'}), [/full \(ENOSPC\): no inode left/])
  t.match(find({'mark /ais/mp1': mark('target-h2', 'other-uuid')}), [
    'h2/target: the disk at /ais/mp1 belongs to the cluster other-uuid',
  ])
  t.match(find({'mark /ais/mp1': mark('target-h3')}), [
    'h2/target: the disk at /ais/mp1 belongs to t[target-h3]',
  ])
  t.match(find({'stat /var/lib/aisnode/target': '0750 root:root 4096 directory'}), [
    'h2/target: /var/lib/aisnode/target belongs to root:root',
  ])
  t.match(find({'space /var/lib': '100 249195 4096 65434 65536', ...DOWN}), [
    'h2: /var/lib has 400KiB free (ENOSPC)',
  ])
  t.end()
})

t.test('how a process ended is decoded', (t) => {
  const young = {[`${U} ActiveEnterTimestampMonotonic`]: '35030000000'}
  t.match(
    find({
      ...DOWN,
      [`${U} Result`]: 'oom-kill',
      [`${U} ExecMainCode`]: '2',
      [`${U} ExecMainStatus`]: '9',
    }),
    ['h2/target: it was killed because memory ran out (OOM)'],
  )
  const oom = journal(
    'systemd',
    'aisnode@target.service: A process of this unit has been killed by the OOM killer.',
  )
  t.match(find({...young, ...oom}), ['h2/target: it was killed because memory ran out (OOM)'])
  t.strictSame(find(oom), [], 'it has been running for long since')
  t.match(find({...DOWN, kernel: 'Out of memory: Killed process 226 (MainThread) total-vm:9kB'}), [
    /OOM\): Out of memory/,
  ])
  const watchdog = journal('systemd', 'aisnode@target.service: Watchdog timeout (limit 30s)!')
  t.match(find({...young, ...watchdog}), [
    'h2/target: its main thread did not answer: the watchdog has ended it',
  ])
  t.strictSame(find(watchdog), [])
  t.match(find({[`${U} process`]: 'T'}), [
    'h2/target: its process is stopped by a signal (state T): the watchdog will end it',
  ])
  t.match(find({...DOWN, ...journal('node', 'aisnode: something new')}), [
    'h2/target: its unit has failed: exit status 1, started 7 times again: aisnode: something new',
  ])
  t.match(find({...DOWN, [`${U} ExecMainStatus`]: '226'}), [/226\/NAMESPACE/])
  t.match(find({...DOWN, [`${U} ExecMainCode`]: '2', [`${U} ExecMainStatus`]: '11'}), [
    /killed by SIGSEGV/,
  ])
  t.match(find({[`${U} ActiveState`]: 'inactive', [`${U} SubState`]: 'dead'}), [
    'h2/target: it is stopped, in order',
  ])
  t.match(
    find({
      [`${U} ActiveState`]: 'inactive',
      [`${U} SubState`]: 'dead',
      [`${U} LoadState`]: 'not-found',
    }),
    ['h2/target: its unit is not installed'],
  )
  t.end()
})

t.test('clocks, machine-ids and ways between hosts are compared', (t) => {
  t.match(find({time: '1795304051.954515707'}), ['h2: its clock is 1m30s ahead of the others'])
  t.match(find({machine: 'machine-of-h1'}), ['h2: it has the machine-id of h1'])
  const narrow = {'path h1/10.0.0.1': 'eth0 1500 1450', 'path h3/10.0.0.3': 'eth0 1500 1450'}
  t.match(find(narrow), ['h2: packets between it and h1, h3 pass up to 1450 bytes only'])
  const silent = {'reach h3/10.0.0.3 51082': 'silent', 'reach h3/10.0.0.3 51081': 'open'}
  t.match(find(silent), ['h2: port 51082 of h3 (10.0.0.3) is filtered for it'])
  t.end()
})

t.test('of two causes both are told, and what stops a node comes before what does not', (t) => {
  const taken = {'port 51081': '0.0.0.0:51081 users:(("python3",pid=1217,fd=3))'}
  t.match(find({...DOWN, ...taken, machine: 'machine-of-h1'}), [
    /in use by python3/,
    /machine-id of h1/,
  ])
  t.match(
    find({
      ...DOWN,
      ...file((text) => text.slice(0, -3)),
      'space /ais/mp1': '0 14000 4096 16000 16384',
    }),
    [/no JSON/, /ENOSPC/],
  )
  t.end()
})

t.test('a node that runs and is not counted on is told when nothing explains it', (t) => {
  const missing: ClusterHealth = {
    ...WELL,
    ok: false,
    nodes: WELL.nodes.map((one) =>
      one.node.host === 'h2' ? {...one, ok: false, why: 'lost'} : one,
    ),
  }
  t.strictSame(find({}, missing), ['h2/target: t[target-h2] is not active: lost'])
  t.match(find({...DOWN, 'stat /etc/aisnode/secrets/cluster-key': 'absent'}, missing), [
    /credential/,
  ])
  t.equal(find({...DOWN, 'stat /etc/aisnode/secrets/cluster-key': 'absent'}, missing).length, 1)
  t.end()
})

t.test('a host that is not reached comes first', (t) => {
  const error = new AisError({code: 'UNREACHABLE', message: 'h2: cannot reach root@10.0.0.2:22'})
  const surveys = new Map(
    TOPOLOGY.hosts
      .filter(({name}) => name !== 'h2')
      .map((host) => [host.name, surveyOf(healthyLines(host))]),
  )
  const [first] = diagnose({
    topology: TOPOLOGY,
    surveys,
    lost: new Map([['h2', error]]),
    health: WELL,
    complaints: new Map(),
  })
  t.match(first, {id: 'host-unreachable', what: 'h2: cannot reach root@10.0.0.2:22'})
  t.end()
})

t.test('a mountpath that its node has put aside is told when its disk says nothing', (t) => {
  complaints = new Map([['target-h2', '/ais/mp1 is disabled: its filesystem is gone']])
  t.strictSame(find({}), ['h2/target: /ais/mp1 is disabled: its filesystem is gone'])
  t.strictSame(find({'mount /ais/mp1': 'absent'}), ['h2/target: /ais/mp1 is not mounted'])
  complaints = undefined
  t.end()
})

/** What survey.sh said on a lab host, as it was: see test/helpers/ops/surveys. */
function recorded(name: string): string[] {
  const file = new URL(`../helpers/ops/surveys/${name}.txt`, import.meta.url)
  const survey = parseSurvey(readFileSync(file, 'utf8'), {beforeMs: 0, afterMs: 0})
  if (survey === undefined) throw new Error(`${name} is no survey`)
  const text = `format: 1
cluster: {name: recorded}
ssh: {user: root}
hosts:
  - {name: h1, address: 10.43.2.11, nodes: [{role: proxy, id: proxy-h1}]}
  - name: h2
    address: 10.43.2.12
    nodes: [{role: target, id: target-h2, mountpaths: [{path: /ais/mp1}, {path: /ais/mp2}]}]
`
  const topology = resolveTopology(readTopology(text, 'recorded'), 'lab-8617128975c7e484')
  const nodes = nodesOf(topology).map((node) => ({node, ok: true, why: ''}))
  const causes = diagnose({
    topology,
    surveys: new Map([['h2', survey]]),
    lost: new Map(),
    health: {...WELL, nodes},
    complaints: new Map(),
  })
  return causes.map(({what}) => what)
}

t.test('what real hosts have said is understood', (t) => {
  t.strictSame(recorded('target'), [])
  t.strictSame(recorded('target-port-taken'), [
    'h2/target: port 51081 is in use by python3 (pid 6750)',
  ])
  t.strictSame(recorded('target-disk-away'), ['h2/target: /ais/mp1 is not mounted'])
  t.end()
})
