/** Files that could not be read when an index was built: looked at again, replaced, or named. */

import t from 'tap'
import {filePathOf} from '../../src/core/objects/file-name.ts'
import type {OwnEntry} from '../../src/model/record.ts'
import type {Mountpath} from '../../src/node/store/mountpath/mountpaths.ts'
import {Unreadable} from '../../src/node/store/names/unreadable.ts'
import {startTargets, type TestCluster, type TestTarget} from '../helpers/target-cluster.ts'
import {TEST_BUCKET, TEST_REF, bytesOf, getBytes, keyOf, putBytes} from '../helpers/test-store.ts'
import {until} from '../helpers/until.ts'

const SIZE = 500
const LIST = {ref: TEST_REF, prefix: '', after: '', limit: 100, partial: false}

/** Where a name's file is read from. */
function fileOf({store}: TestTarget, name: string): string {
  const lookup = store.lookup(keyOf(name), false)
  if (lookup.type !== 'object') throw new Error('the object is there')
  store.close(lookup.file)
  return `${lookup.file.mountpath.path}/${filePathOf(TEST_BUCKET.bid, name)}`
}

/** A bit of its footer flips, or back; then its process starts anew. */
async function rotAndRestart(cluster: TestCluster, on: TestTarget, path: string): Promise<void> {
  on.disk.rot(path, SIZE + 10)
  await cluster.restart(on, on.disk.restart())
  await until(() => on.store.page({bid: TEST_BUCKET.bid, ...LIST}) !== null, 'indexed')
}

/** The record says that all goes to the first target. */
function leave(cluster: TestCluster): void {
  const [stays] = cluster.targets
  if (stays === undefined) throw new Error('a cluster has targets')
  const entry: OwnEntry = {index: 5, targets: [stays.id]}
  cluster.change((record) => ({...record, index: 5, own: [...record.own, entry], move: {entry: 5}}))
  for (const {mover} of cluster.targets) mover.look()
}

t.test('a file is looked at again, rarer and rarer, a few at a time', (t) => {
  const told: string[] = []
  const files = new Unreadable((path, why) => void told.push(`${path} ${why}`))
  const mountpath = {path: '/mp0', pinned: '/proc/self/fd/9'} as Mountpath
  files.note(mountpath, '/proc/self/fd/9/b/7/0a/x%2Fy', 'EIO')
  files.note(mountpath, '/proc/self/fd/9/b/7/0a/x%2Fy', 'EIO')
  t.strictSame(told, ['/mp0/b/7/0a/x%2Fy EIO'], 'told once')
  const due = (nowMs: number): number => files.due(nowMs).length
  t.strictSame([due(0), due(999), due(1000), due(2999), due(3000)], [1, 0, 1, 0, 1])
  for (let nowMs = 3000; nowMs < 600_000; nowMs += 60_000) due(nowMs)
  t.strictSame([due(650_000), due(709_000), due(710_000)], [1, 0, 1], 'once a minute at least')
  t.match(files.files(), [{mountpath: '/mp0', bid: '7', name: 'x/y', why: 'EIO'}])
  for (let at = 0; at < 100; at++) files.note(mountpath, `/proc/self/fd/9/b/8/0a/${at}`, 'EIO')
  t.equal(files.some().length, 64)
  for (const {path} of files.some()) files.note(mountpath, `/proc/self/fd/9${path.slice(4)}`, 'EIO')
  t.equal(files.some()[0]?.name, '63', 'those that were not looked at for longest')
  files.dropBucket('8')
  t.equal(files.files().length, 1)
  files.read(mountpath, '/proc/self/fd/9/b/7/0a/x%2Fy')
  t.notOk(files.isOn(mountpath))
  files.note(mountpath, `/proc/self/fd/9/b/7/0a/${'y'.repeat(60)}~${'0'.repeat(32)}`, 'EIO')
  t.match(files.files(), [{name: null}], 'a hash tells no name')
  files.dropMountpath('/mp0')
  t.strictSame(files.files(), [])
  t.end()
})

t.test('a list without what cannot be read says so, until it can be', async (t) => {
  const cluster = await startTargets(1)
  t.teardown(() => cluster.close())
  const [target] = cluster.targets
  if (target === undefined) throw new Error('one target')
  for (const name of ['a', 'b']) await putBytes(target.store, name, bytesOf(SIZE, 1))
  const path = fileOf(target, 'a')
  await rotAndRestart(cluster, target, path)
  const why = 'it has no footer that verifies'
  t.match(target.store.unreadable(), [{path, mountpath: path.slice(0, 4), name: 'a', why}])
  t.throws(() => target.objects.listPage(LIST), {code: 'LIST_INCOMPLETE', message: /\/a cannot be/})
  const page = target.objects.listPage({...LIST, partial: true})
  t.match(page, {entries: [{attributes: {name: 'b'}}], missing: [`${path} cannot be read: ${why}`]})
  target.disk.rot(path, SIZE + 10)
  target.store.check()
  t.strictSame(target.store.unreadable(), [])
  t.equal(target.objects.listPage(LIST).entries.length, 2)
})

t.test('a file that was removed, or written anew, is not missed any more', async (t) => {
  const cluster = await startTargets(1)
  t.teardown(() => cluster.close())
  const [target] = cluster.targets
  if (target === undefined) throw new Error('one target')
  for (const name of ['a', 'b']) {
    await putBytes(target.store, name, bytesOf(SIZE, 1))
    await rotAndRestart(cluster, target, fileOf(target, name))
  }
  t.equal(target.store.unreadable().length, 2)
  await putBytes(target.store, 'a', bytesOf(SIZE, 2))
  t.match(target.store.unreadable(), [{name: 'b'}])
  target.disk.unlink(target.store.unreadable()[0]?.path ?? '')
  target.store.lookAgain()
  t.strictSame(target.store.unreadable(), [])
})

t.test('a rebalance says which file is missing on which mountpath, and ends with it', async (t) => {
  const cluster = await startTargets(2)
  t.teardown(() => cluster.close())
  const [owner, leaver] = cluster.targets
  if (owner === undefined || leaver === undefined) throw new Error('two targets')
  const name = cluster.nameOwnedBy(leaver, 'rot')
  await putBytes(leaver.store, name, bytesOf(SIZE, 1))
  const path = fileOf(leaver, name)
  await rotAndRestart(cluster, leaver, path)
  leave(cluster)
  await until(() => leaver.reports.at(-1)?.state === 'failing', 'failing')
  const problem = `mountpath ${path.slice(0, 4)}: ${path} cannot be read: it has no footer that verifies`
  t.match(leaver.reports.at(-1), {state: 'failing', problem})
  leaver.disk.rot(path, SIZE + 10)
  await until(() => leaver.reports.at(-1)?.state === 'clean', 'clean by itself')
  t.ok(bytesOf(SIZE, 1).equals((await getBytes(owner.store, name)) as Buffer))
})

t.test('what another copy tells is replaced, and stands in nobody’s way', async (t) => {
  const cluster = await startTargets(2)
  t.teardown(() => cluster.close())
  for (const {says} of cluster.targets) says.copies = 2
  const [owner, leaver] = cluster.targets
  if (owner === undefined || leaver === undefined) throw new Error('two targets')
  const name = cluster.nameOwnedBy(leaver, 'rot')
  await putBytes(leaver.store, name, bytesOf(SIZE, 1))
  await rotAndRestart(cluster, leaver, fileOf(leaver, name))
  t.equal(leaver.store.unreadable().length, 1)
  t.equal(leaver.objects.listPage(LIST).entries.length, 1, 'a list is whole all the same')
  leave(cluster)
  await until(() => leaver.reports.at(-1)?.state === 'clean', 'clean')
  t.strictSame(leaver.store.unreadable(), [])
  t.ok(bytesOf(SIZE, 1).equals((await getBytes(owner.store, name)) as Buffer))
})
