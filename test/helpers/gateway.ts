/** A gateway's public listener over a record and a kernel that the test provides. */

import {mkdirSync, rmSync, writeFileSync} from 'node:fs'
import {createServer, request, type IncomingHttpHeaders} from 'node:http'
import type {AddressInfo} from 'node:net'
import {join} from 'node:path'

import type {Test} from 'tap'

import {initialKernel} from '../../src/core/kernel/step.ts'
import {ringOf} from '../../src/core/objects/ring.ts'
import {GLOBAL_NAMESPACE, type Bucket} from '../../src/model/bucket.ts'
import {PRIMARY_UNKNOWN, type ClusterView} from '../../src/model/cluster-view.ts'
import type {Command, CommandResult} from '../../src/model/command.ts'
import type {BucketName, ClusterUuid, NodeId} from '../../src/model/ids.ts'
import type {Endpoint, Member} from '../../src/model/node.ts'
import type {ClusterRecord} from '../../src/model/record.ts'
import {parseArgv} from '../../src/node/config/argv.ts'
import {loadConfig, type NodeConfig} from '../../src/node/config/load.ts'
import type {NodeContext} from '../../src/node/http/context.ts'
import {openListeners} from '../../src/node/http/listeners.ts'
import {createPublicClient} from '../../src/node/http/public-client.ts'
import {addSnapshots, createStats} from '../../src/node/observe/stats.ts'
import {standingOf} from '../../src/node/runtime/standing.ts'
import {readBody} from '../../src/node/peer/body.ts'
import {PeerFailure} from '../../src/node/peer/exchange.ts'
import {clusterKeys} from '../../src/node/peer/session.ts'

export const HOST = '127.0.0.1'
export const KEY = 'a1'.repeat(32)
export const UUID = 'uuidOfTest1' as ClusterUuid
export const quiet = {debug() {}, info() {}, warn() {}, error() {}}

export function nodeFile(dir: string, more: object = {}): string {
  const key = join(dir, 'key')
  writeFileSync(key, `${KEY}\n`, {mode: 0o600})
  const path = join(dir, 'node.json')
  const file = {
    format: 1,
    role: 'proxy',
    uuid: UUID,
    state: join(dir, 'state'),
    listen: {public: `${HOST}:52001`, control: `${HOST}:52002`, data: `${HOST}:52002`},
    peers: [`${HOST}:52002`],
    clusterKeyFile: key,
    ...more,
  }
  writeFileSync(path, JSON.stringify(file))
  return path
}

export function load(args: readonly string[], variables: Record<string, string> = {}): NodeConfig {
  const line = parseArgv(args)
  if (line.type !== 'run') throw new Error(`${line.type} is not run`)
  return loadConfig(line.flags, variables)
}

export interface HttpAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export function http(
  to: Endpoint,
  method: string,
  path: string,
  {body = '', headers = {}}: {body?: string; headers?: IncomingHttpHeaders} = {},
): Promise<HttpAnswer> {
  const sized = body === '' ? headers : {'content-length': String(body.length), ...headers}
  return new Promise((resolve, reject) => {
    const asked = request(
      {host: to.host, port: to.port, method, path, headers: sized},
      (answer) => {
        readBody(answer, 1 << 20).then(
          (bytes) =>
            resolve({
              status: answer.statusCode ?? 0,
              headers: answer.headers,
              body: bytes.toString('utf8'),
            }),
          reject,
        )
      },
    )
    asked.once('error', reject)
    asked.end(body)
  })
}

export const BUCKET: Bucket = {
  ref: {name: 'photos' as BucketName, provider: 'ais', namespace: GLOBAL_NAMESPACE},
  bid: '9223372036854775809',
  createdNs: '1',
  durability: 'default',
  set: {},
}

export function member(id: string, role: Member['role'], port: number): Member {
  const at = (offset: number): Endpoint => ({host: HOST, port: port + offset})
  return {
    id: id as NodeId,
    role,
    public: at(0),
    control: at(1),
    data: at(2),
    flags: 0,
    inc: 1,
    learner: false,
    away: null,
    speaks: [1, 1],
  }
}

export function recordWith(nodes: readonly Member[]): ClusterRecord {
  const targets = nodes.filter(({role}) => role === 'target').map(({id}) => id)
  return {
    format: 1,
    uuid: UUID,
    epoch: 1,
    index: 7,
    parent: '',
    pv: null,
    level: 1,
    smap: {
      epoch: 1,
      version: 4,
      created: '2026-01-01 00:00:00',
      primary: 'pGateway1' as NodeId,
      nodes: Object.fromEntries(nodes.map((node) => [node.id, node])),
    },
    bmd: {epoch: 1, version: 2, serial: 1, buckets: {'ais/@#/photos': BUCKET}},
    rmd: {epoch: 1, version: 0, targetIds: []},
    conf: {
      epoch: 1,
      version: 1,
      updated: '',
      set: {},
      urls: {primary: '', original: '', discovery: ''},
    },
    tokens: {epoch: 1, version: 0, revoked: []},
    own: [{index: 3, targets}],
    op: null,
    move: null,
    heir: null,
    elections: [],
    rebalances: [],
  }
}

export interface Gateway {
  readonly to: Endpoint
  readonly commands: Command[]
  readonly record: ClusterRecord
  readonly setResult: (result: CommandResult) => void
  readonly setView: (more: Partial<ClusterView>) => void
  /** As in an ordered stop. */
  readonly drain: () => Promise<void>
}

export interface GatewayOptions extends Partial<NodeContext> {
  /** Of its public listener. */
  readonly port?: number
}

/** The gateway `pGateway1`, unless another id is given; the record's primary is `pGateway1`. */
export async function gatewayOf(
  t: Test,
  nodes: readonly Member[],
  {port: wanted, ...more}: GatewayOptions = {},
): Promise<Gateway> {
  const record = recordWith(nodes)
  const port = wanted ?? (await freePort())
  const id = more.id ?? ('pGateway1' as NodeId)
  const dir = join(t.testdirName, id)
  mkdirSync(dir, {recursive: true})
  t.teardown(() => rmSync(t.testdirName, {recursive: true, force: true}))
  const listen = {public: `${HOST}:${port}`, control: `${HOST}:1`, data: `${HOST}:1`}
  const config = load(['--config', nodeFile(dir, {listen})])
  let view: ClusterView = {
    self: {id, role: 'proxy', inc: 1},
    record,
    leading: true,
    primary: PRIMARY_UNKNOWN,
    settledIndex: 7,
    nodeStarted: true,
    clusterStarted: true,
    stopping: false,
  }
  const commands: Command[] = []
  let result: CommandResult = {type: 'done', position: {epoch: 1, index: 8}}
  const stats = createStats()
  const context: NodeContext = {
    id,
    role: 'proxy',
    label: `p[${id}]`,
    config,
    view: () => view,
    ring: () => ringOf(record),
    command: async (command) => {
      commands.push(command)
      return result
    },
    stats,
    standing: async () => standingOf(initialKernel(), 0),
    movement: async () => ({leads: false, nodes: [], rebalances: [], reclaim: null}),
    allStats: async () => ({counters: addSnapshots([stats.snapshot()]), mainLagMs: 250}),
    startedNs: process.hrtime.bigint(),
    clusterStartedNs: () => 1n,
    askTarget: silence,
    askPublic: createPublicClient(),
    askControl: async () => '',
    mayWrite: () => true,
    objects: null,
    moves: null,
    mountpaths: () => [],
    mountpathControl: null,
    copies: () => [],
    health: () => ({fullestPercent: 0, damaged: 0}),
    log: quiet,
    ...more,
  }
  const open = await openListeners(context, clusterKeys([KEY]), () => null, 0)
  t.teardown(() => open.drain())
  const setResult = (next: CommandResult): void => {
    result = next
  }
  const setView = (next: Partial<ClusterView>): void => {
    view = {...view, ...next}
  }
  return {to: {host: HOST, port}, commands, record, setResult, setView, drain: open.drain}
}

async function silence(): Promise<never> {
  throw new PeerFailure('refused', 'nobody listens')
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, HOST, () => resolve()))
  const {port} = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

export const NODES = [
  member('pGateway1', 'proxy', 52100),
  member('tTarget01', 'target', 52110),
  member('tTarget02', 'target', 52120),
]
