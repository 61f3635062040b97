/** Plans of deploys that are shown and kept: bytes of what differs, hashes of what was read. */

import {readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import t from 'tap'
import {formatPlan, parsePlan, planFileOf, requireSame} from '../../src/ops/deploy/plan-file.ts'
import {changesOf, planDifferences, plannedHost} from '../../src/ops/deploy/planned.ts'
import {topologyWith} from '../helpers/ops/scratch-fleet.ts'
import {
  BUNDLE_TEXT,
  manifestFor,
  RUNTIME_TEXT,
  type ManifestOverrides,
} from '../helpers/ops/sample-topology.ts'
import {forThisUser, scratchHost, SECRETS} from '../helpers/ops/scratch-host.ts'

const topology = topologyWith(['h1'])

function wanted(more: ManifestOverrides = {}): ReturnType<typeof manifestFor> {
  return forThisUser(manifestFor({topology, host: 'h1', ...more}))
}

t.test('a plan shows bytes of texts and names of secrets, and writes nothing', async (t) => {
  const host = scratchHost(t.testdir(), 'h1')
  const manifest = wanted()
  const before = host.tree()
  const {lines} = changesOf(manifest, await host.apply(manifest, [], 'diff'))
  t.strictSame(host.tree(), before)
  const text = lines.join('\n')
  t.match(text, /file \/etc\/systemd\/system\/aisnode@\.service 0644 \S+ [0-9a-f]{12} \(new\)/)
  t.match(text, '+[Service]')
  t.match(text, /secret cluster-key, key id [0-9a-f]{12}/)
  t.notMatch(text, SECRETS['cluster-key'].trim())

  await host.apply(manifest, [RUNTIME_TEXT, BUNDLE_TEXT])
  t.strictSame(changesOf(manifest, await host.apply(manifest, [], 'diff')).lines, [])
  const file = join(host.root, 'etc/aisnode/target.json')
  writeFileSync(file, readFileSync(file, 'utf8').replace('"target"', '"other"'))
  writeFileSync(join(host.root, 'etc/aisnode/secrets/cluster-key'), 'a canary of a key')
  const drift = changesOf(manifest, await host.apply(manifest, [], 'diff')).lines.join('\n')
  t.match(drift, /file \/etc\/aisnode\/target\.json .*\(is 0640 /)
  t.match(drift, /- .*"other"[^]*\+ .*"target"/)
  t.notMatch(drift, 'canary')
})

t.test('a kept plan fits until a byte on the host, or what is wanted, is another', async (t) => {
  const host = scratchHost(t.testdir(), 'h1')
  const manifest = wanted()
  await host.apply(manifest, [RUNTIME_TEXT, BUNDLE_TEXT])
  const next = wanted({bundle: 'bundle 2'})
  const render = async (what = next) => [plannedHost(what, await host.apply(what, [], 'diff'))]
  const planned = await render()
  t.match(planned[0]?.lines.join('\n'), /aisnode\.mjs[^]*restart aisnode@proxy\.service/)
  t.strictSame(planDifferences(planned, await render()), [])
  writeFileSync(join(host.root, 'etc/aisnode/target.json'), '{}')
  const drifted = planDifferences(planned, await render())
  t.match(drifted.join('\n'), /^h1\/install: the host has changed[^]*\+file .*target\.json/)
  const other = planDifferences(planned, await render(wanted({bundle: 'bundle 3'})))
  t.match(other[0], 'h1/install: other things are wanted')
  t.match(planDifferences(planned, []), ['h1/install: is not needed any more'])
  t.match(planDifferences([], planned), ['h1/install: was not part of the plan'])
})

t.test('a plan that does not fit is refused with the difference; a file that is none, too', (t) => {
  const release = {version: '1.2.3', sha256: 'f'.repeat(64)}
  const intent = {topology, release, timeoutMs: 1000, back: [], ungated: false}
  const plan = planFileOf(intent, 4, [])
  t.strictSame(parsePlan(formatPlan(plan), 'x.plan'), plan)
  requireSame(plan, 4, [])
  t.throws(() => requireSame(plan, 5, ['h1/install: the host has changed']), {
    code: 'REFUSED',
    message: /does not fit any more\nthe topology has generation 5 now.*\nh1\/install/s,
  })
  t.throws(() => parsePlan('{"format": 2}', 'x.plan'), {code: 'INCOMPATIBLE'})
  t.throws(() => parsePlan('hello', 'x.plan'), {code: 'BAD_CONFIG'})
  t.end()
})
