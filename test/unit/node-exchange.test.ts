/** One request between nodes: a body that comes slowly is no silence. */

import {Agent, createServer} from 'node:http'
import type {AddressInfo} from 'node:net'
import t from 'tap'
import {exchange} from '../../src/node/peer/exchange.ts'
import type {StreamedBody} from '../../src/node/peer/exchange.ts'

t.test('a body that is sent slowly is no silence; one that stops is', async (t) => {
  const server = createServer((req, res) => req.on('end', () => res.end('all of it')).resume())
  const agent = new Agent({keepAlive: true})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(async () => {
    agent.destroy()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const {port} = server.address() as AddressInfo
  const over = {agent, to: {host: '127.0.0.1', port}, overdue: null}
  const slow = (pieces: number): StreamedBody => ({
    lengthBytes: 10,
    send: (out, moved) => {
      let left = pieces
      const timer = setInterval(() => {
        out.write('x', moved)
        left -= 1
        if (left > 0) return
        clearInterval(timer)
        if (pieces === 10) out.end()
      }, 100)
      out.once('close', () => clearInterval(timer))
    },
  })
  const ask = {method: 'POST', target: '/', headers: {}, timeoutMs: 600}
  const answer = await exchange(over, {...ask, body: slow(10)})
  t.equal(answer.statusCode, 200)
  answer.resume()
  await t.rejects(exchange(over, {...ask, body: slow(3)}), {message: /no answer in time/})
})
