/**
 * Several targets in one process: real HTTP listeners, real stores on forgetful disks, one record
 * that a test changes as it likes. What the kernel would say (views, leases, settlement) is set by
 * hand.
 */

import http from 'node:http'
import type {AddressInfo} from 'node:net'
import {ringOf} from '../../src/core/objects/ring.ts'
import {highestWeight, candidatesOf, objectDigest} from '../../src/core/placement/locate.ts'
import {PRIMARY_UNKNOWN, type ClusterView} from '../../src/model/cluster-view.ts'
import type {ClusterUuid, NodeId, ObjectName} from '../../src/model/ids.ts'
import type {MoveReport} from '../../src/model/peer-messages.ts'
import type {Endpoint, Member} from '../../src/model/node.ts'
import type {ClusterRecord, OwnEntry} from '../../src/model/record.ts'
import {bucketUname} from '../../src/model/bucket.ts'
import type {ObjectsDeps, TargetObjects} from '../../src/node/objects/dispatch.ts'
import {createTargetObjects} from '../../src/node/objects/dispatch.ts'
import {answerError} from '../../src/node/http/answer.ts'
import {createMover, type Mover} from '../../src/node/move/mover.ts'
import {createMoveReceiver, type MoveReceiver} from '../../src/node/move/receive.ts'
import {isMovePath, serveMove} from '../../src/node/move/serve.ts'
import {createTraffic} from '../../src/node/move/traffic.ts'
import type {Log} from '../../src/node/observe/log.ts'
import {createStats, type Stats} from '../../src/node/observe/stats.ts'
import {readBody} from '../../src/node/peer/body.ts'
import type {AskTarget} from '../../src/node/peer/data-client.ts'
import type {ObjectStore} from '../../src/node/store/object-store.ts'
import {openWalkCursor} from '../../src/node/store/state/walk-cursor.ts'
import {isRefusal} from '../../src/model/ids.ts'
import {parseObjectPath, splitTarget} from '../../src/wire/paths.ts'
import {parseBucketRef, parseQuery} from '../../src/wire/query.ts'
import type {CrashFs} from './crash-fs.ts'
import {createCrashFs} from './crash-fs.ts'
import {TEST_BUCKET, TEST_REF, openTestStore} from './test-store.ts'

export interface TestTarget {
  readonly id: NodeId
  disk: CrashFs
  store: ObjectStore
  objects: TargetObjects
  moves: MoveReceiver
  mover: Mover
  /** Its words on rebalances, oldest first. */
  readonly reports: MoveReport[]
  /** The same on what it removes when all has moved. */
  readonly reclaims: MoveReport[]
  readonly counters: Stats
  /** What its kernel would say; a test may change it at any time. */
  readonly says: {
    leased: boolean
    settled: number
    record: ClusterRecord
    silent: boolean
    /** How many times too fast its clock runs for what it moves. */
    rate: number
    /** Of every bucket, on the mountpaths of this target. */
    copies: number
  }
}

export interface TestCluster {
  readonly targets: readonly TestTarget[]
  /** All targets get a record with these ownership entries, all settled. */
  readonly own: (entries: readonly OwnEntry[]) => void
  readonly change: (change: (record: ClusterRecord) => ClusterRecord) => void
  /** The owner of a name under a set of targets. */
  readonly ownerOf: (name: string, targets?: readonly NodeId[]) => TestTarget
  /** A name that the target owns. */
  readonly nameOwnedBy: (target: TestTarget, prefix?: string) => string
  readonly send: (to: TestTarget, request: TestRequest) => Promise<TestAnswer>
  /** The target's process ends and another starts, on a disk that may have forgotten. */
  readonly restart: (target: TestTarget, disk: CrashFs) => Promise<void>
  readonly close: () => Promise<void>
}

export interface TestRequest {
  readonly method: string
  readonly name: string
  readonly query?: string
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: Uint8Array | string
  /** Come as a client does that no gateway has sent. */
  readonly unmarked?: boolean
  readonly data?: boolean
}

export interface TestAnswer {
  readonly status: number
  /** Names as sent, in order. */
  readonly names: readonly string[]
  readonly headers: http.IncomingHttpHeaders
  readonly body: Buffer
}

export const MARK = 'pid=pnode0000&utm=dn0uqcrxeinq'
const SILENT: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}

export async function startTargets(count: number): Promise<TestCluster> {
  const ids = Array.from({length: count}, (_, at) => `tnode000${at + 1}` as NodeId)
  const servers: {publicServer: http.Server; dataServer: http.Server}[] = []
  const targets: TestTarget[] = []
  const nodes: Record<string, Member> = {}
  for (const id of ids) {
    const publicServer = http.createServer()
    const dataServer = http.createServer()
    servers.push({publicServer, dataServer})
    nodes[id] = memberOf(id, await listen(publicServer), await listen(dataServer))
  }
  const record = recordOf(nodes, ids)
  for (const [at, id] of ids.entries()) {
    const says = {leased: true, settled: record.index, record, silent: false, rate: 1, copies: 1}
    const disk = createCrashFs(['/state', '/mp0', '/mp1'])
    const known = {id, says, reports: [], reclaims: [], counters: createStats()}
    const target = await openTarget(known, disk, targets)
    targets.push(target)
    const {publicServer, dataServer} = servers[at] ?? {}
    publicServer?.on('request', handler(target, 'public'))
    dataServer?.on('request', handler(target, 'data'))
  }
  return clusterOf(targets, servers)
}

async function openTarget(
  known: Pick<TestTarget, 'id' | 'says' | 'reports' | 'reclaims' | 'counters'>,
  disk: CrashFs,
  targets: readonly TestTarget[],
): Promise<TestTarget> {
  const {store, hashing} = await openTestStore({fs: disk, copies: () => known.says.copies})
  const deps = depsOf({...known, store}, targets)
  const moving = {
    ...deps,
    hash: hashing.h64,
    stats: known.counters,
    report: (report: MoveReport) => void known.reports.push(report),
    cursor: openWalkCursor('/state', disk),
    reclaimed: (report: MoveReport) => void known.reclaims.push(report),
    nowMs: () => performance.now() * known.says.rate,
    after: (ms: number, act: () => void) => {
      const timer = setTimeout(act, ms)
      return () => clearTimeout(timer)
    },
  }
  const mover = createMover(moving, (error) => {
    throw error
  })
  return {
    ...known,
    disk,
    store,
    objects: createTargetObjects(deps),
    moves: createMoveReceiver(moving),
    mover,
  }
}

async function answerMove(
  {moves}: TestTarget,
  req: http.IncomingMessage,
  res: http.ServerResponse,
): Promise<void> {
  const {path, query} = splitTarget(req.url ?? '')
  const body = (bytesMax: number): Promise<Buffer> => readBody(req, bytesMax)
  try {
    res.end(await serveMove(moves, {path, query: parseQuery(query), body, source: req}))
  } catch (error) {
    answerError(req, res, error, 't')
  }
}

function handler(target: TestTarget, origin: 'public' | 'data'): http.RequestListener {
  return (req, res) => {
    const {path, query: rawQuery} = splitTarget(req.url ?? '')
    if (origin === 'data' && isMovePath(path)) return void answerMove(target, req, res)
    const {objects} = target
    const parsed = parseObjectPath(path)
    const query = parseQuery(rawQuery)
    const ref = isRefusal(parsed) ? parsed : parseBucketRef(parsed.bucket, query)
    if (isRefusal(parsed) || isRefusal(ref)) {
      res.writeHead(400).end()
      return
    }
    objects.handle(req, res, {ref, name: parsed.objectName, rawPath: path, rawQuery, query}, origin)
  }
}

function depsOf(
  target: Pick<TestTarget, 'id' | 'says' | 'store'>,
  targets: readonly TestTarget[],
): ObjectsDeps {
  const askTarget: AskTarget = async ({to, method, path, headers, body}) => {
    if (targets.find(({id}) => id === to.id)?.says.silent === true) throw new Error('silent')
    const {host, port} = to.data
    return new Promise((resolve, reject) => {
      const req = http.request({host, port, method, path, headers: {...headers}}, (res) =>
        resolve({
          status: res.statusCode ?? 0,
          headers: res.headers,
          rawHeaders: res.rawHeaders,
          body: res,
        }),
      )
      req.once('error', reject)
      if (typeof body === 'object' && 'send' in body) body.send(req, () => undefined)
      else req.end(body)
    })
  }
  return {
    view: (): ClusterView => ({
      self: {id: target.id, role: 'target', inc: 1},
      record: target.says.record,
      leading: false,
      primary: PRIMARY_UNKNOWN,
      settledIndex: target.says.settled,
      nodeStarted: true,
      clusterStarted: true,
      stopping: false,
    }),
    ring: () => ringOf(target.says.record),
    leaseValid: () => target.says.leased,
    store: target.store,
    askTarget,
    traffic: createTraffic(() => performance.now()),
    settings: () => ({checksumType: 'xxhash2'}),
    now: () => ({ns: 1795260492647011529n}),
    log: SILENT,
  }
}

function clusterOf(
  targets: readonly TestTarget[],
  servers: readonly {publicServer: http.Server; dataServer: http.Server}[],
): TestCluster {
  const change = (to: (record: ClusterRecord) => ClusterRecord): void => {
    for (const {says} of targets) {
      says.record = to(says.record)
      says.settled = says.record.index
    }
  }
  const ownerOf = (name: string, among?: readonly NodeId[]): TestTarget => {
    const ids = among ?? targets.map((one) => one.id)
    const id = highestWeight(candidatesOf(ids), objectDigest(TEST_REF, name))
    const owner = targets.find((target) => target.id === id)
    if (owner === undefined) throw new Error('no owner')
    return owner
  }
  return {
    targets,
    own: (entries) =>
      change((record) => ({...record, index: entries.at(-1)?.index ?? record.index, own: entries})),
    change,
    restart: async (target, disk) => {
      target.mover.stop()
      Object.assign(target, await openTarget(target, disk, targets))
      servers[targets.indexOf(target)]?.dataServer.closeAllConnections()
    },
    ownerOf,
    nameOwnedBy: (target, prefix = 'n') => {
      for (let at = 0; ; at++) if (ownerOf(`${prefix}${at}`) === target) return `${prefix}${at}`
    },
    send: (to, request) => send(to, request),
    close: async () => {
      for (const {publicServer, dataServer} of servers) {
        for (const server of [publicServer, dataServer]) {
          server.closeAllConnections()
          await new Promise((resolve) => server.close(resolve))
        }
      }
      for (const {store, mover} of targets) {
        mover.stop()
        store.stop()
      }
    },
  }
}

function send(to: TestTarget, request: TestRequest): Promise<TestAnswer> {
  const {method, name, body} = request
  const member = to.says.record.smap.nodes[to.id]
  const endpoint = request.data === true ? member?.data : member?.public
  const query = [
    'provider=ais',
    ...(request.unmarked === true ? [] : [MARK]),
    ...(request.query === undefined ? [] : [request.query]),
  ].join('&')
  const path = `/v1/objects/${TEST_REF.name}/${name.split('/').map(encodeURIComponent).join('/')}`
  return new Promise((resolve, reject) => {
    const headers = {...request.headers} as http.OutgoingHttpHeaders
    const options = {...endpoint, method, path: `${path}?${query}`, headers, agent: false}
    const req = http.request(options, (res) => {
      const parts: Buffer[] = []
      res.on('data', (part: Buffer) => parts.push(part))
      res.once('error', reject)
      res.once('end', () =>
        resolve({
          status: res.statusCode ?? 0,
          names: res.rawHeaders.filter((_, at) => at % 2 === 0),
          headers: res.headers,
          body: Buffer.concat(parts),
        }),
      )
    })
    req.once('error', reject)
    req.end(body)
  })
}

async function listen(server: http.Server): Promise<Endpoint> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {host: '127.0.0.1', port: (server.address() as AddressInfo).port}
}

function memberOf(id: NodeId, publicEndpoint: Endpoint, data: Endpoint): Member {
  return {
    id,
    role: 'target',
    public: publicEndpoint,
    control: data,
    data,
    flags: 0,
    inc: 1,
    learner: false,
    away: null,
    speaks: [1, 1],
  }
}

function recordOf(nodes: Readonly<Record<string, Member>>, ids: readonly NodeId[]): ClusterRecord {
  const part = {version: 1, epoch: 1}
  return {
    format: 1,
    uuid: 'cluster01' as ClusterUuid,
    epoch: 1,
    index: 1,
    parent: '',
    pv: null,
    level: 1,
    smap: {...part, created: '2026-11-21 11:28:03', primary: 'pnode0000' as NodeId, nodes},
    bmd: {...part, serial: 1, buckets: {[bucketUname(TEST_REF)]: TEST_BUCKET}},
    rmd: {...part, targetIds: []},
    conf: {...part, updated: '', set: {}, urls: {primary: '', original: '', discovery: ''}},
    tokens: {...part, revoked: []},
    own: [{index: 1, targets: ids}],
    op: null,
    move: null,
    heir: null,
    elections: [],
    rebalances: [],
  }
}

/** A name as the model brands it. */
export function named(text: string): ObjectName {
  return text as ObjectName
}
