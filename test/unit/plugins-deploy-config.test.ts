/** `config diff|apply|edit`: what differs, what is refused, and the editor's part in it. */

import {chmodSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import t, {type Test} from 'tap'
import {paintDiff} from '../../src/cli/render/diff-view.ts'
import {compareSettings, compareTopologies, settingsOf} from '../../src/ops/config/compare.ts'
import {beginEdit} from '../../src/ops/config/edit.ts'
import {formatSavedState} from '../../src/ops/site/site.ts'
import {runAisctl} from '../helpers/ops/run-aisctl.ts'
import {TOPOLOGY, topologyOf, UUID} from '../helpers/ops/sample-topology.ts'

/** Loopback addresses: nobody answers there, and that at once. */
const FILE = TOPOLOGY.replace('10.0.0.1', '127.0.0.1').replace('fd00::2', '127.0.0.2')

/** A machine that has deployed the sample, with its file. */
function deployed(t: Test, file = FILE): string {
  const state = t.testdir({'topology.yaml': file})
  const site = join(state, 'config', 'sites', 'sample')
  mkdirSync(site, {recursive: true})
  const saved = {format: 1, generation: 3, topology: topologyOf(FILE)} as const
  writeFileSync(join(site, 'deployed.json'), formatSavedState(saved))
  return state
}

/** An editor that changes a file as sed does. */
function editor(state: string, expression: string): string {
  const path = join(state, 'editor')
  writeFileSync(path, `#!/bin/sh\nsed -i '${expression}' "$1"\n`)
  chmodSync(path, 0o755)
  return path
}

t.test('settings are compared by what they mean, not by how they are spelled', (t) => {
  const cluster = {rebalance: {enabled: true}, keepalivetracker: {proxy: {interval: '10s'}}}
  const same = {'rebalance.enabled': 'true', 'keepalivetracker.proxy.interval': '10000ms'}
  t.strictSame(compareSettings(cluster, same), [])
  const changes = compareSettings(cluster, {...same, 'rebalance.enabled': false, 'log.level': '4'})
  t.match(changes, [
    {key: 'rebalance.enabled', cluster: 'true', file: 'false', restart: false},
    {key: 'log.level', cluster: 'not set', file: '4'},
  ])
  t.strictSame(settingsOf(changes), {'rebalance.enabled': 'false', 'log.level': '4'})
  t.strictSame(compareTopologies(topologyOf(), topologyOf()), [])
  t.end()
})

t.test('a difference has the colours that everybody knows', (t) => {
  const paint = (style: string, text: string): string => `<${style}>${text}`
  t.strictSame(paintDiff(['@@ 3', ' a', '-b', '+c'], paint), [
    '<cyan>@@ 3',
    ' a',
    '<red>-b',
    '<green>+c',
  ])
  t.end()
})

t.test('config diff ends with 0 when all is so, with 2 when not, and says what is refused', (t) => {
  const state = deployed(t)
  const same = runAisctl(state, ['config', 'diff'])
  t.equal(same.status, 0, same.stderr)
  t.match(same.stdout, 'sample, generation 3, is as topology.yaml says.')
  t.match(same.stderr, 'the settings of the cluster were not compared')
  writeFileSync(join(state, 'topology.yaml'), FILE.replace('user: root', 'user: ops'))
  const differs = runAisctl(state, ['config', 'diff'])
  t.equal(differs.status, 2)
  t.match(
    differs.stdout,
    /\n- {2}user: root\n\+ {2}user: ops\n[^]*aisctl config apply -f topology.yaml/,
  )
  writeFileSync(
    join(state, 'topology.yaml'),
    FILE.replace('[{path: /ais/mp3}]', '[{path: /ais/mp4}]'),
  )
  const refused = runAisctl(state, ['config', 'diff', '--json'])
  t.equal(refused.status, 2)
  t.match(JSON.parse(refused.stdout), {
    generation: 3,
    refused: ['h1/target-2: mountpath /ais/mp3 is gone; it may hold objects'],
  })
  const applied = runAisctl(state, ['config', 'apply', '--yes'])
  t.equal(applied.status, 4)
  t.match(applied.stderr, /contradicts the deployed cluster:\nh1\/target-2: mountpath/)
  const unknown = runAisctl(t.testdir({'topology.yaml': FILE}), ['config', 'diff'])
  t.equal(unknown.status, 3)
  t.match(unknown.stderr, 'aisctl adopt HOST')
  t.end()
})

t.test('config apply asks first, and does nothing when nothing differs', (t) => {
  const state = deployed(t)
  t.match(runAisctl(state, ['config', 'apply']).stdout, 'nothing to apply')
  writeFileSync(join(state, 'topology.yaml'), FILE.replace('user: root', 'user: ops'))
  const silent = runAisctl(state, ['config', 'apply'])
  t.equal(silent.status, 4)
  t.match(silent.stderr, /there is no terminal to ask at: Apply topology.yaml to sample\?/)
  t.end()
})

t.test('an edit is read strictly, and only what can be deployed is written', (t) => {
  const state = deployed(t)
  const edit = (expression: string, ...flags: string[]) => {
    process.env['EDITOR'] = editor(state, expression)
    return runAisctl(state, ['config', 'edit', ...flags])
  }
  t.teardown(() => delete process.env['EDITOR'])
  t.match(edit('s/nothing/at all/').stdout, 'topology.yaml was not changed.')
  const wrong = edit('s/user: root/usr: root/', '--yes')
  t.equal(wrong.status, 2)
  t.match(wrong.stderr, 'topology.yaml:3:7: ssh.usr: unknown key (did you mean "user"?)')
  const moved = edit('s/cluster: .*/cluster: {name: sample, uuid: otheruuid1}/', '--yes')
  t.match(moved.stderr, `the deployed cluster has uuid ${UUID}`)
  const unasked = edit('s/user: root/user: ops/')
  t.equal(unasked.status, 4)
  t.match(unasked.stdout, /-ssh: {user: root}\n\+ssh: {user: ops}/)
  t.equal(readFileSync(join(state, 'topology.yaml'), 'utf8'), FILE, 'nothing of it was written')
  process.env['EDITOR'] = 'false'
  const failed = runAisctl(state, ['config', 'edit'])
  t.equal(failed.status, 130)
  t.match(failed.stderr, 'the editor ended with status 1')
  t.end()
})

t.test('a file that changed while it was edited is not overwritten', async (t) => {
  const state = deployed(t)
  const file = join(state, 'topology.yaml')
  process.env['AISCTL_STATE_DIR'] = state
  process.env['EDITOR'] = editor(state, 's/user: root/user: ops/')
  t.teardown(() => {
    delete process.env['AISCTL_STATE_DIR']
    delete process.env['EDITOR']
  })
  const editing = beginEdit(file)
  await editing.edit()
  t.equal(editing.diff().length > 0, true)
  editing.save()
  t.match(readFileSync(file, 'utf8'), 'user: ops')
  writeFileSync(file, 'by somebody else')
  t.throws(() => editing.save(), {code: 'REFUSED', message: /has changed meanwhile/})
  editing.discard()
  t.throws(() => beginEdit(join(state, 'none')), {code: 'NOT_FOUND'})
})
