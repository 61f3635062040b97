/** What takes several nodes, in which order, and what stops it: on hosts and nodes that are faked. */

import {mkdirSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import t, {type Test} from 'tap'
import {AisError} from '../../src/base/errors.ts'
import {NODE_FLAG} from '../../src/model/node.ts'
import {leavingOf, noteLeaving, recordRemoved, settleLeaving} from '../../src/ops/node/removal.ts'
import {planClusterDestroy} from '../../src/ops/cluster/destroy.ts'
import {planClusterShutdown} from '../../src/ops/cluster/shutdown.ts'
import {planNodeRestart} from '../../src/ops/node/restart.ts'
import {additionsOf} from '../../src/ops/node/scale-out.ts'
import {restartAll} from '../../src/ops/node/rolling.ts'
import {previewPlan} from '../../src/ops/plan/preview.ts'
import {planError, runPlan} from '../../src/ops/plan/run.ts'
import {sha256} from '../../src/ops/host/manifest.ts'
import {runScript} from '../../src/ops/host/script.ts'
import type {Payload} from '../../src/ops/payload/payload.ts'
import {readKept, releaseBefore} from '../../src/ops/release/kept.ts'
import {finalizeUpgrade} from '../../src/ops/release/prepare-upgrade.ts'
import {planUpgrade} from '../../src/ops/release/upgrade.ts'
import {whyClosed} from '../../src/ops/sequence/gate.ts'
import {look, newRoll} from '../../src/ops/sequence/roll.ts'
import {readSite, siteOf, writeSite, type Site} from '../../src/ops/site/site.ts'
import {nodesOf} from '../../src/ops/topology/resolve.ts'
import {removedOf, withRemoved} from '../../src/ops/topology/removed.ts'
import {startFakeFleet, type FakeFleet, type FakeNode} from '../helpers/ops/fake-fleet.ts'
import {
  BUNDLE_TEXT,
  manifestFor,
  RUNTIME_TEXT,
  TOPOLOGY,
  topologyOf,
} from '../helpers/ops/sample-topology.ts'
import {forThisUser, scratchHost} from '../helpers/ops/scratch-host.ts'

async function fleetOf(t: Test, hosts: readonly string[]): Promise<{fake: FakeFleet; site: Site}> {
  const directory = t.testdir()
  mkdirSync(directory, {recursive: true})
  process.env['AISCTL_STATE_DIR'] = directory
  const fake = await startFakeFleet(hosts)
  t.teardown(() => fake.close())
  const site = siteOf('sample')
  writeSite(site, {format: 1, generation: 3, topology: fake.topology})
  return {fake, site}
}

const rolling = (more: object = {}) => ({
  timeoutMs: 300,
  signal: new AbortController().signal,
  report: () => undefined,
  ...more,
})

const errorOf = async (work: Promise<unknown>): Promise<AisError | undefined> => {
  try {
    await work
    return undefined
  } catch (error) {
    if (error instanceof AisError) return error
    throw error
  }
}

t.test('a node that was ordered out is written down when the map no longer names it', async (t) => {
  const {fake, site} = await fleetOf(t, ['p', 'pt', 't'])
  const leaver = fake.node('h3/target')
  noteLeaving(site, [leaver.node.id])
  if (leaver.member !== undefined) {
    leaver.member = {...leaver.member, flags: NODE_FLAG.decommission}
  }
  t.strictSame(await settleLeaving(site), [], 'it is on its way')
  t.strictSame(leavingOf(site), [leaver.node.id])
  leaver.member = undefined
  fake.primary = ''
  t.strictSame(await settleLeaving(site), [], 'nobody knows a map')
  fake.primary = fake.node('h1/proxy').node.id
  t.strictSame(await settleLeaving(site), [leaver.node.id])
  const state = readSite(site)
  t.equal(state?.generation, 4)
  t.strictSame(state?.topology.hosts[2]?.nodes, [], 'its host can still be reached')
  t.strictSame(leavingOf(site), [])
})

t.test('a node that was taken back is not waited for', async (t) => {
  const {fake, site} = await fleetOf(t, ['p', 't'])
  noteLeaving(site, [fake.node('h2/target').node.id])
  t.strictSame(await settleLeaving(site), [])
  t.strictSame(leavingOf(site), [])
  t.equal(readSite(site)?.generation, 3)
})

t.test('every host is told who has left, and a host that is not reached is a debt', async (t) => {
  const {fake, site} = await fleetOf(t, ['p', 'pt', 't'])
  const {id} = fake.node('h3/target').node
  const first = await recordRemoved(fake.fleet, site, [id])
  t.strictSame(first, {generation: 4, debts: []})
  t.strictSame(fake.log.toSorted(), ['apply h1', 'apply h2', 'apply h3'])
  t.match(fake.applied.get('h3'), 'unit|aisnode@target.service|-|-|-|-|-|disabled')
  t.notMatch(fake.applied.get('h2'), 'disabled')
  t.strictSame(
    removedOf(readSite(site)?.topology ?? fake.topology).map((node) => node.id),
    [id],
  )
  fake.unreachable.add('h3')
  const again = await recordRemoved(fake.fleet, site, [id])
  t.equal(again.generation, 4, 'the second time nothing is new')
  t.match(again.debts, [
    {key: 'topology:h3'},
    {key: 'unit-enabled:h3', pay: /systemctl disable --now/},
  ])
})

t.test('nothing is restarted while nobody says how the cluster is', async (t) => {
  const {fake} = await fleetOf(t, ['p', 'pt', 't'])
  fake.primary = ''
  const refused = await errorOf(restartAll(fake.fleet, nodesOf(fake.topology), rolling()))
  t.match(refused, {code: 'REFUSED', message: /no gateway says/, hint: /--ungated/})
  t.strictSame(fake.log, [])
  await restartAll(fake.fleet, nodesOf(fake.topology), rolling({ungated: true}))
  t.equal(fake.log.length, 4, 'by the flag that says so')
})

t.test(
  'a cluster that only its hosts can reach is asked there, and restarted by gates',
  async (t) => {
    const {fake} = await fleetOf(t, ['p', 'pt', 't'])
    fake.publicNet = 'closed'
    const done = await restartAll(fake.fleet, [fake.node('h3/target').node], rolling())
    t.equal(done.length, 1)
    t.strictSame(fake.log, ['restart h3/target'])
    const other = fake.node('h2/target')
    other.up = false
    const refused = await errorOf(restartAll(fake.fleet, [fake.node('h3/target').node], rolling()))
    t.match(refused, {code: 'TIMED_OUT', message: /does not answer/})
    t.strictSame(fake.log, ['restart h3/target'], 'the gate has not opened')
  },
)

const lifecycle = ({fake, site}: {fake: FakeFleet; site: Site}, nodes: readonly string[] = []) => ({
  topologyFile: site.stateFile,
  client: fake.client,
  nodes,
  timeoutMs: 400,
  fleet: fake.fleet,
})

t.test('a restart of all takes targets by zones, then gateways, the primary last', async (t) => {
  const {fake, site} = await fleetOf(t, ['pt', 'pt', 't', 'pt'])
  fake.primary = fake.node('h2/proxy').node.id
  const {plan, conclude} = await planNodeRestart({
    ...lifecycle({fake, site}),
    maxFailed: 0,
    ungated: false,
  })
  const preview = (await previewPlan(plan)).map((line) => line.replace(/[pt]\[\w+\]/, 'ID'))
  t.strictSame(preview.slice(0, 4), [
    'restart sample, 7 nodes, one after the other',
    '  h1: restart ID (h1/target)',
    '    when all others are well, and the majority holds without it',
    '    systemctl restart aisnode@target',
  ])
  t.strictSame(preview.slice(-3), [
    '    when all others are well, and the majority holds without it',
    '    hand its office over first',
    '    systemctl restart aisnode@proxy',
  ])
  const outcome = await runPlan(plan)
  t.equal(planError(plan, outcome), undefined)
  t.strictSame(fake.log, [
    'restart h1/target',
    'restart h3/target',
    'restart h2/target',
    'restart h4/target',
    'restart h1/proxy',
    'restart h4/proxy',
    'primary h1/proxy',
    'restart h2/proxy',
  ])
  t.equal(
    conclude(outcome.results).line,
    'sample, 7 nodes restarted, one after the other; no data has moved. Look: aisctl show cluster',
  )
})

t.test('a node that does not come back stops the sequence; the way out is told', async (t) => {
  const {fake, site} = await fleetOf(t, ['pt', 'pt', 'pt'])
  fake.node('h3/target').broken = true
  const {plan, debts} = await planNodeRestart({
    ...lifecycle({fake, site}),
    maxFailed: 0,
    ungated: false,
  })
  const outcome = await runPlan(plan)
  t.strictSame(fake.log, ['restart h1/target', 'restart h3/target'])
  t.match(planError(plan, outcome), {code: 'TIMED_OUT', message: /does not answer|inactive/})
  t.equal(outcome.skipped.size, 4)
  t.match(debts?.(), [{key: 'restart:h3/target', pay: /mend it, then aisctl node restart/}])
})

t.test('with one failure allowed it goes on, as long as a majority holds', async (t) => {
  const {fake, site} = await fleetOf(t, ['pt', 'pt', 'pt'])
  fake.node('h3/target').broken = true
  const {plan} = await planNodeRestart({
    ...lifecycle({fake, site}),
    maxFailed: 1,
    ungated: false,
  })
  const outcome = await runPlan(plan)
  t.strictSame(outcome.failed, ['h3/target/restart'])
  t.equal(fake.log.filter((line) => line.startsWith('restart')).length, 6)
})

t.test(
  'no node goes down while another is away, data moves, or the majority hangs on it',
  async (t) => {
    const {fake} = await fleetOf(t, ['p', 'pt', 't'])
    const node = fake.node('h3/target').node
    const reasons = async (): Promise<readonly string[]> =>
      whyClosed(await look(newRoll(fake.fleet, 100)), {node, givenUp: new Set()})
    t.strictSame(await reasons(), [])
    fake.moving = true
    t.match(await reasons(), [/data moves \(g1\)/])
    fake.moving = false
    const gateway = fake.node('h2/proxy')
    gateway.up = false
    t.match(await reasons(), [/h2\/proxy\) does not answer/])
    fake.node('h2/target').up = false
    t.match(await reasons(), [
      /does not answer/,
      /does not answer/,
      /1 of 4 voters would be up, 3 are/,
    ])
  },
)

t.test('a cluster with one gateway can be restarted, though nobody leads meanwhile', async (t) => {
  const {fake, site} = await fleetOf(t, ['p', 't'])
  const {plan} = await planNodeRestart({...lifecycle({fake, site}), maxFailed: 0, ungated: false})
  await runPlan(plan)
  t.strictSame(fake.log, ['restart h2/target', 'restart h1/proxy'])
})

t.test('a shutdown stops nothing before every host has been reached', async (t) => {
  const {fake, site} = await fleetOf(t, ['pt', 'pt', 't'])
  fake.unreachable.add('h3')
  const {plan, debts} = await planClusterShutdown({
    ...lifecycle({fake, site}),
    skipUnreachable: false,
  })
  const outcome = await runPlan(plan)
  t.match(planError(plan, outcome), {code: 'UNREACHABLE', hint: /--skip-unreachable/})
  t.strictSame(fake.log, [])
  t.strictSame(debts?.(), [], 'what was not begun is not owed')
})

t.test('a dead host keeps nobody on: by the flag, or when the cluster knows it', async (t) => {
  for (const by of ['flag', 'cluster']) {
    const {fake, site} = await fleetOf(t, ['pt', 'pt', 't'])
    fake.unreachable.add('h3')
    const dead = fake.node('h3/target')
    dead.up = false
    if (by === 'cluster' && dead.member !== undefined) {
      dead.member = {...dead.member, away: {kind: 'lost', sinceMs: 1}}
    }
    const {plan, conclude, debts} = await planClusterShutdown({
      ...lifecycle({fake, site}),
      skipUnreachable: by === 'flag',
    })
    const outcome = await runPlan(plan)
    t.equal(planError(plan, outcome), undefined)
    t.strictSame(fake.log.toSorted(), [
      'stop h1/proxy',
      'stop h1/target',
      'stop h2/proxy',
      'stop h2/target',
    ])
    t.equal(fake.log.at(-1), 'stop h1/proxy', 'the primary last')
    t.equal(
      conclude(outcome.results).line,
      'sample is off, but for h3; its data, uuid and map are kept. Start it: aisctl cluster start',
    )
    t.match(debts?.(), [{key: 'not-stopped:h3', pay: /aisctl node stop/}])
  }
})

/** Stands for the daemon's bundle and for Node.js: hosts have both, so nothing is shipped. */
function payloadOf(t: Test, version: string): Payload {
  const file = join(t.testdirName, `${version}.mjs`)
  writeFileSync(file, version)
  const runtime = {arch: 'x64', version: '24.0.0', sha256: sha256('a runtime'), file}
  return {
    release: {version, sha256: sha256(version), file},
    architectures: ['x64'],
    runtime: () => Promise.resolve(runtime),
  }
}

const upgrade = (t: Test, scene: {fake: FakeFleet; site: Site}, version = '1.3.0') =>
  planUpgrade({
    ...lifecycle(scene),
    payload: payloadOf(t, version),
    maxFailed: 0,
    ungated: false,
    canaryMs: 10,
  })

const restarts = ({log}: FakeFleet): string[] => log.filter((line) => line.startsWith('restart'))

t.test(
  'an upgrade brings the release to all, then makes one node after the other run it',
  async (t) => {
    const scene = await fleetOf(t, ['pt', 'pt', 't'])
    const {plan, conclude} = await upgrade(t, scene)
    const outcome = await runPlan(plan)
    t.equal(planError(plan, outcome), undefined)
    t.strictSame(scene.fake.log.slice(0, 3).toSorted(), ['apply h1', 'apply h2', 'apply h3'])
    t.strictSame(restarts(scene.fake), [
      'restart h1/target',
      'restart h3/target',
      'restart h2/target',
      'restart h2/proxy',
      'restart h1/proxy',
    ])
    t.match(scene.fake.applied.get('h1'), /link\|\/opt\/aisnode\/proxy\|.*release\/1\.3\.0-/)
    t.equal(
      conclude(outcome.results).line,
      'sample runs 1.3.0 on 5 nodes. Back: aisctl cluster upgrade --rollback · close the way back: aisctl cluster upgrade --finalize',
    )
    t.equal(readKept(scene.site).current?.version, '1.3.0')
    t.throws(() => releaseBefore(scene.site), {code: 'REFUSED'})
    await runPlan((await upgrade(t, scene)).plan)
    t.equal(restarts(scene.fake).length, 5, 'who runs it already is not restarted')
    await runPlan((await upgrade(t, scene, '1.4.0')).plan)
    t.equal(releaseBefore(scene.site).version, '1.3.0')
    t.match(finalizeUpgrade(scene.site.stateFile), 'sample stays with 1.4.0: 1.3.0 is no way back')
    t.throws(() => releaseBefore(scene.site), {code: 'REFUSED'})
  },
)

for (const [what, spoil] of [
  ['does not start', (node: FakeNode) => (node.broken = true)],
  ['is ready and then fails', (node: FakeNode) => (node.sick = true)],
] as const) {
  t.test(`a release that ${what} stops at the canary, and goes back`, async (t) => {
    const scene = await fleetOf(t, ['pt', 'pt', 't'])
    const {fake} = scene
    const canary = fake.node('h1/target')
    fake.onRestart = () => {
      const tries = restarts(fake).length
      if (tries === 1) spoil(canary)
      else Object.assign(canary, {broken: false, sick: false})
    }
    const {plan, debts} = await upgrade(t, scene)
    const outcome = await runPlan(plan)
    t.match(planError(plan, outcome)?.message, 'all 1 nodes that were switched are back')
    t.strictSame(restarts(fake), ['restart h1/target', 'restart h1/target'], 'nobody else')
    t.match(fake.applied.get('h1'), 'release/0.1.0-before')
    t.strictSame(debts?.(), [])
    t.equal(readKept(scene.site).current, undefined)
  })
}

t.test('a scale-out adds what is new, and brings back who is named', async (t) => {
  const {site} = await fleetOf(t, ['p', 't'])
  const before = topologyOf(TOPOLOGY)
  const [, , gone] = nodesOf(before)
  const topology = withRemoved(before, [gone?.id ?? ''])
  writeSite(site, {format: 1, generation: 5, topology})
  const file = join(t.testdirName, 'topology.yaml')
  writeFileSync(file, TOPOLOGY)
  t.throws(() => additionsOf(file, []), {code: 'REFUSED', message: /no node that sample has not/})
  t.throws(() => additionsOf(file, ['h2/target']), {code: 'NODE_NOT_FOUND', hint: /h1\/target-2/})
  t.match(additionsOf(file, ['h1/target-2']), {targets: 1, back: new Set(['h1/target-2'])})
  writeFileSync(file, `${TOPOLOGY}  - name: h3\n    nodes: [{role: proxy}]\n`)
  const {nodes, targets} = additionsOf(file, [])
  t.match(nodes, [/^p\[\w+\] \(h3\/proxy\)$/])
  t.equal(targets, 0)
})

t.test('a cluster that is destroyed is ended first, then removed from its hosts', async (t) => {
  const {fake, site} = await fleetOf(t, ['pt', 't'])
  const more = {wipe: false, skipUnreachable: false}
  fake.unreachable.add('h2')
  const refused = (await planClusterDestroy({...lifecycle({fake, site}), ...more})).plan
  t.match(planError(refused, await runPlan(refused)), {hint: /--skip-unreachable/})
  t.strictSame(fake.log, [], 'nothing ends before every host was reached')

  const part = await planClusterDestroy({
    ...lifecycle({fake, site}),
    ...more,
    skipUnreachable: true,
  })
  const outcome = await runPlan(part.plan)
  t.equal(planError(part.plan, outcome), undefined)
  t.strictSame(fake.log, ['decommission', 'destroy h1'])
  t.match(part.debts?.(), [{key: 'not-removed:h2', pay: 'aisctl cluster destroy'}])
  t.equal(
    part.conclude(outcome.results).line,
    'sample is no more: 1 of 2 hosts are as before it; the objects are on the disks still. The rest: aisctl cluster destroy',
  )
  t.ok(readSite(site), 'it is remembered while something is left')

  fake.unreachable.clear()
  const whole = await planClusterDestroy({...lifecycle({fake, site}), ...more})
  const end = await runPlan(whole.plan)
  t.equal(planError(whole.plan, end), undefined)
  t.strictSame(fake.log.slice(2).toSorted(), ['destroy h1', 'destroy h2'])
  t.equal(readSite(site), undefined)
  t.equal(
    whole.conclude(end.results).line,
    'sample is no more: 2 of 2 hosts are as before it; the objects are on the disks still. A new one: aisctl init',
  )
})

t.test('what aisctl installed on a host is removed, and nothing else', async (t) => {
  const host = scratchHost(t.testdir())
  for (const path of ['/ais/mp1', '/ais/mp2']) host.mount(path)
  await host.apply(forThisUser(manifestFor()), [RUNTIME_TEXT, BUNDLE_TEXT])
  const own = join(host.root, 'etc/systemd/system')
  writeFileSync(join(own, 'data.mount'), '# Of the host.\n')
  writeFileSync(join(host.root, 'ais/mp1/object'), 'bytes')
  const run = {script: 'destroy.sh', args: [host.root]} as const
  const result = await runScript(host.host, {...run, asRoot: false})
  t.match(result.stdout, /\{"done":true\}\n$/)
  t.notMatch(result.stdout, '"error"')
  const left = Object.keys(host.tree()).filter((path) => /aisnode|aisctl/.test(path))
  t.strictSame(
    left.filter((path) => !path.startsWith('/run/')),
    [],
  )
  t.ok(host.tree()['/etc/systemd/system/data.mount'])
  t.ok(host.tree()['/ais/mp1/object'])
  t.strictSame(host.units().active, [])
  t.match((await runScript(host.host, run)).stdout, /^\{"done":true\}\n$/m, 'twice is once')
})
