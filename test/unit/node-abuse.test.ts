/**
 * What a hostile client or a bad disk may do to a node, and what is heard of it. Real listeners on
 * loopback, real directories.
 */

import {mkdirSync, renameSync, writeFileSync} from 'node:fs'
import {createServer, type Server} from 'node:http'
import {connect, type AddressInfo} from 'node:net'

import t, {type Test} from 'tap'

import {parseSettings} from '../../src/model/config/config.ts'
import type {NodeId} from '../../src/model/ids.ts'
import {answerError} from '../../src/node/http/answer.ts'
import {createApp} from '../../src/node/http/app.ts'
import type {NodeContext} from '../../src/node/http/context.ts'
import {createControlListener} from '../../src/node/http/control-listener.ts'
import {reverseRouter} from '../../src/node/http/routers/reverse.ts'
import {readBody} from '../../src/node/peer/body.ts'
import {createPeerGuard} from '../../src/node/peer/guard.ts'
import {clusterKeys} from '../../src/node/peer/session.ts'
import type {OpenedStore} from '../../src/node/store/open-store.ts'
import {keyOf, openTestStore, putBytes, TEST_BUCKET} from '../helpers/test-store.ts'

const HOST = '127.0.0.1'
const MIB = 1024 * 1024
const quiet = {debug() {}, info() {}, warn() {}, error() {}}

async function portOf(t: Test, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, HOST, () => resolve()))
  t.teardown(() => new Promise((resolve) => server.close(resolve)))
  return (server.address() as AddressInfo).port
}

/** Sends bytes as they are, whatever comes back meanwhile, and listens until the end. */
function raw(port: number, parts: readonly (string | Buffer)[]): Promise<string> {
  return new Promise((resolve) => {
    let heard = ''
    const socket = connect(port, HOST, () => {
      for (const part of parts) socket.write(part)
    })
    socket.on('data', (data) => (heard += data.toString('latin1')))
    socket.on('error', (error: NodeJS.ErrnoException) => (heard += `[${error.code ?? ''}]`))
    socket.on('close', () => resolve(heard))
  })
}

t.test('a body that is too large is refused in words, announced or in chunks', async (t) => {
  const server = createServer((req, res) => {
    readBody(req, 4 * MIB).then(
      (body) => res.end(`${body.byteLength} bytes`),
      (error: unknown) => answerError(req, res, error, 't[x]'),
    )
  })
  const port = await portOf(t, server)
  const block = Buffer.alloc(MIB, 'x')
  const head = 'PUT / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n'
  const blocks = (count: number): readonly Buffer[] => Array.from({length: count}, () => block)
  const announced = (mib: number): string => `${head}Content-Length: ${mib * MIB}\r\n\r\n`
  t.match(await raw(port, [announced(4), ...blocks(4)]), /^HTTP\/1.1 200 .*4194304 bytes$/s)
  t.match(await raw(port, [announced(10), ...blocks(10)]), /^HTTP\/1.1 413 .*larger than 4194304/s)
  const chunk = Buffer.concat([Buffer.from('100000\r\n'), block, Buffer.from('\r\n')])
  const chunks = Array.from({length: 10}, () => chunk)
  const chunked = await raw(port, [
    `${head}Transfer-Encoding: chunked\r\n\r\n`,
    ...chunks,
    '0\r\n\r\n',
  ])
  t.match(chunked, /^HTTP\/1.1 413 .*larger than 4194304/s)
  t.match(await raw(port, [announced(1000)]), /^HTTP\/1.1 413 /)
})

t.test('a greeting without end is cut, and the node lives on', async (t) => {
  const self = {id: 'tTarget01' as NodeId, inc: 1, uuid: 'uuidOfTest1'}
  const server = createControlListener({
    guard: createPeerGuard(clusterKeys(['a1'.repeat(32)]), () => self),
    runtime: {peerAsked: async () => undefined},
    node: 't[tTarget01]',
    presence: {note() {}},
    alive: () => true,
    snode: () => '',
    ordered: () => undefined,
    log: quiet,
  })
  const port = await portOf(t, server)
  const block = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(MIB), Buffer.from('\r\n')])
  const head =
    'POST /v1/peer/hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n'
  t.notMatch(await raw(port, [head, ...Array.from({length: 32}, () => block)]), /^HTTP\/1.1 200/)
  const health = 'GET /v1/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
  t.match(await raw(port, [health]), /^HTTP\/1.1 200 /)
})

t.test('names of every object in JavaScript are unknown settings, no errors of ours', (t) => {
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    const raw = Object.fromEntries([[name, '1']])
    t.match(parseSettings(raw, 'cluster'), {code: 'BAD_CONFIG', message: /unknown setting/}, name)
  }
  t.end()
})

t.test('a node is found by its own id alone', async (t) => {
  const record = {smap: {version: 3, nodes: {}}}
  const context = {label: 'p[x]', view: () => ({record}), log: quiet} as unknown as NodeContext
  const app = createApp(context, [reverseRouter(context)])
  const port = await portOf(t, createServer(app))
  for (const id of ['__proto__', 'constructor', 'no-such-node']) {
    const head = `GET /v1/reverse/daemon?what=config HTTP/1.1\r\nHost: x\r\nAis-Node-Id: ${id}\r\n`
    const heard = await raw(port, [`${head}Connection: close\r\n\r\n`])
    t.match(heard, /^HTTP\/1.1 404 .*not present in Smap v3/s, id)
  }
})

function storeIn(dir: string): Promise<OpenedStore> {
  const paths = ['mp0', 'mp1'].map((name) => `${dir}/${name}`)
  return openTestStore({stateDirectory: `${dir}/state`, paths, shared: true})
}

t.test('a directory in the place of a mountpath hides no object: nobody says 404', async (t) => {
  const dir = t.testdir({state: {}, mp0: {}, mp1: {}})
  const {store} = await storeIn(dir)
  t.teardown(() => store.stop())
  const names = Array.from({length: 8}, (_, at) => `n${at}`)
  for (const name of names) await putBytes(store, name, Buffer.from(name))
  const lost = store.page({bid: TEST_BUCKET.bid, prefix: '', after: '', limit: 9}) ?? []
  const away = lost.filter(({path}) => path === `${dir}/mp1`).map(({attributes}) => attributes.name)
  t.ok(away.length > 0, 'some objects lie there')
  renameSync(`${dir}/mp1`, `${dir}/gone`)
  mkdirSync(`${dir}/mp1`)
  for (const name of away) t.equal(store.lookup(keyOf(name), false).type, 'unsure', name)
  t.same(
    store.missing().map(({path}) => path),
    [`${dir}/mp1`],
  )
})

t.test('an index of names that is damaged is built again', async (t) => {
  const dir = t.testdir({state: {}, mp0: {}, mp1: {}})
  const first = await storeIn(dir)
  await putBytes(first.store, 'cat.jpg', Buffer.from('meow'))
  first.store.stop()
  for (const name of ['mp0', 'mp1']) {
    writeFileSync(`${dir}/${name}/.aisnode/names.sqlite`, 'garbage'.repeat(1000))
  }
  const {store} = await storeIn(dir)
  t.teardown(() => store.stop())
  const page = store.page({bid: TEST_BUCKET.bid, prefix: '', after: '', limit: 9})
  t.match(page, [{attributes: {name: 'cat.jpg'}}])
})
