/** The daemon's edge: configuration, authentication between nodes, a gateway's public listener. */

import {spawnSync} from 'node:child_process'
import {once} from 'node:events'
import {writeFileSync} from 'node:fs'
import {createServer, request, type IncomingHttpHeaders, type Server} from 'node:http'
import {connect, type AddressInfo, type Socket} from 'node:net'
import {join} from 'node:path'
import {Readable} from 'node:stream'
import {fileURLToPath} from 'node:url'

import t, {type Test} from 'tap'

import {AisError} from '../../src/base/errors.ts'
import {ringOf} from '../../src/core/objects/ring.ts'
import {objectDigest} from '../../src/core/placement/locate.ts'
import {newestEntry, ownerUnder} from '../../src/core/objects/ring.ts'
import type {NodeId, ObjectName} from '../../src/model/ids.ts'
import type {Endpoint} from '../../src/model/node.ts'
import type {ElectionNote} from '../../src/model/record.ts'
import {parseArgv} from '../../src/node/config/argv.ts'
import type {NodeContext} from '../../src/node/http/context.ts'
import {createControlListener} from '../../src/node/http/control-listener.ts'
import {mergePages} from '../../src/node/http/list-objects.ts'
import {createPublicClient} from '../../src/node/http/public-client.ts'
import {createPeerGuard, type SelfIdentity} from '../../src/node/peer/guard.ts'
import {PeerFailure} from '../../src/node/peer/exchange.ts'
import {createLane, type Lane} from '../../src/node/peer/lane.ts'
import {nearEnd} from '../../src/node/peer/own-port.ts'
import {clusterKeys, sha256Hex} from '../../src/node/peer/session.ts'
import {readBody} from '../../src/node/peer/body.ts'
import {createLease, leaseReader, writeLease} from '../../src/node/threads/ports.ts'
import {decodeElections} from '../../src/wire/elections.ts'
import {decodeRecovery} from '../../src/wire/recovery.ts'
import {parseJson} from '../../src/wire/json.ts'
import {encodeLocalPage, type LocalEntry} from '../../src/wire/local-page.ts'
import {decodeLocalQuery} from '../../src/wire/local-query.ts'
import {encodePeerRequest} from '../../src/wire/peer.ts'
import {
  BUCKET,
  gatewayOf,
  HOST,
  http,
  KEY,
  load,
  nodeFile,
  NODES,
  quiet,
  UUID,
} from '../helpers/gateway.ts'

const OTHER_KEY = 'b2'.repeat(32)

// --- configuration

t.test('a node file is read, and its defaults are settled', async (t) => {
  const config = load(['--config', nodeFile(t.testdir())])
  t.equal(config.bootstrap, false)
  t.equal(config.dataWorkers, 1)
  t.same(config.advertise.public, {host: HOST, port: 52001})
  t.same(config.clusterKeys, [KEY])
})

t.test('what is wrong with a configuration is said by name', async (t) => {
  const dir = t.testdir()
  const refusalOf = (more: object): string => {
    try {
      load(['--config', nodeFile(dir, more)])
    } catch (error) {
      return error instanceof AisError ? `${error.code} ${error.message}` : String(error)
    }
    return 'accepted'
  }
  t.match(refusalOf({moutpaths: []}), /^BAD_CONFIG .*moutpaths.*mountpaths/)
  t.match(refusalOf({listen: {public: 'x:1', control: '0.0.0.0:2', data: '0.0.0.0:2'}}), /open to/)
  t.match(refusalOf({listen: {public: 'x:1', control: 'x:2', data: 'x:3'}}), /control listener/)
  t.match(refusalOf({foundingConfig: {'log.levle': '4'}}), /^BAD_CONFIG .*log\.levle/)
  writeFileSync(join(dir, 'open-key'), `${KEY}\n`)
  t.match(refusalOf({clusterKeyFile: join(dir, 'open-key')}), /mode is 0644/)
  writeFileSync(join(dir, 'short-key'), 'abc\n', {mode: 0o600})
  t.match(refusalOf({clusterKeyFile: join(dir, 'short-key')}), /64 hex/)
  t.match(refusalOf({clusterKeyFile: 'credential:cluster-key'}), /CREDENTIALS_DIRECTORY/)
  t.throws(() => parseArgv(['-nosuch']), {code: 'USAGE'})
  t.throws(() => parseArgv(['-role']), {code: 'USAGE'})
  t.throws(() => load(['-standby']), {code: 'USAGE'})
})

t.test("AIStore's flags and environment mean what they mean there", async (t) => {
  const dir = t.testdir()
  nodeFile(dir)
  const cluster = join(dir, 'ais.json')
  const local = join(dir, 'ais_local.json')
  writeFileSync(
    cluster,
    JSON.stringify({
      uuid: UUID,
      proxy: {primary_url: `http://${HOST}:52012`, original_url: `http://${HOST}:52013`},
      auth: {intra_cluster: {node_join_secret_path: join(dir, 'key')}},
      mirror: {copies: 2},
    }),
  )
  writeFileSync(
    local,
    JSON.stringify({
      confdir: join(dir, 'conf'),
      host_net: {
        hostname: HOST,
        hostname_intra_control: HOST,
        hostname_intra_data: HOST,
        port: '52011',
        port_intra_control: '52012',
        port_intra_data: '52014',
      },
      fspaths: {'/ais/mp1': 'ssd', '/ais/mp2': ''},
      test_fspaths: {root: '/tmp/ais', count: 0, instance: 0},
    }),
  )
  const target = load(
    [
      '-role=target',
      `-config=${cluster}`,
      '-local_config',
      local,
      '-standby',
      '-daemon_id=tAbcdefgh',
    ],
    {AIS_PRIMARY_EP: `http://${HOST}:9999`, AIS_HOST_IP: '10.0.0.9'},
  )
  t.equal(target.standby, true)
  t.equal(target.configuredId, 'tAbcdefgh')
  t.same(
    target.askFirst.map(({port}) => port),
    [9999, 52012, 52013],
  )
  t.same(target.file.mountpaths, [{path: '/ais/mp1', label: 'ssd'}, {path: '/ais/mp2'}])
  t.same(target.advertise.public, {host: '10.0.0.9', port: 52011})
  t.same(target.founding, {'mirror.copies': 2})
  t.throws(() => load(['--config', nodeFile(dir)], {AIS_USE_HTTPS: 'true'}), {code: 'BAD_CONFIG'})
  t.throws(() => load(['--config', nodeFile(dir)], {AIS_PRIMARY_EP: 'nowhere'}), /AIS_PRIMARY_EP/)
})

t.test('usage and version are words, not errors', async (t) => {
  t.same(parseArgv([]), {type: 'usage', asked: false})
  t.same(parseArgv(['version']), {type: 'version'})
  t.equal(parseArgv(['fsck', '--config', 'x', '-json']).type, 'fsck')
})

// --- the process

/** Runs the daemon's entry; tap's own loader stays out of it. */
function daemon(args: readonly string[]): {status: number | null; stdout: string; stderr: string} {
  const entry = fileURLToPath(new URL('../../src/node/main.ts', import.meta.url))
  const run = ['-c', 'NODE_OPTIONS= exec "$0" "$@"', process.execPath, entry, ...args]
  return spawnSync('/bin/sh', run, {encoding: 'utf8', timeout: 20_000})
}

t.test('fsck needs no cluster key: credentials exist only under systemd', async (t) => {
  const file = nodeFile(t.testdir(), {clusterKeyFile: 'credential:cluster-key'})
  const run = daemon(['fsck', '--config', file])
  t.notMatch(run.stderr, /CREDENTIALS_DIRECTORY/)
  t.equal(run.status, 0, run.stderr)
})

t.test('a start that cannot succeed ends with one clear line and 78', async (t) => {
  const dir = t.testdir()
  const cases: readonly (readonly [object, RegExp])[] = [
    [{role: 'gateway'}, /^aisnode: node file: role: expected "proxy" or "target", found "gateway"/],
    [{state: join(dir, 'no/such/parent')}, /^aisnode: state directory .*; create its parent/],
    [{clusterKeyFile: join(dir, 'nokey')}, /^aisnode: cluster key file .*nokey: cannot be read/],
  ]
  for (const [more, line] of cases) {
    const {status, stderr} = daemon(['--config', nodeFile(dir, more)])
    t.equal(status, 78)
    t.match(stderr, line)
    t.equal(stderr.trim().split('\n').length, 1)
  }
  const unknown = daemon(['-rol=proxy'])
  t.equal(unknown.status, 78)
  t.match(unknown.stderr, /-rol=proxy is not known/)
})

t.test('a port that is taken is named with the way to find its owner', async (t) => {
  const {port} = await started(t, createServer())
  const listen = {public: `${HOST}:1`, control: `${HOST}:${port}`, data: `${HOST}:${port}`}
  const {status, stderr} = daemon(['--config', nodeFile(t.testdir(), {listen})])
  t.equal(status, 1)
  t.match(stderr, `control listener ${HOST}:${port}: the port is in use; find its owner with: ss`)
})

t.test('version and usage need no configuration', async (t) => {
  t.match(daemon(['version']), {status: 0, stdout: /^5\.0\.\d+\n$/})
  t.match(daemon([]), {stdout: /^usage: aisnode/})
})

// --- authentication between nodes

interface Peer {
  readonly lane: Lane
  readonly heard: {from: string; type: string}[]
  readonly endpoint: Endpoint
  readonly server: Server
}

async function peerOf(
  t: Tap,
  keys: {server: readonly string[]; client: readonly string[]},
  uuids: {server: string; client: string} = {server: UUID, client: UUID},
): Promise<Peer> {
  const heard: {from: string; type: string}[] = []
  const self = {id: 'pServer01' as NodeId, inc: 1, uuid: uuids.server}
  const server = createControlListener({
    guard: createPeerGuard(clusterKeys(keys.server), () => self),
    runtime: {
      peerAsked: async (from, message) => {
        heard.push({from: `${from.id}.${from.inc}`, type: message.type})
        return {type: 'check', reachable: true, detail: ''}
      },
    },
    node: 'p[pServer01]',
    presence: {note() {}},
    alive: () => true,
    snode: () => '{}',
    ordered: () => undefined,
    log: quiet,
  })
  const endpoint = await started(t, server)
  const client: SelfIdentity = {id: 'tClient01' as NodeId, inc: 2, uuid: uuids.client}
  const lane = createLane({
    to: endpoint,
    keys: clusterKeys(keys.client),
    self: () => client,
    connectionsMax: 1,
  })
  t.teardown(() => lane.close())
  return {lane, heard, endpoint, server}
}

type Tap = Test

async function started(t: Tap, server: Server): Promise<Endpoint> {
  await new Promise<void>((resolve) => server.listen(0, HOST, () => resolve()))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return {host: HOST, port: (server.address() as AddressInfo).port}
}

const CHECK = encodePeerRequest({
  type: 'check',
  uuid: UUID,
  subject: 'tOther001' as NodeId,
  control: {host: HOST, port: 1},
})

async function sendCheck(lane: Lane): Promise<string> {
  const answer = await lane.send({
    method: 'POST',
    target: '/v1/health/check',
    body: CHECK,
    epoch: 1,
    timeoutMs: 3000,
  })
  const body = await readBody(answer.body, 10_000)
  answer.verify(sha256Hex(body))
  return `${answer.status} ${body.toString('utf8')}`
}

t.test('nodes with the same key talk, and know whom they hear', async (t) => {
  const {lane, heard} = await peerOf(t, {server: [KEY], client: [KEY]})
  t.match(await sendCheck(lane), /^200 .*reachable/)
  t.match(await sendCheck(lane), /^200/)
  t.same(heard, [
    {from: 'tClient01.2', type: 'check'},
    {from: 'tClient01.2', type: 'check'},
  ])
})

t.test('while a key is rotated, old and new nodes talk', async (t) => {
  const forward = await peerOf(t, {server: [OTHER_KEY, KEY], client: [KEY]})
  t.match(await sendCheck(forward.lane), /^200/)
  const back = await peerOf(t, {server: [KEY], client: [OTHER_KEY, KEY]})
  t.match(await sendCheck(back.lane), /^200/)
})

t.test('a node without the key, or of another cluster, is refused by name', async (t) => {
  const stranger = await peerOf(t, {server: [KEY], client: [OTHER_KEY]})
  await t.rejects(sendCheck(stranger.lane), /holds no key/)
  const foreign = await peerOf(
    t,
    {server: [KEY], client: [KEY]},
    {server: UUID, client: 'uuidOfOther'},
  )
  await t.rejects(sendCheck(foreign.lane), /uuidOfTest1, not uuidOfOther/)
  t.same([...stranger.heard, ...foreign.heard], [])
})

t.test('a server that does not hold the key cannot play a node', async (t) => {
  const server = createServer((_req, res) => {
    const reply = {format: 1, uuid: UUID, id: 'pFake0001', inc: 1, nonce: 'x', session: 'y'}
    res.end(JSON.stringify({...reply, key: clusterKeys([KEY])[0]?.id, proof: 'f'.repeat(64)}))
  })
  const to = await started(t, server)
  const lane = createLane({
    to,
    keys: clusterKeys([KEY]),
    self: () => ({id: 'tClient01' as NodeId, inc: 2, uuid: UUID}),
    connectionsMax: 1,
  })
  t.teardown(() => lane.close())
  await t.rejects(sendCheck(lane), /does not hold the cluster key/)
})

t.test('bare headers, replays and changed bodies are refused', async (t) => {
  const {lane, heard, endpoint} = await peerOf(t, {server: [KEY], client: [KEY]})
  t.equal((await http(endpoint, 'POST', '/v1/health/check', {body: CHECK})).status, 401)
  const seen: IncomingHttpHeaders[] = []
  const spy = createServer((req, res) => {
    seen.push(req.headers)
    const onward = request(
      {host: HOST, port: endpoint.port, method: req.method, path: req.url, headers: req.headers},
      (answer) => {
        res.writeHead(answer.statusCode ?? 0, answer.headers)
        answer.pipe(res)
      },
    )
    req.pipe(onward)
  })
  const through = await started(t, spy)
  const proxied = createLane({
    to: through,
    keys: clusterKeys([KEY]),
    self: () => ({id: 'tClient01' as NodeId, inc: 2, uuid: UUID}),
    connectionsMax: 1,
  })
  t.teardown(() => proxied.close())
  t.match(await sendCheck(proxied), /^200/)
  const headers = seen.at(-1) ?? {}
  const replay = await http(endpoint, 'POST', '/v1/health/check', {body: CHECK, headers})
  t.equal(replay.status, 401)
  t.match(replay.body, /replayed/)
  const elsewhere = await http(endpoint, 'POST', '/v1/vote', {body: CHECK, headers})
  t.match(elsewhere.body, /wrong MAC/)
  t.equal(heard.length, 1)
  t.match(await sendCheck(lane), /^200/)
})

t.test('a node of AIStore is refused by name', async (t) => {
  const {endpoint, heard} = await peerOf(t, {server: [KEY], client: [KEY]})
  const headers = {'ais-caller-id': 'pForeign1', 'ais-caller-name': 'p[pForeign1]'}
  const answer = await http(endpoint, 'POST', '/v1/cluster/autoreg', {body: '{}', headers})
  t.equal(answer.status, 409)
  t.match(answer.body, /AIStore node pForeign1 cannot join/)
  const gateway = await gatewayOf(t, NODES)
  const body = '{"si":{"daemon_id":"tForeign1"}}'
  const open = await http(gateway.to, 'POST', '/v1/cluster/autoreg', {body})
  t.match(open.body, /AIStore node tForeign1 cannot join/)
  t.same(heard, [])
})

t.test('a connection that was closed while idle is not taken for a dead node', async (t) => {
  const {lane, server} = await peerOf(t, {server: [KEY], client: [KEY]})
  t.match(await sendCheck(lane), /^200/)
  server.once('request', (req) => req.socket.resetAndDestroy())
  t.match(await sendCheck(lane), /^200/)
})

t.test('a connection never holds a port that a neighbour wants to listen on', async (t) => {
  const {lane, server} = await peerOf(t, {server: [KEY], client: [KEY]})
  const ports: number[] = []
  server.on('connection', (socket: Socket) => ports.push(socket.remotePort ?? 0))
  t.match(await sendCheck(lane), /^200/)
  const [port] = ports
  const neighbour = createServer()
  await new Promise<void>((resolve, reject) => {
    neighbour.once('error', reject)
    neighbour.listen(port, HOST, () => resolve())
  })
  await new Promise((resolve) => neighbour.close(resolve))
  t.same(nearEnd('::1'), {localAddress: '::'})
  t.same(nearEnd('some-host'), {})
})

t.test('a node that was restarted is greeted again', async (t) => {
  const self = {id: 'pServer01' as NodeId, inc: 1, uuid: UUID}
  let guard = createPeerGuard(clusterKeys([KEY]), () => self)
  const server = createControlListener({
    guard: {greet: (body) => guard.greet(body), admit: (...args) => guard.admit(...args)},
    runtime: {peerAsked: async () => ({type: 'check', reachable: true, detail: ''})},
    node: 'p[pServer01]',
    presence: {note() {}},
    alive: () => true,
    snode: () => '{}',
    ordered: () => undefined,
    log: quiet,
  })
  const to = await started(t, server)
  const lane = createLane({
    to,
    keys: clusterKeys([KEY]),
    self: () => ({id: 'tClient01' as NodeId, inc: 2, uuid: UUID}),
    connectionsMax: 1,
  })
  t.teardown(() => lane.close())
  t.match(await sendCheck(lane), /^200/)
  guard = createPeerGuard(clusterKeys([KEY]), () => self)
  t.match(await sendCheck(lane), /^200/)
})

t.test('who does not answer is reported with the reason', async (t) => {
  const silent = createServer(() => undefined)
  const to = await started(t, silent)
  const lane = (at: Endpoint): Lane =>
    createLane({
      to: at,
      keys: clusterKeys([KEY]),
      self: () => ({id: 'tClient01' as NodeId, inc: 2, uuid: UUID}),
      connectionsMax: 1,
    })
  const ask = {method: 'POST', target: '/v1/vote', body: '', epoch: 1, timeoutMs: 200}
  await t.rejects(
    lane(to).send(ask),
    new PeerFailure('timeout', `${HOST}:${to.port}: no answer in time`),
  )
  await t.rejects(lane({host: HOST, port: 1}).send(ask), {
    name: 'PeerFailure',
    message: /ECONNREFUSED/,
  })
})

// --- the public listener of a gateway

t.test('an object request is redirected to its owner, fenced, whatever the verb', async (t) => {
  const {to, record} = await gatewayOf(t, NODES)
  const newest = newestEntry(ringOf(record))
  const owner = newest && ownerUnder(newest, objectDigest(BUCKET.ref, 'a/b c'))
  const port = record.smap.nodes[owner ?? '']?.public.port
  for (const [method, status] of [
    ['GET', 301],
    ['HEAD', 307],
    ['PUT', 307],
    ['DELETE', 307],
  ] as const) {
    const answer = await http(to, method, '/v1/objects/photos/a/b%20c?provider=ais')
    t.equal(answer.status, status, method)
    const location = new URL(answer.headers.location ?? '')
    t.equal(location.port, String(port))
    t.equal(location.pathname, '/v1/objects/photos/a/b%20c')
    t.equal(location.searchParams.get('pid'), 'pGateway1')
    t.equal(location.searchParams.get('ext-fence'), '7')
  }
  const get = await http(to, 'GET', '/v1/objects/photos/x')
  t.equal(get.headers['cache-control'], 'no-store')
})

t.test('a large PUT is redirected without its body being waited for', async (t) => {
  const {to} = await gatewayOf(t, NODES)
  const status = await new Promise((resolve, reject) => {
    const asked = request(
      {host: HOST, port: to.port, method: 'PUT', path: '/v1/objects/photos/big'},
      (answer) => {
        resolve(answer.statusCode)
        answer.resume()
        asked.destroy()
      },
    )
    asked.on('error', reject)
    asked.write(Buffer.alloc(1 << 20))
  })
  t.equal(status, 307)
})

t.test(
  'objects of a missing bucket, and bad names, are errors in the shape of AIStore',
  async (t) => {
    const {to} = await gatewayOf(t, NODES)
    const missing = await http(to, 'GET', '/v1/objects/nosuch/x')
    t.equal(missing.status, 404)
    t.match(JSON.parse(missing.body), {
      tcode: 'ErrBckNotFound',
      message: 'bucket "ais://nosuch" does not exist',
      status: 404,
      node: 'p[pGateway1]',
    })
    const head = await http(to, 'HEAD', '/v1/objects/nosuch/x')
    t.match(JSON.parse(String(head.headers['hdr-error'])), {status: 404})
    t.equal((await http(to, 'PUT', '/v1/objects/photos/../x')).status, 400)
    t.equal((await http(to, 'PUT', '/v1/objects/photos/%ff')).status, 400)
  },
)

t.test('a gateway that is stopping serves on, and keeps no connection', async (t) => {
  const {to, setView} = await gatewayOf(t, NODES)
  t.equal((await http(to, 'GET', '/v1/objects/photos/x')).headers.connection, 'keep-alive')
  setView({stopping: true})
  const object = await http(to, 'GET', '/v1/objects/photos/x')
  t.equal(object.status, 301)
  t.equal(object.headers.connection, 'close')
  t.equal((await http(to, 'PUT', '/v1/cluster/set-config?mirror.copies=3')).status, 200)
  t.equal((await http(to, 'GET', '/v1/health')).status, 503, 'whoever balances load goes elsewhere')
})

t.test('who has just connected to a gateway that closes is answered', async (t) => {
  const {to, drain} = await gatewayOf(t, NODES)
  const socket = connect(to.port, to.host)
  await once(socket, 'connect')
  await http(to, 'GET', '/v1/health')
  const drained = drain()
  socket.write('GET /v1/daemon?what=smap HTTP/1.1\r\nHost: x\r\n\r\n')
  const [answer] = await once(socket, 'data')
  t.match(String(answer), /^HTTP\/1.1 200 OK\r\n(.*\r\n)*Connection: close/)
  await drained
  await t.rejects(http(to, 'GET', '/v1/health'), {code: /^ECONN/})
})

t.test('keys of an absent target are answered 503, to be tried again', async (t) => {
  const away = NODES.map((node) =>
    node.role === 'target' ? {...node, away: {kind: 'absent', sinceMs: 1} as const} : node,
  )
  const {to} = await gatewayOf(t, away)
  const answer = await http(to, 'GET', '/v1/objects/photos/x')
  t.equal(answer.status, 503)
  t.equal(answer.headers['retry-after'], '1')
})

t.test('bucket calls become commands, and their outcome the answer', async (t) => {
  const {to, commands, setResult} = await gatewayOf(t, NODES)
  const create = await http(to, 'POST', '/v1/buckets/new?provider=ais', {
    body: '{"action":"create-bck"}',
  })
  t.equal(create.status, 200)
  t.equal(create.body, '')
  t.match(commands, [{type: 'create-bucket', ref: {name: 'new'}, durability: 'default'}])
  setResult({type: 'refused', refusal: {code: 'BUCKET_EXISTS', message: 'bucket exists'}})
  const again = await http(to, 'POST', '/v1/buckets/new', {body: '{"action":"create-bck"}'})
  t.equal(again.status, 409)
  t.match(JSON.parse(again.body), {tcode: 'ErrBucketAlreadyExists'})
  const list = await http(to, 'GET', '/v1/buckets', {body: '{"action":"list"}'})
  t.match(JSON.parse(list.body), [{name: 'photos', provider: 'ais'}])
  const head = await http(to, 'HEAD', '/v1/buckets/photos')
  t.equal(head.status, 200)
  t.match(JSON.parse(String(head.headers['ais-bucket-props'])), {bid: BUCKET.bid})
  t.equal((await http(to, 'HEAD', '/v1/buckets/nosuch')).status, 404)
})

t.test('settings are checked before the kernel hears of them, in both forms', async (t) => {
  const {to, commands} = await gatewayOf(t, NODES)
  t.equal((await http(to, 'PUT', '/v1/cluster/set-config?mirror.copies=3')).status, 200)
  const nested = '{"action":"set-config","value":{"timeout":{"send_file_time":"10m"}}}'
  t.equal((await http(to, 'PUT', '/v1/cluster', {body: nested})).status, 200)
  t.same(commands, [
    {type: 'set-config', set: {'mirror.copies': 3}, reset: false},
    {type: 'set-config', set: {'timeout.send_file_time': 600_000}, reset: false},
  ])
  const bad = await http(to, 'PUT', '/v1/cluster/set-config?mirror.copys=3')
  t.equal(bad.status, 400)
  t.match(bad.body, /mirror\.copys/)
  t.equal((await http(to, 'PUT', '/v1/cluster', {body: '{"action":"no-such-action"}'})).status, 400)
  t.equal((await http(to, 'PUT', '/v1/cluster', {body: '{"action":'})).status, 400)
})

t.test('what is asked is answered; unknown questions, paths and verbs are refused', async (t) => {
  const {to} = await gatewayOf(t, NODES)
  for (const what of ['smap', 'bmd', 'config', 'snode', 'node_status', 'node_stats', 'sysinfo']) {
    const answer = await http(to, 'GET', `/v1/daemon?what=${what}`)
    t.equal(answer.status, 200, what)
    t.equal(answer.headers['content-type'], 'application/json; charset=utf-8')
    t.ok(answer.body.endsWith('\n'))
  }
  for (const what of ['smap', 'bmd', 'cluster_config', 'backends', 'remote', 'target_ips']) {
    t.equal((await http(to, 'GET', `/v1/cluster?what=${what}`)).status, 200, what)
  }
  t.equal((await http(to, 'GET', '/v1/daemon?what=nosuch')).status, 400)
  t.equal((await http(to, 'GET', '/v1/nosuch')).status, 400)
  const verb = await http(to, 'DELETE', '/v1/health')
  t.equal(verb.status, 405)
  t.match(verb.headers.allow, /GET/)
  const unknown = await http(to, 'GET', '/v1/reverse/daemon?what=snode', {
    headers: {'ais-node-id': 'tNosuch01'},
  })
  t.equal(unknown.status, 404)
})

t.test('changes of primary are told without one, too', async (t) => {
  const note: ElectionNote = {
    epoch: 2,
    primary: 'pGateway1' as NodeId,
    before: 'pGateway2' as NodeId,
    reason: 'gone',
    votes: 4,
    voters: 7,
    tookMs: 114,
    atMs: 1_763_745_851_714,
  }
  const {to, record} = await gatewayOf(t, NODES)
  Object.assign(record, {elections: [note]})
  const answer = await http(to, 'GET', '/v1/cluster?what=elections')
  t.same(decodeElections(parseJson(answer.body)), {
    uuid: UUID,
    node: 'pGateway1',
    epoch: 1,
    index: 7,
    primary: 'pGateway1',
    live: false,
    sinceMs: null,
    waiting: 'looks for a primary',
    elections: [note],
  })
})

t.test('where a node stands is told before it belongs to a cluster, too', async (t) => {
  const {to} = await gatewayOf(t, NODES)
  const answer = await http(to, 'GET', '/v1/daemon?what=recovery')
  t.match(decodeRecovery(parseJson(answer.body)), {
    id: 'pGateway1',
    role: 'proxy',
    accepted: null,
    primary: null,
    leads: 0,
    objects: null,
    members: [],
  })
})

t.test('health says whether the node lives and whether it serves', async (t) => {
  const {to} = await gatewayOf(t, NODES)
  const alive = await http(to, 'GET', '/v1/health')
  t.equal(alive.status, 200)
  t.match(alive.headers['ais-node-uptime'], /^\d+$/)
  t.equal((await http(to, 'GET', '/v1/health?readiness=true')).status, 200)
  t.equal((await http(to, 'GET', '/v1/health?prr=true')).status, 200)
  t.equal((await http(to, 'GET', '/v1/health?prr=true&cii=true')).status, 400)
  t.match(JSON.parse((await http(to, 'GET', '/v1/health?cii=true')).body), {flags: 6})
})

t.test('metrics have the names that the reference gives them', async (t) => {
  const {to} = await gatewayOf(t, NODES)
  await http(to, 'GET', '/v1/objects/photos/x')
  const {body} = await http(to, 'GET', '/metrics')
  t.match(body, 'ais_proxy_get_count{bucket="ais://photos",node_id="pGateway1"} 1')
  t.match(body, 'ais_node_primary_info{node_id="pGateway1",primary_id="pGateway1"} 1')
  t.match(body, /ais_proxy_uptime\{node_id="pGateway1"\} \d/)
  t.match(body, 'ais_proxy_state_flags{node_id="pGateway1"} 6')
  t.match(body, 'ais_proxy_control_lag_seconds{node_id="pGateway1"} 0.25')
})

t.test('a list that lacks a target is refused, or marked when the client wants it', async (t) => {
  const {to} = await gatewayOf(t, NODES)
  const body = '{"action":"list","value":{"props":"name,size"}}'
  t.equal((await http(to, 'GET', '/v1/buckets/photos', {body})).status, 503)
  const partial = await http(to, 'GET', '/v1/buckets/photos?ext-partial=true', {body})
  t.match(JSON.parse(partial.body), {entries: [], flags: 1 << 30})
})

function entryOf(name: string, counter: bigint, tombstone = false): LocalEntry {
  return {
    attributes: {
      name: name as ObjectName,
      bid: BUCKET.bid,
      gen: {own: 1, counter},
      tombstone,
      sizeBytes: Number(counter),
      version: 1,
      atimeNs: 1n,
      mtimeNs: 1n,
      checksum: {type: 'none', value: ''},
      custom: {},
    },
    place: {node: 't', mountpath: '/m', label: '', disks: []},
  }
}

/** Targets that hold every other name each, as real ones answer. */
function holding(names: readonly string[]): NodeContext['askTarget'] {
  return async ({to, body = ''}) => {
    const {prefix, after, limit} = decodeLocalQuery(String(body))
    const own = names.filter((_, at) => (at % 2 === 0) === (to.id === 'tTarget01'))
    const found = own.filter((name) => name.startsWith(prefix) && name > after)
    const entries = found.slice(0, limit).map((name) => entryOf(name, 1n))
    const page = encodeLocalPage({entries, more: found.length > limit, missing: []})
    return {status: 200, headers: {}, rawHeaders: [], body: Readable.from([Buffer.from(page)])}
  }
}

t.test('a page under owners that have changed is asked for again', async (t) => {
  const names = ['a', 'b', 'c']
  let asked = 0
  const held = holding(names)
  const askTarget: NodeContext['askTarget'] = async (question) => {
    asked++
    if (asked > 1) return held(question)
    const headers = {'ais-ext-code': 'STALE_RECORD'}
    return {status: 409, headers, rawHeaders: [], body: Readable.from([Buffer.from('{}')])}
  }
  const {to} = await gatewayOf(t, NODES, {askTarget})
  const body = '{"action":"list","value":{"props":"name"}}'
  const page = await http(to, 'GET', '/v1/buckets/photos', {body})
  t.equal(page.status, 200, page.body)
  t.equal(JSON.parse(page.body).entries.length, 3)
})

t.test('pages lead through a bucket, with and without its directories', async (t) => {
  const names = ['a', 'd/1', 'd/2', 'd/3', 'dx', 'e/f/1', 'e/g', 'z'].toSorted()
  const {to} = await gatewayOf(t, NODES, {askTarget: holding(names)})
  const walk = async (value: object): Promise<string[]> => {
    const seen: string[] = []
    let token = ''
    do {
      const body = JSON.stringify({
        action: 'list',
        value: {props: 'name', ...value, continuation_token: token},
      })
      const page = JSON.parse((await http(to, 'GET', '/v1/buckets/photos', {body})).body)
      seen.push(...page.entries.map((entry: {name: string}) => entry.name))
      token = page.continuation_token
    } while (token !== '')
    return seen
  }
  for (const pagesize of [1, 2, 3, 100]) {
    t.same(await walk({pagesize}), names)
    t.same(await walk({pagesize, flags: '2048'}), ['a', 'd/', 'dx', 'e/', 'z'])
    t.same(await walk({pagesize, flags: '2048', prefix: 'e/'}), ['e/f/', 'e/g'])
    t.same(await walk({pagesize, prefix: 'd/'}), ['d/1', 'd/2', 'd/3'])
  }
})

t.test('pages of several targets are merged by generation, in byte order', async (t) => {
  const page = (more: boolean, ...entries: LocalEntry[]) => ({
    target: 't',
    page: {entries, more, missing: []},
  })
  const merged = mergePages(
    [
      page(false, entryOf('a', 1n), entryOf('b', 5n, true), entryOf('\u{10000}', 1n)),
      page(false, entryOf('a', 2n), entryOf('b', 4n), entryOf('\uffff', 1n)),
    ],
    10,
  )
  t.same(
    merged.entries.map(({attributes}) => [attributes.name, attributes.sizeBytes]),
    [
      ['a', 2],
      ['\uffff', 1],
      ['\u{10000}', 1],
    ],
  )
  const cut = mergePages([page(true, entryOf('a', 1n)), page(false, entryOf('b', 1n))], 10)
  t.same(
    cut.entries.map(({attributes}) => attributes.name),
    ['a'],
  )
  t.match(cut, {more: true, last: 'a'})
  const full = mergePages([page(false, entryOf('a', 1n), entryOf('b', 1n))], 1)
  t.match(full, {more: true, last: 'a'})
})

t.test('a lease is seen by every thread until it runs out', async (t) => {
  const lease = createLease()
  const valid = leaseReader(lease)
  t.equal(valid(), false)
  writeLease(lease, process.hrtime.bigint() + 1_000_000_000n)
  t.equal(valid(), true)
  writeLease(lease, 0n)
  t.equal(valid(), false)
})

t.test('a connection of a node leaves its port to a listener that needs it', async (t) => {
  let near = 0
  const far = createServer((request, response) => {
    near = request.socket.remotePort ?? 0
    response.end('{}')
  })
  const late = createServer()
  t.teardown(() => {
    far.closeAllConnections()
    far.close()
    late.close()
  })
  far.listen(0, HOST)
  await once(far, 'listening')
  const {port} = far.address() as AddressInfo
  await createPublicClient()({host: HOST, port}, {method: 'GET', path: '/'})
  // The connection is kept; its near port is taken as long as it lives.
  late.listen(near, HOST)
  await once(late, 'listening')
  t.equal((late.address() as AddressInfo).port, near)
})
