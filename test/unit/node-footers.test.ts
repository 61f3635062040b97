/** Changes of metadata on the disk: what a crash leaves of one, and what rot makes of one. */

import t from 'tap'
import {filePathOf} from '../../src/core/objects/file-name.ts'
import {checkMountpaths, formatReport} from '../../src/node/store/fsck.ts'
import type {ObjectStore} from '../../src/node/store/object-store.ts'
import {createCrashFs, type CrashFs} from '../helpers/crash-fs.ts'
import {
  TEST_BUCKET,
  bytesOf,
  getBytes,
  keyOf,
  openTestStore,
  putBytes,
  setCustom,
} from '../helpers/test-store.ts'
import {until} from '../helpers/until.ts'

const ROOTS = ['/mp0', '/mp1']
const MOUNTS = ['/state', ...ROOTS]

function customOf(store: ObjectStore): unknown {
  const lookup = store.lookup(keyOf('a'), false)
  if (lookup.type !== 'object') return lookup.type
  store.close(lookup.file)
  return lookup.file.footer.attributes.custom
}

/** The file of the key that is read. */
function pathOf(store: ObjectStore): string {
  const lookup = store.lookup(keyOf('a'), false)
  if (lookup.type !== 'object') throw new Error('the object is there')
  store.close(lookup.file)
  return `${lookup.file.mountpath.path}/${filePathOf(TEST_BUCKET.bid, 'a')}`
}

function cut(disk: CrashFs, path: string, bytes: number): void {
  const fd = disk.open(path, 'update')
  disk.truncate(fd, disk.fstat(fd).sizeBytes - bytes)
  disk.close(fd)
}

t.test('a rotten change is an error, never the version before it', async (t) => {
  const disk = createCrashFs(MOUNTS)
  const {store} = await openTestStore({fs: disk})
  await putBytes(store, 'a', bytesOf(100, 1))
  await setCustom(store, 'a', {k: 'new'})
  const path = pathOf(store)
  disk.rot(path, disk.stat(path).sizeBytes - 100)
  t.throws(() => customOf(store), {code: 'IO_ERROR', message: /its last footer does not verify/})
  await t.rejects(setCustom(store, 'a', {k: 'newer'}), {code: 'IO_ERROR'})
  const report = await checkMountpaths(ROOTS, disk)
  t.match(formatReport(report), /its last footer is damaged/)
  await putBytes(store, 'a', bytesOf(100, 2))
  t.ok(bytesOf(100, 2).equals((await getBytes(store, 'a')) as Buffer), 'until it is replaced')
  store.stop()
})

t.test('with a second copy a rotten change is mended from it', async (t) => {
  const disk = createCrashFs(MOUNTS)
  let repaired = 0
  const onRepaired = (): void => {
    repaired += 1
  }
  const {store} = await openTestStore({fs: disk, copies: () => 2, onRepaired})
  await putBytes(store, 'a', bytesOf(100, 1))
  await setCustom(store, 'a', {k: 'new'})
  const path = pathOf(store)
  disk.rot(path, disk.stat(path).sizeBytes - 100)
  t.strictSame(customOf(store), {k: 'new'})
  await until(() => repaired > 0, 'repaired')
  const report = await checkMountpaths(ROOTS, disk)
  t.ok(report.ok, formatReport(report))
  store.stop()
})

t.test('a torn change is none, and the next one follows the one before it', async (t) => {
  const disk = createCrashFs(MOUNTS)
  const {store} = await openTestStore({fs: disk})
  await putBytes(store, 'a', bytesOf(100, 1))
  await setCustom(store, 'a', {k: 'old'})
  await setCustom(store, 'a', {k: 'x'.repeat(2000)})
  cut(disk, pathOf(store), 700)
  t.strictSame(customOf(store), {k: 'old'})
  const flushes = disk.flushes()
  await setCustom(store, 'a', {k: 'new'})
  t.equal(disk.flushes() - flushes, 2, 'what was torn is durably gone first')
  t.strictSame(customOf(store), {k: 'new'})
  const report = await checkMountpaths(ROOTS, disk)
  t.ok(report.ok, formatReport(report))
  store.stop()
})
