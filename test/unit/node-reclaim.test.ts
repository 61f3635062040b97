/**
 * What is removed when all has moved, between real stores over real HTTP: copies outside their
 * owners, and tombstones. And what a store does when it removes a key.
 */

import t from 'tap'
import {filePathOf} from '../../src/core/objects/file-name.ts'
import type {NodeId} from '../../src/model/ids.ts'
import type {ObjectAttributes} from '../../src/model/object.ts'
import type {OwnEntry} from '../../src/model/record.ts'
import type {ObjectStore} from '../../src/node/store/object-store.ts'
import {createCrashFs, type CrashFs} from '../helpers/crash-fs.ts'
import type {TestCluster, TestTarget} from '../helpers/target-cluster.ts'
import {startTargets} from '../helpers/target-cluster.ts'
import {
  TEST_BUCKET,
  bytesOf,
  deleteKey,
  getBytes,
  keyOf,
  openTestStore,
  putBytes,
} from '../helpers/test-store.ts'
import {until} from '../helpers/until.ts'

function look(cluster: TestCluster): void {
  for (const {mover} of cluster.targets) mover.look()
}

/** Everything moves to some of the targets, and is verified: one entry holds. */
async function moveTo(cluster: TestCluster, index: number, targets: readonly NodeId[]) {
  const entry: OwnEntry = {index, targets}
  cluster.change((record) => ({
    ...record,
    index,
    own: [...record.own, entry],
    move: {entry: index},
    rmd: {...record.rmd, version: index},
  }))
  look(cluster)
  await until(
    () => cluster.targets.every(({reports}) => reports.at(-1)?.state === 'clean'),
    'all has moved',
  )
  return () => {
    cluster.change((record) => ({...record, index: index + 1, own: [entry], move: null}))
    look(cluster)
  }
}

function swept(cluster: TestCluster): void {
  cluster.change((record) => ({
    ...record,
    index: record.index + 1,
    own: record.own.map((entry) => ({...entry, swept: true})),
  }))
  look(cluster)
}

async function allReclaimed(cluster: TestCluster): Promise<void> {
  for (const {id, reclaims} of cluster.targets) {
    await until(
      () => reclaims.at(-1)?.state === 'clean',
      `${id} ${JSON.stringify(reclaims.at(-1))}`,
    )
  }
}

/** Files of objects on the disks of a target. */
function filesOf({disk}: Pick<TestTarget, 'disk'>): readonly string[] {
  return ['/mp0', '/mp1'].flatMap((path) =>
    disk.files(path).filter((file) => file.includes(`/b/${TEST_BUCKET.bid}/`)),
  )
}

async function cluster3(): Promise<{
  cluster: TestCluster
  a: TestTarget
  b: TestTarget
  c: TestTarget
  ids: readonly NodeId[]
  names: readonly string[]
}> {
  const cluster = await startTargets(3)
  const [a, b, c] = cluster.targets as [TestTarget, TestTarget, TestTarget]
  const names = Array.from({length: 120}, (_, at) => `o/${at}`)
  for (const [at, name] of names.entries()) {
    await putBytes(cluster.ownerOf(name).store, name, bytesOf(100, at))
  }
  return {cluster, a, b, c, ids: [a.id, b.id], names}
}

t.test('when all has moved, nothing is left outside its owner, and all is read', async (t) => {
  const {cluster, a, b, c, ids, names} = await cluster3()
  t.teardown(() => cluster.close())
  const before = filesOf(c).length
  t.ok(before > 10)
  const finish = await moveTo(cluster, 5, ids)
  t.equal(filesOf(c).length, before, 'a move removes nothing')
  finish()
  await allReclaimed(cluster)
  t.strictSame(filesOf(c), [])
  t.equal(filesOf(a).length + filesOf(b).length, names.length)
  for (const [at, name] of names.entries()) {
    const {store} = cluster.ownerOf(name, ids)
    t.ok(bytesOf(100, at).equals((await getBytes(store, name)) as Buffer), name)
  }
  t.match(c.reclaims.at(-1), {entry: 5, state: 'clean', objects: before, bytes: before * 100})
  t.strictSame(c.store.page({bid: TEST_BUCKET.bid, prefix: '', after: '', limit: 9}), [])
  t.strictSame(filesOf({disk: c.disk.crash('synced')}), [], 'what was said survives a power cut')
  const back = await moveTo(cluster, 9, [a.id, b.id, c.id])
  back()
  await allReclaimed(cluster)
  const all = [a, b, c].map((target) => filesOf(target).length)
  t.equal(
    all.reduce((sum, one) => sum + one, 0),
    names.length,
    'back again: one copy of each',
  )
})

t.test('what the owner does not hold, or does not confirm, stays and is named', async (t) => {
  const {cluster, a, b, c, ids} = await cluster3()
  t.teardown(() => cluster.close())
  const finish = await moveTo(cluster, 5, ids)
  const name = cluster.nameOwnedBy(c, 'late')
  await putBytes(c.store, name, bytesOf(10, 1))
  a.says.silent = true
  b.says.silent = true
  finish()
  await new Promise((resolve) => setTimeout(resolve, 300))
  t.ok(filesOf(c).length > 1, 'nothing goes without a word')
  a.says.silent = false
  b.says.silent = false
  await until(() => c.reclaims.at(-1)?.state === 'failing', 'failing')
  await until(() => filesOf(c).length === 1, 'the rest goes')
  t.match(c.reclaims.at(-1)?.problem, /does not hold "late/)
  t.ok(bytesOf(10, 1).equals((await getBytes(c.store, name)) as Buffer))
  await putBytes(cluster.ownerOf(name, ids).store, name, bytesOf(10, 2), {own: 5})
  await allReclaimed(cluster)
  t.strictSame(filesOf(c), [])
})

t.test('a new entry voids what owners have confirmed, at once', async (t) => {
  const {cluster, a, b, c, ids} = await cluster3()
  t.teardown(() => cluster.close())
  const finish = await moveTo(cluster, 5, ids)
  const before = filesOf(c).length
  const {discard: shipped} = c.store
  let asked = 0
  Object.assign(c.store, {
    discard: (...[order, done]: Parameters<ObjectStore['discard']>) => {
      asked++
      if (asked === 4) {
        cluster.change((record) => ({
          ...record,
          own: [...record.own, {index: 9, targets: [a.id, b.id, c.id]}],
        }))
      }
      shipped(order, done)
    },
  })
  finish()
  await until(() => asked >= 4, 'it began')
  look(cluster)
  await new Promise((resolve) => setTimeout(resolve, 100))
  t.equal(filesOf(c).length, before - 3)
})

t.test('an owner says nothing under another entry, and about what is not its own', async (t) => {
  const {cluster, a, b, c, ids, names} = await cluster3()
  t.teardown(() => cluster.close())
  const finish = await moveTo(cluster, 5, ids)
  for (const {mover} of cluster.targets) mover.stop()
  const {bid} = TEST_BUCKET
  const ask = {entry: 5, bid, names: [{name: names[0] ?? '', gen: {own: 1, counter: 1n}}]}
  await t.rejects(a.moves.held(ask), {code: 'NOT_READY'}, 'it still moves')
  cluster.change((record) => ({...record, own: record.own.slice(-1), move: null}))
  await t.rejects(a.moves.held({...ask, entry: 4}), {code: 'NOT_READY'})
  await t.rejects(a.moves.held({...ask, bid: '7'}), {code: 'NOT_READY'})
  const said = await Promise.all([a, b].map(({moves}) => moves.held(ask)))
  t.strictSame(
    said.map(({held, failed}) => held.length * 2 + failed.length).sort((x, y) => x - y),
    [1, 2],
    'one owns it, the other says so',
  )
  const newer = {...ask, names: [{name: names[0] ?? '', gen: {own: 9, counter: 1n}}]}
  const owner = cluster.ownerOf(names[0] ?? '', ids)
  t.strictSame(await owner.moves.held(newer), {held: [], failed: []}, 'it has something older')
  cluster.change((record) => ({...record, own: [...record.own, {index: 9, targets: [c.id]}]}))
  await t.rejects(owner.moves.held(ask), {code: 'NOT_READY'})
  finish()
})

t.test('tombstones go when the entry is swept, and not before; nothing comes back', async (t) => {
  const {cluster, a, b, c, ids, names} = await cluster3()
  t.teardown(() => cluster.close())
  const finish = await moveTo(cluster, 5, ids)
  const gone = names.slice(0, 40)
  for (const name of gone) await deleteKey(cluster.ownerOf(name, ids).store, name, 5)
  finish()
  await allReclaimed(cluster)
  t.equal(filesOf(a).length + filesOf(b).length, names.length, 'tombstones among them')
  swept(cluster)
  await until(() => filesOf(a).length + filesOf(b).length === names.length - 40, 'collected')
  for (const name of gone) {
    for (const {store} of [a, b, c]) t.equal(await getBytes(store, name), 'none')
  }
  await deleteKey(cluster.ownerOf('never', ids).store, 'never', 5)
  t.equal(await getBytes(cluster.ownerOf('never', ids).store, 'never'), 'tombstone')
  const back = await moveTo(cluster, 9, [a.id, b.id, c.id])
  back()
  await allReclaimed(cluster)
  for (const name of gone) {
    for (const {store} of [a, b, c]) t.equal(await getBytes(store, name), 'none')
  }
  t.equal(await getBytes(cluster.ownerOf('never').store, 'never'), 'tombstone', 'it moved')
})

t.test('a second entry ends the dropping of tombstones at once', async (t) => {
  const {cluster, a, b, c, ids, names} = await cluster3()
  t.teardown(() => cluster.close())
  const finish = await moveTo(cluster, 5, ids)
  for (const name of names) await deleteKey(cluster.ownerOf(name, ids).store, name, 5)
  finish()
  await allReclaimed(cluster)
  let asked = 0
  for (const target of [a, b]) {
    const {discard} = target.store
    Object.assign(target.store, {
      discard: (...[order, done]: Parameters<ObjectStore['discard']>) => {
        asked++
        if (asked === 5) {
          cluster.change((record) => ({
            ...record,
            own: [...record.own, {index: 9, targets: [a.id, b.id, c.id]}],
          }))
        }
        discard(order, done)
      },
    })
  }
  swept(cluster)
  await until(() => asked >= 5, 'it began')
  look(cluster)
  await new Promise((resolve) => setTimeout(resolve, 100))
  t.equal(filesOf(a).length + filesOf(b).length, names.length - 4)
})

const disks = (): CrashFs => createCrashFs(['/state', '/mp0', '/mp1'])

function discard(
  store: ObjectStore,
  name: string,
  gen: ObjectAttributes['gen'],
  allowed: (newest: ObjectAttributes) => boolean = () => true,
): Promise<boolean | string> {
  return new Promise((resolve) => {
    store.discard({key: keyOf(name), gen, allowed}, (error, removed) =>
      resolve(error === null ? removed : error.message),
    )
  })
}

function flushed(store: ObjectStore): Promise<unknown> {
  return new Promise((resolve) => store.flushDiscarded(resolve))
}

t.test('a key is removed as it was known, and stays when it has changed', async (t) => {
  const disk = disks()
  const {store} = await openTestStore({fs: disk})
  const {gen} = await putBytes(store, 'a', bytesOf(10, 1))
  const newer = await putBytes(store, 'a', bytesOf(10, 2))
  t.equal(await discard(store, 'a', gen), false, 'written meanwhile')
  t.equal(await discard(store, 'a', newer.gen, () => false), false, 'not allowed any more')
  t.equal(await discard(store, 'a', newer.gen), true)
  t.equal(await discard(store, 'a', newer.gen), true, 'nothing is left')
  t.equal(await getBytes(store, 'a'), 'none')
  t.equal(await flushed(store), null)
  store.stop()
  const {store: next} = await openTestStore({fs: disk.crash('synced')})
  t.equal(await getBytes(next, 'a'), 'none', 'after a power cut, too')
  next.stop()
})

t.test(
  'what a full disk left visible is in the index, and is made durable on demand',
  async (t) => {
    let unsure = 0
    for (let calls = 0; calls < 30; calls++) {
      const disk = disks()
      const {store} = await openTestStore({fs: disk})
      disk.failAfter(calls, 'ENOSPC')
      const failed = await putBytes(store, 'a', bytesOf(10, 1)).then(
        () => false,
        () => true,
      )
      disk.failAfter(1_000_000, 'EIO')
      const seen = await getBytes(store, 'a')
      const page = store.page({bid: TEST_BUCKET.bid, prefix: '', after: '', limit: 9})
      t.equal(page?.length, seen === 'none' ? 0 : 1, `${calls} calls: a walk sees what readers see`)
      if (failed && seen !== 'none') {
        unsure++
        t.equal(await new Promise((resolve) => store.whenDurable(keyOf('a'), resolve)), null)
        const {store: next} = await openTestStore({fs: disk.crash('synced')})
        t.not(await getBytes(next, 'a'), 'none', 'who was told that it is here finds it')
        next.stop()
      }
      store.stop()
    }
    t.ok(unsure > 0, 'there was such a call')
  },
)

t.test('a bucket that is destroyed meanwhile takes its folders along, and no disk', async (t) => {
  const {store} = await openTestStore({fs: disks()})
  const {gen} = await putBytes(store, 'a', bytesOf(10, 1))
  t.equal(await discard(store, 'a', gen), true)
  const late = putBytes(store, 'b', bytesOf(10, 2))
  const marked = [{bid: TEST_BUCKET.bid, deletedAt: 3}]
  store.clearBuckets({marked, recordIndex: 3, wallMs: 1000, keptMs: 1e6, highWatermark: 90})
  t.equal(await flushed(store), null)
  await late.catch((error: unknown) => t.match(error, {code: 'IO_ERROR'}))
  t.strictSame(
    store.status().map(({disabled}) => disabled),
    [null, null],
  )
  store.stop()
})

/** A tombstone on one mountpath, and on the other the object that it stands for. */
async function withOlder(): Promise<{disk: CrashFs; name: string; gen: ObjectAttributes['gen']}> {
  const disk = disks()
  const {store: one} = await openTestStore({fs: disk, paths: ['/mp0']})
  const names = Array.from({length: 20}, (_, at) => `n${at}`)
  for (const name of names) await putBytes(one, name, bytesOf(10, 1))
  one.stop()
  const {store: two} = await openTestStore({fs: disk, paths: ['/mp0', '/mp1']})
  let found: {name: string; gen: ObjectAttributes['gen']} | null = null
  for (const name of names) {
    const {gen} = await deleteKey(two, name)
    const path = filePathOf(TEST_BUCKET.bid, name)
    if (disk.files('/mp1').includes(`/mp1/${path}`)) found = {name, gen}
  }
  two.stop()
  if (found === null) throw new Error('no name lies on the other mountpath')
  return {disk: disk.crash('all'), ...found}
}

t.test('a tombstone goes last: a crash at any call brings nothing older back', async (t) => {
  for (let calls = 1; ; calls++) {
    const {disk, name, gen} = await withOlder()
    const {store} = await openTestStore({fs: disk})
    disk.stopAfter(calls)
    const ended = await Promise.race([
      discard(store, name, gen),
      new Promise((resolve) => setTimeout(resolve, 20)),
    ])
    const survivals = ['synced', 'all', 'entries', 'contents'] as const
    for (const survival of survivals) {
      const {store: next} = await openTestStore({fs: disk.crash(survival)})
      const found = await getBytes(next, name)
      t.ok(found === 'none' || found === 'tombstone', `${calls} calls, ${survival}: ${found}`)
      next.stop()
    }
    store.stop()
    if (ended === true) break
    t.ok(calls < 100, 'it ends')
  }
})

t.test('nothing is removed while a mountpath is away that may hold something', async (t) => {
  const {disk, name, gen} = await withOlder()
  const {store} = await openTestStore({fs: disk, paths: ['/mp1']})
  t.match(await discard(store, name, gen), /\/mp0 may hold "n\d+" and is away/)
  store.stop()
})

t.test('what cannot be read is not removed', async (t) => {
  const disk = disks()
  const {store} = await openTestStore({fs: disk})
  const {gen} = await putBytes(store, 'a', bytesOf(10, 1))
  const path = filePathOf(TEST_BUCKET.bid, 'a')
  const root = disk.files('/mp0').some((file) => file.endsWith(path)) ? '/mp0' : '/mp1'
  for (let at = 10; at < 60; at++) disk.rot(`${root}/${path}`, at)
  t.match(await discard(store, 'a', gen), /has no footer of "a" that verifies/)
  disk.failAfter(0, 'EIO', 100)
  t.match(await discard(store, 'a', gen), /failed: EIO/)
  store.stop()
})
