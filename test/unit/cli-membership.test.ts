/**
 * Taking nodes out and in, from the operator's side: words, questions, the line that says what is
 * true, what a wait waits for. Against a pretended cluster that says what the test says.
 */

import {mkdirSync, readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import type {Config, Interfaces} from '@oclif/core'
import t from 'tap'
import type {Test} from 'tap'
import {AisError} from '../../src/base/errors.ts'
import type {AisctlCommand} from '../../src/cli/command.ts'
import AdvancedRemoveFromSmap from '../../src/cli/commands/advanced/remove-from-smap.ts'
import ClusterDecommission from '../../src/cli/commands/cluster/decommission.ts'
import ClusterShutdown from '../../src/cli/commands/cluster/shutdown.ts'
import NodeAdoptData from '../../src/cli/commands/node/adopt-data.ts'
import NodeDecommission from '../../src/cli/commands/node/decommission.ts'
import NodeMaintenanceStart from '../../src/cli/commands/node/maintenance/start.ts'
import NodeMaintenanceStop from '../../src/cli/commands/node/maintenance/stop.ts'
import NodeOkToStop from '../../src/cli/commands/node/ok-to-stop.ts'
import NodeShutdown from '../../src/cli/commands/node/shutdown.ts'
import RebalanceStart from '../../src/cli/commands/rebalance/start.ts'
import RebalanceStop from '../../src/cli/commands/rebalance/stop.ts'
import RebalanceWait from '../../src/cli/commands/rebalance/wait.ts'
import ShowJob from '../../src/cli/commands/show/job.ts'
import {loadConfig} from '../../src/cli/main.ts'
import {
  departureStyle,
  departureText,
  progressText,
  timeText,
} from '../../src/cli/render/departure-view.ts'
import {plain} from '../../src/cli/render/paint.ts'
import {clusterPage, rolePage} from '../../src/cli/show/cluster-page.ts'
import {rebalancePage} from '../../src/cli/show/rebalance-page.ts'
import {awaitDeparture} from '../../src/client/await-departure.ts'
import type {ClusterClient} from '../../src/client/cluster.ts'
import {openCluster} from '../../src/client/cluster.ts'
import {departureOf} from '../../src/client/departure.ts'
import {okToStop} from '../../src/client/ok-to-stop.ts'
import {awaitRebalance} from '../../src/client/rebalance.ts'
import {planRemoval} from '../../src/client/remove-node.ts'
import {meantNodes} from '../../src/client/take-out.ts'
import {endCluster, wholeCluster} from '../../src/client/whole-cluster.ts'
import type {NodeId} from '../../src/model/ids.ts'
import {NODE_FLAG} from '../../src/model/node.ts'
import type {Operation} from '../../src/model/record.ts'
import {encodeAdopted, type Adopted} from '../../src/wire/adopt.ts'
import {encodeJson} from '../../src/wire/json.ts'
import type {OperationAnswer, RebalanceNote} from '../../src/wire/operation.ts'
import type {LeaderCluster} from '../helpers/leader-cluster.ts'
import {startLeaderCluster, UUID} from '../helpers/leader-cluster.ts'
import {AT, operationAnswer as operation, operationNode as part} from '../helpers/operation.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const SNAPSHOTS = join(ROOT, 'test/unit/snapshots')
const loaded = loadConfig(ROOT, false)
const T1 = 'target01' as NodeId
const T2 = 'target02' as NodeId

/** Compares with a file; UPDATE_SNAPSHOTS=1 writes it anew, and the diff is reviewed. */
function matches(t: Test, name: string, found: string): void {
  const file = join(SNAPSHOTS, name)
  if (process.env['UPDATE_SNAPSHOTS'] === '1') {
    mkdirSync(SNAPSHOTS, {recursive: true})
    writeFileSync(file, found)
  }
  t.equal(found, readFileSync(file, 'utf8'), name)
}

function note(id: string, more: Partial<RebalanceNote> = {}): RebalanceNote {
  return {id, state: 'running', entry: 120, beganMs: AT, endedMs: null, nodes: [], ...more}
}

function ended(id: string, state: RebalanceNote['state']): RebalanceNote {
  const nodes = [
    {id: T1, objects: 1234, bytes: 5_000_000, inObjects: 0, inBytes: 0, problem: ''},
    {id: T2, objects: 0, bytes: 0, inObjects: 1234, inBytes: 5_000_000, problem: ''},
  ]
  return note(id, {state, endedMs: AT + 12_000, nodes})
}

const MOVING = operation({
  move: {entry: 120},
  rebalance: 'g3',
  inPlace: false,
  nodes: [
    part(T1, {
      status: 'maintenance',
      objects: 766,
      bytes: 3_000_000,
      left: 1234,
      objectsPerSecond: 100,
      bytesPerSecond: 400_000,
      secondsLeft: 12.3,
    }),
    part(T2, {state: 'clean', inObjects: 766, inBytes: 3_000_000, left: 0, secondsLeft: 0}),
  ],
  rebalances: [note('g3')],
})

const MOVED = operation({
  rebalance: 'g3',
  nodes: [part(T1, {status: 'maintenance', state: 'idle', holds: false})],
  rebalances: [ended('g3', 'finished')],
})

function opOf(action: Operation['action'], phase: Operation['phase']): Operation {
  return {
    id: 'm120',
    action,
    nodes: [T1],
    phase,
    rmUserData: false,
    keepInitialConfig: false,
    noShutdown: false,
  }
}

interface Pretended {
  readonly cluster: LeaderCluster
  readonly client: ClusterClient
  /** Says these one after the other; the last one for ever. */
  readonly tells: (...answers: readonly OperationAnswer[]) => void
}

/** Asks again while the machine is too busy to answer in the time of a status. */
async function untilAnswered(ask: () => Promise<unknown>): Promise<void> {
  for (let tries = 0; tries < 10; tries++) {
    const answer = await ask().catch((error: unknown) => error)
    if (!(answer instanceof Error)) return
  }
}

async function pretended(t: Test): Promise<Pretended> {
  const cluster = await startLeaderCluster({gateways: 3, targets: 3})
  t.teardown(() => cluster.close())
  const client = openCluster({endpoints: [cluster.node('gateway1').url]})
  // The first question loads what asks: on a busy machine that takes longer than an answer may.
  await client.smap()
  await untilAnswered(() => client.nodeStatus(T1))
  const tells = (...answers: readonly OperationAnswer[]): void => {
    const rest = [...answers]
    cluster.operation = () => (rest.length > 1 ? rest.shift() : rest[0]) ?? null
  }
  return {cluster, client, tells}
}

function flag(cluster: LeaderCluster, id: string, flags: number): void {
  const node = cluster.node(id)
  node.member = {...node.member, flags}
}

interface Said {
  readonly lines: readonly string[]
  readonly warnings: readonly string[]
  readonly outcome: unknown
}

type CommandClass = (new (argv: string[], config: Config) => AisctlCommand) & {
  run(argv: string[], config: Interfaces.LoadOptions): Promise<unknown>
}

/** Runs a command in this process; what it printed, and what it returned or threw. */
async function say(
  Base: CommandClass,
  {cluster}: Pretended,
  ...words: readonly string[]
): Promise<Said> {
  const lines: string[] = []
  const warnings: string[] = []
  class Told extends (Base as new (argv: string[], config: Config) => AisctlCommand) {
    override log(line = ''): void {
      lines.push(line)
    }
    override warn(input: Error | string): Error | string {
      warnings.push(String(input))
      return input
    }
    protected override logJson(): void {}
    override async catch(error: Error): Promise<never> {
      throw error
    }
    async run(): Promise<unknown> {
      return Base.prototype.run.call(this) as Promise<unknown>
    }
  }
  const argv = [...words, '--cluster', cluster.node('gateway1').url]
  const command = Told as unknown as CommandClass
  const outcome = command.run(argv, await loaded).catch((error: unknown) => error)
  return {outcome: await outcome, lines, warnings}
}

t.test('how far a node is that is taken out, is read from the map and the primary’s word', (t) => {
  const member = {id: T1, role: 'target', flags: NODE_FLAG.maintenance} as const
  const gateway = {id: 'gateway2' as NodeId, role: 'proxy', flags: NODE_FLAG.maintenance} as const
  const state = (answer: OperationAnswer | null): string | undefined =>
    departureOf(member, answer)?.state
  t.equal(departureOf({...member, flags: 0}, MOVING), null, 'it is not taken out')
  t.equal(state(MOVING), 'moving')
  t.equal(state({...MOVING, move: null}), 'not-moved')
  t.equal(state(MOVED), 'safe')
  t.equal(state({...MOVED, op: opOf('shutdown-node', 'finalizing')}), 'carrying-out')
  t.equal(state({...MOVED, op: opOf('start-maintenance', 'moving')}), 'safe')
  t.equal(state(null), 'unknown', 'nobody tells')
  const moved = {...member, flags: member.flags | NODE_FLAG.maintenancePostRebalance}
  t.equal(departureOf(moved, null)?.state, 'safe', 'the map says so itself')
  t.equal(departureOf(gateway, null)?.safeToPowerOff, true, 'a gateway has no data')
  t.end()
})

t.test('the words say what the colour says', (t) => {
  const member = {id: T1, role: 'target', flags: NODE_FLAG.maintenance} as const
  const said = (answer: OperationAnswer | null): readonly string[] => {
    const departure = departureOf(member, answer)
    if (departure === null) throw new Error('it is taken out')
    return [departureStyle(departure), departureText('maintenance', departure)]
  }
  const [first] = MOVING.nodes
  const bad = {...MOVING, nodes: [{...(first ?? part(T1)), problem: 'no space', left: null}]}
  t.strictSame(said(MOVING), ['red', 'maintenance (moving, 13 s left)'])
  const untimed = {...MOVING, nodes: [{...(first ?? part(T1)), secondsLeft: null}]}
  t.strictSame(said(untimed), ['red', 'maintenance (moving, 1,234 objects left)'])
  t.strictSame(said(bad), ['red', 'maintenance (moving, with errors, 13 s left)'])
  t.strictSame(said({...MOVING, move: null}), ['red', 'maintenance (data not moved)'])
  t.strictSame(said(MOVED), ['cyan', 'maintenance (safe to power off)'])
  t.strictSame(said({...MOVED, op: opOf('shutdown-node', 'finalizing')}), [
    'red',
    'maintenance (data moved, leaving)',
  ])
  t.match(said(null)[1], /not known whether/)
  t.equal(timeText(200), '3m20s')
  t.equal(
    progressText(MOVING),
    'g3: 766 objects (2.86MiB) moved, 1,234 left, 390.63KiB/s, 13 s left',
  )
  t.match(progressText({...bad, live: true}), /, t\[target01\]: no space$/)
  const silent = {...MOVING, nodes: [...MOVING.nodes, part('target03', {state: 'unknown'})]}
  t.equal(
    progressText(silent),
    'g3: 766 objects (2.86MiB) moved, 390.63KiB/s, waits for t[target03]',
  )
  t.match(progressText({...MOVING, live: false}), /no primary at present/)
  t.equal(
    progressText({...MOVED, op: opOf('shutdown-node', 'finalizing')}),
    'shutdown-node of target01: finalizing',
  )
  t.end()
})

t.test(
  'status shows a node that is taken out with its figures, and whether it is safe',
  async (t) => {
    const {cluster, client, tells} = await pretended(t)
    flag(cluster, T1, NODE_FLAG.maintenance)
    tells(MOVING)
    const moving = await rolePage(client, 'target', {node: undefined, paint: plain})
    tells(MOVED)
    const moved = await rolePage(client, 'target', {node: undefined, paint: plain})
    matches(t, 'show-target-leaving.txt', `${[...moving.lines, '', ...moved.lines].join('\n')}\n`)
    t.match(moving.json, {
      nodes: [{id: T1, safe_to_power_off: false, data: 'moving', objects_left: 1234}, {id: T2}],
    })
    const {json} = await clusterPage(client, plain)
    const {nodes} = json as {nodes: {id: string; safe_to_power_off?: boolean}[]}
    t.equal(nodes.find(({id}) => id === T1)?.safe_to_power_off, true)
    t.notOk(nodes.some(({id, safe_to_power_off: safe}) => id === T2 && safe !== undefined))
    cluster.operation = () => null
    const untold = await rolePage(client, 'target', {node: T1, paint: plain})
    t.match(untold.lines[1], /maintenance \(not known whether its data has moved\)/)
  },
)

t.test('the tables of a rebalance', async (t) => {
  const {client, tells} = await pretended(t)
  const page = async (all: boolean, id?: string): Promise<string> => {
    const options = {all, paint: plain, ...(id === undefined ? {} : {id})}
    return (await rebalancePage(client, options)).lines.join('\n')
  }
  tells({...MOVING, rebalances: [ended('g1', 'stopped'), ended('g2', 'overtaken'), note('g3')]})
  const texts = [await page(false), await page(true), await page(false, 'g1')]
  tells(MOVED)
  texts.push(await page(false), await page(true))
  tells({...MOVED, rebalances: [{...ended('g2', 'finished'), nodes: []}, ended('g3', 'finished')]})
  texts.push(await page(true), await page(true, 'g2'))
  const problems = [{id: T2, problem: 'the owner of "a" does not hold it'}]
  tells({
    ...MOVED,
    reclaim: {targets: 3, done: 2, objects: 766, bytes: 3_000_000, problems, silent: []},
  })
  texts.push(await page(false))
  tells(operation({inPlace: false}))
  texts.push(await page(true))
  tells(operation({live: false}))
  texts.push(await page(false))
  matches(t, 'show-rebalance.txt', `${texts.join('\n\n')}\n`)
  await t.rejects(page(false, 'g9'), {code: 'JOB_NOT_FOUND', hint: 'there never was one'})
})

t.test('every order ends with what is true and what to type next', async (t) => {
  const there = await pretended(t)
  const {cluster, tells} = there
  const lines: string[] = []
  const noted = async (Base: CommandClass, ...words: readonly string[]): Promise<void> => {
    const {lines: said, outcome} = await say(Base, there, ...words)
    if (outcome instanceof Error) throw outcome
    lines.push(`$ ${words.join(' ')}`, ...said, '')
  }
  cluster.onOrder = () => 'g3'
  tells(MOVING)
  await noted(NodeMaintenanceStart, T1, '-y')
  await noted(NodeMaintenanceStop, T1)
  await noted(NodeShutdown, T1, T2, '-y')
  await noted(NodeDecommission, 't[target01]', '--rm-user-data', '-y')
  await noted(RebalanceStart)
  await noted(RebalanceStop)
  tells(MOVED)
  await noted(NodeMaintenanceStart, T1, '-y', '--wait')
  await noted(NodeMaintenanceStop, T1, '--wait')
  await noted(RebalanceStart, '--wait')
  await noted(RebalanceWait, 'g3')
  cluster.onOrder = () => ''
  await noted(NodeMaintenanceStart, 'gateway2', '-y')
  await noted(NodeMaintenanceStop, T1, '--no-rebalance')
  await noted(NodeShutdown, 'gateway2', '-y')
  await noted(NodeDecommission, 'gateway2', '-y')
  await noted(RebalanceStart)
  await noted(RebalanceStop)
  tells({...MOVING, move: null})
  await noted(NodeMaintenanceStart, T1, '-y', '--no-rebalance')
  await noted(NodeShutdown, T1, '-y', '--no-rebalance')
  matches(t, 'membership.txt', lines.join('\n'))
  t.match(cluster.orders[3], /^decommission-node .*"sids":\["target01"\].*"rm_user_data":true/)
})

t.test('what stops serving is asked about, and never without somebody to answer', async (t) => {
  const there = await pretended(t)
  const {cluster} = there
  for (const Base of [NodeMaintenanceStart, NodeShutdown, NodeDecommission]) {
    const {lines, outcome} = await say(Base, there, T1, T2)
    t.strictSame(lines, ['Nodes (2): t[target01], t[target02]'])
    t.match(outcome, {code: 'REFUSED', message: /no terminal.*24,000 objects/, hint: /-y/})
  }
  const primary = await say(NodeShutdown, there, 'gateway1', '-y')
  t.match(primary.outcome, {code: 'WRONG_STATE', hint: /set-primary gateway2$/})
  for (const id of ['gateway2', 'gateway3']) flag(cluster, id, NODE_FLAG.nonElectable)
  const sole = await say(NodeShutdown, there, 'gateway1', '-y')
  t.match(sole.outcome, {code: 'WRONG_STATE', hint: /no other gateway could lead/})
  t.match((await say(NodeShutdown, there, 'nosuch', '-y')).outcome, {code: 'NODE_NOT_FOUND'})
  t.match((await say(ShowJob, there, 'copy-bucket')).outcome, {code: 'USAGE'})
  t.strictSame(cluster.orders, [], 'nothing was ordered')
})

t.test('the end of a whole cluster is asked about by its name, and waited for', async (t) => {
  const there = await pretended(t)
  const {cluster, client} = there
  for (const Base of [ClusterShutdown, ClusterDecommission]) {
    const {outcome} = await say(Base, there)
    t.match(outcome, {code: 'REFUSED', message: /no terminal/, hint: /-y/})
  }
  t.strictSame(cluster.orders, [])
  await cluster.node('target03').stop()
  const lines: string[] = []
  const only = await say(ClusterShutdown, there, '--dry-run')
  lines.push(...only.lines, '')
  t.match(only.outcome, {done: false, off: ['target03']})
  const whole = await wholeCluster(client, UUID)
  const order = {action: 'shutdown', removeUserData: false, keepInitialConfig: false} as const
  const late = endCluster(client, whole, {order, timeoutMs: 1, onProgress: () => undefined})
  await t.rejects(late, {code: 'TIMED_OUT', message: /t\[target01\].* still there/})
  const ends = (): string => {
    setImmediate(() => void cluster.close())
    return ''
  }
  cluster.onOrder = ends
  lines.push(...(await say(ClusterShutdown, there, '-y')).lines, '')
  const again = await pretended(t)
  await again.cluster.node('target03').stop()
  again.cluster.onOrder = () => {
    setImmediate(() => void again.cluster.close())
    return ''
  }
  lines.push(...(await say(ClusterDecommission, again, '-y', '--rm-user-data')).lines, '')
  t.match(again.cluster.orders[0], /^decommission .*"rm_user_data":true/)
  matches(t, 'whole-cluster.txt', lines.join('\n'))
})

const OP = opOf('decommission-node', 'moving')
const LONG_SILENT = {...part(T1, {status: 'decommission', left: 5}), heardMs: AT - 40_000}

t.test('who holds up what goes on is named, with both ways on', async (t) => {
  const {cluster, client, tells} = await pretended(t)
  const shown = async (answer: OperationAnswer): Promise<string> => {
    tells(answer)
    return (await rebalancePage(client, {all: false, paint: plain})).lines.join('\n')
  }
  const others = [part(T2, {state: 'clean', heardMs: AT - 90_000})]
  const dead = {...MOVING, op: OP, nodes: [LONG_SILENT, ...others]}
  const halted = {
    ...dead,
    move: null,
    nodes: [{...LONG_SILENT, state: 'idle', away: true}],
  } as const
  const told = opOf('decommission-node', 'finalizing')
  const nodes = [{...LONG_SILENT, state: 'idle', heardMs: null, holds: false}] as const
  const sweep = {targets: 3, done: 1, objects: 0, bytes: 0, problems: []}
  const silent = [T1, T2].map((id) => ({id, role: 'target', heardMs: AT - 300_000}) as const)
  const texts = [
    await shown(dead),
    await shown(halted),
    await shown({...MOVED, op: told, nodes}),
    await shown({...MOVED, reclaim: {...sweep, silent}}),
  ]
  matches(t, 'show-rebalance-silent.txt', `${texts.join('\n\n')}\n`)
  t.match(progressText(dead), /^g3: .*, t\[target01\] has not answered for 40s$/)
  t.match(departureOf({id: T1, role: 'target', flags: NODE_FLAG.decommission}, dead), {
    state: 'silent',
    safeToPowerOff: false,
  })
  tells(dead)
  await t.rejects(awaitRebalance(client, {id: 'g3', timeoutMs: 1}), {
    code: 'TIMED_OUT',
    message: /g3 goes on after 1ms: t\[target01\] has not answered for 40s/,
    hint: 'start it: aisctl node start target01 · if it will never come back: aisctl advanced remove-from-smap target01',
  })
  flag(cluster, T1, NODE_FLAG.decommission)
  const page = await clusterPage(client, plain)
  t.match(page.lines.join('\n'), /decommission-node of target01 waits: .*\nStart it: aisctl node/)
  t.notMatch(await shown(MOVING), /waits/, 'whoever was heard just now holds up nothing')
  t.notMatch(await shown({...dead, live: false}), /waits/, 'only the primary knows')
})

t.test('a wait for a rebalance ends with what became of it, and not before', async (t) => {
  const {client, tells} = await pretended(t)
  const wait = (id?: string) =>
    awaitRebalance(client, {timeoutMs: 5000, ...(id === undefined ? {} : {id})})
  tells(MOVING, {...MOVING, live: false, move: null, inPlace: true}, MOVING, MOVED)
  t.match(
    await wait('g3'),
    {id: 'g3', objects: 1234, tookMs: 12_000},
    'a deaf gateway ends nothing',
  )
  tells(operation())
  t.match(await wait(), {id: ''})
  tells(MOVING, {...MOVED, rebalances: [ended('g3', 'stopped')], inPlace: false})
  await t.rejects(wait(), {code: 'PARTIAL', exit: 6})
  const lost = part(T2, {state: 'idle', status: 'lost', away: true})
  const halted = {...MOVED, rebalances: [ended('g3', 'stopped')], inPlace: false, nodes: [lost]}
  tells(halted)
  await t.rejects(wait(), {
    code: 'PARTIAL',
    hint: 'it begins again by itself when it is back: aisctl node start target02 · if it will never come back: aisctl advanced remove-from-smap target02',
  })
  const shown = await rebalancePage(client, {all: false, paint: plain})
  t.match(shown.lines[0], /t\[target02\] does not answer; start it: aisctl node start target02/)
  tells({...halted, op: opOf('decommission-node', 'moving')}, MOVED)
  t.match(await wait(), {id: 'g3'}, 'an operation is resumed')
  tells(MOVED)
  await t.rejects(wait('g4'), {code: 'JOB_NOT_FOUND'})
  await t.rejects(wait('copy'), {code: 'USAGE'})
  const newer = {move: {entry: 130}, rebalance: 'g4', inPlace: false}
  const over = ended('g3', 'overtaken')
  tells(
    MOVING,
    operation({...newer, rebalances: [over, note('g4')]}),
    operation({rebalance: 'g4', rebalances: [over, ended('g4', 'finished')]}),
  )
  t.match(await wait('g3'), {asked: 'g3', id: 'g4'}, 'the newer one moves the rest')
  tells(operation({rebalance: 'g4', rebalances: [over, ended('g4', 'finished')]}))
  t.match(await wait('g3'), {id: 'g4'})
  tells(operation({rebalance: 'g4', rebalances: [over, ended('g4', 'stopped')]}))
  await t.rejects(wait('g3'), {code: 'PARTIAL'})
})

t.test('a wait that names nothing waits until everything is in its place', async (t) => {
  const {client, tells} = await pretended(t)
  const wait = (id?: string) =>
    awaitRebalance(client, {timeoutMs: 5000, ...(id === undefined ? {} : {id})})
  tells(operation({rebalance: 'g3', rebalances: [ended('g3', 'finished')], inPlace: false}))
  await t.rejects(wait(), {code: 'PARTIAL', message: /not everything is where it belongs/})
  t.match(await wait('g3'), {id: 'g3'}, 'that one is done')
  tells(operation({rebalance: 'g3', inPlace: false}))
  await t.rejects(wait('g3'), {code: 'JOB_NOT_FOUND', hint: 'there never was one'})
  tells(MOVING)
  const late = awaitRebalance(client, {timeoutMs: 1})
  await t.rejects(late, {code: 'TIMED_OUT', message: /g3 goes on after 1ms/})
})

t.test('a silent cluster ends no wait at once, and one that does not tell is named', async (t) => {
  const {cluster, client} = await pretended(t)
  let silent = 2
  const heard: string[] = []
  const client2: ClusterClient = {
    ...client,
    membership: {
      ...client.membership,
      operation: async () => {
        silent -= 1
        if (silent >= 0) throw new AisError({code: 'UNREACHABLE', message: 'no gateway answers'})
        return MOVED
      },
    },
  }
  const looks = {timeoutMs: 5000, onSilence: ({message}: AisError) => void heard.push(message)}
  t.match(await awaitRebalance(client2, {id: 'g3', ...looks}), {id: 'g3'})
  t.strictSame(heard, ['no gateway answers', 'no gateway answers'])
  silent = 99
  await t.rejects(awaitRebalance(client2, {...looks, silenceMs: 1}), {code: 'UNREACHABLE'})
  await t.rejects(awaitRebalance(client2, {...looks, timeoutMs: 1}), {
    code: 'TIMED_OUT',
    message: /no rebalance was heard of after 1ms: no gateway has answered/,
  })
  cluster.operation = () => null
  await t.rejects(awaitRebalance(client, looks), {code: 'UNSUPPORTED', message: /does not tell/})
})

t.test('a wait for nodes ends when they are out, and fails when they come back', async (t) => {
  const {client, tells} = await pretended(t)
  const nodes = [{id: T1, role: 'target'}] as const
  const wait = (action: 'start-maintenance' | 'shutdown-node' | 'decommission-node') =>
    awaitDeparture(client, {action, nodes, moves: true, timeoutMs: 5000})
  const busy = {...MOVING, op: opOf('start-maintenance', 'moving')}
  tells(busy, MOVING, MOVED)
  await wait('start-maintenance')
  tells(busy, {...MOVING, move: null})
  await t.rejects(wait('start-maintenance'), {code: 'PARTIAL', message: /do not power it off/})
  tells(busy, operation())
  await t.rejects(wait('start-maintenance'), {code: 'PARTIAL', message: /taken back/})
  const [still = part(T1)] = MOVED.nodes
  tells(MOVED, {...MOVED, nodes: [{...still, away: true}]})
  await wait('shutdown-node')
  const leaving = {...still, status: 'decommission'}
  tells({...MOVED, nodes: [leaving]})
  const gone = awaitDeparture(client, {
    action: 'decommission-node',
    nodes: [{id: 'target09', role: 'target'}],
    moves: true,
    timeoutMs: 5000,
  })
  await gone
  const late = awaitDeparture(client, {
    action: 'decommission-node',
    nodes,
    moves: true,
    timeoutMs: 1,
  })
  await t.rejects(late, {code: 'TIMED_OUT', message: /^t\[target01\] not out after 1ms/})
})

t.test('ok-to-stop says yes only when nothing at all would be missing', async (t) => {
  const there = await pretended(t)
  const {cluster, client, tells} = there
  tells(operation({nodes: []}))
  t.match(await okToStop(client, ['gateway2']), {
    safe: true,
    reasons: [],
    quorum: {holds: true, without: {up: 5, needed: 4}},
  })
  const target = await okToStop(client, [T1])
  t.match(target, {
    safe: false,
    reasons: [/^12,000 objects of t\[target01\] would answer 503/, /could not be written/],
    toMove: {objects: 12_000, bytes: 12_000 * 4096},
    moveTime: null,
    room: {targets: 2, availableBytes: Number},
  })
  tells(operation({rebalances: [ended('g3', 'finished'), note('g4')]}))
  t.match(await okToStop(client, [T1]), {moveTime: {seconds: 118, rebalance: 'g3'}})
  const told = await say(NodeOkToStop, there, T1)
  t.match(
    told.lines.join('\n'),
    /To move first: 12,000 .*, about 1m58s at the speed of g3; 2 other/,
  )
  process.exitCode = 0
  const all = await okToStop(client, ['gateway1', 'gateway2', 'gateway3'])
  t.match(all, {safe: false, reasons: [/no gateway that may lead/]})
  t.match(
    (await okToStop(client, ['gateway3', T1, T2])).reasons[0],
    /3 of 6 voters .* 4 are needed/,
  )
  const whole = await say(NodeOkToStop, there, T1, T2, 'target03')
  t.match(whole.lines.join('\n'), /no other target would be left to take them/)
  flag(cluster, T1, NODE_FLAG.maintenance)
  tells(MOVED)
  const out = await say(NodeOkToStop, there, T1)
  t.match(out.lines.join('\n'), /Safe to stop.*nothing would be missing without t\[target01\]/)
  cluster.operation = () => null
  await cluster.node(T2).stop()
  const silent = await okToStop(client, [T2])
  t.match(silent.reasons[0], /not known what only t\[target02\] has/)
  const no = await say(NodeOkToStop, there, T2)
  t.match(no.lines.join('\n'), /Not safe to stop/)
  t.equal(process.exitCode, 4)
  process.exitCode = 0
})

t.test('a node that is lost for good is removed after two questions', async (t) => {
  const there = await pretended(t)
  const {cluster, client, tells} = there
  tells(operation({nodes: [part(T1, {status: 'lost', away: true})]}))
  const asked = await say(AdvancedRemoveFromSmap, there, T1)
  t.match(asked.outcome, {code: 'REFUSED', message: /Remove t\[target01\] from the map at once/})
  t.match(asked.warnings, [/12,000 objects .* are on t\[target01\]/])
  const primary = await say(AdvancedRemoveFromSmap, there, 'gateway1', '-y')
  t.match(primary.outcome, {code: 'WRONG_STATE'})
  t.strictSame(cluster.orders, [])
  const lines: string[] = []
  const noted = async (id: string): Promise<void> => {
    const {lines: said, warnings} = await say(AdvancedRemoveFromSmap, there, id, '-y')
    lines.push(...warnings, ...said, '')
  }
  await noted(T1)
  t.match(cluster.orders[0], /^start-maintenance .*"skip_rebalance":true/, 'out of service first')
  t.match(cluster.orders[1], /^rm-unsafe .*"sid":"target01","skip_rebalance":true/)
  await cluster.node(T2).stop()
  await noted(T2)
  flag(cluster, 'target03', NODE_FLAG.maintenance)
  tells(operation({nodes: [part('target03', {status: 'maintenance', holds: false})]}))
  await noted('target03')
  t.equal(cluster.orders.length, 5, 'what owns nothing is out already')
  await noted('gateway2')
  await cluster.node(T1).stop()
  const unknown = await planRemoval(client, T2, UUID)
  t.match(unknown, {alone: null, estimated: true})
  matches(t, 'remove-from-smap.txt', lines.join('\n'))
})

t.test('what a removed target has kept aside is taken up, call by call', async (t) => {
  const there = await pretended(t)
  const {cluster} = there
  const part1 = {adopted: 1200, bytes: 5_000_000, present: 3, obsolete: 1, failed: 0, problem: ''}
  const answers: Adopted[] = [
    {...part1, next: '/ais/mp1/7'},
    {...part1, next: ''},
    {...part1, adopted: 0, present: 0, obsolete: 0, failed: 2, problem: 'no space', next: ''},
    {...part1, adopted: 0, present: 0, obsolete: 0, next: ''},
    {...part1, next: ''},
  ]
  cluster.onOrder = () => encodeJson(encodeAdopted(answers.shift() ?? {...part1, next: ''}))
  t.match((await say(NodeAdoptData, there, T1)).outcome, {code: 'REFUSED', message: /comes back/})
  t.match((await say(NodeAdoptData, there, 'gateway2', '-y')).outcome, {code: 'USAGE'})
  t.strictSame(cluster.orders, [])
  const lines: string[] = []
  const noted = async (...words: readonly string[]): Promise<unknown> => {
    const {lines: said, outcome} = await say(NodeAdoptData, there, T1, '-y', ...words)
    lines.push(...said, '')
    return outcome
  }
  t.match(await noted(), {node: T1, adopted: 2400, present: 6, obsolete: 2})
  t.match(cluster.orders[1], /^adopt-data .*"after":"\/ais\/mp1\/7","discard":false/)
  t.match(await noted(), {code: 'PARTIAL', message: /2 objects .*: no space/})
  await noted()
  await noted('--discard-rest')
  matches(t, 'adopt-data.txt', lines.join('\n'))
})

t.test('an address that another cluster has taken over is told from the one meant', async (t) => {
  const {cluster, client, tells} = await pretended(t)
  tells(MOVED)
  const uuid = 'another-cluster'
  await t.rejects(awaitRebalance(client, {timeoutMs: 1000, uuid}), {code: 'WRONG_CLUSTER'})
  const asked = {action: 'shutdown-node', names: [T1], uuid} as const
  await t.rejects(meantNodes(client, asked), {code: 'WRONG_CLUSTER', hint: /--cluster/})
  t.equal((await meantNodes(client, {...asked, uuid: UUID})).length, 1)
  t.strictSame(cluster.orders, [])
})
