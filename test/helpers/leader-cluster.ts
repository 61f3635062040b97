/**
 * A cluster of pretended nodes, each behind a real HTTP server on the loopback, that have a
 * primary, lose it, hand it over or are recovered: what the tool says of leadership is tested
 * against it. It decides nothing by itself: a test says what each node knows.
 */

import {readFileSync} from 'node:fs'
import type {IncomingMessage, Server, ServerResponse} from 'node:http'
import {createServer} from 'node:http'
import type {AddressInfo} from 'node:net'
import {buffer} from 'node:stream/consumers'
import {fileURLToPath} from 'node:url'
import type {NodeId} from '../../src/model/ids.ts'
import type {Endpoint, Member, Role} from '../../src/model/node.ts'
import {endpointUrl, isElectable, isVoter} from '../../src/model/node.ts'
import {judgeStop} from '../../src/model/ok-to-stop.ts'
import type {ElectionNote} from '../../src/model/record.ts'
import type {ErrorCode} from '../../src/base/errors.ts'
import {refusal} from '../../src/base/errors.ts'
import {decodeAction} from '../../src/wire/action.ts'
import {encodeElections} from '../../src/wire/elections.ts'
import {encodeError} from '../../src/wire/error-body.ts'
import type {Json, JsonMap} from '../../src/wire/json.ts'
import {encodeJson, parseJson} from '../../src/wire/json.ts'
import {decodeOkToStopQuery, encodeOkToStop, OK_TO_STOP} from '../../src/wire/ok-to-stop.ts'
import {decodeRecover, encodeRecovery} from '../../src/wire/recovery.ts'
import {encodeOperation, type OperationAnswer} from '../../src/wire/operation.ts'
import {encodeSmap} from '../../src/wire/smap.ts'

export const UUID = 'cluster-of-leaders'

/** What one node knows; a test changes it at will. */
export interface PretendedNode {
  readonly id: string
  readonly role: Role
  readonly url: string
  member: Member
  /** Whom it follows. */
  primary: string
  /** Whether it hears it. */
  live: boolean
  waiting: string
  accepted: {readonly epoch: number; readonly index: number}
  committed: {readonly epoch: number; readonly index: number}
  promisedEpoch: number
  objects: number
  uuid: string
  /** Takes connections and never answers. */
  frozen: boolean
  /** Nothing listens any more. */
  stopped: boolean
  stop(): Promise<void>
}

export interface LeaderCluster {
  readonly nodes: readonly PretendedNode[]
  node(id: string): PretendedNode
  /** Changes of primary that every gateway tells of. */
  elections: readonly ElectionNote[]
  /** Orders as they arrived: `set-primary gateway2 at gateway1`. */
  readonly orders: string[]
  /** What is done with an order; default: it is carried out at once. */
  onSetPrimary(id: string): ErrorCode | undefined
  onRecover(at: PretendedNode, survivors: readonly string[]): ErrorCode | undefined
  /** What the primary tells of nodes that come and go; null: as a cluster that does not tell. */
  operation(): OperationAnswer | null
  /** An order to nodes, or about the rebalance: the text of the answer, `g3` or ''. */
  onOrder(action: string, value: Json): string
  close(): Promise<void>
}

export interface LeaderClusterOptions {
  readonly gateways: number
  readonly targets: number
}

/** Gateways `gateway1`…, targets `target01`…; `gateway1` leads epoch 7. */
export async function startLeaderCluster(options: LeaderClusterOptions): Promise<LeaderCluster> {
  const orders: string[] = []
  const nodes: PretendedNode[] = []
  const cluster: LeaderCluster = {
    nodes,
    node: (id) => nodes.find((node) => node.id === id) ?? missing(id),
    elections: [],
    orders,
    onSetPrimary: (id) => {
      for (const node of nodes) Object.assign(node, {primary: id, live: true})
      return undefined
    },
    onRecover: (at, survivors) => {
      for (const id of survivors) {
        const accepted = {epoch: 1007, index: at.accepted.index + 1}
        Object.assign(cluster.node(id), {primary: at.id, live: true, accepted, committed: accepted})
      }
      return undefined
    },
    operation: () => null,
    onOrder: () => '',
    close: async () => {
      await Promise.all(nodes.map((node) => node.stop()))
    },
  }
  const ids = [
    ...Array.from({length: options.gateways}, (_, at) => ['proxy', `gateway${at + 1}`] as const),
    ...Array.from({length: options.targets}, (_, at) => ['target', `target0${at + 1}`] as const),
  ]
  for (const [role, id] of ids) nodes.push(await startNode(cluster, role, id))
  return cluster
}

function missing(id: string): never {
  throw new Error(`no node is called ${id}`)
}

async function startNode(cluster: LeaderCluster, role: Role, id: string): Promise<PretendedNode> {
  const server = createServer((request, response) => {
    const node = cluster.node(id)
    if (node.frozen) return
    void buffer(request).then((body) => answer({cluster, node, request, response}, body.toString()))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const endpoint: Endpoint = {host: '127.0.0.1', port: (server.address() as AddressInfo).port}
  return {
    id,
    role,
    url: endpointUrl(endpoint),
    member: {
      id: id as NodeId,
      role,
      public: endpoint,
      control: endpoint,
      data: endpoint,
      flags: 0,
      inc: 1,
      learner: false,
      away: null,
      speaks: [1, 1],
    },
    primary: 'gateway1',
    live: true,
    waiting: '',
    accepted: {epoch: 7, index: 123},
    committed: {epoch: 7, index: 123},
    promisedEpoch: 7,
    objects: role === 'target' ? 12_000 : 0,
    uuid: UUID,
    frozen: false,
    stopped: false,
    stop: async () => {
      cluster.node(id).stopped = true
      await stop(server)
    },
  }
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

interface Asked {
  readonly cluster: LeaderCluster
  readonly node: PretendedNode
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

async function answer(asked: Asked, body: string): Promise<void> {
  const {cluster, node, request, response} = asked
  const {pathname, search, searchParams} = new URL(request.url ?? '', node.url)
  const what = searchParams.get('what') ?? ''
  const subject = request.headers['ais-node-id']
  const relays = pathname === '/v1/reverse/daemon' && request.method === 'GET'
  if (relays && typeof subject === 'string') {
    return relay(asked, subject, what)
  }
  if (request.method === 'PUT') return answerOrder(asked, pathname, body)
  if (what === OK_TO_STOP) return void response.end(encodeJson(verdictOf(asked, search.slice(1))))
  const operation = what === 'operation' ? cluster.operation() : null
  if (operation !== null) return void response.end(encodeJson(encodeOperation(operation)))
  const known = ANSWERS[`${pathname} ${what}`]
  if (known === undefined) return refuseOr(asked, 'BAD_REQUEST')
  response.end(encodeJson(known(cluster, node)))
}

type Answerer = (cluster: LeaderCluster, node: PretendedNode) => unknown

const ANSWERS: Readonly<Record<string, Answerer>> = {
  '/v1/health ': () => null,
  '/v1/daemon smap': (cluster, node) => smapOf(cluster, node),
  '/v1/daemon node_status': (_cluster, node) => statusOf(node),
  '/v1/daemon recovery': (cluster, node) => recoveryOf(cluster, node),
  '/v1/cluster cluster_config': () => ({}),
  '/v1/cluster backends': () => [],
  '/v1/cluster elections': (cluster, node) =>
    encodeElections({
      uuid: node.uuid,
      node: node.id,
      ...node.committed,
      primary: node.primary,
      live: node.live,
      sinceMs: node.live ? null : 1_795_280_400_000,
      waiting: node.waiting,
      elections: cluster.elections,
    }),
}

/** Room for what is moved; enough for all tests. */
const FREE_BYTES = 100_000_000

/** As a gateway judges it, from what a test has said of the nodes. */
function verdictOf({cluster, node}: Asked, query: string): JsonMap {
  const {nodes} = cluster
  const operation = cluster.operation()
  const there = nodes.filter(({stopped}) => !stopped)
  const targets = there.filter(({role}) => role === 'target')
  const rebalances = operation?.rebalances ?? []
  const verdict = judgeStop({
    members: nodes.map(({member}) => member),
    wanted: new Set(decodeOkToStopQuery(query) as readonly NodeId[]),
    primary: node.live ? (node.primary as NodeId) : null,
    live: operation?.live === true,
    silent: new Set(nodes.filter(({stopped}) => stopped).map(({member}) => member.id)),
    holds: new Map(operation?.nodes.map(({id, holds}) => [id, holds])),
    stored: new Map(targets.map(({id, objects}) => [id, {objects, bytes: objects * 4096}])),
    availableBytes: new Map(targets.map(({id}) => [id, FREE_BYTES])),
    moves: rebalances.map(({nodes: shares, ...move}) => ({
      ...move,
      objects: shares.reduce((sum, {objects}) => sum + objects, 0),
      bytes: shares.reduce((sum, {bytes}) => sum + bytes, 0),
    })),
    op: operation?.op ?? null,
    moving: operation === null || operation.move === null ? '' : operation.rebalance,
  })
  return encodeOkToStop(verdict)
}

function smapOf({nodes}: LeaderCluster, {primary}: PretendedNode): JsonMap {
  const members = nodes.map(({id, member}) => [id, member] as const)
  return encodeSmap(UUID, {
    version: 12,
    epoch: 7,
    created: '2026-11-21 16:00:00',
    primary: primary as NodeId,
    nodes: Object.fromEntries(members),
  })
}

function recoveryOf({nodes}: LeaderCluster, node: PretendedNode): JsonMap {
  const mark = ({epoch, index}: {epoch: number; index: number}) => ({
    epoch,
    index,
    sha: `sha-${epoch}.${index}`,
  })
  return encodeRecovery({
    uuid: node.uuid,
    id: node.id,
    role: node.role,
    inc: node.member.inc,
    promisedEpoch: node.promisedEpoch,
    accepted: mark(node.accepted),
    committed: mark(node.committed),
    primary: {id: node.primary, live: node.live, silentMs: node.live ? 100 : 12_000},
    leads: node.live && node.primary === node.id ? node.accepted.epoch : 0,
    objects: node.role === 'target' ? node.objects : null,
    bytes: node.role === 'target' ? node.objects * 4096 : null,
    members: nodes.map(({member}) => ({
      id: member.id,
      role: member.role,
      inc: 1,
      public: endpointUrl(member.public),
      control: endpointUrl(member.control),
      voter: isVoter(member),
      electable: isElectable(member),
      away: member.away?.kind ?? null,
    })),
  })
}

const RECORDED = parseJson(
  readFileSync(fileURLToPath(new URL('../compat/fixtures/node.json', import.meta.url)), 'utf8'),
) as readonly {request: JsonMap; response: JsonMap}[]

/** A recorded status of the role, under this node's name. */
function statusOf({id, role}: PretendedNode): JsonMap {
  const statuses = RECORDED.filter(({request}) => String(request['path']).includes('=node_status'))
  const found = statuses[role === 'proxy' ? 0 : 1]?.response['json'] as JsonMap
  return {...found, snode: {...(found['snode'] as JsonMap), daemon_id: id}}
}

async function relay(asked: Asked, subject: string, what: string): Promise<void> {
  const {cluster, response} = asked
  try {
    const {url} = cluster.node(subject)
    const signal = AbortSignal.timeout(2500)
    const answered = await fetch(`${url}/v1/daemon?what=${what}`, {signal})
    response.writeHead(answered.status).end(await answered.text())
  } catch {
    refuseOr(asked, 'UNREACHABLE')
  }
}

function answerOrder(asked: Asked, path: string, body: string): void {
  const {cluster, node, response} = asked
  const {action, value} = path.startsWith('/v1/cluster/proxy/')
    ? {action: 'set-primary', value: null}
    : decodeAction(body)
  if (action === 'set-primary' || action === 'recover') {
    return refuseOr(asked, order(asked, path, body))
  }
  cluster.orders.push(`${action} ${JSON.stringify(value)} at ${node.id}`)
  response.end(cluster.onOrder(action, value))
}

/** Carries an order out. */
function order({cluster, node}: Asked, path: string, body: string): ErrorCode | undefined {
  const heir = /^\/v1\/cluster\/proxy\/(.+)$/.exec(path)?.[1]
  if (heir !== undefined) {
    cluster.orders.push(`set-primary ${heir} at ${node.id}`)
    return cluster.onSetPrimary(heir)
  }
  const {action, name, value} = decodeAction(body)
  const {survivors} = decodeRecover(value)
  cluster.orders.push(`${action} ${name} at ${node.id}: ${survivors.join(' ')}`)
  return cluster.onRecover(node, survivors)
}

function refuseOr({node, request, response}: Asked, code: ErrorCode | undefined): void {
  if (code === undefined) {
    response.end()
    return
  }
  const {status, headers, body} = encodeError(refusal(code, `${node.id} refuses`), {
    method: request.method ?? '',
    urlPath: '',
    remoteAddr: '',
    caller: '',
    node: node.id,
  })
  for (const [name, value] of headers) response.setHeader(name, value)
  response.writeHead(status).end(body)
}
