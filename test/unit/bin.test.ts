/**
 * What the plain scripts of bin/ and the measuring tools promise: steps that tell how they ended,
 * modules that are noticed when they are stale, rows that are judged as their goal says.
 */

import {createServer} from 'node:http'
import type {AddressInfo} from 'node:net'
import t from 'tap'
import * as steps from '../../bin/steps.js'
import {createClient} from '../bench/http-client.ts'
import {quantile} from '../bench/load.ts'
import {drawRows, judge} from '../bench/row.ts'
import {PROOFS, reportSim, type Proof} from '../proof/sim.ts'

t.test('a command tells its status and its last lines, a missing one too', async (t) => {
  const done = await steps.run('sh', ['-c', 'echo one; echo two >&2; exit 3'])
  t.equal(done.status, 3)
  t.same([...done.lines].sort(), ['one', 'two'])
  const missing = await steps.run('no-such-program-anywhere', [])
  t.not(missing.status, 0)
  t.match(missing.lines.join('\n'), /no-such-program-anywhere/)
})

t.test('a command that takes too long is ended, and says so', async (t) => {
  // The sleeper is a grandchild, as under npm: its group is what must end.
  const late = await steps.run('sh', ['-c', 'sleep 20; true'], {timeoutMs: 50})
  t.not(late.status, 0)
  t.match(late.lines.join('\n'), /took too long/)
})

t.test('the installed modules are what the lockfile says', (t) => {
  t.equal(steps.staleModules(), null)
  t.end()
})

t.test('the packages of a lab are read from the plugin that needs them', (t) => {
  t.ok(steps.labPackages().includes('systemd-container'))
  t.end()
})

t.test('a row is judged by its ratio or its value, and without a goal it is ok', (t) => {
  const base = {metric: 'm', unit: 'u', value: 70, n: 1}
  t.equal(judge(base).ok, true)
  const beside = {...base, peer: 'p', peerValue: 100}
  t.match(judge({...beside, goal: 'ratio>=0.7'}), {ratio: 0.7, ok: true})
  t.match(judge({...beside, goal: 'ratio>=0.71'}), {ok: false})
  t.match(judge({...base, goal: 'value<=69'}), {ok: false})
  t.throws(() => judge({...base, goal: 'soon'}), /nobody can judge/)
  t.throws(() => judge({...base, goal: 'ratio<=1'}), /no peer/)
  t.match(drawRows([judge({...beside, goal: 'ratio>=0.9'})]), /✖ {2}m {2}70 u {3,}p: 100 \(×0\.7\)/)
  t.equal(quantile([1, 2, 3, 4], 0.5), 3)
  t.end()
})

t.test('the load client follows redirects, counts bodies and reads chunked ones', async (t) => {
  const server = createServer((req, res) => {
    if (req.url === '/moved') res.writeHead(307, {Location: `http://${req.headers.host}/here`})
    if (req.url === '/chunked') {
      res.write('first ')
      res.write('second')
    }
    req.resume().on('end', () => res.end(req.url === '/here' ? `${req.method}!` : ''))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const endpoint = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const client = createClient()
  t.teardown(() => {
    client.close()
    server.close()
  })
  const body = new Uint8Array(100)
  const put = await client.ask(endpoint, {method: 'PUT', path: '/moved', body, keepBody: true})
  t.match(put, {status: 200, hops: 1, bytes: 4})
  t.equal(put.body?.toString(), 'PUT!')
  const chunked = await client.ask(endpoint, {method: 'GET', path: '/chunked', keepBody: true})
  t.equal(chunked.body?.toString(), 'first second')
  const closed = createClient()
  await t.rejects(closed.ask('127.0.0.1:1', {method: 'GET', path: '/'}), /127\.0\.0\.1:1/)
})

t.test('a proof adds up over runs and says how much is of the present commit', (t) => {
  const slice = {
    format: 2,
    at: '',
    first: 1,
    seeds: 100,
    events: 10,
    clusterHours: 2,
    cpuSeconds: 1,
    topologies: {'3p+4t': {seeds: 100, violations: 0, notConverged: 0}},
    violations: [],
    notConverged: [],
  } as const
  const rows = reportSim(
    PROOFS[0] as Proof,
    [
      {...slice, commit: 'a'},
      {...slice, commit: 'b', violations: [{seed: 7, invariant: 'C1', detail: 'lost'}]},
    ],
    'b',
  )
  t.match(rows, [{value: 200, ok: true}])
  t.match(
    rows.find(({metric}) => metric === 'commit b: violations'),
    {value: 1, ok: false},
  )
  const ofMost = rows.filter(({metric}) => metric.endsWith('seeds of 3p+4t'))
  t.match(ofMost, [
    {value: 200, ok: true},
    {value: 100, goal: 'value>=15000', ok: false},
  ])
  t.end()
})
