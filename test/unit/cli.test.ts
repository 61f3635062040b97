/**
 * The command line: what it promises (commands, flags, tables, lines, exit codes) and what it
 * draws.
 */

import {spawn} from 'node:child_process'
import {mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {PassThrough} from 'node:stream'
import {buffer} from 'node:stream/consumers'
import {fileURLToPath} from 'node:url'
import type {WriteStream} from 'node:tty'
import t from 'tap'
import type {Test} from 'tap'
import {AisError} from '../../src/base/errors.ts'
import {parseAssignments} from '../../src/cli/assignments.ts'
import {complete} from '../../src/cli/complete.ts'
import {completionScript, SHELLS} from '../../src/cli/completion/scripts.ts'
import {gatewayNamed} from '../../src/cli/gateway-name.ts'
import {LifecycleCommand} from '../../src/cli/lifecycle-command.ts'
import {loadConfig} from '../../src/cli/main.ts'
import {confirm, confirmByName, confirmByTyping} from '../../src/cli/prompt.ts'
import {prettyJson} from '../../src/cli/render/json.ts'
import {paintFor, plain} from '../../src/cli/render/paint.ts'
import {viewPlan} from '../../src/cli/render/plan-view.ts'
import {progressLine} from '../../src/cli/render/progress.ts'
import {flatten, nest, propertyTable} from '../../src/cli/render/properties.ts'
import {redraw} from '../../src/cli/render/redraw.ts'
import {renderTable} from '../../src/cli/render/table.ts'
import {bmdPage} from '../../src/cli/show/bmd-page.ts'
import {bucketPage} from '../../src/cli/show/bucket-page.ts'
import {clusterPage, nodePage, rolePage} from '../../src/cli/show/cluster-page.ts'
import {clustersPage} from '../../src/cli/show/clusters-page.ts'
import {clusterConfigPage, nodeConfigPage} from '../../src/cli/show/config-page.ts'
import {mountpathsPage} from '../../src/cli/show/mountpaths-page.ts'
import {objectLines, readNames} from '../../src/cli/show/object-list.ts'
import {smapPage} from '../../src/cli/show/smap-page.ts'
import {statsPage} from '../../src/cli/show/stats-page.ts'
import {parseBucketPath} from '../../src/client/buckets.ts'
import type {ClusterClient} from '../../src/client/cluster.ts'
import {openCluster} from '../../src/client/cluster.ts'
import {rememberCluster} from '../../src/client/known-clusters.ts'
import type {LifecycleOptions, LifecyclePlan} from '../../src/ops/lifecycle.ts'
import type {Plan} from '../../src/ops/plan/plan.ts'
import {formatSavedState} from '../../src/ops/site/site.ts'
import {nodesOf} from '../../src/ops/topology/resolve.ts'
import {startLeaderCluster} from '../helpers/leader-cluster.ts'
import {topologyOf} from '../helpers/ops/sample-topology.ts'
import type {RecordedCluster} from '../helpers/recorded-cluster.ts'
import {startRecordedCluster} from '../helpers/recorded-cluster.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** Loads every command; once for all tests. */
const loaded = loadConfig(ROOT, false)
const SNAPSHOTS = join(ROOT, 'test/unit/snapshots')

/** Compares with a file; UPDATE_SNAPSHOTS=1 writes it anew, and the diff is reviewed. */
function matches(t: Test, name: string, found: string): void {
  const file = join(SNAPSHOTS, name)
  if (process.env['UPDATE_SNAPSHOTS'] === '1') {
    mkdirSync(SNAPSHOTS, {recursive: true})
    writeFileSync(file, found)
  }
  t.equal(found, readFileSync(file, 'utf8'), name)
}

async function recorded(t: Test): Promise<{cluster: RecordedCluster; client: ClusterClient}> {
  const cluster = await startRecordedCluster()
  t.teardown(() => cluster.close())
  return {cluster, client: openCluster({endpoints: [cluster.url]})}
}

interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
}

const KNOWN = {
  format: 1,
  name: 'sample',
  uuid: 'abcdefghij',
  kind: 'deployed',
  endpoints: ['http://127.0.0.1:1'],
} as const

/** Where a machine keeps nothing of any cluster. */
const NO_STATE = mkdtempSync(join(tmpdir(), 'aisctl-cli-'))
t.teardown(() => rmSync(NO_STATE, {recursive: true}))

/** Runs the program as a person would: another process, without the test runner's loader. */
async function run(words: readonly string[], {env = {}, input}: RunOptions = {}): Promise<Ran> {
  const shell = 'NODE_OPTIONS= exec "$0" "$@"'
  const words2 = ['-c', shell, process.execPath, join(ROOT, 'bin/aisctl.js'), ...words]
  const child = spawn('/bin/sh', words2, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {...process.env, AISCTL_STATE_DIR: NO_STATE, NO_COLOR: '1', ...env},
  })
  child.stdin.end(input)
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve))
  const [stdout, stderr, status] = await Promise.all([
    buffer(child.stdout),
    buffer(child.stderr),
    closed,
  ])
  return {status, stdout: stdout.toString(), stderr: stderr.toString()}
}

/** Ports and the time that passes differ from run to run. */
function steady(lines: readonly string[], url: string): string {
  return `${lines.join('\n').replaceAll(url, 'http://GATEWAY')}\n`
}

t.test('commands, flags and arguments are promises: a change shows here', async (t) => {
  const config = await loaded
  const commands = config.commands
    .filter(({pluginName}) => pluginName === 'aisctl' || pluginName === '@aisctl/plugin-lab')
    .filter(({id}) => !id.startsWith('lab'))
    .map(({id, aliases, flags, args, summary}) => ({
      command: id.replaceAll(':', ' '),
      aliases: (aliases ?? []).map((alias) => alias.replaceAll(':', ' ')),
      flags: Object.keys(flags).toSorted(),
      args: Object.keys(args ?? {}),
      summary,
    }))
    .toSorted((a, b) => (a.command < b.command ? -1 : 1))
  matches(t, 'commands.json', `${JSON.stringify(commands, null, 2)}\n`)
})

t.test('the tables of a cluster are those that operators of AIStore know', async (t) => {
  const {cluster, client} = await recorded(t)
  const {lines} = await clusterPage(client, plain)
  matches(t, 'show-cluster.txt', steady(lines, cluster.url))
  matches(t, 'show-smap.txt', steady((await smapPage(client, undefined)).lines, cluster.url))
  matches(t, 'show-bmd.txt', steady((await bmdPage(client)).lines, cluster.url))
  const targets = await rolePage(client, 'target', {node: 'tnode0004', paint: plain})
  matches(t, 'show-target.txt', steady(targets.lines, cluster.url))
  t.strictSame((await nodePage(client, 't[tnode0004]', plain)).lines, targets.lines)
  t.match((await statsPage(client)).lines[0], /^TARGET/)
  const mountpaths = await mountpathsPage(client, 'tnode0004', plain)
  matches(t, 'show-mountpaths.txt', steady(mountpaths.lines, cluster.url))
})

t.test('what a page gives as JSON is the cluster’s own answer', async (t) => {
  const {client} = await recorded(t)
  const {json} = await clusterPage(client, plain)
  const text = prettyJson(json)
  t.match(text, '"id_digest": 13952417470901492902', '64-bit numbers stay exact')
  const {nodes} = json as {nodes: {id: string; status: string; primary: boolean}[]}
  t.strictSame(nodes[0], {id: 'pnode0000', role: 'proxy', primary: true, status: 'online'})
})

t.test('configuration is shown whole, by section, or one node’s', async (t) => {
  const {client} = await recorded(t)
  const section = await clusterConfigPage(client, 'rebalance')
  t.strictSame(section.lines, [
    'PROPERTY                     VALUE',
    'rebalance.bundle_multiplier  2',
    'rebalance.burst_buffer       1024',
    'rebalance.compression        never',
    'rebalance.dest_retry_time    2m',
    'rebalance.enabled            true',
  ])
  const {json} = await clusterConfigPage(client, 'proxy')
  t.strictSame(Object.keys(json as object), ['proxy'])
  t.strictSame(Object.keys((json as {proxy: object}).proxy), [
    'primary_url',
    'original_url',
    'discovery_url',
    'non_electable',
  ])
  const whole = await clusterConfigPage(client, undefined)
  t.ok(whole.lines.length > 100)
  await t.rejects(clusterConfigPage(client, 'nosuch'), {code: 'USAGE', hint: /sections: /})
  await t.rejects(nodeConfigPage(client, {node: 'x', scope: undefined, section: undefined}), {
    code: 'NODE_NOT_FOUND',
  })
})

t.test('buckets and names are listed as AIStore’s tool lists them', async (t) => {
  const {client} = await recorded(t)
  const {bucket} = parseBucketPath('ais://f1')
  const options = {prefix: '', after: '', props: ['size'], pageSize: 2, limit: 3}
  const {entries, incomplete} = await readNames(client, bucket, options)
  t.equal(incomplete, false)
  t.ok(entries.length <= 3)
  const shown = [
    {name: 'a', size: 10_000, flags: 64},
    {name: 'dir/o3m', size: 3_000_000, checksum: '47a0', flags: 64},
  ]
  t.strictSame(objectLines(shown, ['size', 'checksum', 'nosuch']), [
    'NAME     SIZE     CHECKSUM',
    'a        9.77KiB  -',
    'dir/o3m  2.86MiB  47a0',
  ])
  const props = await bucketPage(client, bucket, 'versioning')
  t.strictSame(props.lines, [
    'PROPERTY                      VALUE',
    'versioning.enabled            true',
    'versioning.synchronize        false',
    'versioning.validate_warm_get  false',
  ])
  const all = (await bucketPage(client, bucket, undefined)).lines
  t.match(
    all.find((line) => line.startsWith('access')),
    /GET,HEAD-OBJECT,.*,ADMIN$/,
  )
})

t.test('aisctl alone names the known clusters, or three ways to start', async (t) => {
  const {cluster} = await recorded(t)
  const before = process.env['AISCTL_STATE_DIR']
  process.env['AISCTL_STATE_DIR'] = t.testdir({})
  t.teardown(() => {
    if (before === undefined) delete process.env['AISCTL_STATE_DIR']
    else process.env['AISCTL_STATE_DIR'] = before
  })
  t.match((await clustersPage(plain)).lines[0], /Three ways to start/)
  const base = {uuid: 'na8a52NmR', kind: 'added'} as const
  rememberCluster({...base, name: 'alive', endpoints: [cluster.url]})
  rememberCluster({...base, name: 'dead', endpoints: ['http://127.0.0.1:1']})
  const set = await startLeaderCluster({gateways: 2, targets: 1})
  t.teardown(() => set.close())
  const [first = '', second = ''] = set.nodes.map(({url}) => url)
  rememberCluster({...base, name: 'led', endpoints: [first, second]})
  set.node('gateway1').live = false
  const {lines} = await clustersPage(plain)
  t.match(lines[1], /^alive .* 7 nodes, all active$/)
  t.match(lines[2], /^dead .* does not answer$/)
  t.match(lines[3], /^led .* 3 nodes, all active$/, 'one that is cut off is not the last word')
  set.node('gateway2').live = false
  t.match((await clustersPage(plain)).lines[3], /3 nodes, no primary: nothing can be changed$/)
})

t.test('a table leaves a column out that says nothing, and counts what a terminal shows', (t) => {
  const rows = [{name: 'a'}, {name: '\u001b[31mred\u001b[39m'}]
  const columns = [
    {heading: 'NAME', cell: ({name}: {name: string}) => name},
    {heading: 'NEVER', cell: () => '-', show: () => false},
    {heading: 'LAST', cell: () => 'x'},
  ]
  t.strictSame(renderTable(rows, columns), ['NAME  LAST', 'a     x', '\u001b[31mred\u001b[39m   x'])
  t.strictSame(renderTable([], columns.slice(0, 1)), ['NAME'])
  t.end()
})

t.test('settings are read as KEY=VALUE or KEY VALUE, nested and flat', (t) => {
  t.strictSame(parseAssignments(['a.b=1', 'c=x=y']), [
    ['a.b', '1'],
    ['c', 'x=y'],
  ])
  t.strictSame(parseAssignments(['timeout.max_keepalive', '6s']), [['timeout.max_keepalive', '6s']])
  t.throws(() => parseAssignments(['a', 'b', 'c']), {code: 'USAGE'})
  t.throws(() => parseAssignments(['=1']), {code: 'USAGE'})
  const nested = nest([
    ['mirror.enabled', 'true'],
    ['mirror.copies', '2'],
    ['checksum.type', 'md5'],
  ])
  t.strictSame(nested, {mirror: {enabled: true, copies: 2}, checksum: {type: 'md5'}})
  t.strictSame(flatten({a: {b: [1, 'x'], c: {}}, d: null}), [
    ['a.b', '[1 x]'],
    ['a.c', ''],
    ['d', ''],
  ])
  t.strictSame(propertyTable([['a', '1']]), ['PROPERTY  VALUE', 'a         1'])
  t.end()
})

t.test('nothing is assumed where nobody can be asked', async (t) => {
  await confirm('Sure?', {yes: true})
  await confirmByTyping('Sure?', 'name', {yes: true})
  await t.rejects(confirm('Sure?', {yes: false}), {code: 'REFUSED', hint: /-y/})
})

t.test('where a yes comes too easily the name of the cluster belongs to it', async (t) => {
  const ask = (yes: boolean, given?: string) => confirmByName('Sure?', 'prod', {yes, given})
  await ask(true, 'prod')
  const hint = /--yes --cluster-name prod/
  await t.rejects(ask(false), {code: 'REFUSED', message: /no terminal/, hint})
  await t.rejects(ask(true), {code: 'REFUSED', message: /--yes alone is not enough/, hint})
  await t.rejects(ask(false, 'prod'), {code: 'REFUSED', message: /counts together with --yes/})
  await t.rejects(ask(true, 'test'), {code: 'REFUSED', message: /is called prod, not test/})
})

t.test('a gateway is found by its host where a topology tells', async (t) => {
  const topology = topologyOf()
  const [gateway] = nodesOf(topology).filter(({role}) => role === 'proxy')
  const file = join(t.testdir({}), 'state.json')
  writeFileSync(file, formatSavedState({format: 1, generation: 1, topology}))
  const known = {...KNOWN, topologyFile: file}
  t.equal(await gatewayNamed('h1', {endpoints: [], known}), gateway?.id)
  t.equal(await gatewayNamed('h1/proxy', {endpoints: [], known}), gateway?.id)
  t.equal(await gatewayNamed('h2', {endpoints: [], known}), 'h2', 'it has no gateway')
  t.equal(await gatewayNamed('h1', {endpoints: []}), 'h1')
})

t.test('commands about the primary end with an exit code that is true', async (t) => {
  const cluster = await startLeaderCluster({gateways: 2, targets: 3})
  t.teardown(() => cluster.close())
  const at = ['--cluster', cluster.node('gateway2').url]
  const changed = await run(['cluster', 'set-primary', 'gateway2', ...at])
  t.equal(changed.status, 0)
  t.match(changed.stdout, /^p\[gateway2\] is the primary; before it p\[gateway1\]\. .*took \d+m?s/)
  t.match(changed.stdout, /2 of 2 gateways say so\.\nSee it: .* set-primary gateway1\n$/)
  const refused = await run(['cluster', 'set-primary', 'target01', '--json', ...at])
  t.equal(refused.status, 4)
  t.match(JSON.parse(refused.stdout), {error: {code: 'REFUSED', exit: 4}})
  for (const id of ['gateway1', 'target01', 'target02']) await cluster.node(id).stop()
  for (const node of cluster.nodes) node.live = false
  const shown = await run(['cluster', 'recover', '--json', ...at])
  t.equal(shown.status, 4, 'nothing was done')
  t.match(JSON.parse(shown.stdout), {done: false, plan: {leader: {id: 'gateway2'}, voters: 5}})
  const sure = ['--force', '--yes', '--cluster-name', 'cluster-of-leaders']
  const done = await run(['cluster', 'recover', ...sure, ...at])
  t.equal(done.status, 0)
  t.match(
    done.stdout,
    /p\[gateway2\] is the primary, with record 1007\.124\. .*\nAll 2 survivors follow, and/,
  )
})

/** A stream that remembers what was written, as a terminal of a few lines or as a file. */
function fakeStream(isTTY: boolean, rows = 10): {readonly stream: WriteStream; text(): string} {
  const stream = new PassThrough()
  let text = ''
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()))
  Object.assign(stream, {isTTY, columns: 40, rows})
  return {stream: stream as unknown as WriteStream, text: () => text}
}

t.test('a redrawn page stays in place on a terminal and is repeated in a file', async (t) => {
  let times = 0
  const draw = async (): Promise<string[]> => [`draw ${++times}`, 'same']
  const file = fakeStream(false)
  await redraw(draw, {refreshMs: 1, count: 2, stream: file.stream})
  t.equal(file.text(), 'draw 1\nsame\n\ndraw 2\nsame\n')
  times = 0
  const terminal = fakeStream(true)
  await redraw(draw, {refreshMs: 1, count: 2, stream: terminal.stream})
  t.match(terminal.text(), '\u001b[2Adraw 2', 'the cursor goes up by the lines drawn before')
  await redraw(draw, {refreshMs: undefined, count: undefined, stream: file.stream})
  t.equal(times, 3, 'without a refresh it is drawn once')
})

t.test('what is drawn once is whole, however small the terminal is', async (t) => {
  const lines = Array.from({length: 20}, (_, at) => `line ${at}`)
  const once = {refreshMs: undefined, count: undefined}
  const small = fakeStream(true, 5)
  await redraw(async () => lines, {...once, stream: small.stream})
  t.equal(small.text(), `${lines.join('\n')}\n`)
  const unknown = fakeStream(true, 0)
  await redraw(async () => lines, {refreshMs: 1, count: 1, stream: unknown.stream})
  t.match(unknown.text(), /^line 0/, 'nor is anything cut when its height is not known')
  const again = fakeStream(true, 5)
  await redraw(async () => lines, {refreshMs: 1, count: 1, stream: again.stream})
  t.match(again.text(), /^line 16/, 'what is drawn again has to fit')
})

t.test('progress is one line on a terminal, and lines that differ elsewhere', (t) => {
  const terminal = fakeStream(true)
  const line = progressLine(terminal.stream)
  line.show('1 of 2')
  line.end()
  t.equal(terminal.text(), '\r\u001b[2K1 of 2\r\u001b[2K')
  const file = fakeStream(false)
  const other = progressLine(file.stream)
  other.show('1 of 2')
  other.show('1 of 2')
  other.end()
  t.equal(file.text(), '1 of 2\n')
  t.equal(paintFor(file.stream)('red', 'x'), 'x', 'a file is not painted')
  t.end()
})

t.test('a plan is run whoever looks, and its outcome says what failed', async (t) => {
  const step = (id: string, run: () => Promise<unknown>): Plan['steps'][number] => ({
    id,
    title: id,
    host: 'h1',
    preview: () => [],
    run,
  })
  const plan: Plan = {
    title: 'sample',
    parallel: 1,
    steps: [
      step('a', async () => 1),
      step('b', async () => {
        throw new AisError({code: 'HOST_COMMAND', message: 'it failed'})
      }),
    ],
  }
  const outcome = await viewPlan(plan, {quiet: true})
  t.strictSame([...outcome.results.keys()], ['a'])
  t.strictSame(outcome.failed, ['b'])
})

t.test('completion knows commands, flags, values, nodes and buckets', async (t) => {
  const {cluster} = await recorded(t)
  const root = t.testdir({})
  const flags = {
    cluster: {name: 'cluster', type: 'option', description: 'which'},
    role: {name: 'role', char: 'r', type: 'option', options: ['proxy', 'target']},
    json: {name: 'json', type: 'boolean'},
  }
  const commands = {
    'show:cluster': {id: 'show:cluster', summary: 'tables', flags, args: {node: {}}},
    'show:cluster:smap': {id: 'show:cluster:smap', aliases: ['show:smap'], flags, args: {}},
    'object:rm': {id: 'object:rm', aliases: ['rm'], strict: false, args: {object: {}}},
    'object:put': {id: 'object:put', args: {file: {}, object: {}}},
    'config:cluster': {id: 'config:cluster', strict: false, args: {what: {}}},
    'cluster:set-primary': {id: 'cluster:set-primary', args: {node: {}}},
    'cluster:recover': {
      id: 'cluster:recover',
      flags: {survivor: {name: 'survivor', type: 'option', multiple: true}},
    },
    'secret': {id: 'secret', hidden: true},
  }
  writeFileSync(join(root, 'oclif.manifest.json'), JSON.stringify({commands}))
  const before = {...process.env}
  process.env['AISCTL_STATE_DIR'] = join(root, 'state')
  process.env['AIS_ENDPOINT'] = cluster.url
  t.teardown(() => {
    process.env = before
  })
  const words = async (...typed: string[]): Promise<string[]> =>
    (await complete(typed, root, 2000)).split('\n').flatMap((line) => line.split('\t')[0] || [])
  t.strictSame(await words(''), ['cluster', 'config', 'object', 'rm', 'show'])
  t.strictSame(await words('show', 's'), ['smap'])
  t.strictSame(await words('show', 'cluster', '--r'), ['--role'])
  t.strictSame(await words('show', 'cluster', '--role', 't'), ['target'])
  t.strictSame(await words('show', 'cluster', '--role=p'), ['--role=proxy'])
  t.strictSame(await words('show', 'cluster', 't'), [
    'tnode0003',
    'tnode0004',
    'tnode0005',
    'tnode0006',
  ])
  t.ok((await words('show', 'cluster', '')).includes('smap'), 'and what lies below the command')
  t.strictSame(await words('show', 'cluster', 'tnode0003', ''), [], 'it takes one node')
  const gateways = ['pnode0000', 'pnode0001', 'pnode0002']
  t.strictSame(await words('cluster', 'set-primary', ''), gateways, 'no target can lead')
  t.equal((await words('cluster', 'recover', '--survivor', '')).length, 7)
  t.strictSame(await words('rm', 'ais://f1/x', 'ais'), ['ais://f1/', 'ais://f2/'])
  t.strictSame(await words('object', 'put', ''), [':files'])
  t.strictSame(await words('config', 'cluster', 'rebalance.e'), ['rebalance.enabled='])
  t.ok((await words('config', 'cluster', 'reb')).includes('rebalance'))
  const asked = cluster.seen.length
  await cluster.close()
  t.equal((await words('show', 'cluster', 't')).length, 4, 'names are remembered')
  t.equal(cluster.seen.length, asked)
  for (const shell of SHELLS) t.match(completionScript(shell), 'aisctl __complete')
})

/** A lifecycle of one step, and what was done with it. */
function lifecycleOf(fails: boolean): {plan: LifecyclePlan; done: string[]} {
  const done: string[] = []
  const step = {
    id: 'h1/stop',
    title: 'stop t[x]',
    host: 'h1',
    preview: () => ['systemctl stop aisnode@target'],
    run: async () => {
      if (fails) throw new AisError({code: 'HOST_COMMAND', message: 'h1: it did not stop'})
      done.push('stopped')
    },
  }
  const plan: LifecyclePlan = {
    plan: {title: 'stop t[x]', steps: [step], parallel: 1},
    nodes: ['t[x]'],
    question: 'Stop t[x]?',
    destructive: true,
    conclude: () => ({
      line: 't[x] stopped. Start again: aisctl node start x',
      json: {nodes: ['x']},
    }),
    close: async () => void done.push('closed'),
  }
  return {plan, done}
}

t.test('what stops a node is echoed, asked, run, and always closed', async (t) => {
  const config = await loaded
  const topology = deployedTopology(t)
  const live = async (fails: boolean, ...words: string[]): Promise<Lived> => {
    const {plan, done} = lifecycleOf(fails)
    const lines: string[] = []
    class Stop extends LifecycleCommand {
      override log(line = ''): void {
        lines.push(line)
      }
      protected override logJson(): void {}
      override async catch(error: Error): Promise<never> {
        throw error
      }
      async run(): Promise<unknown> {
        const {flags} = await this.parse(Stop)
        return this.live(flags, {make: async () => plan, nodes: ['x']})
      }
    }
    const outcome = Stop.run(['--topology', topology, ...words], config)
    return {outcome: await outcome.catch((error: unknown) => error), lines, done}
  }
  const asked = await live(false)
  t.match(asked.outcome, {code: 'REFUSED'}, 'nobody can be asked here')
  t.strictSame(asked.done, ['closed'])
  t.strictSame(asked.lines, ['Nodes (1): t[x]'])
  const dry = await live(false, '--dry-run')
  t.match(dry.lines.join('\n'), /systemctl stop aisnode@target/)
  t.strictSame(dry.done, ['closed'])
  const failed = await live(true, '--yes', '--json')
  t.match(failed.outcome, {code: 'HOST_COMMAND', message: 'h1: it did not stop'})
  t.strictSame(failed.done, ['closed'])
  const done = await live(false, '--yes', '--json')
  t.strictSame(done.outcome, {nodes: ['x']})
  t.strictSame(done.done, ['stopped', 'closed'])
})

/** The file that a deploy has kept. */
function deployedTopology(t: Test): string {
  const state = {format: 1, generation: 1, topology: topologyOf()} as const
  return join(t.testdir({'deployed.json': formatSavedState(state)}), 'deployed.json')
}

t.test('a topology names its cluster, however many others are known', async (t) => {
  const config = await loaded
  const before = process.env['AISCTL_STATE_DIR']
  const topology = deployedTopology(t)
  process.env['AISCTL_STATE_DIR'] = join(topology, '..')
  t.teardown(() => {
    if (before === undefined) delete process.env['AISCTL_STATE_DIR']
    else process.env['AISCTL_STATE_DIR'] = before
  })
  for (const name of ['one', 'two']) {
    rememberCluster({name, uuid: name, kind: 'added', endpoints: [`http://${name}:1`]})
  }
  const asked: string[] = []
  class Shutdown extends LifecycleCommand {
    override log(): void {}
    override async catch(error: Error): Promise<never> {
      throw error
    }
    async run(): Promise<unknown> {
      const {flags} = await this.parse(Shutdown)
      const make = async ({topologyFile}: LifecycleOptions): Promise<LifecyclePlan> => {
        asked.push(topologyFile)
        return lifecycleOf(false).plan
      }
      return this.live(flags, {make, nodes: []})
    }
  }
  const run = (...words: string[]): Promise<unknown> => Shutdown.run([...words, '--yes'], config)
  await run('--topology', topology)
  t.strictSame(asked, [topology])
  await t.rejects(run(), {code: 'USAGE', message: '2 clusters are known: one, two'})
  await t.rejects(run('--topology', topology, '--cluster', 'two'), {
    code: 'USAGE',
    message: `${topology} is of sample, --cluster names two`,
  })
  t.equal(asked.length, 1)
})

interface Lived {
  readonly outcome: unknown
  readonly lines: readonly string[]
  readonly done: readonly string[]
}

t.test('the program ends with the documented exit codes, and says what to do', async (t) => {
  const version = await run(['--version'])
  const wrong = await run(['shwo', 'clusters'])
  const json = await run(['ls', '--json'], {env: {AIS_ENDPOINT: 'http://127.0.0.1:1'}})
  t.match(version, {status: 0, stdout: /^aisctl\/\d+\.\d+\.\d+ linux-/})
  t.match(wrong, {
    status: 2,
    stderr: /^Error: "shwo clusters" is not a command .*\n {2}did you mean: aisctl show clusters\n/,
  })
  t.equal(json.status, 5)
  t.match(JSON.parse(json.stdout), {
    error: {code: 'UNREACHABLE', exit: 5, message: /nothing listens there/},
  })
})
