/**
 * The store: files, footers, mountpaths, indexes, the record and the counter, on good and bad
 * disks.
 */

import fs from 'node:fs'
import t from 'tap'
import type {Test} from 'tap'
import {AisError} from '../../src/base/errors.ts'
import {folderOf, filePathOf} from '../../src/core/objects/file-name.ts'
import type {DurableState} from '../../src/core/kernel/events.ts'
import type {ClusterRecord} from '../../src/model/record.ts'
import {openCounter} from '../../src/node/store/state/counter.ts'
import {checkMountpaths, formatReport} from '../../src/node/store/fsck.ts'
import {createKeyLocks} from '../../src/node/store/object/key-locks.ts'
import {openMetaStore} from '../../src/node/store/state/meta-store.ts'
import {createMountpathCalls} from '../../src/node/store/mountpath/mountpath-calls.ts'
import {markedTargets, readMark} from '../../src/node/store/mountpath/mountpath-mark.ts'
import {openNameIndex} from '../../src/node/store/names/name-index.ts'
import {settleIdentity} from '../../src/node/store/state/node-identity.ts'
import type {CrashFs} from '../helpers/crash-fs.ts'
import {SURVIVALS, createCrashFs} from '../helpers/crash-fs.ts'
import {
  TEST_BUCKET,
  bytesOf,
  deleteKey,
  getBytes,
  keyOf,
  openTestStore,
  putBytes,
  readAll,
  setCustom,
} from '../helpers/test-store.ts'

const MIB = 1024 * 1024

function disks(): CrashFs {
  const disk = createCrashFs(['/state', '/mp0', '/mp1'])
  return disk
}

async function openOn(disk: CrashFs): Promise<Awaited<ReturnType<typeof openTestStore>>['store']> {
  return (await openTestStore({fs: disk})).store
}

function codeOf(error: unknown): string {
  return error instanceof AisError ? error.code : String(error)
}

t.test('objects of every size come back byte for byte, with their checksums', async (t) => {
  const root = t.testdir({state: {}, a: {}, b: {}})
  const where = {stateDirectory: `${root}/state`, paths: [`${root}/a`, `${root}/b`], shared: true}
  const {store} = await openTestStore(where)
  const sizes = [0, 1, 4096, 65_000, 128 * 1024, 128 * 1024 + 1, MIB - 1, MIB, MIB + 1, 3 * MIB + 7]
  for (const size of sizes) {
    const data = bytesOf(size, size)
    const wanted = ['xxhash2', 'md5', 'sha256', 'crc32c'] as const
    const attributes = await putBytes(store, `o/${size}`, data, {wanted, chunkBytes: 70_001})
    t.equal(attributes.sizeBytes, size)
    t.ok(data.equals((await getBytes(store, `o/${size}`)) as Buffer), `${size} bytes`)
  }
  const lookup = store.lookup(keyOf(`o/${3 * MIB + 7}`), true)
  if (lookup.type !== 'object') throw new Error('the object is there')
  const part = await readAll(store, lookup.file, {start: MIB - 3, end: 2 * MIB + 5})
  t.ok(part.equals(bytesOf(3 * MIB + 7, 3 * MIB + 7).subarray(MIB - 3, 2 * MIB + 5)), 'a range')
  const sums = lookup.file.footer.moreChecksums.map(({type}) => type)
  t.strictSame(sums, ['md5', 'sha256', 'crc32c'])
  t.strictSame(store.totals(TEST_BUCKET.bid).objects, sizes.length)
  store.stop()
  const report = await checkMountpaths(where.paths)
  t.ok(report.ok, formatReport(report))
})

t.test('an overwrite counts the version on, a delete leaves a tombstone', async (t) => {
  const store = await openOn(disks())
  t.equal((await putBytes(store, 'a', bytesOf(10, 1))).version, 1)
  t.equal((await putBytes(store, 'a', bytesOf(20, 2))).version, 2)
  t.ok(bytesOf(20, 2).equals((await getBytes(store, 'a')) as Buffer))
  await deleteKey(store, 'a')
  t.equal(await getBytes(store, 'a'), 'tombstone')
  await deleteKey(store, 'never/was')
  t.equal(await getBytes(store, 'never/was'), 'tombstone')
  t.equal(await getBytes(store, 'nothing'), 'none')
  t.equal((await putBytes(store, 'a', bytesOf(5, 3))).version, 1)
})

t.test('a and a/b live side by side, and so do names that a directory cannot hold', async (t) => {
  const store = await openOn(disks())
  const long = `deep/${'x'.repeat(1000)}`
  const names = ['a', 'a/b', '.hidden', 'per%cent', 'tilde~', 'é/ü', long, `${long}y`, ' ', '+?#']
  for (const [at, name] of names.entries()) await putBytes(store, name, bytesOf(30, at))
  for (const [at, name] of names.entries()) {
    t.ok(bytesOf(30, at).equals((await getBytes(store, name)) as Buffer), name.slice(0, 20))
  }
})

t.test('a change of metadata appends a footer and keeps the bytes', async (t) => {
  const disk = disks()
  const store = await openOn(disk)
  const data = bytesOf(2 * MIB, 4)
  await putBytes(store, 'a', data)
  await setCustom(store, 'a', {k: '1'})
  const changed = await setCustom(store, 'a', {k: '2', ü: 'ö'})
  t.strictSame(changed.custom, {k: '2', ü: 'ö'})
  t.ok(data.equals((await getBytes(store, 'a')) as Buffer))
  const again = await openOn(disk.crash('synced'))
  const lookup = again.lookup(keyOf('a'), false)
  t.strictSame(lookup.type === 'object' && lookup.file.footer.attributes.custom, {k: '2', ü: 'ö'})
  await t.rejects(setCustom(store, 'nothing', {}), {code: 'OBJECT_NOT_FOUND'})
})

t.test('a reader keeps the version that it opened', async (t) => {
  const store = await openOn(disks())
  const data = bytesOf(3 * MIB, 5)
  await putBytes(store, 'a', data)
  const lookup = store.lookup(keyOf('a'), true)
  if (lookup.type !== 'object') throw new Error('the object is there')
  await putBytes(store, 'a', bytesOf(MIB, 6))
  await deleteKey(store, 'a')
  t.ok(data.equals(await readAll(store, lookup.file)))
})

t.test('concurrent writes of one key leave one of them whole, and generations grow', async (t) => {
  const store = await openOn(disks())
  const versions = await Promise.all(
    Array.from({length: 12}, (_, at) => putBytes(store, 'a', bytesOf(1000 + at, at))),
  )
  const last = versions.toSorted((a, b) => Number(a.gen.counter - b.gen.counter)).at(-1)
  t.equal(new Set(versions.map(({gen}) => gen.counter)).size, 12)
  t.equal(last?.version, 12)
  const found = (await getBytes(store, 'a')) as Buffer
  t.equal(found.byteLength, last?.sizeBytes)
})

/**
 * Plays one operation on a disk that stops at every call, and judges what the next process finds.
 */
async function crashEverywhere(
  t: Test,
  operation: (store: Awaited<ReturnType<typeof openOn>>) => Promise<unknown>,
  judge: (found: Buffer | string, acknowledged: boolean) => boolean,
  before: Buffer | null,
): Promise<void> {
  let points = 0
  for (let stop = 1; ; stop++) {
    const disk = disks()
    const store = await openOn(disk)
    if (before !== null) await putBytes(store, 'a', before)
    disk.stopAfter(stop)
    let acknowledged = false
    void operation(store).then(
      () => {
        acknowledged = true
      },
      () => undefined,
    )
    while (!acknowledged && !disk.stopped()) await new Promise((go) => setImmediate(go))
    await new Promise((go) => setImmediate(go))
    for (const survival of SURVIVALS) {
      const after = await openOn(disk.crash(survival))
      const found = await getBytes(after, 'a')
      if (!judge(found, acknowledged)) {
        t.fail(`stopped at call ${stop}, survived ${survival}, acknowledged ${acknowledged}`)
      }
      t.ok(await putBytes(after, 'a', bytesOf(9, 9)), 'the next write works')
      points += 1
    }
    if (acknowledged && !disk.stopped()) break
  }
  t.ok(points > 4 * 8, `${points} crash points`)
}

for (const [title, size] of [
  ['small', 100],
  ['one-block', 300_000],
  ['streamed', 2 * MIB + 50],
] as const) {
  t.test(`a crash at any call of a ${title} PUT leaves the old or the new object`, async (t) => {
    const [old, fresh] = [bytesOf(size, 1), bytesOf(size + 1, 2)]
    await crashEverywhere(
      t,
      (store) => putBytes(store, 'a', fresh),
      (found, acknowledged) =>
        Buffer.isBuffer(found) && (found.equals(fresh) || (!acknowledged && found.equals(old))),
      old,
    )
  })
}

t.test('a crash at any call of a first PUT leaves nothing or the object', async (t) => {
  const fresh = bytesOf(5000, 3)
  await crashEverywhere(
    t,
    (store) => putBytes(store, 'a', fresh),
    (found, acknowledged) =>
      (Buffer.isBuffer(found) && found.equals(fresh)) || (!acknowledged && found === 'none'),
    null,
  )
})

t.test('a crash while a bucket gets its first folders takes nothing acknowledged', async (t) => {
  const fresh = bytesOf(900, 6)
  await crashEverywhere(
    t,
    async (store) => {
      for (const name of ['b', 'c', 'd', 'e']) await putBytes(store, name, bytesOf(10, 7))
      await putBytes(store, 'a', fresh)
    },
    (found, acknowledged) =>
      (Buffer.isBuffer(found) && found.equals(fresh)) || (!acknowledged && found === 'none'),
    null,
  )
})

t.test(
  'a new folder is flushed with its bucket, and the bucket with the root only once',
  async (t) => {
    const disk = createCrashFs(['/state', '/mp0'])
    const {store} = await openTestStore({fs: disk, paths: ['/mp0']})
    const callsOf = async (name: string): Promise<number> => {
      const before = disk.calls()
      await putBytes(store, name, bytesOf(10, 1))
      return disk.calls() - before
    }
    t.not(folderOf('a'), folderOf('b'))
    store.nextCounter()
    const [bucket, folder] = [await callsOf('a'), await callsOf('b')]
    // The flush of a folder is open, fsync, close.
    t.equal(bucket - folder, 3, `${bucket} calls in a new bucket, ${folder} in a new folder`)
  },
)

t.test('a crash at any call of a DELETE leaves the object or the tombstone', async (t) => {
  const old = bytesOf(700, 4)
  await crashEverywhere(
    t,
    (store) => deleteKey(store, 'a'),
    (found, acknowledged) =>
      found === 'tombstone' || (!acknowledged && Buffer.isBuffer(found) && found.equals(old)),
    old,
  )
})

t.test('a crash at any call of a change of metadata leaves the bytes readable', async (t) => {
  const old = bytesOf(700, 5)
  await crashEverywhere(
    t,
    (store) => setCustom(store, 'a', {k: 'v'.repeat(3000)}),
    (found) => Buffer.isBuffer(found) && found.equals(old),
    old,
  )
})

t.test('a reader waits while a new name is visible but could still be undone', async (t) => {
  const disk = disks()
  const store = await openOn(disk)
  await putBytes(store, 'a', bytesOf(10, 1))
  let settled = 0
  const write = putBytes(store, 'a', bytesOf(20, 2))
  const seen: number[] = []
  for (let turn = 0; turn < 30; turn++) {
    store.whenSettled(keyOf('a'), () => {
      const lookup = store.lookup(keyOf('a'), true)
      if (lookup.type === 'object') seen.push(lookup.file.footer.attributes.sizeBytes)
      settled += 1
    })
    await new Promise((go) => setImmediate(go))
  }
  await write
  t.equal(settled, 30)
  t.strictSame([...new Set(seen)], [10, 20])
})

const ENABLE = {action: 'enable', label: '', resilver: true} as const

for (const code of ['ENOSPC', 'EIO']) {
  t.test(`${code} at any call of a PUT fails the request and keeps the old object`, async (t) => {
    const [old, fresh] = [bytesOf(2000, 1), bytesOf(2 * MIB, 2)]
    let failed = 0
    for (let call = 1; call <= 14; call++) {
      const disk = disks()
      const store = await openOn(disk)
      await putBytes(store, 'a', old)
      disk.failAfter(call, code)
      try {
        await putBytes(store, 'a', fresh)
      } catch (error) {
        failed += 1
        t.equal(codeOf(error), code === 'ENOSPC' ? 'NO_SPACE' : 'IO_ERROR', `call ${call}`)
        const {store: after, disks: mountpaths} = await openTestStore({fs: disk.crash('all')})
        // A folder that could not be flushed has disabled its mountpath: what is there is away.
        const off = mountpaths.states().filter(({state}) => state === 'disabled')
        for (const {path} of off) mountpaths.order({...ENABLE, path})
        const found = await getBytes(after, 'a')
        t.ok(Buffer.isBuffer(found) && (found.equals(old) || found.equals(fresh)), 'whole')
        t.strictSame(disk.crash('all').files('/mp0/.aisnode/work'), [], 'no work file is left')
      }
    }
    t.ok(failed > 5, `${failed} failures`)
  })
}

t.test('a device that keeps failing disables its mountpath and nothing else', async (t) => {
  const disk = disks()
  const warnings: string[] = []
  const {store} = await openTestStore({fs: disk, warn: (text) => warnings.push(text)})
  const calls = store.status().map(({disabled}) => disabled)
  t.strictSame(calls, [null, null])
  for (let at = 0; at < 40; at++) await putBytes(store, `k${at}`, bytesOf(50, at))
  const away = (): number => store.status().filter(({disabled}) => disabled !== null).length
  disk.failAfter(1, 'EIO', 1_000)
  for (let at = 0; at < 20 && away() === 0; at++) {
    await putBytes(store, 'k1', bytesOf(60, at)).catch(codeOf)
    await new Promise((resolve) => setImmediate(resolve))
  }
  disk.failAfter(0, 'EIO', 0)
  t.equal(away(), 1)
  t.strictSame(warnings.slice(0, 2), ['mountpath is being checked', 'mountpath disabled'])
  t.equal(store.missing().length, 1)
  const answers = new Set<string>()
  for (let at = 0; at < 40; at++) {
    const found = await getBytes(store, `k${at}`)
    answers.add(Buffer.isBuffer(found) ? 'object' : found)
  }
  t.strictSame([...answers].sort(), ['object', 'unsure'], 'never "none"')
  t.ok(await putBytes(store, 'k1', bytesOf(70, 1)), 'its share of writes goes to the other')
  t.ok(Buffer.isBuffer(await getBytes(store, 'k1')))
})

t.test(
  'a node that starts with one of two disks serves the rest, and merges it back',
  async (t) => {
    const disk = disks()
    const first = await openOn(disk)
    for (let at = 0; at < 40; at++) await putBytes(first, `k${at}`, bytesOf(50, at))
    const {store, missing} = await openTestStore({fs: disk, paths: ['/mp0', '/gone']})
    t.match(missing, [{path: '/gone', why: /no such directory/}])
    const found = await Promise.all(Array.from({length: 40}, (_, at) => getBytes(store, `k${at}`)))
    t.equal(found.filter((one) => one === 'none').length, 0)
    t.ok(found.some((one) => Buffer.isBuffer(one)) && found.includes('unsure'))
    const away = found.findIndex((one) => one === 'unsure')
    await putBytes(store, `k${away}`, bytesOf(99, 99))
    await deleteKey(store, `k${found.findLastIndex((one) => one === 'unsure')}`)
    t.ok(bytesOf(99, 99).equals((await getBytes(store, `k${away}`)) as Buffer))
    const back = await openOn(disk)
    t.ok(bytesOf(99, 99).equals((await getBytes(back, `k${away}`)) as Buffer), 'the newest wins')
    const removed = found.findLastIndex((one) => one === 'unsure')
    t.equal(await getBytes(back, `k${removed}`), 'tombstone')
    await putBytes(back, `k${away}`, bytesOf(11, 11))
    const without = (await openTestStore({fs: disk, paths: ['/mp0']})).store
    const stale = await getBytes(without, `k${away}`)
    t.equal(stale, 'unsure', 'an older copy is not shown while the newer one is away')
  },
)

t.test("nothing is written to a directory without this target's mark", async (t) => {
  const root = t.testdir({state: {}, a: {}, b: {}, c: {file: 'x'}})
  const paths = [`${root}/a`, `${root}/b`, `${root}/c`]
  const refused = await openTestStore({stateDirectory: `${root}/state`, paths})
  t.match(
    refused.missing.map(({why}) => why),
    [/no mount point/, /no mount point/, /no mount point/],
  )
  t.strictSame(fs.readdirSync(`${root}/a`), [])
  const shared = {stateDirectory: `${root}/state`, paths, shared: true}
  const opened = await openTestStore(shared)
  t.match(opened.missing, [{path: `${root}/c`, why: /not empty/}])
  await putBytes(opened.store, 'a', bytesOf(5, 5))
  opened.store.stop()
  t.strictSame(markedTargets(paths), ['tstore001', 'tstore001'])
  fs.rmSync(`${root}/a`, {recursive: true})
  fs.mkdirSync(`${root}/a`)
  const pulled = await openTestStore(shared)
  t.match(pulled.missing[0]?.why, /in use before/)
  t.strictSame(fs.readdirSync(`${root}/a`), [], 'zero bytes below the missing disk')
  pulled.store.stop()
  const mark = `${root}/b/.aisnode/mountpath.json`
  fs.writeFileSync(mark, fs.readFileSync(mark, 'utf8').replace('tstore001', 'tother001'))
  const foreign = await openTestStore(shared)
  t.match(foreign.missing[1]?.why, /belongs to target tother001/)
  fs.writeFileSync(mark, fs.readFileSync(mark, 'utf8').replace('"format":1', '"format":9'))
  await t.rejects(openTestStore(shared), {code: 'INCOMPATIBLE'})
  fs.writeFileSync(mark, '{')
  t.throws(() => readMark(`${root}/b`), {code: 'BAD_CONFIG'})
})

t.test('bit rot is found when the object is read, and by fsck', async (t) => {
  const disk = disks()
  const store = await openOn(disk)
  await putBytes(store, 'small', bytesOf(3000, 1))
  await putBytes(store, 'large', bytesOf(3 * MIB, 2))
  for (const name of ['small', 'large']) {
    const [path = ''] = ['/mp0', '/mp1'].flatMap((root) =>
      disk.files(root).filter((file) => file.endsWith(filePathOf(TEST_BUCKET.bid, name))),
    )
    disk.rot(path, name === 'small' ? 7 : 2 * MIB + 5)
    await t.rejects(getBytes(store, name), {code: 'IO_ERROR', message: /checksum does not match/})
  }
  const report = await checkMountpaths(['/mp0', '/mp1', '/nowhere'], disk)
  t.notOk(report.ok)
  t.match(formatReport(report), /BAD .*block 2 is damaged/)
  t.match(formatReport(report), /NOT CHECKED: no such directory/)
  t.ok(await putBytes(store, 'small', bytesOf(5, 5)), 'an overwrite mends it')
})

t.test('a relaxed write is visible at once and not promised to survive', async (t) => {
  const disk = disks()
  const store = await openOn(disk)
  await putBytes(store, 'a', bytesOf(10, 1), {durable: false})
  t.ok(bytesOf(10, 1).equals((await getBytes(store, 'a')) as Buffer))
  t.equal(await getBytes(await openOn(disk.crash('synced')), 'a'), 'none')
})

t.test('lists come in the order of UTF-8 bytes, page by page, tombstones included', async (t) => {
  const root = t.testdir({state: {}, a: {}, b: {}})
  const where = {stateDirectory: `${root}/state`, paths: [`${root}/a`, `${root}/b`], shared: true}
  const {store} = await openTestStore(where)
  const names = ['a', 'a/b', 'b', 'z', 'é', '\uffee', '\u{1f600}', 'p/1', 'p/2', 'p/3']
  for (const name of names) await putBytes(store, name, bytesOf(3, 1), {durable: false})
  await deleteKey(store, 'z')
  const sorted = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  const listed = (opened: typeof store, prefix: string): string[] => {
    const all: string[] = []
    for (let after = ''; ;) {
      const page = opened.page({bid: TEST_BUCKET.bid, prefix, after, limit: 3}) ?? []
      all.push(...page.map(({attributes}) => attributes.name))
      if (page.length < 3) return all
      after = all.at(-1) ?? ''
    }
  }
  t.strictSame(listed(store, ''), sorted)
  t.strictSame(listed(store, 'p/'), ['p/1', 'p/2', 'p/3'])
  t.strictSame(listed(store, 'q'), [])
  store.stop()
  const clean = await openTestStore(where)
  t.strictSame(listed(clean.store, ''), sorted, 'kept over a clean stop')
  await putBytes(clean.store, 'new', bytesOf(3, 1))
  const unclean = await openTestStore(where)
  while (unclean.store.page({bid: '1', prefix: '', after: '', limit: 1}) === null) {
    await new Promise((go) => setImmediate(go))
  }
  t.ok(listed(unclean.store, '').includes('new'), 'rebuilt after an unclean one')
  clean.store.stop()
})

t.test('data of a destroyed bucket is moved aside at once and removed an hour later', async (t) => {
  const disk = disks()
  const store = await openOn(disk)
  for (let at = 0; at < 130; at++) {
    await putBytes(store, `k${at}`, bytesOf(5, at), {durable: false})
  }
  const left = (): number => ['/mp0', '/mp1'].flatMap((root) => disk.files(`${root}/b`)).length
  const trash = (): number =>
    ['/mp0', '/mp1'].flatMap((root) => disk.files(`${root}/.aisnode/trash`)).length
  const [keptMs, highWatermark] = [3_600_000, 90]
  const clear = (bid: string, wallMs: number): {upTo: number; more: boolean} => {
    const marked = [{bid, deletedAt: bid === '1' ? 2 : 8}]
    return store.clearBuckets({marked, recordIndex: 9, wallMs, keptMs, highWatermark})
  }
  store.clearBuckets({marked: [], recordIndex: 3, wallMs: 1, keptMs, highWatermark})
  t.match(clear('1', 1000), {more: false})
  t.strictSame([left(), trash()], [130, 0], 'another bucket')
  store.mountpathsChanged()
  t.strictSame(clear(TEST_BUCKET.bid, 2000), {upTo: 7, more: false})
  t.strictSame([left(), trash()], [0, 130])
  t.equal(await getBytes(store, 'k1'), 'none')
  t.equal(store.totals(TEST_BUCKET.bid).objects, 0)
  clear(TEST_BUCKET.bid, 2000 + keptMs - 1)
  t.equal(trash(), 130, 'not before its time')
  clear('1', 2000 + keptMs)
  t.equal(trash(), 130, 'not unless the record still says so')
  let turns = 0
  while (clear(TEST_BUCKET.bid, 2000 + keptMs).more) turns += 1
  t.ok(turns < 9, `${turns} turns`)
  t.equal(trash(), 0)
  t.strictSame(clear(TEST_BUCKET.bid, 0), {upTo: 9, more: false}, 'nothing is left')
})

t.test('an index lets the higher generation stand, whatever the order of arrival', (t) => {
  const index = openNameIndex(':memory:', () => () => undefined)
  const entry = (counter: bigint, sizeBytes: number, tombstone: boolean): void =>
    index.note({
      name: 'a' as never,
      bid: '1',
      sizeBytes,
      gen: {own: 2, counter},
      version: 1,
      atimeNs: 1n,
      mtimeNs: 1n,
      checksum: {type: 'md5', value: 'ab'},
      custom: {k: 'v'},
      tombstone,
    })
  entry(5n, 50, false)
  entry(4n, 40, true)
  t.match(index.page({bid: '1', prefix: '', after: '', limit: 9}), [{sizeBytes: 50}])
  t.strictSame(index.totals('1'), {objects: 1, bytes: 50})
  entry(6n, 0, true)
  t.match(index.page({bid: '1', prefix: '', after: '', limit: 9}), [{tombstone: true}])
  t.strictSame(index.totals('1'), {objects: 0, bytes: 0})
  index.dropBucket('1')
  t.strictSame(index.page({bid: '1', prefix: '', after: '', limit: 9}), [])
  index.close()
  t.end()
})

t.test('a counter never gives a number twice, whatever was lost', (t) => {
  const disk = createCrashFs(['/state'])
  const given = new Set<bigint>()
  let from: CrashFs = disk
  for (let life = 0; life < 5; life++) {
    const counter = openCounter('/state', from)
    t.equal(counter.kept, life > 0)
    for (let at = 0; at < 10; at++) {
      const next = counter.next()
      t.notOk(given.has(next))
      given.add(next)
    }
    from = from.crash('synced')
  }
  const broken = t.testdir({'counter.json': '{"format":1,"reserved":"x"}\n'})
  t.throws(() => openCounter(broken), {code: 'BAD_CONFIG'})
  fs.writeFileSync(`${broken}/counter.json`, '{"format":7,"reserved":"1"}\n')
  t.throws(() => openCounter(broken), {code: 'INCOMPATIBLE'})
  t.end()
})

const STATE: DurableState = {
  format: 1,
  uuid: '',
  inc: 1,
  run: 1,
  promisedEpoch: 0,
  votedFor: null,
  accepted: null,
  committed: null,
}
const decodeRecord = (text: string): ClusterRecord => JSON.parse(text) as ClusterRecord

t.test('the record survives a crash at any call: the last saved state or the one before', (t) => {
  for (let stop = 1; stop <= 16; stop++) {
    const disk = createCrashFs(['/state'])
    const store = openMetaStore('/state', {decodeRecord, fs: disk})
    t.strictSame(store.load(), {state: null, amnesia: null, damage: []})
    for (let epoch = 1; epoch <= 3; epoch++) store.save({...STATE, promisedEpoch: epoch})
    disk.stopAfter(stop)
    let saved = false
    try {
      store.save({...STATE, promisedEpoch: 4})
      saved = true
    } catch (error) {
      t.match(error, {code: 'ESTOPPED'})
    }
    for (const survival of SURVIVALS) {
      const after = openMetaStore('/state', {decodeRecord, fs: disk.crash(survival)}).load()
      t.equal(after.amnesia, null)
      t.ok(after.state?.promisedEpoch === 4 || (!saved && after.state?.promisedEpoch === 3))
    }
  }
  t.end()
})

t.test('what a killed process left unflushed is flushed before anything is overwritten', (t) => {
  for (let first = 1; first <= 16; first++) {
    for (let second = 1; second <= 8; second++) {
      const disk = createCrashFs(['/state'])
      const store = openMetaStore('/state', {decodeRecord, fs: disk})
      store.load()
      for (let epoch = 1; epoch <= 3; epoch++) store.save({...STATE, promisedEpoch: epoch})
      disk.stopAfter(first)
      attempt(() => store.save({...STATE, promisedEpoch: 4}))
      const next = disk.restart()
      const again = openMetaStore('/state', {decodeRecord, fs: next})
      const known = again.load().state?.promisedEpoch ?? 0
      next.stopAfter(second)
      attempt(() => again.save({...STATE, promisedEpoch: 5}))
      for (const survival of SURVIVALS) {
        const after = openMetaStore('/state', {decodeRecord, fs: next.crash(survival)}).load()
        t.ok((after.state?.promisedEpoch ?? 0) >= known, `${first}/${second} ${survival}`)
      }
    }
  }
  t.end()
})

/** Until the disk says that the process is gone. */
function attempt(act: () => void): void {
  try {
    act()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESTOPPED') throw error
  }
}

t.test('in a quiet moment both slots hold the newest, so that one may rot', (t) => {
  for (const slot of ['record-a', 'record-b']) {
    const root = t.testdir()
    const store = openMetaStore(root, {decodeRecord})
    store.load()
    store.repeat()
    store.save({...STATE, promisedEpoch: 1})
    store.save({...STATE, promisedEpoch: 2})
    store.repeat()
    fs.writeFileSync(`${root}/${slot}`, 'rotten')
    t.equal(openMetaStore(root, {decodeRecord}).load().state?.promisedEpoch, 2, slot)
  }
  t.end()
})

t.test('a torn slot falls back, two bad slots are amnesia, a newer one is refused', (t) => {
  const root = t.testdir()
  const open = () => openMetaStore(root, {decodeRecord})
  const text = '{"format":1,"unknown":"ü"}'
  const stored = {record: decodeRecord(text), text, sha: ''}
  const store = open()
  store.load()
  store.save({...STATE, promisedEpoch: 1})
  store.save({...STATE, promisedEpoch: 2, accepted: stored, committed: stored})
  const whole = open().load()
  t.equal(whole.state?.accepted?.text, text)
  t.equal(whole.state?.committed, whole.state?.accepted)
  t.equal(whole.state?.accepted?.sha.length, 64)
  fs.truncateSync(`${root}/record-b`, 90)
  const torn = open().load()
  t.equal(torn.state?.promisedEpoch, 1)
  t.match(torn.damage, [/record-b/])
  const resumed = open()
  resumed.load()
  resumed.save({...STATE, promisedEpoch: 3})
  t.equal(open().load().state?.promisedEpoch, 3)
  for (const slot of ['record-a', 'record-b']) fs.writeFileSync(`${root}/${slot}`, 'garbage')
  const lost = open().load()
  t.equal(lost.state, null)
  t.match(lost.amnesia, /record-a.*record-b/)
  const body = Buffer.from('{}')
  fs.writeFileSync(`${root}/record-a`, `aisnode-record 9 1 2 ${'0'.repeat(64)}\n${body}`)
  t.throws(() => open().load(), {code: 'INCOMPATIBLE'})
  t.end()
})

t.test('a node id is made once, kept, and found again on the data disks', (t) => {
  const root = t.testdir({state: {}, empty: {}})
  const stateDirectory = `${root}/state`
  const first = settleIdentity({stateDirectory, role: 'target'})
  t.equal(first.origin, 'generated')
  t.match(first.id, /^t[A-Za-z0-9]{8}$/)
  t.strictSame(settleIdentity({stateDirectory, role: 'target'}), {id: first.id, origin: 'kept'})
  const other = {stateDirectory, role: 'target' as const, configured: 'tother001'}
  t.throws(() => settleIdentity(other), {code: 'BAD_CONFIG'})
  const lost = {stateDirectory: `${root}/empty`, role: 'target' as const}
  t.throws(() => settleIdentity({...lost, marked: ['tone00001', 'ttwo00001']}), {
    code: 'BAD_CONFIG',
  })
  t.strictSame(settleIdentity({...lost, marked: ['tone00001', 'tone00001']}), {
    id: 'tone00001',
    origin: 'mountpaths',
  })
  fs.writeFileSync(`${root}/empty/identity.json`, '{"format":1}')
  t.throws(() => settleIdentity(lost), {code: 'BAD_CONFIG'})
  fs.writeFileSync(`${root}/empty/identity.json`, '{"format":2,"id":"tone00001"}')
  t.throws(() => settleIdentity(lost), {code: 'INCOMPATIBLE'})
  t.end()
})

t.test('a call that takes long makes one look, one that is given up is answered', (t) => {
  let now = 0
  const disabled: string[] = []
  const suspected: string[] = []
  const calls = createMountpathCalls('/mp', () => now, {
    disabled: (why) => disabled.push(why),
    suspect: (why) => suspected.push(why),
  })
  const outcomes: string[] = []
  const note = (error: Error | null): void => void outcomes.push(error === null ? 'ok' : 'failed')
  for (let at = 0; at < 6; at++) calls.run(() => undefined, note)
  t.equal(calls.inFlight(), 4)
  const checkUntil = (endMs: number): void => {
    for (; now < endMs; now += 1000) calls.check(now)
  }
  checkUntil(3000)
  t.strictSame(suspected, [])
  now = 60_000
  checkUntil(62_000)
  t.strictSame(suspected, [], 'the time that a frozen process slept is not the device’s')
  checkUntil(64_000)
  t.match(suspected, [/has not returned for 3 s/])
  calls.disable('it hangs')
  t.strictSame(disabled, ['it hangs'])
  t.equal(calls.unreturned(), 4)
  t.strictSame(
    outcomes,
    Array.from({length: 6}, () => 'failed'),
    'those that wait are told, too',
  )
  t.end()
})

t.test('what a call may still use goes when the last one has come back, or never', (t) => {
  const told = {disabled: () => undefined, suspect: () => undefined}
  const calls = createMountpathCalls('/mp', () => 0, told)
  const gone: string[] = []
  const back: (() => void)[] = []
  for (let at = 0; at < 2; at++) {
    calls.run<void>(
      (returned) => void back.push(() => returned(null)),
      () => undefined,
    )
  }
  calls.disable('EIO')
  calls.whenReturned(() => gone.push('first'))
  back[0]?.()
  t.strictSame(gone, [])
  back[1]?.()
  t.strictSame(gone, ['first'])
  calls.whenReturned(() => gone.push('second'))
  t.strictSame(gone, ['first', 'second'])
  const hanging = createMountpathCalls('/mp', () => 0, told)
  hanging.disable('it hangs', true)
  hanging.whenReturned(() => gone.push('third'))
  t.equal(gone.length, 2)
  t.end()
})

t.test('many failures of a device disable it, whatever a look at it says', (t) => {
  let now = 0
  const disabled: string[] = []
  const calls = createMountpathCalls('/mp', () => now, {
    disabled: (why) => disabled.push(why),
    suspect: () => undefined,
  })
  const failure = Object.assign(new Error('EIO'), {code: 'EIO'})
  for (let at = 0; at < 30; at++, now += 2_000) calls.note(failure)
  t.strictSame(disabled, [], 'one now and then is a bad spot')
  for (let at = 0; at < 10; at++) calls.note(Object.assign(new Error(''), {code: 'ENOSPC'}))
  t.strictSame(disabled, [], 'a full disk is not broken')
  for (let at = 0; at < 10; at++) calls.note(failure)
  t.strictSame(disabled, ['EIO: 10 failures within 10 s'])
  t.end()
})

t.test('a key has one writer at a time, in order of arrival', (t) => {
  const locks = createKeyLocks()
  const order: string[] = []
  const releases: (() => void)[] = []
  for (const name of ['first', 'second', 'third']) {
    locks.run('key', (release) => {
      order.push(name)
      releases.push(release)
    })
  }
  locks.run('other', (release) => {
    order.push('other')
    release()
  })
  t.strictSame(order, ['first', 'other'])
  releases[0]?.()
  releases[1]?.()
  releases[2]?.()
  t.strictSame(order, ['first', 'other', 'second', 'third'])
  t.end()
})
