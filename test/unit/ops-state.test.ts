/**
 * What hosts keep of their cluster, and how another machine takes it over: judged as data, then the
 * whole adoption from hosts that answer as facts.sh does.
 */

import {existsSync, mkdirSync, readFileSync, statSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import t, {type Test} from 'tap'
import {stateToSave} from '../../src/ops/deploy/deployment.ts'
import {openDeployed, openTopology} from '../../src/ops/deploy/open.ts'
import {parseFacts} from '../../src/ops/host/facts.ts'
import {planError, runPlan} from '../../src/ops/plan/run.ts'
import {formatSavedState, siteOf, siteUuid, type SavedState} from '../../src/ops/site/site.ts'
import {planAdopt, type Adopted, type AdoptOptions} from '../../src/ops/state/adopt.ts'
import {agreeOn, type HostWord} from '../../src/ops/state/agree.ts'
import {openAcquaintance} from '../../src/ops/state/hear.ts'
import {prepareAdopt} from '../../src/ops/state/prepare-adopt.ts'
import {topologyFileText} from '../../src/ops/topology/file-text.ts'
import {readTopology} from '../../src/ops/topology/read.ts'
import {resolveTopology} from '../../src/ops/topology/resolve.ts'
import {adoptedLines} from '../../plugins/deploy/src/adopted-lines.ts'
import {keptHosts, type Kept} from '../helpers/ops/kept-host.ts'
import {TOPOLOGY, topologyOf, UUID} from '../helpers/ops/sample-topology.ts'

const KEY = `${'ab'.repeat(32)}\n`

/** Three hosts with a target each; the first has the gateway, too. */
const THREE = `format: 1
cluster: {name: sample, version: 1.2.3}
ssh: {user: root, port: 2222}
defaults: {mountpaths: [{path: /ais/mp1}], logLevel: warn}
hosts:
  - {name: h1, address: 10.0.0.1, zone: a, nodes: [{role: proxy, id: gateway-one}, {role: target}]}
  - name: h2
    address: 10.0.0.2
    networks: {control: 10.1.0.2, data: 10.2.0.2}
    nodes:
      - {role: target, instance: target-3, ports: {public: 6001}}
      - {role: target, mountpaths: [{path: /ais/mp2, disk: UUID=1234-ABCD}]}
  - {name: h3, address: 10.0.0.3, hostKey: 'SHA256:${'a'.repeat(43)}', nodes: [{role: target}, {role: proxy, electable: false}]}
config: {keepalivetracker: {proxy: {interval: 12s}}, rebalance: {enabled: false}}
tuning: {sysctl: {net.core.somaxconn: 65535}, limits: {openFiles: 2048}}
`

/** A target has left each host; the second has none but that. */
const LEFT = TOPOLOGY.replace(
  '- role: target\n',
  '- role: target\n        removed: true\n',
).replace(
  'mountpaths: [{path: /ais/mp1, disk',
  'removed: true\n        mountpaths: [{path: /ais/mp1, disk',
)

function stateOf(generation: number, text = THREE): SavedState {
  return {format: 1, generation, topology: topologyOf(text)}
}

const FOUR = stateOf(4)
const FIVE = stateOf(5, THREE.replace('12s', '15s'))
const KEPT: Kept = {state: FOUR, key: KEY, uuid: UUID}
const ALL: Readonly<Record<string, Kept>> = {'10.0.0.1': KEPT, '10.0.0.2': KEPT, '10.0.0.3': KEPT}

function word(host: string, state?: SavedState, more: Partial<HostWord> = {}): HostWord {
  return {
    host,
    given: true,
    uuids: [],
    keySha256: 'k'.repeat(64),
    ...(state === undefined ? {} : {state}),
    ...more,
  }
}

/** Runs an adoption in a state directory of its own. @throws Error that the plan ends with */
async function adopt(
  t: Test,
  kept: Readonly<Record<string, Kept>>,
  options: Partial<AdoptOptions> = {},
): Promise<Adopted & {readonly asked: readonly string[]}> {
  const {connect, asked} = keptHosts(kept)
  const acquaintance = openAcquaintance()
  t.teardown(() => acquaintance.forget())
  const {plan, result} = planAdopt({
    hosts: ['10.0.0.1'],
    ssh: {},
    connect: () => connect,
    acquaintance,
    file: join(process.env['AISCTL_STATE_DIR'] ?? '', 'topology.yaml'),
    now: () => 0,
    ...options,
  })
  const error = planError(plan, await runPlan(plan))
  if (error !== undefined) throw error
  return {...result(), asked}
}

/** A machine that knows nothing. */
function freshMachine(t: Test): string {
  const before = process.env['AISCTL_STATE_DIR']
  const directory = t.testdir()
  process.env['AISCTL_STATE_DIR'] = directory
  t.teardown(() => {
    if (before === undefined) delete process.env['AISCTL_STATE_DIR']
    else process.env['AISCTL_STATE_DIR'] = before
  })
  return directory
}

t.test('a topology written back as a file is the same topology, with few words', (t) => {
  for (const text of [TOPOLOGY, THREE, TOPOLOGY.replace('ssh: {user: root}\n', ''), LEFT]) {
    const topology = topologyOf(text)
    const written = topologyFileText(topology, 'Written by a test.')
    const again = resolveTopology(readTopology(written, 'again'), UUID)
    t.equal(JSON.stringify(again), JSON.stringify(topology), written)
    t.match(written, /^# Written by a test\.\n/)
  }
  const written = topologyFileText(topologyOf(THREE), 'x')
  t.equal(written.match(/ id:/g)?.length, 1, 'the id that was chosen, and none that is derived')
  t.equal(written.match(/ ports:/g)?.length, 1)
  t.equal(written.match(/ mountpaths:/g)?.length, 2, 'of all targets, and of the odd one')
  t.end()
})

t.test('the newest state that a majority of its own hosts has stored counts', (t) => {
  const three = [word('h1', FOUR), word('h2', FOUR), word('h3', FIVE)]
  const agreed = agreeOn(three)
  t.equal(agreed.state.generation, 4, 'a minority does not count, however new it is')
  t.strictSame(agreed.holders, ['h1', 'h2'])
  t.match(agreed.dissent, [{host: 'h3', says: /^holds generation 5 \(.*not generation 4 \(/}])
  t.equal(agreeOn([word('h1', FIVE), word('h2', FIVE), word('h3', FOUR)]).state.generation, 5)
  const grown = stateOf(6, TOPOLOGY)
  t.equal(agreeOn([word('h1', grown), word('h2', grown), word('h3', FOUR)]).state.generation, 6)
  t.strictSame(agreeOn([word('h1', FOUR), word('h2', FOUR), word('left', FOUR)]).holders, [
    'h1',
    'h2',
  ])
  t.end()
})

t.test('without a majority nothing counts: the error says who holds what', (t) => {
  const split = [word('h1', FOUR), word('h2', FIVE)]
  t.throws(() => agreeOn(split), {
    code: 'REFUSED',
    message: /generation 5 \(\w{8}\) of 3 hosts: on h2\ngeneration 4 \(\w{8}\) of 3 hosts: on h1$/,
    hint: /--generation 5/,
  })
  t.equal(agreeOn(split, {generation: 5}).state.generation, 5, 'two of three were asked')
  t.throws(() => agreeOn(split, {generation: 9}), {code: 'REFUSED'})
  t.throws(() => agreeOn([word('h1', FIVE)], {generation: 5}), {message: /^only 1 of 3 hosts/})
  t.throws(() => agreeOn([word('h1'), word('h2')]), {code: 'NOT_FOUND', message: /^h1, h2: no/})
  t.end()
})

t.test('hosts of another cluster and other keys are named with both values', (t) => {
  const foreign = word('h9', undefined, {uuids: ['other-uuid']})
  t.throws(() => agreeOn([word('h1', FOUR), foreign]), {
    code: 'WRONG_CLUSTER',
    message: `the hosts are of several clusters: h1 is of ${UUID}, h9 is of other-uuid; nothing was kept`,
  })
  const learnt = {...foreign, host: 'h3', given: false}
  const agreed = agreeOn([word('h1', FOUR), word('h2', FOUR), learnt])
  t.strictSame(agreed.dissent, [{host: 'h3', says: `is of cluster other-uuid, not ${UUID}`}])
  const other = word('h3', FOUR, {keySha256: 'b'.repeat(64)})
  t.match(agreeOn([word('h1', FOUR), word('h2', FOUR), other]).dissent, [
    {host: 'h3', says: 'holds cluster key bbbbbbbb, not cluster key kkkkkkkk'},
  ])
  t.throws(() => agreeOn([word('h1', FOUR), other]), {
    code: 'REFUSED',
    message: /different cluster keys.*\ncluster key kkkkkkkk on h1\ncluster key bbbbbbbb on h3/,
  })
  const keyless = ['h1', 'h2'].map((host): HostWord => ({
    host,
    given: true,
    uuids: [],
    state: FOUR,
  }))
  t.throws(() => agreeOn(keyless), {code: 'NOT_FOUND', message: /no host holds a cluster key/})
  t.match(agreeOn([word('h1', FOUR), word('h2', FOUR), word('h3')]).dissent, [
    {host: 'h3', says: 'keeps no topology'},
  ])
  t.end()
})

t.test('one host is enough: a machine that knew nothing knows what the old one knew', async (t) => {
  const directory = freshMachine(t)
  const adopted = await adopt(t, ALL)
  t.strictSame(adopted.asked, ['10.0.0.1', '10.0.0.2', '10.0.0.3'])
  t.match(adopted, {cluster: 'sample', uuid: UUID, generation: 4, dissent: [], silent: []})
  const site = siteOf('sample')
  t.equal(readFileSync(site.stateFile, 'utf8'), formatSavedState(FOUR))
  t.equal(readFileSync(site.keyFile, 'utf8'), KEY)
  t.equal(statSync(site.keyFile).mode & 0o777, 0o600)
  t.equal(siteUuid(site), UUID)
  t.match(openDeployed(site.stateFile), {before: {generation: 4}})
  const {topology, before} = openTopology(join(directory, 'topology.yaml'), {keep: true})
  t.strictSame(stateToSave(topology, [before, FOUR]), FOUR, 'a deploy has nothing to change')
  t.match(adoptedLines(adopted, 'topology.yaml'), [
    'topology.yaml is written.',
    `sample (uuid ${UUID}) is known here: generation 4, 3 hosts hold it.`,
    /aisctl deploy -f topology.yaml --dry-run/,
  ])
})

t.test('a host that is off is told, one voice less; a file that is there stays', async (t) => {
  const directory = freshMachine(t)
  writeFileSync(join(directory, 'topology.yaml'), 'mine')
  const kept = {...ALL, '10.0.0.3': {off: true}}
  const adopted = await adopt(t, kept, {ssh: {user: 'ops'}})
  t.strictSame(adopted.silent, [{host: 'h3', why: 'h3: no answer'}])
  t.equal(readFileSync(join(directory, 'topology.yaml'), 'utf8'), 'mine')
  t.equal(openDeployed(siteOf('sample').stateFile).topology.ssh.user, 'ops')
  t.strictSame(adoptedLines(adopted, 'topology.yaml').slice(0, 3), [
    'h3 was not asked: h3: no answer',
    'ssh.user: as given here; the next deploy writes it to the hosts.',
    'topology.yaml was there already and stays as it is. Compare it: aisctl config diff -f topology.yaml',
  ])
})

t.test(
  'nothing is kept when the hosts cannot say it, or this machine says otherwise',
  async (t) => {
    freshMachine(t)
    const nobody = {'10.0.0.1': {off: true}}
    await t.rejects(adopt(t, nobody), {
      code: 'UNREACHABLE',
      message: '10.0.0.1: no answer',
      hint: /^nothing was kept; /,
    })
    const guest = {'10.0.0.1': {...KEPT, login: '1000'}}
    await t.rejects(adopt(t, guest), {message: '10.0.0.1: the login is not root'})
    const alone = {'10.0.0.1': KEPT}
    await t.rejects(adopt(t, alone), {code: 'REFUSED', message: /of 3 hosts: on h1$/})
    const torn = {...ALL, '10.0.0.1': {...KEPT, key: 'another'}}
    t.match(await adopt(t, torn), {dissent: [{host: 'h1', says: /^holds cluster key/}]})
    const site = siteOf('sample')
    mkdirSync(site.directory, {recursive: true})
    const other = {
      ...FOUR,
      topology: {...FOUR.topology, cluster: {name: 'sample', uuid: 'older-uuid'}},
    }
    writeFileSync(site.stateFile, formatSavedState(other))
    await t.rejects(adopt(t, ALL), {
      code: 'WRONG_CLUSTER',
      message: /uuid older-uuid here, abcdefghij on the hosts/,
    })
  },
)

t.test('keys of hosts that were accepted before the name was known stay with the cluster', (t) => {
  freshMachine(t)
  const older = siteOf('older')
  mkdirSync(older.directory, {recursive: true})
  writeFileSync(older.knownHosts, '10.0.0.9 ssh-ed25519 AAAA\n')
  const acquaintance = openAcquaintance()
  t.match(readFileSync(acquaintance.file, 'utf8'), '10.0.0.9', 'what any cluster knows counts')
  writeFileSync(acquaintance.file, '10.0.0.1 ssh-ed25519 BBBB\n', {flag: 'a'})
  const site = siteOf('sample')
  acquaintance.keep(site)
  acquaintance.keep(site)
  acquaintance.forget()
  t.notOk(existsSync(acquaintance.file))
  t.equal(readFileSync(site.knownHosts, 'utf8').match(/BBBB/g)?.length, 1)
  t.end()
})

t.test('what is no host or no setting of ssh is refused before anything connects', (t) => {
  freshMachine(t)
  const options = {file: 'x', acceptNew: false, askSecret: () => Promise.resolve('')}
  const refused = (hosts: readonly string[], ssh = {}): void => {
    t.throws(() => prepareAdopt({...options, hosts, ssh}), {code: 'USAGE'})
  }
  refused(['-oProxyCommand=sh'])
  refused(['h1;reboot'])
  refused(['h1'], {user: '-x'})
  refused(['h1'], {identity: 'key $(x)'})
  const {plan, close} = prepareAdopt({...options, hosts: ['ops@h1:2222', 'h2', 'h1'], ssh: {}})
  t.strictSame(
    plan.steps.map(({id}) => id),
    ['h1/ask', 'h2/ask', 'cluster/others', 'cluster/agree', 'cluster/keep'],
  )
  return close()
})

t.test('a long topology is heard whole; a damaged one is told as such', (t) => {
  const heard = {beforeMs: 0, afterMs: 0}
  const plain = Buffer.from('{"format": 1}').toString('base64')
  const facts = parseFacts(
    `topology\t${plain.slice(0, 6)}\ntopology\t${plain.slice(6)}\ndone\tyes`,
    heard,
  )
  t.equal(facts?.savedState, '{"format": 1}')
  t.ok(parseFacts(`topology.gz\t${plain}\ndone\tyes`, heard)?.savedState, 'it is no gzip')
  t.equal(parseFacts('done\tyes', heard)?.savedState, undefined)
  t.end()
})
