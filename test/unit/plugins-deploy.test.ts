/**
 * What the deploy plugin says and writes; what it does to hosts is tested with `ops` and in the
 * lab.
 */

import {readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import t from 'tap'
import {deploySummary} from '../../plugins/deploy/src/deploy-summary.ts'
import {findingLines} from '../../plugins/deploy/src/finding-lines.ts'
import {survivalFindings} from '../../src/ops/check/survival.ts'
import type {DeployOutcome} from '../../src/ops/deploy/deploy.ts'
import {fakeRuntime, runAisctl} from '../helpers/ops/run-aisctl.ts'
import {topologyOf} from '../helpers/ops/sample-topology.ts'

const NOTHING: DeployOutcome = {
  reports: [
    {host: 'h1', entries: [], pending: [], changed: 0},
    {host: 'h2', entries: [], pending: [], changed: 0},
  ],
  restarted: [],
  findings: [],
  health: {ok: true, nodes: []},
}

t.test('a deploy that changes nothing says so; one that does says what is true now', (t) => {
  const topology = topologyOf()
  t.match(deploySummary(topology, NOTHING, false), '0 changes on 2 hosts; nothing was restarted.')
  const entries = [
    {type: 'file', path: '/etc/aisnode/target.json', state: 'changed'},
    {type: 'mount', path: '/ais/mp2', state: 'missing'},
  ] as const
  const some = {
    ...NOTHING,
    reports: [{host: 'h1', entries, pending: [], changed: 1}],
    restarted: ['t[x]'],
  }
  const text = deploySummary(topology, some, false)
  t.match(text, '1 changes on 1 hosts; 1 nodes restarted.')
  t.match(text, 'h1: /ais/mp2 is not mounted')
  t.match(text, /\nThe cluster survives no failure of p\[.*\], which alone may lead/)
  t.match(text, /\nEvery bucket survives 0 target failures: .*\nNext: /)
  t.match(survivalFindings(topology), [
    {id: 'survival', severity: 'warning', host: 'sample', what: /no other can take over/},
  ])
  const lines = ['file /etc/aisnode/target.json']
  const dry = deploySummary(topology, {...some, changes: [{host: 'h1', lines}]}, true)
  t.match(dry, 'h1: 1 would change\n  file /etc/aisnode/target.json\n')
  t.match(dry, 'nothing was written')
  t.match(deploySummary(topology, NOTHING, true), 'sample: nothing to change.')
  t.end()
})

t.test('a finding is what, why and how to mend it', (t) => {
  const finding = {id: 'x', severity: 'note', host: 'h1', what: 'it is so', why: 'because'} as const
  t.strictSame(
    findingLines([
      {...finding, fix: 'do that'},
      {...finding, fix: ''},
    ]),
    [
      'NOTE h1: it is so',
      '  why: because (--explain x)',
      '  fix: do that',
      'NOTE h1: it is so',
      '  why: because (--explain x)',
    ],
  )
  t.end()
})

t.test('init writes a topology without asking, and never over another', (t) => {
  const state = t.testdir()
  const words = ['--yes', '--name', 'rack1', '--proxies', 'h1,h2', '--targets', 'h2,h3']
  const first = runAisctl(state, ['init', ...words])
  t.equal(first.status, 0, first.stderr)
  t.match(first.stdout, 'topology.yaml is written: 3 hosts')
  t.match(readFileSync(join(state, 'topology.yaml'), 'utf8'), /^# The topology of one cluster/)
  const second = runAisctl(state, ['init', ...words])
  t.equal(second.status, 4)
  t.match(second.stderr, 'topology.yaml is there already')
  const hostile = runAisctl(state, ['init', ...words, '--force', '--user=;rm'])
  t.equal(hostile.status, 2)
  t.match(hostile.stderr, 'expected a login name')
  const silent = runAisctl(state, ['init', '--force'])
  t.equal(silent.status, 4)
  t.match(silent.stderr, '--name')
  t.end()
})

t.test('a runtime of another architecture is added; what is none is refused', (t) => {
  const state = t.testdir({text: 'hello'})
  writeFileSync(join(state, 'node'), fakeRuntime(183))
  const added = runAisctl(state, ['runtime', 'add', 'node', '--json'])
  t.match(JSON.parse(added.stdout), {arch: 'arm64', version: '24.9.9'})
  const refused = runAisctl(state, ['runtime', 'add', 'text'])
  t.equal(refused.status, 2)
  t.match(refused.stderr, 'text is no Node.js for Linux')
  t.end()
})

t.test('a deploy without a topology, or with a mistake in it, touches nothing', (t) => {
  const state = t.testdir({'topology.yaml': 'format: 1\ncluster: {nam: x}\nhosts: []\n'})
  const missing = runAisctl(state, ['deploy', '-f', 'other.yaml'])
  t.equal(missing.status, 3)
  t.match(missing.stderr, 'aisctl init')
  const wrong = runAisctl(state, ['deploy', '--json'])
  t.equal(wrong.status, 2)
  t.match(JSON.parse(wrong.stdout), {error: {code: 'BAD_TOPOLOGY', message: /did you mean "name"/}})
  t.end()
})
