/** Modules and playbooks of the collection against a pretended cluster, with Ansible itself. */

import {spawnSync} from 'node:child_process'
import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import t, {type Test} from 'tap'
import {parseEvent} from '../../plugins/ansible/src/events.ts'
import {hostsMeant} from '../../plugins/ansible/src/limit.ts'
import {playedLines} from '../../plugins/ansible/src/played.ts'
import {playOf} from '../../plugins/ansible/src/play.ts'
import {NODE_FLAG} from '../../src/model/node.ts'
import {runPlan} from '../../src/ops/plan/run.ts'
import {decodeLease} from '../../src/wire/operator-lease.ts'
import {startLeaderCluster, UUID, type LeaderCluster} from '../helpers/leader-cluster.ts'
import {
  ansiblePython,
  collectionsIn,
  inventoryNodes,
  playbookDirectory,
  runModule,
  type ModuleAnswer,
} from '../helpers/ops/ansible.ts'
import {operationAnswer, operationNode} from '../helpers/operation.ts'

const T1 = 'target01'
const python = ansiblePython()
const skip = python === undefined ? {skip: 'ansible is not installed'} : {}

interface There {
  readonly cluster: LeaderCluster
  /** Runs a module with the nodes of the cluster. */
  readonly run: (name: string, args?: object) => Promise<ModuleAnswer>
}

async function there(t: Test): Promise<There> {
  const cluster = await startLeaderCluster({gateways: 2, targets: 2})
  t.teardown(() => cluster.close())
  cluster.operation = () => operationAnswer()
  const found = {python: python ?? '', collections: collectionsIn(t.testdir())}
  const nodes = inventoryNodes(cluster)
  return {cluster, run: (name, args = {}) => runModule(found, name, {nodes, ...args})}
}

t.test('the gate is the cluster’s own word', skip, async (t) => {
  const {cluster, run} = await there(t)
  const restart = {stop: [T1], purpose: 'restart'}
  t.match(await run('ok_to_stop', restart), {safe: true, changed: false, heir: ''})
  t.match(await run('ok_to_stop', {stop: ['gateway1'], purpose: 'restart'}), {heir: 'gateway2'})
  t.match(await run('ok_to_stop', {stop: [T1]}), {failed: true, msg: /would answer 503/})
  t.match(await run('ok_to_stop', {stop: [T1], _ansible_check_mode: true}), {safe: false})
  await cluster.node('target02').stop()
  t.match(await run('ok_to_stop', {...restart, timeout: 1}), {
    failed: true,
    msg: /^target01 may not go down, and was not touched: t\[target02\] does not answer/,
  })
  t.match(await run('cluster_health', {timeout: 0, order: ['gateway1', T1]}), {
    primary: 'gateway1',
    order: [T1, 'gateway1'],
    unwell: {target02: 'does not answer'},
  })
})

t.test('a gateway that does not answer is passed over, a refusal is told', skip, async (t) => {
  const {cluster, run} = await there(t)
  await cluster.node('gateway1').stop()
  t.match(await run('primary', {gateway: 'gateway2'}), {changed: true, before: 'gateway1'})
  t.match(await run('primary', {gateway: 'gateway2'}), {changed: false})
  t.strictSame(cluster.orders, ['set-primary gateway2 at gateway2'])
  cluster.onSetPrimary = () => 'WRONG_STATE'
  t.match(await run('primary', {gateway: 'gateway1'}), {failed: true, code: 'WRONG_STATE'})
})

t.test('an order is given once, and only to nodes that it would change', skip, async (t) => {
  const {cluster, run} = await there(t)
  cluster.onOrder = () => 'g3'
  const order = {action: 'start-maintenance', ids: [T1, 'target02']}
  t.match(await run('node_lifecycle', {...order, _ansible_check_mode: true}), {changed: true})
  t.strictSame(cluster.orders, [], 'check mode orders nothing')
  const node = cluster.node('target02')
  node.member = {...node.member, flags: NODE_FLAG.maintenance}
  t.match(await run('node_lifecycle', order), {changed: true, ordered: [T1], rebalance: 'g3'})
  t.match(cluster.orders, [/^start-maintenance .*"sid":"target01".*"skip_rebalance":false/])
  const first = cluster.node(T1)
  first.member = {...first.member, flags: NODE_FLAG.maintenance}
  t.match(await run('node_lifecycle', order), {changed: false, ordered: []})
  const gone = {action: 'decommission', ids: ['target09']}
  t.match(await run('node_lifecycle', gone), {changed: false}, 'it has left')
  t.match(await run('node_lifecycle', {action: 'stop-maintenance', ids: [T1]}), {changed: true})
  t.match(await run('node_lifecycle', {action: 'shutdown', ids: [T1], rebalance: false}), {
    changed: true,
  })
  t.match(cluster.orders.at(-1), /^shutdown-node .*"skip_rebalance":true/)
})

t.test('a run tells others that it works, and hears when it may not', skip, async (t) => {
  const {cluster, run} = await there(t)
  const lease = {run: 'r1', who: 'alice', what: 'move rack 3'}
  const understood: unknown[] = []
  cluster.onOrder = (action, value) => {
    understood.push(decodeLease(action, value))
    return ''
  }
  t.match(await run('lease', lease), {changed: false, kept: true})
  t.match(await run('lease', {run: 'r1', state: 'released'}), {kept: true})
  t.match(understood, [
    {type: 'take-lease', ...lease, from: String, ttlMs: 60_000},
    {type: 'release-lease', run: 'r1'},
  ])
  await run('node_lifecycle', {action: 'start-maintenance', ids: [T1], run: 'r1'})
  t.match(cluster.orders.at(-1), /"run":"r1"/, 'an order says whose it is')
  await cluster.close()
  t.match(await run('lease', lease), {kept: false}, 'a cluster that is off keeps none')
})

t.test('a wait ends when the primary says so, and fails when it was in vain', skip, async (t) => {
  const {cluster, run} = await there(t)
  const node = cluster.node(T1)
  const out = {action: 'start-maintenance', ids: [T1], rebalance: 'g3'}
  const says = (status: string, holds: boolean, entry: number | null): void => {
    const move = entry === null ? null : {entry}
    const nodes = [operationNode(T1, {status, holds, objects: 7, left: 5})]
    cluster.operation = () => operationAnswer({rebalance: 'g3', move, nodes})
  }
  node.member = {...node.member, flags: NODE_FLAG.maintenance}
  says('maintenance', true, 120)
  t.match(await run('operation_wait', {...out, look: 1}), {
    ended: false,
    progress: 'g3: 7 objects moved, 5 left',
  })
  says('maintenance', false, null)
  t.match(await run('operation_wait', out), {ended: true, changed: false})
  says('maintenance', true, null)
  t.match(await run('operation_wait', out), {failed: true, msg: /do not power it off/})
  says('', true, null)
  t.match(await run('operation_wait', out), {failed: true, msg: /taken back/})
  cluster.operation = () => operationAnswer({inPlace: false})
  t.match(await run('operation_wait'), {failed: true, msg: /not everything is where/})
  cluster.operation = () => operationAnswer({live: false})
  t.match(await run('operation_wait', {timeout: 1}), {failed: true, msg: /not over/})
})

t.test('a whole cluster ends when it is the one that is meant', skip, async (t) => {
  const {cluster, run} = await there(t)
  t.match(await run('cluster_decommission', {uuid: 'another'}), {
    failed: true,
    code: 'WRONG_CLUSTER',
  })
  cluster.onOrder = () => {
    // After the answer, as nodes do.
    setTimeout(() => void cluster.close(), 100)
    return ''
  }
  t.match(await run('cluster_decommission', {uuid: UUID}), {changed: true, ended: {length: 4}})
  t.match(await run('cluster_decommission', {uuid: UUID}), {changed: false, ended: []})
})

t.test(
  'a rolling restart takes nodes in the order of the inventory, the primary last',
  skip,
  async (t) => {
    const {cluster} = await there(t)
    const directory = t.testdir()
    playbookDirectory(directory, cluster, python ?? '')
    for (const node of cluster.nodes) node.primary = 'gateway1'
    const logFile = join(directory, 'log')
    const play = playOf({
      directory,
      playbook: 'restart',
      hosts: ['h1', 'h2'],
      argv: ['--check', '--diff'],
      logFile,
    })
    const outcome = await runPlan(play.plan)
    t.strictSame([...outcome.errors.values()], [], readFileSync(logFile, 'utf8').slice(-2000))
    t.equal(play.exitCode(), 0)
    const steps = [...play.steps()].flatMap(([host, own]) => own.map((step) => `${host}: ${step}`))
    t.strictSame(steps.toSorted(), [
      'h1: set-primary gateway2',
      'h1: systemctl start aisnode@gateway1.service',
      'h1: systemctl start aisnode@gateway2.service',
      'h2: systemctl start aisnode@target01.service',
      'h2: systemctl start aisnode@target02.service',
    ])
    const order = readFileSync(logFile, 'utf8').matchAll(/^\+systemctl \w+ aisnode@(\w+)/gm)
    t.strictSame(
      [...order].map(([, id]) => id),
      ['target01', 'target02', 'gateway2', 'gateway1'],
    )
    t.strictSame(cluster.orders, [], 'check mode orders nothing')

    await cluster.node('target02').stop()
    const closed = playOf({
      directory,
      playbook: 'node_shutdown',
      hosts: ['h1', 'h2'],
      argv: [],
      logFile,
    })
    const failed = await runPlan(closed.plan)
    t.equal(closed.exitCode(), 2)
    t.match([...failed.errors.values()], [{message: /Name the nodes: --limit HOST/}])
  },
)

const TWICE = `
import importlib.util, sys
spec = importlib.util.spec_from_file_location('apply', sys.argv[1])
m = importlib.util.module_from_spec(spec); spec.loader.exec_module(m)
held = m.Host(sys.argv[2]).lock()
try: m.Host(sys.argv[2]).lock()
except m.ManifestError as error: print(error)
`

t.test('who finds a host in the hands of another run is told whose', (t) => {
  const holder = {run: 'r1', who: 'alice', from: 'bastion', what: 'node restart t1', sinceMs: 0}
  const root = t.testdir({run: {lock: {'aisctl.holder': JSON.stringify(holder)}}})
  const module = fileURLToPath(
    new URL('../../ansible/plugins/module_utils/apply.py', import.meta.url),
  )
  const {stdout} = spawnSync('python3', ['-B', '-c', TWICE, module, root], {encoding: 'utf8'})
  t.match(stdout, /alice from bastion runs "node restart t1" \(run r1\); nothing was changed here/)
  t.end()
})

t.test('events of a run are lines of JSON, and nothing else is listened to', (t) => {
  t.equal(parseEvent('PLAY [x]'), undefined)
  t.equal(parseEvent('3'), undefined)
  t.match(parseEvent('{"event":"result","host":"h1","ran_on":"h2","state":"ok"}'), {host: 'h2'})
  t.strictSame(hostsMeant(['h1', 'h2', 'h3'], 'h3, h1'), ['h1', 'h3'])
  t.strictSame(hostsMeant(['h1', 'h2'], 'aisnode_targets'), ['h1', 'h2'])
  t.strictSame(hostsMeant(['h1'], undefined), ['h1'])
  const played = {playbook: 'deploy', exit: 0, changed: ['h2'], steps: {h2: ['/etc/x']}, log: 'l'}
  t.strictSame(playedLines(played, undefined), [
    '  h2: /etc/x',
    'deploy is done; changed: h2. Look: aisctl show cluster',
  ])
  t.match(playedLines({...played, exit: 2}, new Error('h2: no')), [
    /h2/,
    'h2: no',
    /with 2; see: l/,
  ])
  t.end()
})
