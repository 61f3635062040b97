/** What a hostile client may send to a node, and what it hears. Real listeners on loopback. */

import {createServer, type Server} from 'node:http'
import {connect, type AddressInfo} from 'node:net'

import t, {type Test} from 'tap'

import {parseSettings} from '../../src/model/config/config.ts'
import {answerError} from '../../src/node/http/answer.ts'
import {createApp} from '../../src/node/http/app.ts'
import type {NodeContext} from '../../src/node/http/context.ts'
import {reverseRouter} from '../../src/node/http/routers/reverse.ts'
import {readBody} from '../../src/node/peer/body.ts'

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
