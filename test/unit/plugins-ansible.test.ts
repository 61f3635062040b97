/** The inventory, live and exported: the same manifests, no secret in what is printed. */

import {spawnSync} from 'node:child_process'
import {existsSync, readFileSync, statSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import t from 'tap'
import {parse} from 'yaml'
import {fakeRuntime, runAisctl} from '../helpers/ops/run-aisctl.ts'
import {TOPOLOGY} from '../helpers/ops/sample-topology.ts'

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

    const ansible = spawnSync('ansible-playbook', ['--syntax-check', 'aisctl.cluster.deploy'], {
      cwd: out(),
      encoding: 'utf8',
      env: {...process.env, ANSIBLE_CONFIG: out('ansible.cfg')},
    })
    if (ansible.error !== undefined) t.pass('syntax', {skip: 'ansible is not installed'})
    else t.equal(ansible.status, 0, ansible.stderr)
    t.end()
  },
)
