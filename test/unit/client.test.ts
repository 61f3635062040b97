/** The client against real HTTP servers: recorded answers, and objects that are kept in memory. */

import {createHash} from 'node:crypto'
import {createReadStream, mkdirSync, readdirSync, readFileSync, writeFileSync} from 'node:fs'
import type {IncomingMessage, RequestListener, ServerResponse} from 'node:http'
import {createServer} from 'node:http'
import type {AddressInfo} from 'node:net'
import {join} from 'node:path'
import {Readable} from 'node:stream'
import {buffer} from 'node:stream/consumers'
import t from 'tap'
import type {Test} from 'tap'
import {AisError} from '../../src/base/errors.ts'
import {MIB} from '../../src/base/units.ts'
import {bucketLabel, parseBucketPath} from '../../src/client/buckets.ts'
import {createHasherFactory} from '../../src/client/checksum.ts'
import {mapParallel, openCluster} from '../../src/client/cluster.ts'
import {
  bytesBody,
  fileBody,
  fileSink,
  memorySink,
  streamSink,
  withSpooled,
} from '../../src/client/files.ts'
import {findCluster, normalizeUrl} from '../../src/client/find-cluster.ts'
import type {KnownCluster} from '../../src/client/known-clusters.ts'
import {
  forgetCluster,
  isClusterName,
  knownClusters,
  rememberCluster,
} from '../../src/client/known-clusters.ts'
import {resolveNode} from '../../src/client/node-name.ts'
import {createObjectClient, formatRange} from '../../src/client/objects.ts'
import {gatherOverview} from '../../src/client/overview.ts'
import {probe} from '../../src/client/probe.ts'
import {configDir, dataDir} from '../../src/client/state-dir.ts'
import {createTransport} from '../../src/client/transport.ts'
import {decodeSmap} from '../../src/wire/smap.ts'
import type {RecordedCluster} from '../helpers/recorded-cluster.ts'
import {startRecordedCluster} from '../helpers/recorded-cluster.ts'

async function recorded(t: Test): Promise<RecordedCluster> {
  const cluster = await startRecordedCluster()
  t.teardown(() => cluster.close())
  return cluster
}

async function serve(t: Test, listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Nobody listens there: the port was free a moment ago. */
async function deadUrl(): Promise<string> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const {port} = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return `http://127.0.0.1:${port}`
}

async function failure(promise: Promise<unknown>): Promise<AisError> {
  try {
    await promise
  } catch (error) {
    if (error instanceof AisError) return error
    throw error
  }
  throw new Error('it did not fail')
}

t.test('maps, buckets and configuration are read as they were recorded', async (t) => {
  const {url} = await recorded(t)
  const client = openCluster({endpoints: [url]})
  const {smap, uuid} = decodeSmap(await client.smap())
  t.equal(uuid, 'na8a52NmR')
  t.equal(Object.keys(smap.nodes).length, 7)
  t.strictSame((await client.buckets.list()).map(bucketLabel), ['ais://f1', 'ais://f2'])
  t.equal((await client.clusterConfig())['uuid'], 'na8a52NmR')
  t.strictSame(await client.backends(), [])
  const props = await client.buckets.props(parseBucketPath('f1').bucket)
  t.equal(props['bid'], '9223372036854775809', '64-bit ids stay exact')
})

t.test('an overview holds every node and what it says of itself', async (t) => {
  const {url} = await recorded(t)
  const {nodes} = await gatherOverview(openCluster({endpoints: [url]}))
  t.strictSame(
    nodes.map(({member, condition}) => `${member.id} ${condition}`),
    [
      'pnode0000 online',
      'pnode0001 online',
      'pnode0002 online',
      'tnode0003 online',
      'tnode0004 online',
      'tnode0005 online',
      'tnode0006 online',
    ],
  )
})

t.test('a gateway that is down is passed over for the next', async (t) => {
  const {url} = await recorded(t)
  const transport = createTransport({endpoints: [await deadUrl(), url]})
  await transport.send({method: 'GET', path: '/v1/daemon', query: {what: 'smap'}})
  t.equal(transport.endpoints()[0], url, 'and the one that answered is asked first from then on')
})

t.test('when no gateway answers the error names each and says why', async (t) => {
  const dead = await deadUrl()
  const error = await failure(openCluster({endpoints: [dead]}).smap())
  t.equal(error.code, 'UNREACHABLE')
  t.equal(error.exit, 5)
  t.match(error.message, `${dead}: nothing listens there`)
})

t.test('503 is repeated, with the pause that the server asks for, and not for ever', async (t) => {
  const cluster = await recorded(t)
  const client = openCluster({endpoints: [cluster.url]})
  cluster.fail(503, 2, {'retry-after': '0'})
  t.ok(await client.smap())
  t.equal(cluster.seen.length, 3)
  cluster.fail(503, 3, {'retry-after': '0'})
  const request = {method: 'GET', path: '/v1/daemon', attempts: 3} as const
  const error = await failure(client.transport.send(request))
  t.equal(error.code, 'NOT_READY')
})

t.test('an error of the cluster keeps its code and its words', async (t) => {
  const {url} = await recorded(t)
  const {buckets} = openCluster({endpoints: [url]})
  const exists = await failure(buckets.create(parseBucketPath('f1').bucket, {}))
  t.match(exists, {code: 'BUCKET_EXISTS', message: 'bucket "ais://f1" already exists', exit: 4})
  const missing = await failure(buckets.props(parseBucketPath('nosuch').bucket))
  t.match(missing, {code: 'NOT_FOUND', status: 404}, 'an answer to HEAD has no body')
})

t.test(
  'a request that may have been done is not repeated when its connection is cut',
  async (t) => {
    let asked = 0
    const url = await serve(t, (request) => {
      asked++
      request.socket.destroy()
    })
    const client = openCluster({endpoints: [url, url]})
    const error = await failure(client.buckets.destroy(parseBucketPath('b').bucket))
    t.match(error.message, /whether it was done is not known/)
    t.equal(asked, 1)
    await client.transport.send({method: 'PUT', path: '/v1/cluster'}).catch(() => undefined)
    t.equal(asked, 2, 'be it one that would be the same twice: somebody may have changed it since')
  },
)

/** Answers every request with this status and code. */
function refuser(status: number, code: string, seen: string[] = []): RequestListener {
  return (request, response) => {
    seen.push(request.method ?? '')
    const headers = {'retry-after': '0', 'ais-ext-code': code}
    response.writeHead(status, headers).end(`{"message": "${code} here"}`)
  }
}

t.test('what nobody knows the outcome of is not repeated, whoever says so', async (t) => {
  const seen: string[] = []
  const unknown = await serve(t, refuser(504, 'OUTCOME_UNKNOWN', seen))
  const stuck = await serve(t, (request, response) => {
    seen.push(request.method ?? '')
    if (request.method === 'GET') response.end()
  })
  const {url} = await recorded(t)
  const change = {method: 'PUT', path: '/v1/cluster/set-config'} as const
  const told = await failure(createTransport({endpoints: [unknown, url]}).send(change))
  t.match(told, {code: 'OUTCOME_UNKNOWN', exit: 5})
  const silent = createTransport({endpoints: [stuck, url], timeoutMs: 2000})
  t.match(await failure(silent.send(change)), {
    code: 'OUTCOME_UNKNOWN',
    message: /no answer within 2s during PUT .*; whether it was done is not known/,
  })
  t.strictSame(seen, ['GET', 'PUT', 'GET', 'PUT'])
})

t.test('who interrupts a change is told that it may have been made', async (t) => {
  const abort = new AbortController()
  const url = await serve(t, () => abort.abort())
  const transport = createTransport({endpoints: [url], signal: abort.signal})
  t.match(await failure(transport.send({method: 'PUT', path: '/v1/cluster'})), {
    code: 'INTERRUPTED',
    message: 'interrupted during PUT /v1/cluster; whether it was done is not known',
  })
  const read = await failure(transport.send({method: 'GET', path: '/v1/daemon'}))
  t.match(read, {code: 'INTERRUPTED', message: 'interrupted'})
})

t.test('a change does not go to a gateway that gives no sign of life', async (t) => {
  const seen: string[] = []
  const frozen = await serve(t, (request) => void seen.push(request.method ?? ''))
  const log: string[] = []
  const url = await serve(t, (request, response) => {
    log.push(request.method ?? '')
    response.end()
  })
  const transport = createTransport({endpoints: [frozen, url], hedgeMs: 30})
  const change = {method: 'PUT', path: '/v1/cluster/set-config'} as const
  t.equal((await transport.send(change)).endpoint, url)
  await transport.send(change)
  t.strictSame(seen, ['GET'])
  t.strictSame(log, ['GET', 'PUT', 'PUT'], 'it is not asked again at once')
})

t.test('a gateway that is frozen keeps no reader: the next is asked, too', async (t) => {
  const frozen = await serve(t, () => undefined)
  const {url} = await recorded(t)
  const transport = createTransport({endpoints: [frozen, await deadUrl(), url], hedgeMs: 30})
  const beganMs = performance.now()
  const smap = {method: 'GET', path: '/v1/daemon', query: {what: 'smap'}} as const
  t.equal((await transport.send(smap)).endpoint, url)
  t.ok(performance.now() - beganMs < 10_000)
  t.equal(transport.endpoints()[0], url)
})

t.test('asking several takes no longer than asking one may take', async (t) => {
  const endpoints = [await serve(t, () => undefined), await serve(t, () => undefined)]
  const transport = createTransport({endpoints, hedgeMs: 60, timeoutMs: 100})
  const beganMs = performance.now()
  const error = await failure(transport.send({method: 'GET', path: '/v1/daemon'}))
  t.ok(performance.now() - beganMs < 10_000)
  t.match(error, {code: 'TIMED_OUT', details: {tried: endpoints}})
})

t.test('a slow gateway may still answer when the next one fails', async (t) => {
  const slow = await serve(t, (_request, response) => {
    setTimeout(() => response.end('{"late": true}'), 100)
  })
  const transport = createTransport({endpoints: [slow, await deadUrl()], hedgeMs: 10})
  t.strictSame(await transport.sendForJson({method: 'GET', path: '/v1/daemon'}), {late: true})
})

t.test('a gateway without a primary is not the last word: another one is asked', async (t) => {
  const seen: string[] = []
  const cutOff = await serve(t, refuser(503, 'NO_PRIMARY', seen))
  const {url} = await recorded(t)
  const client = openCluster({endpoints: [cutOff, url]})
  t.ok(await client.smap())
  t.strictSame(seen, ['GET'])
  t.equal(client.endpoint(), url)
})

t.test('an operation that fails says whom it asked, how often and how long', async (t) => {
  const endpoints = [
    await serve(t, refuser(503, 'NO_PRIMARY')),
    await serve(t, refuser(503, 'NO_PRIMARY')),
    await deadUrl(),
  ]
  const told: string[] = []
  const transport = createTransport({
    endpoints,
    patienceMs: 2000,
    onRetry: ({message}) => void told.push(message),
  })
  const error = await failure(transport.send({method: 'PUT', path: '/v1/cluster'}))
  t.match(error, {code: 'NO_PRIMARY', details: {tried: endpoints}})
  const [first = '', second = '', dead = ''] = endpoints
  t.match(error.message, `NO_PRIMARY here (asked ${first}, ${second}: `)
  t.match(error.message, /: \d+ times in \d[\d.]*m?s; no answer from /)
  t.ok(error.message.endsWith(`${dead})`))
  t.strictSame([...new Set(told)], ['NO_PRIMARY here'], 'the same words every time')
})

t.test(
  'the gateways that the map names are tried when those that were given are gone',
  async (t) => {
    const other = await recorded(t)
    const answer = await fetch(`${other.url}/v1/daemon?what=smap`)
    const smap = (await answer.text()).replaceAll('http://127.0.0.1:18080', other.url)
    let alive = true
    const url = await serve(t, (request, response) => {
      if (alive) response.end(smap)
      else request.socket.destroy()
    })
    const client = openCluster({endpoints: [url]})
    t.ok(await client.smap())
    alive = false
    t.equal((await client.clusterConfig())['uuid'], 'na8a52NmR')
  },
)

t.test('an answer that comes too late is a timeout, with its own exit code', async (t) => {
  const url = await serve(t, () => undefined)
  const transport = createTransport({endpoints: [url], timeoutMs: 50})
  const error = await failure(transport.send({method: 'GET', path: '/v1/daemon'}))
  t.match(error, {code: 'TIMED_OUT', exit: 7})
})

t.test('names are listed page by page until the token is empty', async (t) => {
  const tokens: string[] = []
  const url = await serve(t, (request, response) => {
    void buffer(request).then((body) => {
      const {value} = JSON.parse(body.toString()) as {value: {continuation_token: string}}
      tokens.push(value.continuation_token)
      const last = value.continuation_token !== ''
      const page = {
        uuid: 'walk12345',
        continuation_token: last ? '' : 'a',
        entries: [{name: last ? 'b' : 'a', size: '5'}],
        flags: 0,
      }
      response.end(JSON.stringify(page))
    })
  })
  const {buckets} = openCluster({endpoints: [url]})
  const names: string[] = []
  for await (const page of buckets.pages(parseBucketPath('b').bucket, {})) {
    names.push(...page.entries.map(({name}) => name))
  }
  t.strictSame(names, ['a', 'b'])
  t.strictSame(tokens, ['', 'a'])
})

/** A gateway and a target in one: redirects what is not marked, keeps objects in memory. */
function memoryStore(log: string[] = []): RequestListener {
  const kept = new Map<string, Buffer>()
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const url = new URL(request.url ?? '', 'http://self')
    log.push(`${request.method} ${url.searchParams.has('pid') ? 'target' : 'gateway'}`)
    if (!url.searchParams.has('pid')) {
      const location = `http://${request.headers.host}${request.url}&pid=p1&utm=1`
      response.writeHead(request.method === 'GET' ? 301 : 307, {location}).end()
      return
    }
    if (request.headers.expect !== undefined) response.writeContinue()
    void finish(request, response, {kept, key: url.pathname})
  }
  return handle
}

async function finish(
  request: IncomingMessage,
  response: ServerResponse,
  {kept, key}: {readonly kept: Map<string, Buffer>; readonly key: string},
): Promise<void> {
  const body = await buffer(request)
  if (request.method === 'PUT') {
    kept.set(key, body)
    response.end()
    return
  }
  const found = kept.get(key)
  if (found === undefined) {
    response.writeHead(404, {'ais-ext-code': 'OBJECT_NOT_FOUND'}).end('no such object')
    return
  }
  if (request.method === 'DELETE') kept.delete(key)
  const md5 = createHash('md5').update(found).digest('hex')
  response.setHeader('ais-checksum-type', 'md5')
  response.setHeader('ais-checksum-value', md5)
  response.end(request.method === 'GET' ? found : undefined)
}

/** A server whose gateway answers large bodies before they are sent. */
async function storeServer(t: Test, log: string[] = []): Promise<string> {
  const listener = memoryStore(log)
  const server = createServer(listener)
  server.on('checkContinue', listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

t.test('a file is put through a redirect and comes back the same', async (t) => {
  const log: string[] = []
  const url = await storeServer(t, log)
  const directory = t.testdir({small: 'hello', empty: ''})
  const large = join(directory, 'large')
  writeFileSync(large, Buffer.alloc(3 * MIB + 7, 'x'))
  const objects = createObjectClient({endpoints: [url]})
  t.teardown(() => objects.close())
  for (const name of ['small', 'empty', 'large']) {
    const address = {bucket: parseBucketPath('b').bucket, objectName: `dir/${name} é`}
    await objects.put(address, await fileBody(join(directory, name)))
    const back = join(directory, 'back', name)
    const {bytes} = await objects.get(address, {begin: () => fileSink(back)})
    t.same(readFileSync(back), readFileSync(join(directory, name)), name)
    t.equal(bytes, readFileSync(back).byteLength)
  }
  t.strictSame(log.slice(0, 4), ['PUT gateway', 'PUT target', 'GET gateway', 'GET target'])
  t.strictSame(readdirSync(join(directory, 'back')).toSorted(), ['empty', 'large', 'small'])
})

t.test('bytes that are not what was stored are refused and leave no file', async (t) => {
  const url = await serve(t, (_request, response) => {
    response.setHeader('ais-checksum-type', 'xxhash2')
    response.setHeader('ais-checksum-value', '26c7827d889f6da3')
    response.end('hellO')
  })
  const directory = t.testdir({})
  const objects = createObjectClient({endpoints: [url]})
  t.teardown(() => objects.close())
  const address = {bucket: parseBucketPath('b').bucket, objectName: 'o'}
  const error = await failure(objects.get(address, {begin: () => fileSink(join(directory, 'out'))}))
  t.equal(error.code, 'BAD_CHECKSUM')
  t.strictSame(readdirSync(directory), [])
})

t.test('a target that is away for a moment costs a repetition, not the operation', async (t) => {
  let times = 0
  const url = await serve(t, (_request, response) => {
    if (++times === 1) response.writeHead(503, {'retry-after': '0'}).end()
    else if (times === 2) response.socket?.destroy()
    else response.end('there')
  })
  const objects = createObjectClient({endpoints: [url]})
  t.teardown(() => objects.close())
  const chunks: Uint8Array[] = []
  const address = {bucket: parseBucketPath('b').bucket, objectName: 'o'}
  await objects.get(address, {begin: async () => memorySink(chunks)})
  t.equal(Buffer.concat(chunks).toString(), 'there')
  t.equal(times, 3)
})

t.test('patience ends: a cluster that stays away is an error', async (t) => {
  const url = await serve(t, (_request, response) => {
    response.writeHead(503, {'retry-after': '0'}).end()
  })
  const objects = createObjectClient({endpoints: [url], patienceMs: 150})
  t.teardown(() => objects.close())
  const address = {bucket: parseBucketPath('b').bucket, objectName: 'o'}
  t.equal((await failure(objects.head(address))).code, 'NOT_READY')
  const away = createObjectClient({endpoints: [await deadUrl()], patienceMs: 150})
  t.equal((await failure(away.head(address))).code, 'UNREACHABLE')
})

t.test('a gateway that takes an object request and says nothing is passed over', async (t) => {
  const frozen = await serve(t, () => undefined)
  const log: string[] = []
  const url = await storeServer(t, log)
  const objects = createObjectClient({endpoints: [frozen, url], silentMs: 1000})
  t.teardown(() => objects.close())
  const address = {bucket: parseBucketPath('b').bucket, objectName: 'o'}
  await objects.put(address, bytesBody(Buffer.from('x')))
  await objects.head(address)
  t.strictSame(log, ['PUT gateway', 'PUT target', 'HEAD gateway', 'HEAD target'])
})

t.test('when no gateway lets an object through, each is named with its reason', async (t) => {
  const endpoints = [await deadUrl(), await deadUrl()]
  const objects = createObjectClient({endpoints, patienceMs: 150})
  const address = {bucket: parseBucketPath('b').bucket, objectName: 'o'}
  const error = await failure(objects.head(address))
  for (const url of endpoints) t.match(error.message, `${url}: nothing listens there`)
})

t.test('what cannot be mended by waiting is said at once, in words', async (t) => {
  const address = {bucket: parseBucketPath('b').bucket, objectName: 'o'}
  const nowhere = createObjectClient({endpoints: ['http://no-such-host.invalid:1']})
  const error = await failure(nowhere.head(address))
  t.match(error, {code: 'UNREACHABLE', message: /the host name is not known/})
  const url = await storeServer(t)
  const objects = createObjectClient({endpoints: [url]})
  t.teardown(() => objects.close())
  const gone = {sizeBytes: 200_000, open: () => createReadStream('/nonexistent/file')}
  t.match(await failure(objects.put(address, gone)), {code: 'NOT_FOUND', message: /nonexistent/})
})

t.test('an interruption ends the waiting, too', async (t) => {
  const url = await serve(t, (_request, response) => {
    response.writeHead(503, {'retry-after': '5'}).end()
  })
  const abort = new AbortController()
  const objects = createObjectClient({endpoints: [url], signal: abort.signal})
  t.teardown(() => objects.close())
  setTimeout(() => abort.abort(), 50)
  const address = {bucket: parseBucketPath('b').bucket, objectName: 'o'}
  t.match(await failure(objects.head(address)), {code: 'INTERRUPTED', exit: 130})
})

t.test('what was deleted is gone, and deleting it again says so', async (t) => {
  const url = await storeServer(t)
  const objects = createObjectClient({endpoints: [url]})
  t.teardown(() => objects.close())
  const address = {bucket: parseBucketPath('b').bucket, objectName: 'o'}
  await objects.put(address, bytesBody(Buffer.from('x')))
  await objects.delete(address)
  const error = await failure(objects.delete(address))
  t.match(error, {code: 'OBJECT_NOT_FOUND', exit: 3})
})

t.test('a name that a URL would fold is refused before anything is sent', async (t) => {
  const objects = createObjectClient({endpoints: [await deadUrl()]})
  for (const objectName of ['../x', 'a/../b', 'a/./b', '']) {
    const error = await failure(objects.head({bucket: parseBucketPath('b').bucket, objectName}))
    t.equal(error.code, 'BAD_NAME', objectName)
  }
})

t.test('standard input is kept until it is sent, then forgotten', async (t) => {
  const seen = await withSpooled(
    Readable.from([Buffer.from('ab'), Buffer.from('c')]),
    async (body) => (await buffer(body.open())).toString(),
  )
  t.equal(seen, 'abc')
  t.equal(streamSink(process.stdout).canRestart, false)
})

t.test('a file that cannot be read is an error with its name', async (t) => {
  const directory = t.testdir({})
  t.match(await failure(fileBody(join(directory, 'none'))), {code: 'NOT_FOUND'})
  t.match(await failure(fileBody(directory)), {code: 'USAGE', message: /is a directory/})
})

t.test('checksums are those that AIStore records', async (t) => {
  const hello = Buffer.from('hello')
  const digests = {
    xxhash2: '26c7827d889f6da3',
    md5: '5d41402abc4b2a76b9719d911017c592',
    crc32c: '9a71bb4c',
    sha256: createHash('sha256').update(hello).digest('hex'),
  } as const
  for (const [type, digest] of Object.entries(digests)) {
    const hasher = await createHasherFactory()(type as keyof typeof digests)
    hasher.update(hello)
    t.equal(hasher.digest(), digest, type)
  }
})

t.test('a bucket and a name are read as people write them', (t) => {
  const read = (text: string): string => {
    const {bucket, rest} = parseBucketPath(text)
    return `${bucketLabel(bucket)} ${rest}`
  }
  t.equal(read('ais://b/dir/o'), 'ais://b dir/o')
  t.equal(read('b/dir/'), 'ais://b dir/')
  t.equal(read('s3://b'), 's3://b ')
  t.equal(read('ais://@u#n/b/o'), 'ais://@u#n/b o')
  t.throws(() => parseBucketPath('ais://b!d'), {code: 'BAD_NAME'})
  t.throws(() => parseBucketPath(''), {code: 'BAD_NAME'})
  t.equal(formatRange({offset: 10, length: 20}), 'bytes=10-29')
  t.equal(formatRange({offset: 10}), 'bytes=10-')
  t.end()
})

t.test('a node is found by id, label or start, and never guessed', async (t) => {
  const {url} = await recorded(t)
  const {smap} = decodeSmap(await openCluster({endpoints: [url]}).smap())
  t.equal(resolveNode(smap, 'tnode0003').id, 'tnode0003')
  t.equal(resolveNode(smap, 't[tnode0003]').id, 'tnode0003')
  t.equal(resolveNode(smap, 'p[pnode0000][P]').id, 'pnode0000')
  t.throws(() => resolveNode(smap, 'tnode'), {code: 'USAGE', message: /means several nodes/})
  t.throws(() => resolveNode(smap, 'p[tnode0003]'), {code: 'NODE_NOT_FOUND'})
  t.throws(() => resolveNode(smap, 'nosuch'), {code: 'NODE_NOT_FOUND', exit: 3})
})

const ONE: KnownCluster = {
  format: 1,
  name: 'one',
  uuid: 'uuid-one-1',
  kind: 'added',
  endpoints: ['http://127.0.0.1:1'],
}
const TWO: KnownCluster = {...ONE, name: 'two', endpoints: ['http://127.0.0.1:2']}

t.test('a cluster is found by name, URL, environment, or because it is the only one', (t) => {
  const find = (wanted?: string, endpoint?: string, clusters = [ONE, TWO]): readonly string[] =>
    findCluster({wanted, endpoint, clusters}).endpoints
  t.strictSame(find('two'), TWO.endpoints)
  t.strictSame(find('127.0.0.1:9'), ['http://127.0.0.1:9'])
  t.strictSame(find('two', 'http://127.0.0.1:9'), TWO.endpoints, 'the flag counts first')
  t.strictSame(find(undefined, 'http://127.0.0.1:2/'), TWO.endpoints)
  t.strictSame(find(undefined, undefined, [ONE]), ONE.endpoints)
  t.throws(() => find(), {code: 'USAGE', message: /2 clusters are known: one, two/})
  t.throws(() => find(undefined, undefined, []), {code: 'USAGE', message: /no cluster is known/})
  t.throws(() => find('three'), {code: 'USAGE', hint: /known: one, two/})
  t.throws(() => normalizeUrl('http://'), {code: 'USAGE'})
  t.end()
})

t.test('known clusters are kept, replaced and forgotten; a damaged entry is named', (t) => {
  const before = process.env['AISCTL_STATE_DIR']
  process.env['AISCTL_STATE_DIR'] = t.testdir({})
  t.teardown(() => {
    if (before === undefined) delete process.env['AISCTL_STATE_DIR']
    else process.env['AISCTL_STATE_DIR'] = before
  })
  t.strictSame(knownClusters().clusters, [])
  rememberCluster(ONE)
  rememberCluster({...ONE, uuid: 'uuid-one-2'})
  rememberCluster(TWO)
  t.strictSame(
    knownClusters().clusters.map(({uuid}) => uuid),
    ['uuid-one-2', 'uuid-one-1'],
  )
  mkdirSync(join(configDir(), 'clusters'), {recursive: true})
  writeFileSync(join(configDir(), 'clusters', 'bad.json'), '{')
  t.equal(knownClusters().unreadable.length, 1)
  forgetCluster('one')
  t.strictSame(
    knownClusters().clusters.map(({name}) => name),
    ['two'],
  )
  t.throws(() => rememberCluster({...ONE, name: '../x'}), {code: 'BAD_NAME'})
  t.notOk(isClusterName('a..b'))
  t.not(dataDir(), configDir())
  t.end()
})

t.test('a probe gives the answer or nothing, within its limit', async (t) => {
  const url = await serve(t, (request, response) => {
    if (request.url === '/slow') return
    response.writeHead(503).end('busy')
  })
  t.strictSame(await probe(`${url}/`, 1000), {status: 503, text: 'busy'})
  t.equal(await probe(`${url}/slow`, 50), undefined)
  t.equal(await probe(await deadUrl(), 1000), undefined)
})

t.test('many requests run a few at a time and keep their order', async (t) => {
  let running = 0
  let most = 0
  const numbers = Array.from({length: 40}, (_, index) => index)
  const doubled = await mapParallel(numbers, async (number) => {
    most = Math.max(most, ++running)
    await new Promise((resolve) => setImmediate(resolve))
    running--
    return 2 * number
  })
  t.strictSame(
    doubled,
    numbers.map((number) => 2 * number),
  )
  t.equal(most, 16)
})
