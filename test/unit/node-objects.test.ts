/**
 * The object path of targets over HTTP: what clients see, and what targets settle between
 * themselves.
 */

import {createHash} from 'node:crypto'
import http from 'node:http'
import t from 'tap'
import type {Test} from 'tap'
import {bucketUname} from '../../src/model/bucket.ts'
import {parseRange} from '../../src/node/objects/range.ts'
import type {TestCluster, TestTarget} from '../helpers/target-cluster.ts'
import {MARK, startTargets} from '../helpers/target-cluster.ts'
import {TEST_BUCKET, TEST_REF, bytesOf} from '../helpers/test-store.ts'
import type {ObjectStore} from '../../src/node/store/object-store.ts'

const MIB = 1024 * 1024
/** What Node's server adds by itself. */
const OWN_HEADERS = new Set(['Date', 'Connection', 'Keep-Alive'])

function namesOf(names: readonly string[]): readonly string[] {
  return names.filter((name) => !OWN_HEADERS.has(name))
}

async function put(cluster: TestCluster, to: TestTarget, name: string, body: string | Uint8Array) {
  return cluster.send(to, {method: 'PUT', name, body})
}

t.test(
  'answers carry the headers that the reference was recorded with, in its order',
  async (t) => {
    const cluster = await startTargets(1)
    t.teardown(() => cluster.close())
    const [target] = cluster.targets
    if (target === undefined) throw new Error('one target')
    const stored = await put(cluster, target, 'a/1', 'hello')
    t.equal(stored.status, 200)
    const attributes = ['Ais-Atime', 'Ais-Checksum-Type', 'Ais-Checksum-Value', 'Ais-Version']
    t.strictSame(namesOf(stored.names), [...attributes, 'Content-Length'])
    t.match(stored.headers, {
      'ais-atime': '1795260492647011529',
      'ais-checksum-type': 'xxhash2',
      'ais-checksum-value': '26c7827d889f6da3',
      'ais-version': '1',
    })
    const got = await cluster.send(target, {method: 'GET', name: 'a/1'})
    t.equal(got.body.toString(), 'hello')
    t.strictSame(namesOf(got.names), [...attributes, 'Content-Length', 'Content-Type'])
    await put(cluster, target, 'a/2', 'x'.repeat(1000))
    const headers = {range: 'bytes=10-19'}
    const part = await cluster.send(target, {method: 'GET', name: 'a/2', headers})
    t.equal(part.status, 206)
    t.strictSame(namesOf(part.names), [
      'Accept-Ranges',
      ...attributes,
      'Content-Length',
      'Content-Range',
      'Content-Type',
    ])
    t.equal(part.headers['content-range'], 'bytes 10-19/1000')
    const head = await cluster.send(target, {method: 'HEAD', name: 'a/1'})
    t.strictSame(namesOf(head.names), [
      'Ais-Atime',
      'Ais-Bucket-Name',
      'Ais-Bucket-Provider',
      'Ais-Checksum-Type',
      'Ais-Checksum-Value',
      'Ais-Location',
      'Ais-Mirror-Copies',
      'Ais-Mirror-Paths',
      'Ais-Name',
      'Ais-Present',
      'Ais-Version',
      'Content-Length',
    ])
    t.equal(head.headers['content-length'], '5')
    const query = 'props=size,etag,last-modified'
    const props = await cluster.send(target, {method: 'HEAD', name: 'a/1', query})
    t.match(props.headers, {'etag': /^"/, 'content-length': '5', 'ais-present': 'true'})
    const wrong = await cluster.send(target, {method: 'HEAD', name: 'a/1', query: 'props=colour'})
    t.equal(wrong.status, 400)
  },
)

t.test('refusals have the words and codes of the reference', async (t) => {
  const cluster = await startTargets(1)
  t.teardown(() => cluster.close())
  const [target] = cluster.targets
  if (target === undefined) throw new Error('one target')
  const refused = async (request: Parameters<TestCluster['send']>[1]) => {
    const answer = await cluster.send(target, request)
    const text = answer.body.toString() || String(answer.headers['hdr-error'])
    return {status: answer.status, ...(JSON.parse(text) as Record<string, unknown>)}
  }
  t.match(await refused({method: 'GET', name: 'zz'}), {
    status: 404,
    tcode: 'ErrNotFound',
    message: 't[tnode0001]: ais://photos/zz does not exist',
    url_path: '/v1/objects/photos/zz',
    node: 't[tnode0001]',
  })
  t.match(await refused({method: 'HEAD', name: 'zz'}), {status: 404, tcode: 'ErrNotFound'})
  t.match(await refused({method: 'PUT', name: 'zz', body: 'x', unmarked: true}), {
    status: 400,
    message: 't[tnode0001]: PUT(obj) is expected to be redirected',
  })
  t.match(await refused({method: 'DELETE', name: 'zz', unmarked: true}), {status: 400})
  const gone = await refused({method: 'DELETE', name: 'b'})
  t.match(gone, {status: 404, message: "ais://photos/b doesn't exist"})
  t.notOk('tcode' in gone)
  const headers = {range: 'bytes=5000-6000'}
  await put(cluster, target, 'a/2', 'x'.repeat(1000))
  t.match(await refused({method: 'GET', name: 'a/2', headers}), {
    status: 416,
    tcode: 'ErrRangeNotSatisfiable',
    message: 'size=1000: not satisfiable range [5000-6000]',
  })
  const other = {method: 'PUT', name: 'a', body: 'x', query: 'append_type=append'}
  t.match(await refused(other), {status: 501})
  t.match(await refused({method: 'TRACE', name: 'a'}), {status: 405})
  t.match(await refused({method: 'POST', name: 'a', body: '{"action":"fly"}'}), {status: 501})
  t.match(await refused({method: 'PATCH', name: 'a', body: '{"value":3}'}), {status: 400})
})

t.test('a checksum that the client gives is verified, and kept on request', async (t) => {
  const cluster = await startTargets(1)
  t.teardown(() => cluster.close())
  const [target] = cluster.targets
  if (target === undefined) throw new Error('one target')
  const body = bytesOf(200_000, 1)
  const md5 = createHash('md5').update(body).digest('hex')
  const sha256 = createHash('sha256').update(body).digest('hex')
  for (const [type, value, status] of [
    ['md5', md5, 200],
    ['sha256', sha256, 200],
    ['xxhash', '0123456789abcdef', 400],
    ['crc32c', '00000000', 400],
    ['md5', 'zz', 400],
    ['sha1', md5, 400],
  ] as const) {
    const name = `${type}-${status}`
    const headers = {'ais-checksum-type': type, 'ais-checksum-value': value}
    const answer = await cluster.send(target, {method: 'PUT', name, body, headers})
    t.equal(answer.status, status, `${type} ${value}`)
    if (status === 200) continue
    const found = await cluster.send(target, {method: 'GET', name})
    t.equal(found.status, 404, 'nothing became visible')
  }
  const headers = {'ais-checksum-type': 'xxhash', 'ais-checksum-value': '0123456789abcdef'}
  const bad = await cluster.send(target, {method: 'PUT', name: 'a', body: 'hello', headers})
  t.match(JSON.parse(bad.body.toString()), {
    tcode: 'ErrBadCksum',
    message:
      'BAD DATA CHECKSUM: xxhash(0123456789abcdef != 26c7827d889f6da3) (context: ais://photos/a)',
  })
  t.strictSame(target.disk.files('/mp0/.aisnode/work'), [])
  t.strictSame(target.disk.files('/mp1/.aisnode/work'), [])
})

t.test('custom metadata is set with a PUT, merged and replaced by PATCH', async (t) => {
  const cluster = await startTargets(1)
  t.teardown(() => cluster.close())
  const [target] = cluster.targets
  if (target === undefined) throw new Error('one target')
  const custom = async () =>
    (await cluster.send(target, {method: 'HEAD', name: 'a'})).headers['ais-custom-md']
  const headers = {'ais-custom-md': ['k1=v1', 'k2=a=b']}
  await cluster.send(target, {method: 'PUT', name: 'a', body: 'x', headers})
  t.equal(await custom(), 'k1=v1, k2=a=b')
  const patch = (value: unknown, query?: string) =>
    cluster.send(target, {
      method: 'PATCH',
      name: 'a',
      body: JSON.stringify({value}),
      ...(query === undefined ? {} : {query}),
    })
  t.equal((await patch({k2: 'new', k3: 'x'})).status, 200)
  t.equal(await custom(), 'k1=v1, k2=new, k3=x')
  t.equal((await patch({only: '1'}, 'set-new-custom=true')).status, 200)
  t.equal(await custom(), 'only=1')
  t.equal((await patch({'bad=key': '1'})).status, 400)
  const missing = await cluster.send(target, {method: 'PATCH', name: 'no', body: '{"value":{}}'})
  t.equal(missing.status, 404)
})

t.test('large objects stream both ways, and a client that leaves spoils nothing', async (t) => {
  const cluster = await startTargets(1)
  t.teardown(() => cluster.close())
  const [target] = cluster.targets
  if (target === undefined) throw new Error('one target')
  const body = bytesOf(5 * MIB + 123, 7)
  t.equal((await put(cluster, target, 'big', body)).status, 200)
  const whole = await cluster.send(target, {method: 'GET', name: 'big'})
  t.ok(body.equals(whole.body))
  const headers = {range: `bytes=${MIB - 5}-${3 * MIB + 5}`}
  const part = await cluster.send(target, {method: 'GET', name: 'big', headers})
  t.ok(body.subarray(MIB - 5, 3 * MIB + 6).equals(part.body))
  const {port} = target.says.record.smap.nodes[target.id]?.public ?? {port: 0}
  await new Promise<void>((resolve) => {
    const req = http.request({port, method: 'PUT', path: `/v1/objects/photos/big?${MARK}`})
    req.once('error', () => resolve())
    req.write(bytesOf(3 * MIB, 8), () => setTimeout(() => req.destroy(new Error('gone')), 20))
  })
  await new Promise<void>((resolve) => {
    http.get({port, path: '/v1/objects/photos/big'}, (res) => {
      res.once('data', () => res.destroy())
      res.once('close', resolve)
    })
  })
  await new Promise((resolve) => setTimeout(resolve, 50))
  const after = await cluster.send(target, {method: 'GET', name: 'big'})
  t.ok(body.equals(after.body), 'the old object stands')
  t.strictSame(target.disk.files('/mp0/.aisnode/work'), [])
  t.strictSame(target.disk.files('/mp1/.aisnode/work'), [])
})

t.test('a target that does not own the key sends the client on, at most three times', async (t) => {
  const cluster = await startTargets(3)
  t.teardown(() => cluster.close())
  const [first, second] = cluster.targets
  if (first === undefined || second === undefined) throw new Error('three targets')
  const name = cluster.nameOwnedBy(second)
  const sent = await cluster.send(first, {method: 'PUT', name, body: 'x', query: 'x=1&ext-fence=1'})
  t.equal(sent.status, 307)
  const {port} = second.says.record.smap.nodes[second.id]?.public ?? {port: 0}
  t.match(
    sent.headers.location,
    `http://127.0.0.1:${port}/v1/objects/photos/${name}?provider=ais&x=1&pid=pnode0000`,
  )
  t.match(sent.headers.location, /ext-fence=1&ext-hops=1$/)
  t.equal(sent.headers['cache-control'], 'no-store')
  const again = await cluster.send(first, {method: 'GET', name, query: 'ext-hops=3'})
  t.equal(again.status, 503)
  const node = await cluster.send(first, {method: 'PUT', name, body: 'x', data: true})
  t.equal(node.status, 409)
  const away = {kind: 'absent' as const, sinceMs: 0}
  cluster.change((record) => {
    const owner = record.smap.nodes[second.id]
    const nodes = owner === undefined ? {} : {[second.id]: {...owner, away}}
    return {...record, smap: {...record.smap, nodes: {...record.smap.nodes, ...nodes}}}
  })
  t.equal((await cluster.send(first, {method: 'GET', name})).status, 503)
})

t.test('what a target cannot vouch for is 503, with a hint when to try again', async (t) => {
  const cluster = await startTargets(1)
  t.teardown(() => cluster.close())
  const [target] = cluster.targets
  if (target === undefined) throw new Error('one target')
  await put(cluster, target, 'a', 'hello')
  const older = await cluster.send(target, {method: 'GET', name: 'a', query: 'ext-fence=7'})
  t.equal(older.status, 503)
  t.equal(older.headers['retry-after'], '1')
  target.says.leased = false
  t.equal((await put(cluster, target, 'a', 'x')).status, 503)
  t.equal((await cluster.send(target, {method: 'DELETE', name: 'a'})).status, 503)
  const stale = await cluster.send(target, {method: 'GET', name: 'a'})
  t.equal(stale.status, 200)
  t.equal(stale.headers['ais-degraded'], 'stale')
  t.equal((await cluster.send(target, {method: 'GET', name: 'no'})).status, 503, 'never 404')
  target.says.leased = true
  const write = put(cluster, target, 'b', bytesOf(4 * MIB, 1))
  await new Promise((resolve) => setTimeout(resolve, 5))
  target.says.leased = false
  t.match(JSON.parse((await write).body.toString()), {status: 503})
})

t.test('an object of a destroyed bucket is not one of its successor', async (t) => {
  const cluster = await startTargets(1)
  t.teardown(() => cluster.close())
  const [target] = cluster.targets
  if (target === undefined) throw new Error('one target')
  await put(cluster, target, 'a', 'hello')
  const uname = bucketUname(TEST_REF)
  cluster.change((record) => ({...record, bmd: {...record.bmd, buckets: {}}}))
  const gone = await cluster.send(target, {method: 'GET', name: 'a'})
  t.match(JSON.parse(gone.body.toString()), {
    tcode: 'ErrBckNotFound',
    message: 'bucket "ais://photos" does not exist',
  })
  const buckets = {[uname]: {...TEST_BUCKET, bid: '77'}}
  cluster.change((record) => ({...record, bmd: {...record.bmd, buckets}}))
  const other = await cluster.send(target, {method: 'GET', name: 'a'})
  t.equal(other.status, 404)
  const question = {ref: TEST_REF, prefix: '', after: '', limit: 9, partial: false}
  t.strictSame(target.objects.listPage(question).entries, [])
  t.throws(() => target.objects.listPage({...question, ref: {...TEST_REF, provider: 'aws'}}), {
    code: 'BUCKET_NOT_FOUND',
  })
})

/** Three targets; the first alone owned everything under entry 1, all three do under entry 5. */
async function grown(t: Test): Promise<{
  cluster: TestCluster
  old: TestTarget
  next: TestTarget
  name: string
}> {
  const cluster = await startTargets(3)
  t.teardown(() => cluster.close())
  const [old, next] = cluster.targets
  if (old === undefined || next === undefined) throw new Error('three targets')
  cluster.own([{index: 1, targets: [old.id]}])
  const name = cluster.nameOwnedBy(next)
  await put(cluster, old, name, 'first')
  await put(cluster, old, name, 'hello')
  cluster.own([
    {index: 1, targets: [old.id]},
    {index: 5, targets: cluster.targets.map(({id}) => id)},
  ])
  return {cluster, old, next, name}
}

/** Holds the last flush of the next write back, and a read of the key until it waits for that. */
async function readBehindWrite(
  cluster: TestCluster,
  target: TestTarget,
  write: {readonly method: string; readonly body?: string},
  meanwhile: () => void,
) {
  const {disk, store} = target
  const held: (() => void)[] = []
  const {sync} = disk
  const {whenSettled} = store
  let syncs = 0
  const slow: typeof sync = (fd, done) => {
    syncs += 1
    if (syncs === 1) sync(fd, done)
    else held.push(() => sync(fd, done))
  }
  Object.assign(disk, {sync: slow})
  const written = cluster.send(target, {...write, name: 'a'})
  while (held.length === 0) await new Promise((resolve) => setImmediate(resolve))
  let read: ReturnType<typeof cluster.send> | null = null
  await new Promise<void>((resolve) => {
    const waiting: typeof whenSettled = (key, go) => {
      whenSettled(key, go)
      resolve()
    }
    Object.assign(store, {whenSettled: waiting})
    read = cluster.send(target, {method: 'GET', name: 'a'})
  })
  meanwhile()
  Object.assign(disk, {sync})
  Object.assign(store, {whenSettled})
  for (const go of held) go()
  await written
  if (read === null) throw new Error('the read was sent')
  return await (read as ReturnType<typeof cluster.send>)
}

t.test('a read that waited for a slow disk looks at the lease and the owners again', async (t) => {
  const cluster = await startTargets(1)
  t.teardown(() => cluster.close())
  const [target] = cluster.targets
  if (target === undefined) throw new Error('one target')
  await put(cluster, target, 'a', 'first')
  const lose = (): void => {
    target.says.leased = false
  }
  const stale = await readBehindWrite(cluster, target, {method: 'PUT', body: 'second'}, lose)
  t.equal(stale.status, 200)
  t.equal(stale.body.toString(), 'second')
  t.equal(stale.headers['ais-degraded'], 'stale')
  target.says.leased = true
  const passed = await readBehindWrite(cluster, target, {method: 'PUT', body: 'third'}, () =>
    cluster.change((record) => ({
      ...record,
      index: record.index + 1,
      own: [{...record.own[0], index: record.index + 1, targets: [target.id]}],
    })),
  )
  t.equal(passed.status, 503, 'another entry holds by now')
  const gone = await readBehindWrite(cluster, target, {method: 'DELETE'}, lose)
  t.equal(gone.status, 503, 'nobody is told without a lease that it is not there')
})

t.test('a new owner answers with what the old owner holds, and goes on from there', async (t) => {
  const {cluster, next, name} = await grown(t)
  const got = await cluster.send(next, {method: 'GET', name})
  t.equal(got.status, 200)
  t.equal(got.body.toString(), 'hello')
  t.equal(got.headers['ais-version'], '2')
  const range = await cluster.send(next, {method: 'GET', name, headers: {range: 'bytes=1-2'}})
  t.equal(range.status, 206)
  t.equal(range.body.toString(), 'el')
  const head = await cluster.send(next, {method: 'HEAD', name})
  t.equal(head.headers['content-length'], '5')
  const stored = await put(cluster, next, name, 'new')
  t.equal(stored.headers['ais-version'], '3', 'the visible version continues')
  t.equal((await cluster.send(next, {method: 'GET', name})).body.toString(), 'new')
})

t.test('a delete at the new owner hides the copy of the old one for good', async (t) => {
  const {cluster, next, name} = await grown(t)
  t.equal((await cluster.send(next, {method: 'DELETE', name})).status, 200)
  t.equal((await cluster.send(next, {method: 'GET', name})).status, 404)
  t.equal((await cluster.send(next, {method: 'DELETE', name})).status, 404)
  const missing = cluster.nameOwnedBy(next, 'never')
  t.equal((await cluster.send(next, {method: 'DELETE', name: missing})).status, 404)
  const question = {ref: TEST_REF, prefix: '', after: '', limit: 9, partial: false}
  const page = next.objects.listPage(question).entries
  t.ok(page.every(({attributes}) => attributes.tombstone))
  t.equal(page.length, 2, 'a tombstone for each, also of the one that never was')
})

t.test('a change of metadata at the new owner brings the object over', async (t) => {
  const {cluster, next, name} = await grown(t)
  const body = '{"value":{"k":"v"}}'
  t.equal((await cluster.send(next, {method: 'PATCH', name, body})).status, 200)
  const got = await cluster.send(next, {method: 'GET', name})
  t.equal(got.body.toString(), 'hello')
  t.equal(got.headers['ais-custom-md'], 'k=v')
  t.equal(got.headers['ais-version'], '2')
})

t.test('while an old owner is silent nobody is told "not found"', async (t) => {
  const {cluster, old, next, name} = await grown(t)
  old.says.silent = true
  const got = await cluster.send(next, {method: 'GET', name})
  t.equal(got.status, 503)
  t.match(JSON.parse(got.body.toString()), {message: /t\[tnode0001\] cannot be asked/})
  t.equal((await put(cluster, next, name, 'new')).status, 200, 'writes go on')
  t.equal((await cluster.send(next, {method: 'GET', name})).body.toString(), 'new')
  const other = cluster.nameOwnedBy(next, 'other')
  t.equal((await cluster.send(next, {method: 'DELETE', name: other})).status, 200, 'not known')
})

t.test('keys that pass to a new owner wait until that is settled, others do not', async (t) => {
  const {cluster, old, next, name} = await grown(t)
  for (const {says} of cluster.targets) says.settled = 1
  t.equal((await cluster.send(next, {method: 'GET', name})).status, 503)
  t.equal((await put(cluster, next, name, 'x')).status, 503)
  const stays = cluster.nameOwnedBy(old)
  t.equal((await put(cluster, old, stays, 'x')).status, 200)
})

t.test('a rename copies to the owner of the new name and then deletes', async (t) => {
  const cluster = await startTargets(2)
  t.teardown(() => cluster.close())
  const [first, second] = cluster.targets
  if (first === undefined || second === undefined) throw new Error('two targets')
  for (const to of [first, second]) {
    const from = cluster.nameOwnedBy(first, `from-${to.id}-`)
    const name = cluster.nameOwnedBy(to, `to-${to.id}-`)
    await cluster.send(first, {
      method: 'PUT',
      name: from,
      body: 'moved',
      headers: {'ais-custom-md': 'k=v'},
    })
    const body = JSON.stringify({action: 'rename-obj', name})
    const renamed = await cluster.send(first, {method: 'POST', name: from, body})
    t.equal(renamed.status, 200)
    const got = await cluster.send(to, {method: 'GET', name})
    t.equal(got.body.toString(), 'moved')
    t.equal(got.headers['ais-custom-md'], 'k=v')
    t.equal((await cluster.send(first, {method: 'GET', name: from})).status, 404)
    const again = await cluster.send(first, {method: 'POST', name: from, body})
    t.equal(again.status, 404)
  }
  const bad = JSON.stringify({action: 'rename-obj', name: '../up'})
  const name = cluster.nameOwnedBy(first, 'from-')
  t.equal((await cluster.send(first, {method: 'POST', name, body: bad})).status, 400)
})

t.test('a list that misses a disk says so, unless a partial one was asked for', async (t) => {
  const cluster = await startTargets(1)
  t.teardown(() => cluster.close())
  const [target] = cluster.targets
  if (target === undefined) throw new Error('one target')
  for (let at = 0; at < 8; at++) await put(cluster, target, `k${at}`, 'x')
  const question = {ref: TEST_REF, prefix: 'k', after: 'k1', limit: 3, partial: false}
  const page = target.objects.listPage(question)
  t.strictSame(
    page.entries.map(({attributes}) => attributes.name),
    ['k2', 'k3', 'k4'],
  )
  t.ok(page.more)
  t.match(page.entries[0]?.place, {node: 't[tnode0001]', mountpath: /^\/mp[01]$/})
  target.disk.failAfter(1, 'EIO', 1_000)
  for (let at = 0; at < 20 && target.store.missing().length === 0; at++) {
    await put(cluster, target, 'k0', 'y')
  }
  target.disk.failAfter(0, 'EIO', 0)
  t.throws(() => target.objects.listPage(question), {code: 'LIST_INCOMPLETE'})
  const partial = target.objects.listPage({...question, partial: true})
  t.match(partial.missing, [/EIO/])
})

t.test('a list of whoever may own nothing any more says so', async (t) => {
  const cluster = await startTargets(2)
  t.teardown(() => cluster.close())
  const [first, second] = cluster.targets
  if (first === undefined || second === undefined) throw new Error('two targets')
  const question = {ref: TEST_REF, prefix: '', after: '', limit: 9, partial: false}
  first.says.leased = false
  t.throws(() => first.objects.listPage(question), {code: 'LIST_INCOMPLETE', message: /lease/})
  t.match(first.objects.listPage({...question, partial: true}).missing, [/without a data lease/])
  cluster.own([{index: 9, targets: [second.id]}])
  t.strictSame(first.objects.listPage(question).missing, [], 'out of office it gives hints')
})

t.test('a range is one interval of bytes, cut at the end of the object', (t) => {
  t.equal(parseRange(undefined, 10), null)
  t.strictSame(parseRange('bytes=0-0', 10), {start: 0, end: 1})
  t.strictSame(parseRange('bytes=4-', 10), {start: 4, end: 10})
  t.strictSame(parseRange('bytes=-3', 10), {start: 7, end: 10})
  t.strictSame(parseRange('bytes=-30', 10), {start: 0, end: 10})
  t.strictSame(parseRange('bytes=5-99', 10), {start: 5, end: 10})
  for (const bad of ['bytes=10-', 'bytes=5-4', 'bytes=-0', 'bytes=0-1,3-4', 'lines=1-2', 'x']) {
    t.equal(parseRange(bad, 10), 'unsatisfiable', bad)
  }
  t.end()
})

t.test('a rename does not take along what was written while it copied', async (t) => {
  const cluster = await startTargets(1)
  t.teardown(() => cluster.close())
  const [target] = cluster.targets
  if (target === undefined) throw new Error('a target')
  await put(cluster, target, 'old-name', 'first')
  const {remove} = target.store
  const later: ObjectStore['remove'] = (change, done) => {
    void put(cluster, target, 'old-name', 'second').then(() => remove(change, done))
  }
  Object.assign(target.store, {remove: later})
  const body = JSON.stringify({action: 'rename-obj', name: 'new-name'})
  const renamed = await cluster.send(target, {method: 'POST', name: 'old-name', body})
  t.equal(renamed.status, 409)
  const here = async (name: string): Promise<string> =>
    (await cluster.send(target, {method: 'GET', name})).body.toString()
  t.equal(await here('old-name'), 'second')
  t.equal(await here('new-name'), 'first')
})
