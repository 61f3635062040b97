/**
 * A gateway that is not the primary: what it passes on, what it tries again while the office moves,
 * and what it never repeats. Real listeners on loopback; the kernel's word is the test's.
 */

import {once} from 'node:events'
import {createServer, type AddressInfo, type Server, type Socket} from 'node:net'

import t, {type Test} from 'tap'

import type {Command, CommandResult} from '../../src/model/command.ts'
import type {NodeId} from '../../src/model/ids.ts'
import type {Member} from '../../src/model/node.ts'
import {RELAY_HEADER} from '../../src/node/http/relay.ts'
import {freePort, gatewayOf, HOST, http, member, NODES, UUID} from '../helpers/gateway.ts'

const DONE: CommandResult = {type: 'done', position: {epoch: 2, index: 9}}
const CREATE = {body: '{"action":"create-bck"}'}

/** A kernel that says this, one after the other; the last for ever. */
function kernelThat(...results: readonly CommandResult[]): {
  asked: Command[]
  command: (command: Command) => Promise<CommandResult>
} {
  const asked: Command[] = []
  return {
    asked,
    command: async (command) => {
      asked.push(command)
      return results[Math.min(asked.length, results.length) - 1] ?? DONE
    },
  }
}

function leaderAt(port: number): Member {
  return {...member('pLeader01', 'proxy', port), control: {host: HOST, port: 1}}
}

const ELSEWHERE: CommandResult = {type: 'elsewhere', primary: {host: HOST, port: 1}}
const NO_PRIMARY: CommandResult = {
  type: 'refused',
  refusal: {code: 'NO_PRIMARY', message: 'the cluster has no primary at present'},
}
const FOLLOWER = {id: 'pFollow01' as NodeId}

/** A listener of bare sockets: what the primary's host does with a connection. */
async function socketsAt(t: Test, onSocket: (socket: Socket) => void): Promise<number> {
  const open = new Set<Socket>()
  const server: Server = createServer((socket) => {
    open.add(socket)
    socket.on('error', () => undefined)
    onSocket(socket)
  })
  server.listen(0, HOST)
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

function followerOf(t: Test, port: number, kernel: ReturnType<typeof kernelThat>) {
  return gatewayOf(t, [...NODES, leaderAt(port)], {...FOLLOWER, command: kernel.command})
}

t.test('a change is passed on to where the kernel says that the primary is', async (t) => {
  const port = await freePort()
  const leader = await gatewayOf(t, NODES, {id: 'pLeader01' as NodeId, port})
  const {to, record} = await followerOf(t, port, kernelThat(ELSEWHERE))
  setTimeout(() => Object.assign(record.smap, {primary: 'pFollow01'}), 100)
  const create = await http(to, 'POST', '/v1/buckets/new?provider=ais', CREATE)
  t.equal(create.status, 200)
  t.equal(create.body, '')
  t.equal((await http(to, 'PUT', '/v1/cluster/proxy/pFollow01')).status, 200)
  t.equal((await http(to, 'PUT', '/v1/cluster/set-config?mirror.copies=3')).status, 200)
  t.match(leader.commands, [
    {type: 'create-bucket', ref: {name: 'new'}},
    {type: 'set-primary', id: 'pFollow01'},
    {type: 'set-config', set: {'mirror.copies': 3}},
  ])
  leader.setResult({type: 'refused', refusal: {code: 'BUCKET_EXISTS', message: 'bucket exists'}})
  const again = await http(to, 'POST', '/v1/buckets/new', CREATE)
  t.equal(again.status, 409)
  t.match(JSON.parse(again.body), {tcode: 'ErrBucketAlreadyExists', node: 'p[pLeader01]'})
})

t.test('while the office moves a change waits, and fails for nobody', async (t) => {
  const gone = kernelThat(ELSEWHERE, ELSEWHERE, ELSEWHERE, DONE)
  const refused = await followerOf(t, await freePort(), gone)
  t.equal((await http(refused.to, 'POST', '/v1/buckets/new', CREATE)).status, 200)
  t.equal(gone.asked.length, 4)

  let connections = 0
  const dying = await socketsAt(t, (socket) => {
    connections += 1
    socket.once('data', () => socket.resetAndDestroy())
  })
  const kernel = kernelThat(ELSEWHERE, ELSEWHERE, DONE)
  const reset = await followerOf(t, dying, kernel)
  t.equal((await http(reset.to, 'POST', '/v1/buckets/new', CREATE)).status, 200)
  t.equal(connections, 2, 'nobody had asked for the body')

  const port = await freePort()
  const old = await gatewayOf(t, NODES, {id: 'pLeader01' as NodeId, port})
  old.setResult(ELSEWHERE)
  const moved = await followerOf(t, port, kernelThat(ELSEWHERE, ELSEWHERE, DONE))
  t.equal((await http(moved.to, 'POST', '/v1/buckets/new', CREATE)).status, 200)
  t.equal(old.commands.length, 2, 'a primary that has handed over does nothing')
})

t.test('a frozen primary takes no change, and the next one does', async (t) => {
  const frozen = await socketsAt(t, () => undefined)
  const {to} = await followerOf(t, frozen, kernelThat(ELSEWHERE, DONE))
  t.equal((await http(to, 'POST', '/v1/buckets/new', CREATE)).status, 200)
})

t.test('a change that the primary may have made is never repeated', async (t) => {
  let bodies = 0
  const port = await socketsAt(t, (socket) => {
    socket.write('HTTP/1.1 100 Continue\r\n\r\n')
    socket.on('data', (data) => {
      if (!data.includes('create-bck')) return
      bodies += 1
      socket.resetAndDestroy()
    })
  })
  const kernel = kernelThat(ELSEWHERE)
  const {to} = await followerOf(t, port, kernel)
  const answer = await http(to, 'POST', '/v1/buckets/new', CREATE)
  t.equal(answer.status, 504)
  t.equal(answer.headers['ais-ext-code'], 'OUTCOME_UNKNOWN')
  t.equal(answer.headers['retry-after'], undefined)
  t.match(answer.body, /the outcome is unknown/)
  t.equal(bodies, 1)
  t.equal(kernel.asked.length, 1)
})

t.test('a primary that froze with a change in hand is not waited for', async (t) => {
  const port = await socketsAt(t, (socket) => socket.write('HTTP/1.1 100 Continue\r\n\r\n'))
  const {to, setView} = await followerOf(t, port, kernelThat(ELSEWHERE))
  const primary = {id: 'pLeader01' as NodeId, live: true, silentSinceMs: 0, waiting: ''}
  setView({primary})
  const created = http(to, 'POST', '/v1/buckets/new', CREATE)
  setTimeout(() => setView({primary: {...primary, id: 'pOther001' as NodeId}}), 300)
  const startedMs = performance.now()
  const answer = await created
  t.equal(answer.status, 504)
  t.match(answer.body, /p\[pOther001\] is the primary by now: the outcome is unknown/)
  t.ok(performance.now() - startedMs > 1200, 'one that hands over may answer')
})

t.test('a relayed request is not passed on again', async (t) => {
  const kernel = kernelThat(ELSEWHERE)
  const {to} = await followerOf(t, await freePort(), kernel)
  const headers = {[RELAY_HEADER]: 'pOther001'}
  const change = await http(to, 'POST', '/v1/buckets/new', {...CREATE, headers})
  t.equal(change.headers['ais-ext-code'], 'NO_PRIMARY')
  t.equal(kernel.asked.length, 1)
})

t.test('without a primary nobody says that a bucket does not exist', async (t) => {
  const gateway = await gatewayOf(t, [...NODES, leaderAt(1)], FOLLOWER)
  gateway.setResult(NO_PRIMARY)
  t.equal((await http(gateway.to, 'GET', '/v1/objects/photos/x')).status, 301)
  const {smap} = gateway.record
  Object.assign(smap, {primary: 'pLeader01'})
  for (const path of ['/v1/buckets/nosuch', '/v1/objects/nosuch/x']) {
    t.equal((await http(gateway.to, 'HEAD', path)).status, 503, path)
  }
  const headers = {[RELAY_HEADER]: 'pOther001'}
  const asked = gateway.commands.length
  t.equal((await http(gateway.to, 'HEAD', '/v1/buckets/nosuch', {headers})).status, 503)
  t.equal(gateway.commands.length, asked, 'two that disagree do not ask each other for ever')
})

t.test('a question for the primary finds the one that there is', async (t) => {
  const port = await freePort()
  const leader = await gatewayOf(t, NODES, {id: 'pLeader01' as NodeId, port})
  const gateway = await followerOf(t, port, kernelThat(ELSEWHERE))
  for (const {record} of [leader, gateway]) Object.assign(record.smap, {primary: 'pLeader01'})
  t.equal((await http(gateway.to, 'HEAD', '/v1/buckets/nosuch')).status, 404)
  t.equal((await http(gateway.to, 'GET', '/v1/health?prr=true')).status, 200)
})

t.test('the office goes to whom an operator names, and not by force', async (t) => {
  const {to, commands, setResult, record} = await gatewayOf(t, NODES)
  const moved = http(to, 'PUT', '/v1/cluster/proxy/pGateway2')
  setTimeout(() => Object.assign(record.smap, {primary: 'pGateway2'}), 100)
  t.equal((await moved).status, 200)
  t.equal(record.smap.primary, 'pGateway2', 'the answer waits until it shows here')
  t.match(commands, [{type: 'set-primary', id: 'pGateway2'}])
  const forced = await http(to, 'PUT', '/v1/cluster/proxy/pGateway2?frc=true&can=http://x')
  t.equal(forced.status, 501)
  t.match(forced.headers['ais-ext-hint'], /aisctl cluster recover/)
  t.equal((await http(to, 'PUT', '/v1/cluster/proxy/%20')).status, 404)
  setResult({type: 'refused', refusal: {code: 'NODE_NOT_FOUND', message: 'not in the cluster'}})
  t.equal((await http(to, 'PUT', '/v1/cluster/proxy/pGateway3')).status, 404)
})

t.test('a recovery is ordered of one gateway, by the name of its cluster', async (t) => {
  const {to, commands, setResult} = await gatewayOf(t, NODES)
  const order = (name: string, survivors: readonly string[]): {body: string} => ({
    body: JSON.stringify({action: 'recover', name, value: {survivors}}),
  })
  const wrong = await http(to, 'PUT', '/v1/cluster', order('uuidOfOther', ['pGateway1']))
  t.equal(wrong.status, 409)
  t.equal((await http(to, 'PUT', '/v1/cluster', order(UUID, ['no id']))).status, 404)
  t.same(commands, [])
  setResult({type: 'done', position: {epoch: 1003, index: 8}})
  const done = await http(to, 'PUT', '/v1/cluster', order(UUID, ['pGateway1', 'tTarget01']))
  t.same(JSON.parse(done.body), {epoch: 1003, index: 8})
  t.same(commands, [{type: 'recover', survivors: ['pGateway1', 'tTarget01']}])
})
