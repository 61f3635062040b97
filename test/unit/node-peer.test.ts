/**
 * Connections between nodes when things go wrong: what a new connection proves, what hangs and what
 * is only late, and how the end of a process is noticed. Real sockets on loopback.
 */

import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {createServer as createHttpServer, type RequestListener, type Server} from 'node:http'
import {
  connect,
  createServer,
  type AddressInfo,
  type Server as TcpServer,
  type Socket,
} from 'node:net'

import t, {type Test} from 'tap'

import type {KernelEffect} from '../../src/core/kernel/events.ts'
import type {ClusterUuid, NodeId} from '../../src/model/ids.ts'
import type {Endpoint} from '../../src/model/node.ts'
import type {PeerAnswer, PeerRequest} from '../../src/model/peer-messages.ts'
import type {ClusterRecord} from '../../src/model/record.ts'
import {createControlListener} from '../../src/node/http/control-listener.ts'
import {askControlListener} from '../../src/node/peer/data-client.ts'
import {encodeNodeOrder, type NodeOrder} from '../../src/wire/action.ts'
import {createPeerGuard} from '../../src/node/peer/guard.ts'
import {createPresence} from '../../src/node/peer/presence.ts'
import {createPeerSender, type PeerSender} from '../../src/node/peer/send.ts'
import {
  clusterKeys,
  helloProof,
  newNonce,
  requestMac,
  sessionKey,
  sha256Hex,
} from '../../src/node/peer/session.ts'
import {decodeHelloReply, encodeHello, HELLO_FORMAT, helloTranscript} from '../../src/wire/hello.ts'
import {PEER_HEADER} from '../../src/wire/peer-headers.ts'
import {encodeRecord} from '../../src/wire/record.ts'

const HOST = '127.0.0.1'
const KEY = 'a1'.repeat(32)
const UUID = 'uuidOfTest1' as ClusterUuid
const SERVER = {id: 'pServer01' as NodeId, inc: 1, uuid: UUID}
const CLIENT = {id: 'pClient01' as NodeId, inc: 1, uuid: UUID}
const quiet = {debug() {}, info() {}, warn() {}, error() {}}

async function listening(t: Test, server: Server | TcpServer): Promise<Endpoint> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(0, HOST)
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {host: HOST, port: (server.address() as AddressInfo).port}
}

type Answering = (request: PeerRequest) => Promise<PeerAnswer | undefined>

interface Node {
  readonly server: Server
  readonly at: Endpoint
  readonly lost: NodeId[]
  readonly orders: NodeOrder[]
}

async function nodeThat(t: Test, answering: Answering): Promise<Node> {
  const lost: NodeId[] = []
  const orders: NodeOrder[] = []
  const server = createControlListener({
    guard: createPeerGuard(clusterKeys([KEY]), () => SERVER),
    runtime: {peerAsked: (_from, request) => answering(request)},
    presence: createPresence({lost: (id) => lost.push(id)}),
    node: 'p[pServer01]',
    alive: () => true,
    snode: () => '{}',
    ordered: (order) => orders.push(order),
    log: quiet,
  })
  return {server, at: await listening(t, server), lost, orders}
}

interface Asking {
  readonly outcomes: string[]
  readonly ask: (more?: Partial<SendEffect>) => Promise<string>
  readonly sender: PeerSender
}

type SendEffect = Extract<KernelEffect, {type: 'send'}>

/** What came of each question, by its number: `answered`, or the reason of silence. */
function askerOf(t: Test, to: Endpoint): Asking {
  const outcomes: string[] = []
  const waiting = new Map<number, (outcome: string) => void>()
  const note = (sendId: number, outcome: string): void => {
    outcomes.push(`${sendId} ${outcome}`)
    waiting.get(sendId)?.(outcome)
  }
  const sender = createPeerSender({
    keys: clusterKeys([KEY]),
    self: () => CLIENT,
    epoch: () => 1,
    answered: (sendId) => note(sendId, 'answered'),
    silent: (sendId, reason) => note(sendId, reason),
  })
  t.teardown(() => sender.close())
  let sendId = 0
  const ask: Asking['ask'] = (more = {}) =>
    new Promise((resolve) => {
      sendId += 1
      waiting.set(sendId, resolve)
      const request = {type: 'probe', uuid: UUID} as const
      const fixed = {type: 'send', sendId, to, toId: SERVER.id, timeoutMs: 1000} as const
      sender.send({...fixed, request, fresh: false, ...more})
    })
  return {outcomes, ask, sender}
}

const CHECKED: PeerAnswer = {type: 'check', reachable: true, detail: ''}
const answered: Answering = async () => CHECKED
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

t.test('the end of the whole cluster is ordered by its own nodes alone', async (t) => {
  const {at, orders} = await nodeThat(t, answered)
  const path = '/v1/daemon'
  const order = {action: 'decommission', removeUserData: true, keepInitialConfig: false} as const
  const asking = {keys: clusterKeys([KEY]), self: () => CLIENT, epoch: () => 1}
  t.equal(await askControlListener(asking, at, {path, put: encodeNodeOrder(order)}), '')
  t.strictSame(orders, [order])
  const bad = askControlListener(asking, at, {path, put: '{"action":"start-maintenance"}'})
  await t.rejects(bad, {name: 'PeerFailure'})
  const url = `http://${HOST}:${at.port}${path}`
  const stranger = await fetch(url, {method: 'PUT', body: encodeNodeOrder(order)})
  t.equal(stranger.status, 401)
  t.equal(orders.length, 1)
})

t.test('a new connection tells a dead process from one that is silent', async (t) => {
  const {at} = await nodeThat(t, answered)
  t.equal(await askerOf(t, at).ask({fresh: true}), 'answered')
  t.equal(await askerOf(t, {host: HOST, port: 1}).ask({fresh: true}), 'refused')
  const resetting = createServer((socket) => socket.resetAndDestroy())
  t.equal(await askerOf(t, await listening(t, resetting)).ask({fresh: true}), 'reset')
  const hangingUp = createServer((socket) => socket.once('data', () => socket.end()))
  t.equal(await askerOf(t, await listening(t, hangingUp)).ask({fresh: true}), 'reset')
  const frozen = createServer(() => undefined)
  const asked = {fresh: true, timeoutMs: 100}
  t.equal(await askerOf(t, await listening(t, frozen)).ask(asked), 'timeout')
  const stranger = createServer((socket) => socket.end('220 mail.example ESMTP\r\n'))
  t.equal(await askerOf(t, await listening(t, stranger)).ask({fresh: true}), 'rejected')
  const nowhere = {host: '255.255.255.255', port: 1}
  t.equal(await askerOf(t, nowhere).ask(asked), 'timeout', 'no route is no evidence')
})

t.test('a question over a new connection uses no other, and its end is announced', async (t) => {
  const {at, server, lost} = await nodeThat(t, answered)
  let connections = 0
  server.on('connection', () => (connections += 1))
  const {ask} = askerOf(t, at)
  t.equal(await ask({fresh: true}), 'answered')
  t.equal(await ask({fresh: true}), 'answered')
  t.equal(connections, 2)
  await pause(150)
  t.same(lost, [])
})

t.test('new connections are bounded, and the one too many is no evidence', async (t) => {
  const at = await listening(
    t,
    createServer(() => undefined),
  )
  const {ask} = askerOf(t, at)
  const asked = Array.from({length: 128}, () => ask({fresh: true, timeoutMs: 300}))
  const before = performance.now()
  t.equal(await ask({fresh: true, timeoutMs: 5000}), 'timeout')
  t.ok(performance.now() - before < 200, 'it is not kept waiting')
  t.same(new Set(await Promise.all(asked)), new Set(['timeout']))
})

t.test('a connection that hangs delays no other beat', async (t) => {
  let held = 0
  const {at} = await nodeThat(t, () => {
    held += 1
    return held === 2 ? new Promise(() => undefined) : Promise.resolve(CHECKED)
  })
  const {ask, outcomes} = askerOf(t, at)
  t.equal(await ask(), 'answered')
  const stuck = ask({timeoutMs: 400})
  for (let round = 0; round < 3; round += 1) t.equal(await ask(), 'answered')
  t.equal(outcomes.length, 4, 'while the second still waits')
  t.equal(await stuck, 'timeout')
})

t.test('a greeting that hangs keeps nobody from greeting on another connection', async (t) => {
  const {server} = await nodeThat(t, answered)
  const serve = server.listeners('request')[0] as RequestListener
  let greetings = 0
  const at = await listening(
    t,
    createHttpServer((req, res) => {
      if (req.url === '/v1/peer/hello' && (greetings += 1) === 1) return
      serve(req, res)
    }),
  )
  const {ask} = askerOf(t, at)
  const first = ask({timeoutMs: 1300})
  await pause(1100)
  t.equal(await ask(), 'answered')
  t.equal(await first, 'timeout')
  t.equal(greetings, 2)
})

t.test('an answer that is late ends no connection', async (t) => {
  let delayMs = 0
  const {at, server} = await nodeThat(t, async () => {
    await pause(delayMs)
    return CHECKED
  })
  let connections = 0
  server.on('connection', () => (connections += 1))
  const {ask} = askerOf(t, at)
  t.equal(await ask(), 'answered')
  delayMs = 250
  t.equal(await ask({timeoutMs: 150}), 'timeout')
  await pause(200)
  delayMs = 0
  t.equal(await ask(), 'answered')
  t.equal(connections, 1)
})

/** A line that takes this long each way, and one way and back more for a new connection. */
async function slowLine(t: Test, to: Endpoint, oneWayMs: number): Promise<Endpoint> {
  const delay = (from: Socket, onto: Socket, openingMs: number): void => {
    const openMs = performance.now() + openingMs
    from.on('data', (data) => {
      const waitMs = Math.max(0, openMs - performance.now()) + oneWayMs
      setTimeout(() => onto.destroyed || onto.write(data), waitMs)
    })
    from.once('close', () => onto.destroy())
  }
  const line = createServer((near) => {
    const far = connect(to.port, to.host)
    far.on('error', () => undefined)
    delay(near, far, 2 * oneWayMs)
    delay(far, near, 0)
  })
  return await listening(t, line)
}

t.test('on a slow line a question in vain prepares the next one', async (t) => {
  const {at} = await nodeThat(t, answered)
  const {ask} = askerOf(t, await slowLine(t, at, 150))
  const tries: string[] = []
  while (tries.length < 8 && tries.at(-1) !== 'answered') tries.push(await ask({timeoutMs: 450}))
  t.equal(tries.at(-1), 'answered', `after ${tries.length} tries`)
  t.equal(await ask({timeoutMs: 450}), 'answered')
})

t.test('a connection on which nothing ever comes is given up', async (t) => {
  const {at, server} = await nodeThat(t, () => new Promise(() => undefined))
  let closed = 0
  server.on('connection', (socket: Socket) => socket.once('close', () => (closed += 1)))
  const {ask} = askerOf(t, at)
  const outcomes = await Promise.all([1, 2, 3, 4].map(() => ask({timeoutMs: 100})))
  t.same(outcomes, ['timeout', 'timeout', 'timeout', 'timeout'])
  for (let round = 0; closed < 4 && round < 100; round += 1) await pause(20)
  t.equal(closed, 4)
})

const part = {version: 1, epoch: 1}
const RECORD = {
  format: 1,
  uuid: UUID,
  epoch: 1,
  index: 1,
  parent: '',
  pv: null,
  level: 1,
  smap: {...part, created: '2026-01-01 00:00:00', primary: SERVER.id, nodes: {}},
  bmd: {...part, serial: 0, buckets: {}},
  rmd: {...part, targetIds: []},
  conf: {...part, updated: '', set: {}, urls: {primary: '', original: '', discovery: ''}},
  tokens: {...part, revoked: []},
  own: [],
  op: null,
  move: null,
  heir: null,
  elections: [],
  rebalances: [],
} as const satisfies ClusterRecord

t.test('a question that never got a connection is not asked late', async (t) => {
  let asked = 0
  const {at} = await nodeThat(t, async () => {
    asked += 1
    await pause(400)
    return CHECKED
  })
  const {ask} = askerOf(t, at)
  t.equal(await ask(), 'answered')
  // Eight connections carry eight questions; the others wait in line, and not long enough.
  const carried = Array.from({length: 8}, () => ask({timeoutMs: 2000}))
  const waiting = Array.from({length: 4}, () => ask({timeoutMs: 100}))
  t.same(new Set(await Promise.all(waiting)), new Set(['timeout']))
  t.same(new Set(await Promise.all(carried)), new Set(['answered']))
  await pause(100)
  t.equal(asked, 9)
})

t.test('a record goes out as it was written, under the fences of each message', async (t) => {
  const heard: PeerRequest[] = []
  const {at} = await nodeThat(t, async (request) => {
    heard.push(request)
    return CHECKED
  })
  const {ask} = askerOf(t, at)
  const text = encodeRecord(RECORD)
  const record = {record: RECORD, text, sha: sha256Hex(text)}
  const prepare = (epoch: number, index: number): PeerRequest => {
    const committed = {epoch: 1, index}
    return {type: 'prepare', uuid: UUID, epoch, record, committed}
  }
  for (const request of [prepare(1, 0), prepare(1, 0), prepare(1, 1), prepare(2, 1)]) {
    t.equal(await ask({request}), 'answered')
  }
  t.match(heard, [
    {epoch: 1, committed: {index: 0}, record: {sha: record.sha}},
    {epoch: 1, committed: {index: 0}, record: {sha: record.sha}},
    {epoch: 1, committed: {index: 1}, record: {sha: record.sha}},
    {epoch: 2, committed: {index: 1}, record: {sha: record.sha}},
  ])
})

t.test('a session that is in use is not the one that is forgotten', (t) => {
  const [key] = clusterKeys([KEY])
  if (key === undefined) throw new Error('there is a key')
  const guard = createPeerGuard([key], () => SERVER)
  const converse = (): (() => void) => {
    const {uuid, id, inc} = CLIENT
    const question = {format: HELLO_FORMAT, uuid, id, inc, nonce: newNonce(), keys: [key.id]}
    const {proof, ...said} = decodeHelloReply(guard.greet(encodeHello(question)))
    const transcript = helloTranscript(question, said)
    if (proof !== helloProof(key, transcript)) throw new Error('the proof is wrong')
    const secret = sessionKey(key, transcript)
    let sequence = 0
    return () => {
      sequence += 1
      const digest = sha256Hex('')
      const facts = {session: said.session, sequence, method: 'POST', target: '/', epoch: 1, digest}
      guard.admit('POST', '/', {
        [PEER_HEADER.session]: said.session,
        [PEER_HEADER.sequence]: String(sequence),
        [PEER_HEADER.epoch]: '1',
        [PEER_HEADER.digest]: digest,
        [PEER_HEADER.mac]: requestMac(secret, facts),
      })
    }
  }
  const used = converse()
  const idle = converse()
  used()
  idle()
  for (let number = 0; number < 1100; number += 1) {
    converse()()
    used()
  }
  t.throws(idle, {code: 'UNAUTHENTICATED'})
  t.end()
})

/** Another process that asks every 50 ms, and says when it was answered first. */
function startAsker(to: Endpoint): ReturnType<typeof spawn> {
  const url = (path: string): string =>
    JSON.stringify(new URL(`../../src/${path}`, import.meta.url))
  const script = `
    import {createPeerSender} from ${url('node/peer/send.ts')}
    import {clusterKeys} from ${url('node/peer/session.ts')}
    const sender = createPeerSender({
      keys: clusterKeys(['${KEY}']),
      self: () => (${JSON.stringify(CLIENT)}),
      epoch: () => 1,
      answered: () => console.log('answered'),
      silent: (_id, reason) => console.log(reason),
    })
    const request = {type: 'probe', uuid: '${UUID}'}
    const effect = {type: 'send', sendId: 1, to: ${JSON.stringify(to)}, toId: null, request}
    setInterval(() => sender.send({...effect, timeoutMs: 1000, fresh: false}), 50)
  `
  const args = ['--input-type=module', '-e', script]
  const env = {...process.env, NODE_OPTIONS: ''}
  return spawn(process.execPath, args, {env, stdio: ['ignore', 'pipe', 'inherit']})
}

t.test('the end of a process is noticed by the end of its connections', async (t) => {
  const {at, lost} = await nodeThat(t, answered)
  const child = startAsker(at)
  t.teardown(() => child.kill('SIGKILL'))
  const [first] = await once(child.stdout ?? child, 'data')
  t.match(String(first), /answered/)
  await pause(200)
  t.same(lost, [], 'connections that come and go are nothing')
  child.kill('SIGKILL')
  await once(child, 'exit')
  await pause(150)
  t.same(lost, [CLIENT.id])
})

t.test('a connection that is replaced at once is not missed', async (t) => {
  const {at, server, lost} = await nodeThat(t, answered)
  const sockets: Socket[] = []
  server.on('connection', (socket: Socket) => sockets.push(socket))
  const {ask} = askerOf(t, at)
  t.equal(await ask(), 'answered')
  sockets[0]?.resetAndDestroy()
  t.equal(await ask(), 'answered')
  await pause(150)
  t.same(lost, [])
  for (const socket of sockets) socket.resetAndDestroy()
  await pause(150)
  t.same(lost, [CLIENT.id])
})
