/** Mirroring at a gateway: what is refused, which job follows, and what is told of it. */

import t from 'tap'
import type {NodeContext} from '../../src/node/http/context.ts'
import type {CopiesShare} from '../../src/wire/copies-job.ts'
import {STATE_FLAG} from '../../src/wire/state-flags.ts'
import {BUCKET, NODES, gatewayOf, http, type GatewayOptions} from '../helpers/gateway.ts'

type AskPublic = NodeContext['askPublic']

/** Targets with so many mountpaths each, and so far with their copies. */
function targetsWith(
  mountpaths: number,
  shares: (port: number) => readonly CopiesShare[],
): GatewayOptions {
  const available = Array.from({length: mountpaths}, (_, at) => `/ais/mp${at}`)
  const askPublic: AskPublic = async ({port}, {path}) => {
    const answers: Readonly<Record<string, unknown>> = {
      mountpaths: {available},
      copies: shares(port),
      resilver: {jobs: []},
    }
    const answer = answers[path.slice(path.indexOf('=') + 1)]
    const head = {statusCode: 200} as never
    return {head, body: Buffer.from(JSON.stringify(answer))}
  }
  return {askPublic}
}

const SHARE: CopiesShare = {
  bid: BUCKET.bid,
  copiesAt: 8,
  state: 'done',
  beganMs: 1000,
  endedMs: 3000,
  objects: 12,
  bytes: 3400,
  removed: 1,
  problem: '',
}

const MIRRORED = {...BUCKET, set: {'mirror.enabled': true}, copiesAt: 8}

t.test('more copies than a target has mountpaths are refused, by name and number', async (t) => {
  const {to, commands, setResult} = await gatewayOf(
    t,
    NODES,
    targetsWith(2, () => []),
  )
  const path = '/v1/buckets/photos'
  const three = '{"action":"make-n-copies","value":3}'
  const refused = await http(to, 'POST', path, {body: three})
  t.equal(refused.status, 400)
  t.match(
    JSON.parse(refused.body).message,
    /t\[tTarget01\]: number of copies \(3\) exceeds the number of mountpaths \(2\)/,
  )
  const create = '{"action":"create-bck","value":{"mirror":{"enabled":true,"copies":4}}}'
  t.equal((await http(to, 'POST', '/v1/buckets/new', {body: create})).status, 400)
  t.strictSame(commands, [])
  for (const bad of ['0', '"x"', '1.5', 'null']) {
    const body = `{"action":"make-n-copies","value":${bad}}`
    t.equal((await http(to, 'POST', path, {body})).status, 400, bad)
  }

  setResult({type: 'done', position: {epoch: 1, index: 8}, bucket: MIRRORED})
  const two = await http(to, 'POST', path, {body: '{"action":"make-n-copies","value":2}'})
  t.equal(two.status, 200)
  t.equal(two.body, 'n8', 'the job that follows')
  t.match(commands, [{type: 'set-bucket-props', set: {'mirror.enabled': true, 'mirror.copies': 2}}])
  const same = '{"action":"set-bprops","value":{"checksum":{"type":"md5"}}}'
  setResult({type: 'done', position: {epoch: 1, index: 9}, bucket: MIRRORED})
  t.equal((await http(to, 'PATCH', path, {body: same})).body, '', 'nothing follows')
  const one = '{"action":"make-n-copies","value":"1"}'
  t.equal((await http(to, 'POST', path, {body: one})).status, 200)
  t.match(commands.at(-1), {set: {'mirror.enabled': false, 'mirror.copies': 1}})
})

t.test('the job of copies is over when every target has said so of this very change', async (t) => {
  let shares: (port: number) => readonly CopiesShare[] = () => [SHARE]
  const {to, record} = await gatewayOf(
    t,
    NODES,
    targetsWith(2, (port) => shares(port)),
  )
  Object.assign(record.bmd.buckets, {'ais/@#/photos': MIRRORED})
  const ask = async (what: string, body: string): Promise<unknown> => {
    const answer = await http(to, 'GET', `/v1/cluster?what=${what}`, {body})
    return answer.status === 200 ? JSON.parse(answer.body) : answer.status
  }
  const status = {kind: 'make-n-copies', uuid: 'n8', end_time: 3_000_000_000, aborted: false}
  t.match(await ask('status', '{"id":"n8"}'), status)
  t.match(await ask('status_all', '{}'), [status])
  t.strictSame(await ask('running_all', '{}'), [])
  t.match(await ask('qryxstats', '{"Kind":"make-n-copies"}'), {
    tTarget01: [{id: 'n8', kind: 'make-n-copies', stats: {'loc-objs': '12'}, err: ''}],
    tTarget02: [{id: 'n8', bck: {name: 'photos'}}],
  })

  const failing = {...SHARE, state: 'failing' as const, endedMs: null, problem: '/mp1 is away'}
  shares = (port) => [port === 52110 ? SHARE : failing]
  t.match(await ask('status', '{"id":"n8"}'), {end_time: 0})
  t.strictSame(await ask('running_all', '{}'), ['make-n-copies[n8]'])
  t.match(await ask('qryxstats', '{"id":"n8"}'), {
    tTarget02: [{'end-time': '0001-01-01T00:00:00Z', 'ctlmsg': 'failing', 'err': '/mp1 is away'}],
  })
  shares = () => [{...SHARE, copiesAt: 7}]
  t.match(await ask('status', '{"id":"n8"}'), {end_time: 0}, 'they speak of an older change')
  t.strictSame(await ask('running_all', '{"Kind":"rebalance"}'), [])
})

t.test('a bucket is destroyed with its data in the trash, or at once', async (t) => {
  const {to, commands} = await gatewayOf(t, NODES)
  const path = '/v1/buckets/photos'
  t.equal((await http(to, 'DELETE', path, {body: '{"action":"destroy-bck"}'})).status, 200)
  const now = '{"action":"destroy-bck","value":{"now":true}}'
  t.equal((await http(to, 'DELETE', path, {body: now})).status, 200)
  t.match(commands, [
    {type: 'destroy-bucket', purge: false},
    {type: 'destroy-bucket', purge: true},
  ])
})

t.test('disks that fill up, and objects that are damaged, show in the state', async (t) => {
  const flags = async (fullestPercent: number, damaged: number): Promise<number> => {
    const {to, drain} = await gatewayOf(t, NODES, {health: () => ({fullestPercent, damaged})})
    const {body} = await http(to, 'GET', '/v1/daemon?what=node_stats')
    await drain()
    const {tracker} = JSON.parse(body) as {tracker: Record<string, number>}
    return tracker['state.flags'] ?? 0
  }
  const {outOfSpace, lowCapacity, diskFault} = STATE_FLAG
  const all = outOfSpace | lowCapacity | diskFault
  t.equal((await flags(89, 0)) & all, 0)
  t.equal((await flags(90, 0)) & all, lowCapacity)
  t.equal((await flags(95, 0)) & all, outOfSpace | lowCapacity)
  t.equal((await flags(10, 1)) & all, diskFault)
})
