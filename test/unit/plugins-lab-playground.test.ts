/**
 * The playground: its plan, and real processes of a stand-in program that start, end and are found.
 */

import {spawn} from 'node:child_process'
import {existsSync, readFileSync, writeFileSync} from 'node:fs'
import {createServer} from 'node:net'
import {join} from 'node:path'
import t from 'tap'
import type {Test} from 'tap'
import {bringDown} from '../../plugins/lab/src/playground/down.ts'
import {findFreePorts, firstTaken, LOOPBACK} from '../../plugins/lab/src/playground/free-ports.ts'
import {
  endpointsOf,
  nodeFileOf,
  planRecord,
  portsNeeded,
} from '../../plugins/lab/src/playground/plan-nodes.ts'
import {runningPid} from '../../plugins/lab/src/playground/processes.ts'
import type {PlaygroundRecord} from '../../plugins/lab/src/playground/record.ts'
import {
  checkPlaygroundName,
  nodeDir,
  playgroundDir,
  playgroundNames,
  readRecord,
} from '../../plugins/lab/src/playground/record.ts'
import {statusOf} from '../../plugins/lab/src/playground/status.ts'
import {bringUp} from '../../plugins/lab/src/playground/up.ts'
import {describeUp} from '../../plugins/lab/src/playground/up-summary.ts'
import {knownClusters} from '../../src/client/known-clusters.ts'
import {parseNodeFile} from '../../src/model/config/node-file.ts'

/** Playgrounds of their own for one test. */
function ownState(t: Test): string {
  const before = process.env['AISCTL_STATE_DIR']
  const directory = t.testdir({})
  process.env['AISCTL_STATE_DIR'] = directory
  t.teardown(async () => {
    // Nothing stays behind, whatever failed.
    for (const name of playgroundNames()) {
      const record = readRecord(name)
      if (record !== undefined) await bringDown(record, {keepData: false})
    }
    if (before === undefined) delete process.env['AISCTL_STATE_DIR']
    else process.env['AISCTL_STATE_DIR'] = before
  })
  return directory
}

/**
 * Answers as a node that is ready and knows all others of its file; exits 78 when it is told to.
 */
const STAND_IN = `
import {readFileSync} from 'node:fs'
import {createServer} from 'node:http'
const file = JSON.parse(readFileSync(process.argv[3], 'utf8'))
if (file.foundingConfig?.fail) { console.log('it cannot start'); process.exit(78) }
const ids = readFileSync(process.argv[3].replace(/[^/]+\\/node.json$/, 'playground.json'), 'utf8')
const nodes = JSON.parse(ids).nodes.map(({id}) => [id, {}])
const map = JSON.stringify({pmap: Object.fromEntries(nodes), uuid: file.uuid})
const [host, port] = file.listen.public.split(':')
const server = createServer(({url}, response) => response.end(url.includes('smap') ? map : ''))
server.listen(Number(port), host)
process.on('SIGTERM', () => process.exit(0))
`

async function program(directory: string): Promise<{node: string; script: string}> {
  const script = join(directory, 'stand-in.mjs')
  writeFileSync(script, STAND_IN)
  // A child of a test would load the test runner's loader, too.
  const node = join(directory, 'node')
  writeFileSync(node, `#!/bin/sh\nNODE_OPTIONS= exec ${process.execPath} "$@"\n`, {mode: 0o755})
  return {node, script}
}

t.test('a plan gives every node its ports, one founder, and a file that the daemon takes', (t) => {
  ownState(t)
  const size = {proxies: 2, targets: 2, mountpaths: 3}
  const ports = Array.from({length: portsNeeded(size)}, (_, index) => 30_000 + index)
  const record = planRecord('big', size, ports)
  t.equal(new Set(record.nodes.map(({id}) => id)).size, 4)
  const files = record.nodes.map((node) => parseNodeFile(nodeFileOf(record, node)))
  t.strictSame(
    files.map((file) => 'role' in file && file.role),
    ['proxy', 'proxy', 'target', 'target'],
  )
  t.equal(files.filter((file) => 'bootstrap' in file).length, 1)
  const used = record.nodes.flatMap((node) => Object.values(node.ports))
  t.strictSame(
    [...new Set(used)].toSorted((a, b) => a - b),
    ports,
    'proxies use one port for control and data',
  )
  t.strictSame(endpointsOf(record), ['http://127.0.0.1:30000', 'http://127.0.0.1:30002'])
  t.throws(() => checkPlaygroundName('../x'), {code: 'BAD_NAME'})
  t.end()
})

t.test('what runs is said with what it survives, and how to get one that survives more', (t) => {
  ownState(t)
  const described = (proxies: number, targets: number): string => {
    const size = {proxies, targets, mountpaths: 1}
    const ports = Array.from({length: portsNeeded(size)}, (_, index) => 30_000 + index)
    const record = planRecord('small', size, ports)
    return describeUp({record, started: record.nodes, created: true, durationMs: 812}).join('\n')
  }
  const small = described(1, 2)
  t.match(small, /^Playground small \(1 proxy and 2 targets\) started in 810ms\.\nGateways: http/)
  t.match(small, /\nWarning: there is one gateway, .* playground up --proxies 3 --targets 4 /)
  t.match(small, /end: aisctl playground down --name small$/)
  const large = described(3, 4)
  t.match(large, /\nAny 2 of the 7 nodes may fail at a time: /)
  t.notMatch(large, /Warning/)
  t.end()
})

t.test('ports that somebody listens on are passed over', async (t) => {
  const [first = 0] = await findFreePorts(1, new Set())
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(first, LOOPBACK, resolve))
  t.teardown(() => server.close())
  const [second = 0, third = 0] = await findFreePorts(2, new Set([first + 1]))
  t.ok(second > first + 1 && third > second)
  t.equal(await firstTaken([second, first]), first)
  t.equal(await firstTaken([second]), undefined)
})

t.test('up starts what does not run, down ends it and leaves nothing', async (t) => {
  const directory = ownState(t)
  const options = {
    name: 'one',
    size: {proxies: 1, targets: 1, mountpaths: 1},
    program: () => program(directory),
    timeoutMs: 20_000,
  }
  const said: string[] = []
  const first = await bringUp({...options, onProgress: (text) => said.push(text)})
  t.equal(first.created, true)
  t.equal(said.at(-1), '2 of 2 nodes are ready')
  t.strictSame(playgroundNames(), ['one'])
  t.equal(knownClusters().clusters[0]?.uuid, first.record.uuid)
  t.equal((await statusOf(first.record)).ready, 2)
  const again = await bringUp(options)
  t.strictSame(again.started, [], 'nothing was to be done')
  const [, target] = first.record.nodes
  if (target === undefined) throw new Error('the record has a target')
  process.kill(runningPid(first.record, target) ?? 0, 'SIGKILL')
  // The signal is on its way: what looks alive would be waited for, and not started.
  for (let ms = 0; ms < 5000 && runningPid(first.record, target) !== undefined; ms += 10) {
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  const repaired = await bringUp(options)
  t.strictSame(
    repaired.started.map(({id}) => id),
    [target.id],
  )
  await t.rejects(bringUp({...options, size: {targets: 9}}), {code: 'REFUSED', hint: /--name/})
  const kept = await bringDown(first.record, {keepData: true})
  t.match(kept, {stopped: {length: 2}, killed: [], removed: null})
  t.ok(existsSync(join(nodeDir('one', target), 'mp1')))
  const gone = await bringDown(first.record, {keepData: false})
  t.equal(gone.removed, playgroundDir('one'))
  t.equal(readRecord('one'), undefined)
  t.strictSame(knownClusters().clusters, [])
})

t.test('several at once choose ports of their own', async (t) => {
  const directory = ownState(t)
  const made = await program(directory)
  const names = ['a1', 'a2', 'a3']
  const results = await Promise.all(
    names.map((name) =>
      bringUp({
        name,
        size: {proxies: 1, targets: 1, mountpaths: 1},
        program: async () => made,
        timeoutMs: 20_000,
      }),
    ),
  )
  const ports = results.flatMap(({record}) => record.nodes.map((node) => node.ports.public))
  t.equal(new Set(ports).size, 6)
  t.strictSame(playgroundNames(), names)
  await Promise.all(results.map(({record}) => bringDown(record, {keepData: false})))
})

t.test('a node that cannot start ends the wait with its last words', async (t) => {
  const directory = ownState(t)
  const failing = async (): Promise<{node: string; script: string}> => {
    const made = await program(directory)
    writeFileSync(
      made.script,
      STAND_IN.replace('file.foundingConfig?.fail', 'file.role === "target"'),
    )
    return made
  }
  const size = {proxies: 1, targets: 1, mountpaths: 1}
  const up = bringUp({name: 'two', size, program: failing, timeoutMs: 20_000})
  await t.rejects(up, {code: 'NOT_READY', message: /it cannot start/})
  await bringDown(readRecord('two') as PlaygroundRecord, {keepData: false})
})

t.test('a stranger that has got the pid of a node is neither a node nor ended', async (t) => {
  const directory = ownState(t)
  const {record} = await bringUp({
    name: 'three',
    size: {proxies: 1, targets: 1, mountpaths: 1},
    program: () => program(directory),
    timeoutMs: 20_000,
  })
  const [proxy] = record.nodes
  if (proxy === undefined) throw new Error('the record has a proxy')
  process.kill(runningPid(record, proxy) ?? 0, 'SIGKILL')
  const stranger = spawn('sleep', ['60'])
  t.teardown(() => stranger.kill())
  const file = join(nodeDir('three', proxy), 'pid.json')
  const {startTicks} = JSON.parse(readFileSync(file, 'utf8')) as {startTicks: string}
  writeFileSync(file, JSON.stringify({pid: stranger.pid, startTicks: `${Number(startTicks) - 1}`}))
  t.equal(runningPid(record, proxy), undefined)
  await bringDown(record, {keepData: false})
  t.equal(stranger.exitCode, null)
  t.equal(stranger.signalCode, null)
})

t.test('a port that was taken meanwhile is named at once', async (t) => {
  const directory = ownState(t)
  const options = {
    name: 'four',
    size: {proxies: 1, targets: 1, mountpaths: 1},
    program: () => program(directory),
    timeoutMs: 20_000,
  }
  const {record} = await bringUp(options)
  await bringDown(record, {keepData: true})
  const port = record.nodes[0]?.ports.public ?? 0
  t.equal(await firstTaken([port]), undefined, 'it is let go')
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(port, LOOPBACK, resolve))
  t.teardown(() => server.close())
  await t.rejects(bringUp(options), {code: 'REFUSED', message: /is taken by another program/})
  await bringDown(record, {keepData: false})
})
