/** The inventory, live and exported: the same manifests, no secret in what is printed. */

import {spawnSync} from 'node:child_process'
import {existsSync, globSync, readFileSync, statSync, writeFileSync} from 'node:fs'
import {basename, join} from 'node:path'
import t from 'tap'
import {parse} from 'yaml'
import type {Role} from '../../src/model/node.ts'
import {PRIMARY_UNKNOWN} from '../../src/model/cluster-view.ts'
import {metricsText} from '../../src/node/observe/metrics.ts'
import {fakeRuntime, runAisctl} from '../helpers/ops/run-aisctl.ts'
import {TOPOLOGY} from '../helpers/ops/sample-topology.ts'

const COLLECTION = new URL('../../ansible', import.meta.url).pathname
const PLAYBOOKS = globSync('playbooks/*.yml', {cwd: COLLECTION}).map((file) =>
  basename(file, '.yml'),
)

interface Live {
  readonly _meta: {readonly hostvars: Readonly<Record<string, Readonly<Record<string, unknown>>>>}
  readonly aisnode: {readonly hosts: string[]; readonly vars: Readonly<Record<string, unknown>>}
  readonly aisnode_targets: {readonly hosts: string[]}
}

t.test(
  'a live inventory and an export hold the same manifests; the key is in one file only',
  (t) => {
    const state = t.testdir({'topology.yaml': TOPOLOGY, 'bundle.mjs': 'a bundle'})
    for (const machine of [62, 183]) {
      writeFileSync(join(state, 'node'), fakeRuntime(machine))
      t.equal(runAisctl(state, ['runtime', 'add', 'node']).status, 0)
    }
    const bundle = ['--bundle', 'bundle.mjs']
    const listed = runAisctl(state, ['inventory', '--list', ...bundle])
    t.equal(listed.status, 0, listed.stderr)
    const live = JSON.parse(listed.stdout) as Live
    t.strictSame(live.aisnode.hosts, ['h1', 'h2'])
    t.strictSame(live.aisnode_targets.hosts, ['h1', 'h2'])
    const {aisctl_nodes: nodes} = live._meta.hostvars['h1'] ?? {}
    const proxy = (nodes as {id: string; role: string}[]).find(({role}) => role === 'proxy')?.id
    const order = live.aisnode.vars['aisctl_order'] as string[]
    t.strictSame([order.length, order.at(-1)], [4, proxy], 'gateways after targets')
    t.match(live._meta.hostvars['h2']?.['aisctl_nodes'], [{host: 'h2', role: 'target'}])
    t.strictSame(Object.keys(live._meta.hostvars['h1']?.['aisctl_manifests'] ?? {}), [
      'x86_64',
      'aarch64',
    ])

    const exported = runAisctl(state, ['ansible', 'export', 'out', ...bundle])
    t.equal(exported.status, 0, exported.stderr)
    const out = (...path: string[]): string => join(state, 'out', ...path)
    const variables: unknown = JSON.parse(
      readFileSync(out('host_vars', 'h1', 'aisctl.json'), 'utf8'),
    )
    t.strictSame(variables, live._meta.hostvars['h1'])
    const key = readFileSync(out('secrets', 'cluster-key'), 'utf8').trim()
    t.match(key, /^[0-9a-f]{64}$/)
    t.equal(statSync(out('secrets', 'cluster-key')).mode & 0o777, 0o600)
    t.notMatch(listed.stdout, key)
    const group = readFileSync(out('group_vars', 'aisnode.yml'), 'utf8')
    t.notMatch(group, state, 'no path of this machine')
    for (const hash of Object.keys((parse(group) as {aisctl_payload: object}).aisctl_payload)) {
      t.ok(existsSync(out('payload', `${hash}.gz`)))
    }

    t.strictSame(JSON.parse(readFileSync(out('hosts.json'), 'utf8')), ['h1', 'h2'])
    const playbooks = PLAYBOOKS.map((name) => `aisctl.cluster.${name}`)
    const ansible = spawnSync('ansible-playbook', ['--syntax-check', ...playbooks], {
      cwd: out(),
      encoding: 'utf8',
      env: {...process.env, ANSIBLE_CONFIG: out('ansible.cfg')},
    })
    if (ansible.error !== undefined) t.pass('syntax', {skip: 'ansible is not installed'})
    else t.equal(ansible.status, 0, ansible.stderr)
    t.end()
  },
)

/** Counters that the daemon keeps, by AIStore's names: those in its source. */
function countersOf(): readonly string[] {
  const root = new URL('../../src/node', import.meta.url).pathname
  const texts = globSync('**/*.ts', {cwd: root}).map((file) =>
    readFileSync(join(root, file), 'utf8'),
  )
  const named = texts.flatMap((text) => [...text.matchAll(/'([a-z.]+\.(?:n|size|ns\.total))'/g)])
  const verbs = ['get', 'put', 'head', 'del']
  const perVerb = texts.flatMap((text) => [...text.matchAll(/`(err\.)?\$\{\w+\}\.([a-z.]+)`/g)])
  return [
    ...named.map(([, name]) => name ?? ''),
    ...perVerb.flatMap(([, err = '', end]) => verbs.map((verb) => `${err}${verb}.${end}`)),
  ]
}

/** Names that `/metrics` of a node of this role can have. */
async function metricNames(role: Role): Promise<readonly string[]> {
  const text = await metricsText({
    role,
    id: 'node',
    view: {
      self: {id: 'node' as never, role, inc: 1},
      record: null,
      leading: false,
      primary: PRIMARY_UNKNOWN,
      settledIndex: 0,
      nodeStarted: true,
      clusterStarted: true,
      stopping: false,
    },
    counters: Object.fromEntries(countersOf().map((name) => [name, {'': 1}])),
    mainLagMs: 0,
    uptimeSeconds: 1,
    moreFlags: 0,
  })
  return [...text.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name ?? '')
}

t.test('alerts and the dashboard ask for metrics that nodes have', async (t) => {
  const known = new Set([...(await metricNames('proxy')), ...(await metricNames('target'))])
  const files = ['alerts.yml', 'dashboard.json'].map((name) =>
    readFileSync(join(COLLECTION, 'roles/monitoring/files', name), 'utf8'),
  )
  const used = new Set(files.join('\n').match(/\bais_(?:node|proxy|target)_\w+/g))
  t.ok(used.size > 15, `${used.size} metrics are used`)
  t.strictSame(
    [...used].filter((name) => !known.has(name)),
    [],
  )
  t.notOk(known.has('ais_target_nothing_count'))
  t.match(parse(files[0] ?? ''), {groups: [{rules: {length: Number}}]})
})

t.test('every playbook stands in the page of the collection', (t) => {
  const page = readFileSync(join(COLLECTION, 'README.md'), 'utf8')
  for (const name of PLAYBOOKS) t.match(page, `| \`${name}\` |`)
  t.notMatch(
    globSync('**/*.yml', {cwd: COLLECTION})
      .map((file) => readFileSync(join(COLLECTION, file), 'utf8'))
      .join('\n'),
    /ansible\.builtin\.(pause|wait_for)\b/,
    'nothing waits for a time',
  )
  t.end()
})
