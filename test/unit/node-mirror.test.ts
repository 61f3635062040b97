/**
 * Local mirroring: several copies on the mountpaths of one target, through crashes, lost disks,
 * full ones and bit rot.
 */

import t from 'tap'
import type {Test} from 'tap'
import {filePathOf} from '../../src/core/objects/file-name.ts'
import {bucketUname, type Bucket} from '../../src/model/bucket.ts'
import type {ClusterView} from '../../src/model/cluster-view.ts'
import {createCopiesKeeper, type CopiesKeeper} from '../../src/node/mirror/keeper.ts'
import {createTraffic} from '../../src/node/move/traffic.ts'
import {checkMountpaths, formatReport} from '../../src/node/store/fsck.ts'
import type {ObjectStore} from '../../src/node/store/object-store.ts'
import type {Placed} from '../../src/node/store/object/place-key.ts'
import type {Repair} from '../../src/node/store/object/repairs.ts'
import type {CrashFs} from '../helpers/crash-fs.ts'
import {SURVIVALS, createCrashFs} from '../helpers/crash-fs.ts'
import {startTargets} from '../helpers/target-cluster.ts'
import {
  TEST_BUCKET,
  TEST_REF,
  bytesOf,
  deleteKey,
  getBytes,
  keyOf,
  openTestStore,
  putBytes,
  setCustom,
} from '../helpers/test-store.ts'

const MIB = 1024 * 1024
const ROOTS = ['/mp0', '/mp1', '/mp2']

interface Opened {
  readonly disk: CrashFs
  readonly store: ObjectStore
  readonly repairs: Repair[]
}

async function openOn(disk: CrashFs, copies: () => number, paths = ROOTS): Promise<Opened> {
  const repairs: Repair[] = []
  const onRepaired = (repair: Repair): void => void repairs.push(repair)
  const {store} = await openTestStore({fs: disk, paths, copies, onRepaired})
  return {disk, store, repairs}
}

function fresh(): CrashFs {
  return createCrashFs(['/state', ...ROOTS])
}

/** Mountpaths that have a file of a name. */
function placesOf(disk: CrashFs, name: string): readonly string[] {
  const path = filePathOf(TEST_BUCKET.bid, name)
  return ROOTS.filter((root) => disk.files(root).includes(`${root}/${path}`))
}

function fileOn(root: string, name: string): string {
  return `${root}/${filePathOf(TEST_BUCKET.bid, name)}`
}

/** A disk that is pulled: its root is gone, as after an unmount. */
function lose({disk, store}: Opened, root: string): void {
  disk.rename(root, `${root}-lost`)
  store.check()
}

function place(store: ObjectStore, name: string): Promise<Placed> {
  return new Promise((resolve, reject) => {
    store.place(keyOf(name), (error, placed) => (error === null ? resolve(placed) : reject(error)))
  })
}

async function until(holds: () => boolean): Promise<void> {
  const endMs = performance.now() + 20_000
  while (!holds() && performance.now() < endMs) await new Promise((go) => setImmediate(go))
}

t.test('a mirrored object lies on as many mountpaths as its bucket asks for', async (t) => {
  const {disk, store} = await openOn(fresh(), () => 2)
  for (const [at, size] of [0, 10, 70_000, 300_000, 3 * MIB + 7].entries()) {
    const name = `o/${size}`
    await putBytes(store, name, bytesOf(size, at))
    t.equal(placesOf(disk, name).length, 2, name)
    t.ok(bytesOf(size, at).equals((await getBytes(store, name)) as Buffer))
  }
  const lookup = store.lookup(keyOf('o/10'), false)
  if (lookup.type !== 'object') throw new Error('the object is there')
  t.strictSame(store.copiesOf(lookup.file), placesOf(disk, 'o/10'))
  t.equal(store.totals(TEST_BUCKET.bid).objects, 5, 'copies are no objects')
  await deleteKey(store, 'o/10')
  t.equal(await getBytes(store, 'o/10'), 'tombstone')
  t.equal(placesOf(disk, 'o/10').length, 2)
  const report = await checkMountpaths(ROOTS, disk)
  t.ok(report.ok, formatReport(report))
})

/** Plays an operation on disks that stop at every call; then each disk alone is lost as well. */
async function crashEverywhere(
  t: Test,
  operation: (store: ObjectStore) => Promise<unknown>,
  judge: (found: Buffer | string, acknowledged: boolean) => boolean,
  survivals = SURVIVALS,
): Promise<void> {
  let points = 0
  for (let stop = 1; ; stop++) {
    const {disk, store} = await openOn(fresh(), () => 2)
    await putBytes(store, 'a', bytesOf(500, 1))
    disk.stopAfter(stop)
    let acknowledged = false
    void operation(store).then(
      () => {
        acknowledged = true
      },
      () => undefined,
    )
    await until(() => acknowledged || disk.stopped())
    for (const survival of survivals) {
      for (const lost of [null, ...placesOf(disk, 'a')]) {
        const after = await openOn(disk.crash(survival), () => 2)
        if (lost !== null) lose(after, lost)
        const found = await getBytes(after.store, 'a')
        if (!judge(found, acknowledged)) {
          t.fail(`stopped at ${stop}, survived ${survival}, lost ${lost}: ${String(found.length)}`)
        }
        points += 1
      }
    }
    if (acknowledged && !disk.stopped()) break
  }
  t.ok(points > survivals.length * 3 * 8, `${points} points`)
}

for (const [title, size, survivals] of [
  ['small', 100, SURVIVALS],
  ['streamed', MIB + 50, ['synced', 'all']],
] as const) {
  t.test(`a crash at any call of a mirrored ${title} PUT, then a lost disk`, async (t) => {
    const [old, next] = [bytesOf(500, 1), bytesOf(size, 2)]
    await crashEverywhere(
      t,
      (store) => putBytes(store, 'a', next),
      (found, acknowledged) =>
        Buffer.isBuffer(found) && (found.equals(next) || (!acknowledged && found.equals(old))),
      survivals,
    )
  })
}

t.test('a crash at any call of a mirrored DELETE brings nothing back', async (t) => {
  await crashEverywhere(
    t,
    (store) => deleteKey(store, 'a'),
    (found, acknowledged) =>
      found === 'tombstone' || (!acknowledged && Buffer.isBuffer(found) && found.length === 500),
  )
})

t.test('a change of metadata is on every copy before it is acknowledged', async (t) => {
  await crashEverywhere(
    t,
    (store) => setCustom(store, 'a', {k: '1'}),
    (found) => Buffer.isBuffer(found) && found.equals(bytesOf(500, 1)),
  )
  const opened = await openOn(fresh(), () => 2)
  await putBytes(opened.store, 'a', bytesOf(3 * MIB, 1))
  await setCustom(opened.store, 'a', {k: '2'})
  const [first = ''] = placesOf(opened.disk, 'a')
  lose(opened, first)
  const lookup = opened.store.lookup(keyOf('a'), false)
  t.strictSame(lookup.type === 'object' && lookup.file.footer.attributes.custom, {k: '2'})
})

for (const code of ['ENOSPC', 'EIO']) {
  t.test(`${code} at any call of a mirrored PUT leaves a whole version everywhere`, async (t) => {
    const [old, next] = [bytesOf(200_000, 1), bytesOf(200_001, 2)]
    const calls = await callsOfPut(next)
    t.ok(calls > 10)
    for (let at = 1; at <= calls; at++) {
      const {disk, store} = await openOn(fresh(), () => 2)
      await putBytes(store, 'a', old)
      disk.failAfter(at, code)
      const failed = await putBytes(store, 'a', next).then(
        () => false,
        () => true,
      )
      disk.failAfter(1e9, code)
      const found = await getBytes(store, 'a')
      const whole = Buffer.isBuffer(found) && (found.equals(next) || (failed && found.equals(old)))
      t.ok(whole, `call ${at}`)
      await putBytes(store, 'a', bytesOf(9, 9))
      t.ok(bytesOf(9, 9).equals((await getBytes(store, 'a')) as Buffer), 'the next write works')
      const work = ROOTS.flatMap((root) => disk.files(root)).filter((path) =>
        path.includes('.aisnode/w'),
      )
      if (code === 'ENOSPC') t.strictSame(work, [], 'no work file is left')
    }
  })
}

async function callsOfPut(data: Buffer): Promise<number> {
  const {disk, store} = await openOn(fresh(), () => 2)
  await putBytes(store, 'a', bytesOf(200_000, 1))
  const before = disk.calls()
  await putBytes(store, 'a', data)
  return disk.calls() - before
}

t.test('a lost disk of a mirrored bucket loses nothing, and copies are made again', async (t) => {
  const opened = await openOn(fresh(), () => 2)
  const {disk, store} = opened
  const names = Array.from({length: 24}, (_, at) => `o/${at}`)
  const dataOf = (at: number): Buffer => bytesOf(at % 6 === 0 ? MIB + at : 100 + at, at)
  for (const [at, name] of names.entries()) await putBytes(store, name, dataOf(at))
  await deleteKey(store, 'o/3')
  lose(opened, '/mp1')
  const expect = async (why: string): Promise<void> => {
    for (const [at, name] of names.entries()) {
      const found = await getBytes(store, name)
      if (at === 3) t.equal(found, 'tombstone', why)
      else t.ok(Buffer.isBuffer(found) && found.equals(dataOf(at)), `${why}: ${name}`)
    }
    t.equal(await getBytes(store, 'never'), 'none', why)
  }
  await expect('one disk is lost')
  await putBytes(store, 'o/7', dataOf(7))
  t.ok(store.isCovered(TEST_BUCKET.bid))
  for (const name of names) await place(store, name)
  for (const name of names)
    t.equal(placesOf(disk, name).filter((root) => root !== '/mp1').length, 2)
  store.copies.settle(TEST_BUCKET.bid, store.nextCounter())
  t.strictSame(store.copies.unsettled(), [])
  lose(opened, '/mp0')
  await expect('a second one is lost')
  t.ok(await putBytes(store, 'alone', bytesOf(5, 5)), 'one mountpath takes what two should have')
})

t.test('objects of before are not mirrored until they were brought there', async (t) => {
  let copies = 1
  const opened = await openOn(fresh(), () => copies)
  const {disk, store} = opened
  await putBytes(store, 'old', bytesOf(70_000, 1))
  const [first = ''] = placesOf(disk, 'old')
  copies = 2
  await putBytes(store, 'new', bytesOf(10, 2))
  t.equal(placesOf(disk, 'new').length, 2)
  t.strictSame(store.copies.unsettled(), [TEST_BUCKET.bid])
  const other = await openOn(disk.restart(), () => 2)
  lose(other, first)
  t.equal(await getBytes(other.store, 'old'), 'unsure', 'never "none" for what may be there')
  t.notOk(other.store.isCovered(TEST_BUCKET.bid))
  other.disk.rename(`${first}-lost`, first)
  t.match(await place(store, 'old'), {copied: 1, removed: 0})
  t.equal(placesOf(disk, 'old').length, 2)
  t.match(await place(store, 'old'), {copied: 0, removed: 0}, 'once is enough')
  store.copies.settle(TEST_BUCKET.bid, store.nextCounter())
  lose(opened, first)
  t.ok(bytesOf(70_000, 1).equals((await getBytes(store, 'old')) as Buffer))
})

t.test('a copy that mirroring has left behind is never taken for the newest', async (t) => {
  let copies = 2
  const opened = await openOn(fresh(), () => copies)
  const {disk, store} = opened
  await putBytes(store, 'a', bytesOf(10, 1))
  await putBytes(store, 'b', bytesOf(11, 1))
  copies = 1
  await putBytes(store, 'a', bytesOf(12, 2))
  t.equal(placesOf(disk, 'a').length, 2, 'the other one is stale')
  const again = await openOn(disk.crash('synced'), () => 1)
  const [first = ''] =
    again.store.lookup(keyOf('a'), false).type === 'object' ? [rootOf(again)] : []
  lose(again, first)
  t.equal(await getBytes(again.store, 'a'), 'unsure')
  t.match(await place(store, 'a'), {copied: 0, removed: 1})
  t.match(await place(store, 'b'), {copied: 0, removed: 1})
  t.equal(placesOf(disk, 'a').length, 1)
  t.equal(placesOf(disk, 'b').length, 1)
  t.ok(bytesOf(12, 2).equals((await getBytes(store, 'a')) as Buffer))
  t.equal(store.totals(TEST_BUCKET.bid).objects, 2, 'the index has followed')
})

function rootOf({store}: Opened): string {
  const lookup = store.lookup(keyOf('a'), false)
  return lookup.type === 'object' ? lookup.file.mountpath.path : ''
}

t.test('rot is answered from the other copy, and the bad one is replaced for good', async (t) => {
  const {disk, store, repairs} = await openOn(fresh(), () => 2)
  const sizes = {small: 3000, large: 3 * MIB}
  for (const [name, size] of Object.entries(sizes)) {
    const data = bytesOf(size, size)
    await putBytes(store, name, data)
    const lookup = store.lookup(keyOf(name), false)
    if (lookup.type !== 'object') throw new Error('the object is there')
    const path = fileOn(lookup.file.mountpath.path, name)
    for (const position of [7, size - 5, size + 10]) {
      disk.rot(path, position)
      const before = repairs.length
      t.ok(data.equals((await getBytes(store, name)) as Buffer), `${name} at ${position}`)
      await until(() => repairs.length > before)
      t.match(repairs.at(-1), {error: null, placed: {copied: 1, removed: 0}})
    }
  }
  const report = await checkMountpaths(ROOTS, disk.crash('synced'))
  t.ok(report.ok, formatReport(report))
  t.equal(store.health().damaged, 0, 'all of it is mended')
  for (const name of Object.keys(sizes)) {
    for (const root of placesOf(disk, name)) disk.rot(fileOn(root, name), 9)
    await t.rejects(getBytes(store, name), {code: 'IO_ERROR', message: /checksum does not match/})
  }
  await until(() => repairs.at(-1)?.error !== null)
  t.match(repairs.at(-1)?.error, {code: 'IO_ERROR'}, 'nothing good is left to repair it from')
  t.equal(store.health().damaged, 2, 'it is told')
  for (const name of Object.keys(sizes))
    t.equal(placesOf(disk, name).length, 2, 'nothing is removed')
  for (const name of Object.keys(sizes)) await putBytes(store, name, bytesOf(9, 9))
  t.equal(store.health().damaged, 0, 'an overwrite mends it')
})

t.test('a rotten copy is not multiplied when copies are made', async (t) => {
  let copies = 1
  const {disk, store} = await openOn(fresh(), () => copies)
  for (const [name, size] of [
    ['s', 100],
    ['l', 2 * MIB],
  ] as const) {
    await putBytes(store, name, bytesOf(size, 1))
    const [root = ''] = placesOf(disk, name)
    disk.rot(fileOn(root, name), 50)
    copies = 2
    await t.rejects(place(store, name), {code: 'IO_ERROR', message: /does not match/})
    t.strictSame(placesOf(disk, name), [root])
    copies = 1
  }
})

t.test('no copy goes while the one that stays cannot be read through', async (t) => {
  let copies = 2
  const {disk, store} = await openOn(fresh(), () => copies)
  const sizes = {small: 3000, large: 2 * MIB}
  for (const [name, size] of Object.entries(sizes)) await putBytes(store, name, bytesOf(size, 1))
  copies = 1
  await putBytes(store, 'other', bytesOf(1, 1))
  for (const [name, size] of Object.entries(sizes)) {
    const [stays = ''] = store.copies.placesOf(keyOf(name))
    disk.rot(fileOn(stays, name), size - 9)
    t.match(await place(store, name), {copied: 1, removed: 1, rotten: 1}, name)
    t.strictSame(placesOf(disk, name), [stays])
    t.ok(bytesOf(size, 1).equals((await getBytes(store, name)) as Buffer), name)
  }
  copies = 2
  await putBytes(store, 'last', bytesOf(3000, 1))
  for (const root of placesOf(disk, 'last')) disk.rot(fileOn(root, 'last'), 9)
  copies = 1
  await putBytes(store, 'other', bytesOf(1, 1))
  await t.rejects(place(store, 'last'), {code: 'IO_ERROR', message: /does not match/})
  t.equal(placesOf(disk, 'last').length, 2, 'nothing is removed for want of a good one')
})

/** A keeper over a store, with a record that a test changes. */
function keeperOf({store}: Opened, bucket: () => Bucket): CopiesKeeper {
  const view = (): ClusterView =>
    ({
      self: {id: 'tstore001', role: 'target', inc: 1},
      record: {index: 5, bmd: {buckets: {[bucketUname(TEST_REF)]: bucket()}}, conf: {set: {}}},
    }) as unknown as ClusterView
  const log = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: () => undefined,
  }
  return createCopiesKeeper(
    {
      view,
      store,
      traffic: createTraffic(() => performance.now()),
      nowMs: () => performance.now(),
      wallMs: () => 1000,
      after: (ms, act) => {
        const timer = setTimeout(act, ms)
        return () => clearTimeout(timer)
      },
      log,
    },
    (error) => {
      throw error
    },
  )
}

const mirrored = (copies: number): Bucket => ({
  ...TEST_BUCKET,
  set: {'mirror.enabled': copies > 1, 'mirror.copies': copies},
  copiesAt: 5,
})

t.test('when a bucket is to have copies, those of its objects are made', async (t) => {
  let copies = 1
  const opened = await openOn(fresh(), () => copies)
  const {disk, store} = opened
  const names = Array.from({length: 40}, (_, at) => `o/${at}`)
  for (const [at, name] of names.entries()) await putBytes(store, name, bytesOf(100 + at, at))
  await deleteKey(store, 'o/1')
  const keeper = keeperOf(opened, () => mirrored(copies))
  keeper.look()
  t.match(keeper.shares(), [{state: 'done', objects: 0, copiesAt: 5}], 'one copy is what there is')
  copies = 2
  t.match(keeper.shares(), [{state: 'running', endedMs: null}], 'not done before it has begun')
  keeper.look()
  await until(() => keeper.shares()[0]?.state === 'done')
  t.match(keeper.shares(), [{state: 'done', objects: 40, removed: 0, problem: '', endedMs: 1000}])
  for (const name of names) t.equal(placesOf(disk, name).length, 2, name)
  t.strictSame(store.copies.unsettled(), [])
  store.stop()

  const again = await openOn(disk.restart(), () => copies)
  t.strictSame(again.store.copies.unsettled(), [], 'it is remembered')
  lose(again, '/mp2')
  t.strictSame(again.store.copies.unsettled(), [TEST_BUCKET.bid], 'copies are lacking')
  const next = keeperOf(again, () => mirrored(copies))
  next.look()
  await until(() => next.shares()[0]?.state === 'done')
  for (const name of names) {
    t.strictSame(
      placesOf(disk, name).filter((root) => root !== '/mp2'),
      ['/mp0', '/mp1'],
    )
  }
  copies = 1
  await new Promise((resolve) => setTimeout(resolve, 5))
  next.look()
  await until(() => next.shares()[0]?.state === 'done')
  for (const name of names) {
    t.equal(placesOf(disk, name).filter((root) => root !== '/mp2').length, 1)
  }
  t.equal(again.store.copies.unsettled().length, 0)
  next.stop()
})

t.test('a job of copies goes on after a crash, and says what is in its way', async (t) => {
  const opened = await openOn(fresh(), () => 1)
  await putBytes(opened.store, 'a', bytesOf(2000, 1))
  const [root = ''] = placesOf(opened.disk, 'a')
  const others = ROOTS.filter((one) => one !== root)
  const lost = await openOn(opened.disk.restart(), () => 2, others)
  const keeper = keeperOf(lost, () => mirrored(2))
  keeper.look()
  await until(() => keeper.shares()[0]?.state === 'failing')
  t.match(keeper.shares(), [{state: 'failing', endedMs: null, problem: /mountpaths that are away/}])
  t.equal(await getBytes(lost.store, 'a'), 'unsure')
  keeper.stop()

  const back = await openOn(lost.disk.crash('synced'), () => 2)
  t.strictSame(back.store.copies.unsettled(), [TEST_BUCKET.bid])
  const next = keeperOf(back, () => mirrored(2))
  next.look()
  await until(() => next.shares()[0]?.state === 'done')
  t.equal(placesOf(back.disk, 'a').length, 2)
  next.stop()
})

t.test('clients of a mirrored bucket do not notice a lost disk', async (t) => {
  const cluster = await startTargets(1)
  t.teardown(() => cluster.close())
  const [target] = cluster.targets
  if (target === undefined) throw new Error('one target')
  target.says.copies = 2
  const names = Array.from({length: 12}, (_, at) => `k${String(at).padStart(2, '0')}`)
  for (const name of names) await cluster.send(target, {method: 'PUT', name, body: name})
  const head = await cluster.send(target, {method: 'HEAD', name: 'k01'})
  t.equal(head.headers['ais-mirror-copies'], '2')
  target.disk.rename('/mp0', '/mp0-lost')
  const statuses = new Set<number>()
  for (const name of names) {
    const got = await cluster.send(target, {method: 'GET', name})
    statuses.add(got.status)
    t.equal(got.body.toString(), name)
  }
  t.strictSame([...statuses], [200])
  const question = {ref: TEST_REF, prefix: '', after: '', limit: 100, partial: false}
  const page = target.objects.listPage(question)
  t.strictSame(
    page.entries.map(({attributes}) => attributes.name),
    names,
  )
  const status = async (method: string, name: string): Promise<number> =>
    (await cluster.send(target, {method, name, ...(method === 'PUT' ? {body: 'x'} : {})})).status
  target.store.check()
  t.equal(await status('PUT', 'k03'), 200)
  t.equal(await status('DELETE', 'k04'), 200)
  t.equal(await status('GET', 'k04'), 404)
  t.equal(await status('DELETE', 'never'), 404, 'it is known that there was nothing')
  t.equal(await status('GET', 'never'), 404)
})
