/**
 * What nodes tell of a rebalance: the main thread's watch over a real kernel in virtual time, and
 * the answers of a gateway's listener.
 */

import t from 'tap'
import type {CommandResult} from '../../src/core/kernel/events.ts'
import type {LifecycleCommand} from '../../src/model/command.ts'
import type {NodeId} from '../../src/model/ids.ts'
import {NODE_FLAG} from '../../src/model/node.ts'
import type {MoveReport} from '../../src/model/peer-messages.ts'
import type {ClusterRecord} from '../../src/model/record.ts'
import type {NodeContext} from '../../src/node/http/context.ts'
import {
  createMovementWatch,
  type Movement,
  type MovementWatch,
} from '../../src/node/runtime/movement.ts'
import {parseJson, type JsonMap} from '../../src/wire/json.ts'
import {decodeNodeStatus} from '../../src/wire/node-status.ts'
import {decodeError} from '../../src/wire/error-body.ts'
import {collectHeaders} from '../../src/wire/headers.ts'
import {decodeOkToStop, okToStopQuery} from '../../src/wire/ok-to-stop.ts'
import {decodeOperation} from '../../src/wire/operation.ts'
import {freePort, gatewayOf, http, type HttpAnswer, member, NODES} from '../helpers/gateway.ts'
import {bucket, started, type Stage} from '../helpers/kernel-stage.ts'
import {startLeaderCluster} from '../helpers/leader-cluster.ts'

const LEADER = 0
const OUT = 5

const idOf = (stage: Stage, index: number): NodeId => stage.at(index).facts.self.id

function order(stage: Stage, action: LifecycleCommand['action']): CommandResult {
  return stage.ask(LEADER, {
    type: 'lifecycle',
    action,
    nodes: [idOf(stage, OUT)],
    skipRebalance: false,
    rmUserData: false,
    keepInitialConfig: false,
    noShutdown: false,
  })
}

/** What every target says of the rebalance that goes on. */
function report(stage: Stage, more: Partial<MoveReport>): void {
  const record = stage.record(LEADER)
  if (record.move === null) return
  for (const process of stage.processes) {
    if (process.facts.self.role !== 'target') continue
    process.reportMove({
      rebalance: record.rmd.version,
      entry: record.move.entry,
      state: 'walking',
      objects: 0,
      bytes: 0,
      sent: {},
      left: -1,
      problem: '',
      ...more,
    })
  }
}

interface Watched {
  readonly look: () => void
  readonly facts: () => Movement
}

function watched(stage: Stage, index: number): Watched {
  const watch: MovementWatch = createMovementWatch()
  const now = (): {nowMs: number; wallMs: number} => {
    const nowMs = stage.clock.nowMs()
    return {nowMs, wallMs: 1_795_280_400_000 + nowMs}
  }
  return {
    look: () => watch.look(stage.at(index).state(), now()),
    facts: () => watch.facts(stage.at(index).state(), now()),
  }
}

/** Runs while every node looks with each tick. */
function run(stage: Stage, watches: readonly Watched[], ms: number): void {
  for (let at = 0; at < ms; at += 100) {
    stage.run(100)
    for (const {look} of watches) look()
  }
}

t.test('the primary knows of every target how far it is, and how fast', (t) => {
  const stage = started(3, 3)
  stage.ask(LEADER, bucket('data'))
  const primary = watched(stage, LEADER)
  const target = watched(stage, OUT)
  const both = [primary, target]
  t.match(primary.facts(), {leads: true, nodes: [], rebalances: []})
  t.match(order(stage, 'start-maintenance'), {type: 'done', rebalance: 1})
  run(stage, both, 200)
  t.match(primary.facts().nodes[2], {
    state: 'unknown',
    left: null,
    holds: true,
    status: 'maintenance',
  })
  for (let second = 0; second < 5; second += 1) {
    report(stage, {objects: 10 * second, bytes: 1000 * second, left: 100 - 10 * second})
    run(stage, both, 1000)
  }
  const during = primary.facts()
  const [first] = during.nodes
  t.equal(during.nodes.length, 3)
  t.match(first, {state: 'walking', objects: 40, left: 60, problem: '', away: false})
  t.ok(Math.abs((first?.objectsPerSecond ?? 0) - 10) < 3, 'about ten a second')
  t.ok((first?.secondsLeft ?? 0) >= 4 && (first?.secondsLeft ?? 0) <= 9)
  t.ok((first?.heardMs ?? 0) > 1_795_280_400_000)
  t.match(during.rebalances, [{id: 'g1', state: 'running', endedMs: null}])
  t.match(target.facts(), {leads: false, rebalances: [{id: 'g1', state: 'running'}]})
  t.match(target.facts().rebalances[0]?.nodes, [{id: idOf(stage, OUT), objects: 40}], 'its part')
  report(stage, {objects: 3, bytes: 3, left: 7, problem: 'no space', state: 'failing'})
  run(stage, both, 2200)
  t.match(primary.facts().nodes[0], {state: 'failing', problem: 'no space'}, 'it began anew')
  t.ok((primary.facts().nodes[0]?.objectsPerSecond ?? -1) >= 0, 'and is not slower than nothing')
  report(stage, {objects: 100, bytes: 10_000, left: 0, state: 'clean'})
  run(stage, both, 3000)
  const after = primary.facts()
  t.match(after.rebalances, [{id: 'g1', state: 'finished', nodes: [{objects: 100}, {}, {}]}])
  t.match(after.nodes, [{id: idOf(stage, OUT), state: 'idle', holds: false, status: 'maintenance'}])
  t.match(target.facts().rebalances, [{id: 'g1', state: 'finished'}])
  t.match(after.reclaim, {targets: 3, done: 0, problems: [], silent: []}, 'then sources go')
  const [entry] = stage.record(LEADER).own
  const problem = 'its owner does not hold it'
  stage.at(OUT).reportReclaim({
    rebalance: 1,
    entry: entry?.index ?? 0,
    state: 'failing',
    objects: 7,
    bytes: 70,
    sent: {},
    left: 1,
    problem,
  })
  run(stage, both, 2200)
  t.match(primary.facts().reclaim, {
    objects: 7,
    problems: [{id: idOf(stage, OUT), problem}],
  })
  stage.at(OUT).kill(false)
  run(stage, [primary], 10_000)
  t.match(primary.facts().reclaim?.silent, [{id: idOf(stage, OUT), role: 'target'}])
  t.end()
})

t.test('what was overtaken or stopped is remembered as that, and not for ever', (t) => {
  const stage = started(3, 3)
  stage.ask(LEADER, bucket('data'))
  const primary = watched(stage, LEADER)
  order(stage, 'start-maintenance')
  run(stage, [primary], 300)
  order(stage, 'stop-maintenance')
  run(stage, [primary], 300)
  stage.ask(LEADER, {type: 'stop-rebalance'})
  run(stage, [primary], 300)
  const states = primary.facts().rebalances.map(({id, state}) => [id, state])
  t.strictSame(states, [
    ['g1', 'overtaken'],
    ['g2', 'stopped'],
  ])
  for (let again = 0; again < 20; again += 1) {
    stage.ask(LEADER, {type: 'start-rebalance'})
    run(stage, [primary], 100)
    stage.ask(LEADER, {type: 'stop-rebalance'})
    run(stage, [primary], 100)
  }
  const {rebalances} = primary.facts()
  t.equal(rebalances.length, 16)
  t.equal(rebalances.at(-1)?.id, 'g22')
  const idle = createMovementWatch()
  t.strictSame(idle.facts({phase: 'idle'}, {nowMs: 0, wallMs: 0}).rebalances, [])
  t.end()
})

const NOTE = {
  id: 'g3',
  state: 'running',
  entry: 3,
  beganMs: 1_795_280_400_000,
  endedMs: null,
  nodes: [{id: 'tTarget01', objects: 5, bytes: 500, inObjects: 2, inBytes: 40, problem: ''}],
} as const

const MOVEMENT: Movement = {
  leads: true,
  nodes: [],
  rebalances: [{...NOTE, id: 'g2', state: 'stopped', endedMs: 1_795_280_401_000}, NOTE],
  reclaim: null,
}

/** The record as it is while `g3` goes on. */
function moving(record: ClusterRecord): void {
  const own = [
    {index: 2, targets: ['tTarget01' as NodeId]},
    {index: 3, targets: ['tTarget02' as NodeId]},
  ]
  Object.assign(record, {own, move: {entry: 3}, rmd: {version: 3, epoch: 1, targetIds: []}})
}

t.test('a gateway tells what goes on, in our shape and in that of AIStore’s jobs', async (t) => {
  const {to, record} = await gatewayOf(t, NODES, {movement: async () => MOVEMENT})
  const ask = async (what: string, body = ''): Promise<unknown> => {
    const answer = await http(to, 'GET', `/v1/cluster?what=${what}`, {body})
    return answer.status === 200 ? parseJson(answer.body) : answer.status
  }
  t.match(decodeOperation((await ask('operation')) as JsonMap), {rebalance: '', inPlace: true})
  moving(record)
  t.match(decodeOperation((await ask('operation')) as JsonMap), {
    node: 'pGateway1',
    live: true,
    rebalance: 'g3',
    move: {entry: 3},
    ownFrom: 2,
    inPlace: false,
    rebalances: [{id: 'g2'}, {id: 'g3'}],
  })
  t.strictSame(await ask('running_all', '{"kind":"rebalance"}'), ['rebalance[g3]'])
  t.match(await ask('status', '{"id":"g2"}'), {kind: 'rebalance', uuid: 'g2', aborted: true})
  t.match(await ask('status', '{"ID":"g3"}'), {uuid: 'g3', end_time: 0, aborted: false})
  t.equal(await ask('status', '{"id":"g9"}'), 404)
  t.equal(((await ask('status_all')) as unknown[]).length, 2)
  t.equal(((await ask('status_all', '{"kind":"copy-bck"}')) as unknown[]).length, 0)
  t.match(await ask('qryxstats', '{"Kind":"rebalance","OnlyRunning":true}'), {
    tTarget01: [{id: 'g3', stats: {'out-objs': '5', 'out-bytes': '500'}}],
    tTarget02: [],
  })
  t.strictSame(Object.keys((await ask('qryxstats', '{"node":"tTarget02"}')) as object), [
    'tTarget02',
  ])
  t.equal(await ask('qryxstats', '{"id":"g9"}'), 404)
})

t.test('another gateway asks the primary, and answers itself when nobody is', async (t) => {
  const port = await freePort()
  const nodes = [member('pGateway1', 'proxy', port), ...NODES.slice(1)]
  const follower = {id: 'pFollow01' as NodeId}
  const other = await gatewayOf(t, nodes, follower)
  const hears = {id: 'pGateway1' as NodeId, live: true, silentSinceMs: 0, waiting: ''}
  const ask = async (): Promise<unknown> => {
    const {status, body} = await http(other.to, 'GET', '/v1/cluster?what=operation')
    return status === 200 ? decodeOperation(parseJson(body)) : status
  }
  t.match(await ask(), {node: 'pFollow01', live: false}, 'it hears no primary')
  other.setView({primary: hears})
  t.match(await ask(), {node: 'pFollow01', live: false}, 'the primary cannot be reached')
  const status = async (id: string): Promise<number> => {
    const body = JSON.stringify({id})
    return (await http(other.to, 'GET', '/v1/cluster?what=status', {body})).status
  }
  const heard = {...MOVEMENT, leads: false}
  const follows = await gatewayOf(t, nodes, {...follower, movement: async () => heard})
  const alone = async (id: string): Promise<number> => {
    const body = JSON.stringify({id})
    return (await http(follows.to, 'GET', '/v1/cluster?what=status', {body})).status
  }
  t.equal(await alone('g2'), 200, 'an end is an end')
  t.equal(await alone('g3'), 503, 'whether it still runs only a primary knows')
  t.equal(await alone('g9'), 503, 'nor whether there is a newer one')
  await gatewayOf(t, nodes, {port, movement: async () => MOVEMENT})
  t.match(await ask(), {node: 'pGateway1', live: true})
  t.strictSame([await status('g2'), await status('g3'), await status('g9')], [200, 200, 404])
})

t.test('a gateway judges whether nodes may be off, by what they say of themselves', async (t) => {
  const others = await startLeaderCluster({gateways: 1, targets: 2})
  t.teardown(() => others.close())
  const port = await freePort()
  const members = [member('pGateway1', 'proxy', port), ...others.nodes.map((one) => one.member)]
  const live = {id: 'pGateway1' as NodeId, live: true, silentSinceMs: 0, waiting: ''}
  const gateway = await gatewayOf(t, members, {port, movement: async () => MOVEMENT})
  gateway.setView({primary: live})
  const ask = async (...ids: readonly string[]): Promise<unknown> => {
    const answer = await http(gateway.to, 'GET', `/v1/cluster?${okToStopQuery(ids)}`)
    return answer.status === 200 ? decodeOkToStop(parseJson(answer.body)) : answer.status
  }
  t.match(await ask('target01'), {
    safe: false,
    nodes: [{id: 'target01', down: false, only: {objects: 12_000}}],
    moveTime: {seconds: Number},
    room: {targets: 1, availableBytes: Number},
    restart: {safe: true, heir: null},
  })
  t.match(await ask('pGateway1'), {nodes: [{isPrimary: true}], restart: {heir: 'gateway1'}})
  await others.node('target02').stop()
  t.match(await ask('target02'), {nodes: [{down: true, only: null}], restart: {safe: true}})
  t.match(await ask('target01'), {restart: {reasons: [/t\[target02\] does not answer/]}})
  t.strictSame([await ask('target09'), await ask('no such'), await ask()], [404, 404, 400])
})

t.test('a refusal names what is in the way, for people and for programs', async (t) => {
  const why = {code: 'BUSY', message: 'busy', hint: 'wait · or not', details: {op: 'm7'}} as const
  const {to} = await gatewayOf(t, NODES, {command: async () => ({type: 'refused', refusal: why})})
  const order = (action: string, value: object): Promise<HttpAnswer> =>
    http(to, 'PUT', '/v1/cluster', {body: JSON.stringify({action, value})})
  const busy = await order('start-maintenance', {sid: 'tTarget01'})
  t.equal(busy.status, 409)
  const headers = collectHeaders(Object.entries(busy.headers).flat() as string[])
  t.match(decodeError(409, headers, busy.body), why)
  t.equal((await order('start', {Kind: 'rebalance', flags: 16})).status, 409)
  t.equal((await order('stop', {ID: 'g3'})).status, 409)
  t.equal((await order('stop', {ID: 'x3', Kind: 'rebalance'})).status, 404)
  t.equal((await order('start', {Kind: 'copy-bck'})).status, 501)
  t.equal((await order('shutdown-node', {})).status, 400)
  t.equal((await order('shutdown-node', {sid: 'no such'})).status, 404)
})

t.test('a forced removal is the kernel command of that name', async (t) => {
  const heard: unknown[] = []
  const {to} = await gatewayOf(t, NODES, {
    command: async (command) => {
      heard.push(command)
      return {type: 'done', position: {epoch: 1, index: 9}}
    },
  })
  const remove = (value: object): Promise<HttpAnswer> =>
    http(to, 'PUT', '/v1/cluster', {body: JSON.stringify({action: 'rm-unsafe', value})})
  t.match(await remove({sid: 'tTarget01', skip_rebalance: true}), {status: 200, body: ''})
  t.strictSame(heard, [{type: 'remove-from-smap', nodes: ['tTarget01']}])
  t.equal((await remove({})).status, 400)
})

t.test('a shutdown of the whole cluster goes in order, the gateway that leads last', async (t) => {
  const said: string[] = []
  const up = new Set(['tTarget01', 'tTarget02', 'pOther001', 'pGateway1'])
  const nodes = [...NODES, member('pOther001', 'proxy', 52140)]
  const idAt = (port: number): string =>
    nodes.find(({control}) => control.port === port)?.id ?? 'nobody'
  const askControl: NodeContext['askControl'] = async ({port}, {put}) => {
    const id = idAt(port)
    if (put === undefined) {
      if (up.delete(id)) return ''
      throw new Error('refused')
    }
    if (id === 'tTarget02') throw new Error('it is off')
    said.push(`${(JSON.parse(put) as {action: string}).action} ${id}`)
    return ''
  }
  const {to, setResult} = await gatewayOf(t, nodes, {askControl})
  const order = (action: string): Promise<HttpAnswer> =>
    http(to, 'PUT', '/v1/cluster', {body: JSON.stringify({action, value: {rm_user_data: true}})})
  const told = async (count: number): Promise<void> => {
    while (said.length < count) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  t.equal((await order('shutdown')).status, 200)
  await told(3)
  t.strictSame(said, ['shutdown tTarget01', 'shutdown pOther001', 'shutdown pGateway1'])
  t.equal((await order('decommission')).status, 200)
  await told(6)
  t.equal(said[5], 'decommission pGateway1')
  setResult({type: 'refused', refusal: {code: 'NO_PRIMARY', message: 'nobody leads'}})
  t.equal((await order('decommission')).status, 503, 'its end for good takes a primary')
  t.equal((await order('shutdown')).status, 200, 'a stop does not')
  await told(9)
  t.equal(said.length, 9)
})

t.test('a node that is taken out answers for itself as long as it can', async (t) => {
  const port = await freePort()
  const gone = {...member('tTarget02', 'target', 52130), flags: NODE_FLAG.maintenance}
  const leaving = {...member('pOther001', 'proxy', port), flags: NODE_FLAG.maintenance}
  const nodes = [member('pGateway1', 'proxy', 52100), leaving, gone]
  await gatewayOf(t, nodes, {id: leaving.id, port})
  const {to} = await gatewayOf(t, nodes)
  const statusOf = async (id: string): Promise<ReturnType<typeof decodeNodeStatus>> => {
    const path = '/v1/reverse/daemon?what=node_status'
    const answer = await http(to, 'GET', path, {headers: {'ais-node-id': id}})
    t.equal(answer.status, 200)
    return decodeNodeStatus(parseJson(answer.body))
  }
  const true1 = await statusOf('pOther001')
  t.match(true1, {status: 'maintenance', version: '5.0.0'})
  t.ok(true1.system.memoryAvailableBytes > 0, 'its true figures')
  t.match(await statusOf('tTarget02'), {status: 'maintenance', version: ''}, 'it does not answer')
})

t.test('a target’s status tells its part in the rebalance', async (t) => {
  const role = 'target' as const
  const id = 'tTarget01' as NodeId
  const {to} = await gatewayOf(t, NODES, {id, role, movement: async () => MOVEMENT})
  const {body} = await http(to, 'GET', '/v1/daemon?what=node_status')
  t.match(parseJson(body), {
    rebalance_snap: {'id': 'g3', 'end-time': '0001-01-01T00:00:00Z', 'stats': {'out-objs': '5'}},
  })
  const none = await gatewayOf(t, NODES, {id, role})
  const answer = await http(none.to, 'GET', '/v1/daemon?what=node_status')
  t.notOk(answer.body.includes('rebalance_snap'))
})
