/**
 * Moving objects between real stores over real HTTP: what arrives, what wins against a move, what
 * is said about it, and what a fault leaves behind.
 */

import type {IncomingMessage} from 'node:http'
import t from 'tap'
import {filePathOf} from '../../src/core/objects/file-name.ts'
import {compareGenerations} from '../../src/model/generation.ts'
import type {NodeId} from '../../src/model/ids.ts'
import type {MoveReport} from '../../src/model/peer-messages.ts'
import type {ObjectAttributes} from '../../src/model/object.ts'
import {totalOf} from '../../src/node/observe/stats.ts'
import {writeWhole} from '../../src/node/store/fs/fs.ts'
import {openWalkCursor} from '../../src/node/store/state/walk-cursor.ts'
import type {TestCluster, TestTarget} from '../helpers/target-cluster.ts'
import {startTargets} from '../helpers/target-cluster.ts'
import {TEST_BUCKET, bytesOf, deleteKey, getBytes, keyOf, putBytes} from '../helpers/test-store.ts'
import {until} from '../helpers/until.ts'

const MIB = 1024 * 1024

/** A cluster of which the last target leaves: it has everything that it had, and owns nothing. */
async function leaving(count: number): Promise<{
  readonly cluster: TestCluster
  readonly stay: readonly TestTarget[]
  readonly leaver: TestTarget
  readonly ids: readonly NodeId[]
}> {
  const cluster = await startTargets(count)
  const stay = cluster.targets.slice(0, -1)
  const leaver = cluster.targets.at(-1)
  if (leaver === undefined) throw new Error('a cluster has targets')
  return {cluster, stay, leaver, ids: stay.map(({id}) => id)}
}

/** The record says that the rebalance to these targets goes on; everybody sees it. */
function begin(cluster: TestCluster, entry: number, targets: readonly NodeId[], version = 1): void {
  cluster.change((record) => ({
    ...record,
    index: entry,
    own: record.own.at(-1)?.index === entry ? record.own : [...record.own, {index: entry, targets}],
    move: {entry},
    rmd: {...record.rmd, version},
  }))
  for (const {mover} of cluster.targets) mover.look()
}

function last(target: TestTarget): MoveReport | undefined {
  return target.reports.at(-1)
}

async function allClean(cluster: TestCluster): Promise<void> {
  for (const target of cluster.targets) {
    await until(
      () => last(target)?.state === 'clean',
      `${target.id} ${JSON.stringify(last(target))}`,
    )
  }
}

function attributesOf(target: TestTarget, name: string): ObjectAttributes | null {
  const lookup = target.store.lookup(keyOf(name), false)
  if (lookup.type === 'tombstone') return lookup.attributes
  if (lookup.type !== 'object') return null
  target.store.close(lookup.file)
  return lookup.file.footer.attributes
}

t.test(
  'what a target may not keep arrives at its owner as it was, and is not removed',
  async (t) => {
    const {cluster, stay, leaver, ids} = await leaving(3)
    t.teardown(() => cluster.close())
    const headers = {'ais-custom-md': ['color=red', 'size=big']}
    const sizes: Readonly<Record<string, number>> = {
      'empty': 0,
      'small': 700,
      'middle/of it': 70_000,
      'blocks ü': 3 * MIB + 17,
      'large': 9 * MIB + 1,
    }
    const names: string[] = []
    for (const [prefix, size] of Object.entries(sizes)) {
      const name = cluster.nameOwnedBy(leaver, prefix)
      names.push(name)
      for (const seed of [1, 2]) {
        const body = bytesOf(size, seed)
        const answer = await cluster.send(leaver, {method: 'PUT', name, body, headers})
        t.equal(answer.status, 200)
      }
    }
    begin(cluster, 5, ids)
    await allClean(cluster)
    for (const [at, name] of names.entries()) {
      const owner = cluster.ownerOf(name, ids)
      t.strictSame(attributesOf(owner, name), attributesOf(leaver, name), name)
      t.equal(attributesOf(owner, name)?.version, 2)
      t.strictSame(attributesOf(owner, name)?.custom, {color: 'red', size: 'big'})
      const size = Object.values(sizes)[at] ?? 0
      t.ok(bytesOf(size, 2).equals((await getBytes(owner.store, name)) as Buffer), name)
      t.not(attributesOf(leaver, name), null, 'the source copy stays')
    }
    const bytes = Object.values(sizes).reduce((sum, size) => sum + size, 0)
    t.match(last(leaver), {rebalance: 1, entry: 5, state: 'clean', objects: 5, bytes, left: 0})
    t.equal(totalOf(leaver.counters.snapshot(), 'stream.out.n'), 5)
    const taken = stay.map(({counters}) => totalOf(counters.snapshot(), 'stream.in.size'))
    t.equal(
      taken.reduce((sum, one) => sum + one, 0),
      bytes,
    )
  },
)

t.test('more objects at a time than a target has room for wait in line', async (t) => {
  const {cluster, leaver} = await leaving(2)
  t.teardown(() => cluster.close())
  const leaves = await Promise.all(Array.from({length: 16}, () => leaver.moves.enter()))
  let isIn = false
  const next = leaver.moves.enter().then((leave) => {
    isIn = true
    leave()
  })
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(isIn, false)
  leaves[3]?.()
  leaves[3]?.()
  await next
  t.equal(isIn, true)
})

t.test('what was taken, and removed since, is taken again by the next rebalance', async (t) => {
  const {cluster, leaver, ids} = await leaving(3)
  t.teardown(() => cluster.close())
  const name = cluster.nameOwnedBy(leaver, 'again')
  await cluster.send(leaver, {method: 'PUT', name, body: bytesOf(700, 1)})
  begin(cluster, 5, ids)
  await allClean(cluster)
  const owner = cluster.ownerOf(name, ids)
  const gen = attributesOf(owner, name)?.gen ?? {own: 0, counter: 0n}
  const removed = await new Promise((resolve) => {
    owner.store.discard({key: keyOf(name), gen, allowed: () => true}, (_error, was) => resolve(was))
  })
  t.equal(removed, true)
  begin(cluster, 9, ids, 2)
  await until(() => last(leaver)?.rebalance === 2 && last(leaver)?.state === 'clean', 'clean')
  t.strictSame(attributesOf(owner, name), attributesOf(leaver, name))
})

t.test('a rebalance keeps to its limit of bytes per second', async (t) => {
  const {cluster, leaver, ids} = await leaving(3)
  t.teardown(() => cluster.close())
  cluster.change((record) => ({
    ...record,
    conf: {...record.conf, set: {'ext.rebalance.bandwidth': 8 * MIB}},
  }))
  const large = cluster.nameOwnedBy(leaver, 'large')
  await cluster.send(leaver, {method: 'PUT', name: large, body: bytesOf(9 * MIB, 1)})
  const began = performance.now()
  begin(cluster, 5, ids)
  await allClean(cluster)
  const took = performance.now() - began
  t.ok(took >= 900, `${Math.round(took)} ms`)
  const owner = cluster.ownerOf(large, ids)
  t.ok(bytesOf(9 * MIB, 1).equals((await getBytes(owner.store, large)) as Buffer))
})

t.test('of a rebalance that was stopped nothing more is sent', async (t) => {
  const {cluster, leaver, ids} = await leaving(3)
  t.teardown(() => cluster.close())
  cluster.change((record) => ({
    ...record,
    conf: {...record.conf, set: {'ext.rebalance.bandwidth': 8 * MIB}},
  }))
  const large = cluster.nameOwnedBy(leaver, 'large')
  await putBytes(leaver.store, large, bytesOf(24 * MIB, 1))
  const owner = cluster.ownerOf(large, ids)
  const {object} = owner.moves
  const sources: IncomingMessage[] = []
  const watched: typeof object = (mark, source) => {
    sources.push(source as IncomingMessage)
    return object(mark, source)
  }
  Object.assign(owner.moves, {object: watched})
  begin(cluster, 5, ids)
  await until(() => (sources[0]?.socket.bytesRead ?? 0) > 2 * MIB, 'it is being sent')
  const [source] = sources
  const {socket} = source as IncomingMessage
  leaver.mover.stop()
  const sent = socket.bytesRead
  await until(() => source?.closed === true, 'the receiver is let go')
  t.ok(socket.bytesRead - sent < 2 * MIB, `${socket.bytesRead - sent} bytes more`)
  t.equal(sources.length, 1, 'and it is not begun again')
  t.equal(await getBytes(owner.store, large), 'none')
})

t.test(
  'nothing to move is said at once, and a target that no entry names says nothing',
  async (t) => {
    const {cluster, leaver, ids} = await leaving(3)
    t.teardown(() => cluster.close())
    cluster.change((record) => ({
      ...record,
      index: 5,
      own: [{index: 5, targets: ids}],
      move: {entry: 5},
    }))
    for (const {mover} of cluster.targets) mover.look()
    await until(
      () => cluster.targets.slice(0, 2).every((one) => last(one)?.state === 'clean'),
      'clean',
    )
    t.match(last(cluster.targets[0] as TestTarget), {state: 'clean', objects: 0, left: 0})
    t.strictSame(leaver.reports, [])
  },
)

t.test('a target waits until the new owners may answer', async (t) => {
  const {cluster, leaver, ids} = await leaving(2)
  t.teardown(() => cluster.close())
  const name = cluster.nameOwnedBy(leaver)
  await putBytes(leaver.store, name, bytesOf(10, 1))
  begin(cluster, 5, ids)
  leaver.mover.stop()
  leaver.reports.length = 0
  leaver.says.settled = 1
  leaver.mover.look()
  t.equal(last(leaver)?.state, 'waiting')
  leaver.says.settled = 5
  leaver.mover.look()
  await until(() => last(leaver)?.state === 'clean', 'clean')
})

t.test('a version that is written or deleted meanwhile wins, and a tombstone moves', async (t) => {
  const {cluster, leaver, ids} = await leaving(2)
  t.teardown(() => cluster.close())
  const owner = cluster.targets[0] as TestTarget
  const names = Array.from({length: 300}, (_, at) => cluster.nameOwnedBy(leaver, `k${at}-`))
  for (const name of names) await putBytes(leaver.store, name, bytesOf(100, 1))
  const gone = cluster.nameOwnedBy(leaver, 'gone')
  await putBytes(leaver.store, gone, bytesOf(100, 1))
  await deleteKey(leaver.store, gone)
  begin(cluster, 5, ids)
  const overwritten = names.slice(0, 100)
  const deleted = names.slice(100, 200)
  await Promise.all([
    ...overwritten.map(async (name) => {
      const answer = await cluster.send(owner, {method: 'PUT', name, body: bytesOf(50, 2)})
      t.equal(answer.status, 200)
      t.equal(answer.headers['ais-version'], '2', 'the visible version goes on')
    }),
    ...deleted.map(async (name) => {
      t.equal((await cluster.send(owner, {method: 'DELETE', name})).status, 200)
    }),
  ])
  await allClean(cluster)
  for (const name of overwritten) {
    t.ok(bytesOf(50, 2).equals((await getBytes(owner.store, name)) as Buffer))
  }
  for (const name of deleted) t.equal(await getBytes(owner.store, name), 'tombstone')
  for (const name of names.slice(200)) {
    t.ok(bytesOf(100, 1).equals((await getBytes(owner.store, name)) as Buffer))
  }
  t.equal(await getBytes(owner.store, gone), 'tombstone')
  t.equal(attributesOf(owner, gone)?.gen.own, 1)
})

t.test('2,000 small objects move within a bounded number of flushes', async (t) => {
  const {cluster, leaver, ids} = await leaving(2)
  t.teardown(() => cluster.close())
  const owner = cluster.targets[0] as TestTarget
  const names: string[] = []
  for (let at = 0; names.length < 2000; at++) {
    if (cluster.ownerOf(`s${at}`) === leaver) names.push(`s${at}`)
  }
  await Promise.all(names.map((name, at) => putBytes(leaver.store, name, bytesOf(64, at))))
  const before = owner.disk.flushes()
  begin(cluster, 5, ids)
  await allClean(cluster)
  const flushes = owner.disk.flushes() - before
  t.equal(last(leaver)?.objects, 2000)
  // Each file by itself; of the folders, 256 on each of two mountpaths, one flush serves several.
  t.ok(flushes < 2000 * 1.7, `${flushes} flushes`)
  for (const [at, name] of names.entries()) {
    t.ok(bytesOf(64, at).equals((await getBytes(owner.store, name)) as Buffer))
  }
})

t.test(
  'what is rotten is reported by name, is not moved, and keeps the walk from being clean',
  async (t) => {
    const {cluster, leaver, ids} = await leaving(2)
    t.teardown(() => cluster.close())
    const owner = cluster.targets[0] as TestTarget
    const bad = [
      {name: cluster.nameOwnedBy(leaver, 'rot-small'), size: 500},
      {name: cluster.nameOwnedBy(leaver, 'rot-blocks'), size: 2 * MIB},
      {name: cluster.nameOwnedBy(leaver, 'rot-large'), size: 9 * MIB},
    ]
    const good = cluster.nameOwnedBy(leaver, 'good')
    for (const {name, size} of bad) {
      await putBytes(leaver.store, name, bytesOf(size, 1))
      const path = filePathOf(TEST_BUCKET.bid, name)
      const root = leaver.disk.files('/mp0').some((file) => file.endsWith(path)) ? '/mp0' : '/mp1'
      leaver.disk.rot(`${root}/${path}`, size - 100)
    }
    await putBytes(leaver.store, good, bytesOf(500, 1))
    begin(cluster, 5, ids)
    await until(() => last(leaver)?.state === 'failing', 'failing')
    t.match(last(leaver), {state: 'failing', objects: 1, left: 3, problem: /rot-.*damaged/})
    for (const {name} of bad) t.equal(attributesOf(owner, name), null)
    t.not(attributesOf(owner, good), null)
    await Promise.all(bad.map(({name}) => putBytes(leaver.store, name, bytesOf(10, 3))))
    await until(() => last(leaver)?.state === 'clean', 'clean after they were mended')
  },
)

t.test('of a rotten copy and a good one the good one is moved, and arrives twice', async (t) => {
  const {cluster, leaver, ids} = await leaving(2)
  t.teardown(() => cluster.close())
  const owner = cluster.targets[0] as TestTarget
  for (const {says} of cluster.targets) says.copies = 2
  const objects = [500, 2 * MIB, 9 * MIB].map((size, at) => ({
    name: cluster.nameOwnedBy(leaver, `m${at}-`),
    size,
  }))
  for (const {name, size} of objects) {
    await putBytes(leaver.store, name, bytesOf(size, 1))
    const lookup = leaver.store.lookup(keyOf(name), false)
    if (lookup.type !== 'object') throw new Error('the object is there')
    leaver.store.close(lookup.file)
    const path = `${lookup.file.mountpath.path}/${filePathOf(TEST_BUCKET.bid, name)}`
    leaver.disk.rot(path, size - 100)
  }
  begin(cluster, 5, ids)
  await until(() => last(leaver)?.state === 'clean', 'clean')
  for (const {name, size} of objects) {
    t.ok(bytesOf(size, 1).equals((await getBytes(owner.store, name)) as Buffer), name)
    const path = filePathOf(TEST_BUCKET.bid, name)
    const places = ['/mp0', '/mp1'].filter((root) =>
      owner.disk.files(root).includes(`${root}/${path}`),
    )
    t.strictSame(places, ['/mp0', '/mp1'])
  }
})

t.test('a receiver that crashes in the middle has all of it in the end', async (t) => {
  const {cluster, leaver, ids} = await leaving(2)
  t.teardown(() => cluster.close())
  const owner = cluster.targets[0] as TestTarget
  const names = Array.from({length: 400}, (_, at) => cluster.nameOwnedBy(leaver, `c${at}-`))
  await Promise.all(names.map((name, at) => putBytes(leaver.store, name, bytesOf(300, at))))
  owner.disk.stopAfter(900)
  begin(cluster, 5, ids)
  await until(() => owner.disk.stopped(), 'it stopped')
  await cluster.restart(owner, owner.disk.crash('synced'))
  owner.mover.look()
  await allClean(cluster)
  for (const [at, name] of names.entries()) {
    t.ok(bytesOf(300, at).equals((await getBytes(owner.store, name)) as Buffer), name)
  }
})

t.test('other owners in the middle end a walk, and its moves are refused', async (t) => {
  const cluster = await startTargets(3)
  t.teardown(() => cluster.close())
  const [a, b, c] = cluster.targets as [TestTarget, TestTarget, TestTarget]
  const names = Array.from({length: 300}, (_, at) => cluster.nameOwnedBy(c, `e${at}-`))
  await Promise.all(names.map((name, at) => putBytes(c.store, name, bytesOf(200, at))))
  begin(cluster, 5, [a.id, b.id])
  const late = {rebalance: 1, entry: 5}
  await until(() => (last(c)?.objects ?? 0) > 0 || c.reports.length > 0, 'it began')
  begin(cluster, 6, [a.id], 2)
  await allClean(cluster)
  for (const report of [last(b), last(c)]) t.match(report, {rebalance: 2, entry: 6})
  for (const [at, name] of names.entries()) {
    t.ok(bytesOf(200, at).equals((await getBytes(a.store, name)) as Buffer), name)
  }
  await t.rejects(b.moves.objects(late, new Uint8Array(0)), {code: 'NOT_READY'})
  await t.rejects(a.moves.offer({...late, bid: TEST_BUCKET.bid, names: []}), {code: 'NOT_READY'})
  cluster.change((record) => ({...record, index: 7, own: record.own.slice(-1), move: null}))
  for (const {mover} of cluster.targets) mover.look()
  await t.rejects(a.moves.objects({rebalance: 2, entry: 6}, new Uint8Array(0)), {code: 'NOT_READY'})
})

t.test('an owner that is silent is asked again, and nothing is left out', async (t) => {
  const {cluster, leaver, ids} = await leaving(2)
  t.teardown(() => cluster.close())
  const owner = cluster.targets[0] as TestTarget
  const name = cluster.nameOwnedBy(leaver)
  await putBytes(leaver.store, name, bytesOf(10, 1))
  owner.says.silent = true
  begin(cluster, 5, ids)
  await new Promise((resolve) => setTimeout(resolve, 300))
  t.equal(last(leaver)?.state, 'walking')
  owner.says.silent = false
  await until(() => last(leaver)?.state === 'clean', 'clean')
  t.not(attributesOf(owner, name), null)
})

t.test('a walk that goes on where it was proves nothing, and a whole one follows', async (t) => {
  const {cluster, leaver, ids} = await leaving(2)
  t.teardown(() => cluster.close())
  const names = Array.from({length: 50}, (_, at) => cluster.nameOwnedBy(leaver, `c${at}-`))
  await Promise.all(names.map((name, at) => putBytes(leaver.store, name, bytesOf(30, at))))
  const cursor = openWalkCursor('/state', leaver.disk)
  cursor.keep({rebalance: 1, entry: 5, bid: TEST_BUCKET.bid, after: 'zzz'})
  begin(cluster, 5, ids)
  await allClean(cluster)
  t.equal(last(leaver)?.objects, names.length, 'though the place was far ahead')
})

t.test('the place of a walk is kept when everything before has arrived', async (t) => {
  const {cluster, leaver, ids} = await leaving(2)
  t.teardown(() => cluster.close())
  const owner = cluster.targets[0] as TestTarget
  const names = Array.from({length: 1200}, (_, at) => cluster.nameOwnedBy(leaver, `k${at}-`))
  await Promise.all(names.map((name, at) => putBytes(leaver.store, name, bytesOf(30, at))))
  leaver.says.rate = 1e6
  const cursor = openWalkCursor('/state', leaver.disk)
  begin(cluster, 5, ids)
  await until(() => cursor.load() !== null, 'kept')
  const {after = '', ...rest} = cursor.load() ?? {}
  t.match(rest, {rebalance: 1, entry: 5, bid: TEST_BUCKET.bid})
  const before = names.filter((name) => name <= after)
  t.ok(before.length >= 512)
  for (const name of before) t.not(attributesOf(owner, name), null, name)
  await allClean(cluster)
  for (const text of ['', '{}', '{"format":2}', 'x']) {
    writeWhole(leaver.disk, '/state', 'walk-cursor.json', Buffer.from(text))
    t.equal(cursor.load(), null, 'a damaged place is none')
  }
})

t.test('counters of this target stay above those that came with moves', async (t) => {
  const {cluster, leaver, ids} = await leaving(2)
  t.teardown(() => cluster.close())
  const owner = cluster.targets[0] as TestTarget
  leaver.store.passCounter(5_000_000n)
  const name = cluster.nameOwnedBy(leaver)
  const moved = await putBytes(leaver.store, name, bytesOf(10, 1))
  begin(cluster, 5, ids)
  await allClean(cluster)
  t.equal(compareGenerations(attributesOf(owner, name)?.gen ?? moved.gen, moved.gen), 0)
  t.ok(owner.store.nextCounter() > moved.gen.counter)
  await cluster.restart(owner, owner.disk.crash('synced'))
  t.ok(owner.store.nextCounter() > moved.gen.counter, 'after a crash, too')
})

t.test(
  'until it has moved, an object is read at its new owner as it was at the old one',
  async (t) => {
    const {cluster, leaver, ids} = await leaving(2)
    t.teardown(() => cluster.close())
    const owner = cluster.targets[0] as TestTarget
    const headers = {'ais-custom-md': ['color=red', 'size=big']}
    const name = cluster.nameOwnedBy(leaver, 'ü ')
    const body = bytesOf(200_000, 1)
    await cluster.send(leaver, {method: 'PUT', name, body, headers})
    const asks = [
      {method: 'GET', name},
      {method: 'HEAD', name},
      {method: 'HEAD', name, query: 'props=custom,checksum,version'},
    ]
    const before = await Promise.all(asks.map((ask) => cluster.send(leaver, ask)))
    cluster.change((record) => ({
      ...record,
      index: 5,
      own: [...record.own, {index: 5, targets: ids}],
    }))
    for (const [at, ask] of asks.entries()) {
      const found = await cluster.send(owner, ask)
      t.strictSame({...found.headers, date: ''}, {...before[at]?.headers, date: ''}, ask.method)
      const redirected = await cluster.send(leaver, ask)
      t.equal(redirected.status, 307, 'whoever owns nothing sends clients to the owner')
    }
    const wrong = await cluster.send(owner, {method: 'HEAD', name, query: 'props=nothing'})
    t.ok(wrong.status >= 400)
    const put = {method: 'PATCH', name, body: '{"action":"set-custom-props","value":{"new":"1"}}'}
    const patched = await cluster.send(owner, put)
    t.equal(patched.status, 200, patched.body.toString())
    t.strictSame(attributesOf(owner, name)?.custom, {color: 'red', size: 'big', new: '1'})
  },
)
