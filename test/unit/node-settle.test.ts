/** What a killed process left visible is made durable before anything is read or said of it. */

import t from 'tap'
import type {ObjectAttributes} from '../../src/model/object.ts'
import type {ObjectStore} from '../../src/node/store/object-store.ts'
import {settleFolders} from '../../src/node/store/fs/settle.ts'
import {createCrashFs} from '../helpers/crash-fs.ts'
import {bytesOf, getBytes, keyOf, openTestStore, putBytes} from '../helpers/test-store.ts'

const MOUNTS = ['/state', '/mp0', '/mp1']

function discard(store: ObjectStore, {name, gen}: ObjectAttributes): Promise<boolean> {
  return new Promise((resolve) => {
    store.discard({key: keyOf(name), gen, allowed: () => true}, (_error, removed) =>
      resolve(removed),
    )
  })
}

function flushed(store: ObjectStore): Promise<string> {
  return new Promise((resolve) => {
    store.flushDiscarded((error) => resolve(error === null ? '' : error.message))
  })
}

t.test('what was removed before a kill does not come back with a power cut', async (t) => {
  const disk = createCrashFs(MOUNTS)
  const {store} = await openTestStore({fs: disk})
  t.equal(await discard(store, await putBytes(store, 'a', bytesOf(10, 1))), true)
  t.equal(disk.crash('synced').files('').filter(isObject).length, 1, 'it still might')
  const {store: next} = await openTestStore({fs: disk.restart()})
  t.equal(await getBytes(next, 'a'), 'none')
  t.strictSame(disk.crash('synced').files('').filter(isObject), [])
})

t.test('what a flush has failed for is flushed again before it counts as gone', async (t) => {
  const disk = createCrashFs(MOUNTS)
  const {store} = await openTestStore({fs: disk})
  t.equal(await discard(store, await putBytes(store, 'a', bytesOf(10, 1))), true)
  disk.failAfter(1, 'ENOSPC', 2)
  t.match(await flushed(store), /flush what was removed/)
  t.equal(disk.crash('synced').files('').filter(isObject).length, 1)
  disk.failAfter(1_000_000, '')
  t.equal(await flushed(store), '')
  t.strictSame(disk.crash('synced').files('').filter(isObject), [])
  store.stop()
})

t.test('folders that were changed long ago are not flushed again', async (t) => {
  const disk = createCrashFs(MOUNTS)
  const {store} = await openTestStore({fs: disk})
  await putBytes(store, 'a', bytesOf(10, 1))
  store.stop()
  const flushesAt = (mtimeMs: number): number => {
    const before = disk.flushes()
    const stat = (path: string) => ({...disk.stat(path), mtimeMs})
    for (const root of ['/mp0', '/mp1']) settleFolders({...disk, stat}, root, 10_000_000)
    return disk.flushes() - before
  }
  t.equal(flushesAt(1_000_000), 0)
  t.equal(flushesAt(9_000_000), 4, 'two roots, a bucket and a folder of it')
  t.equal(flushesAt(11_000_000), 4, 'a clock that was ahead')
})

function isObject(path: string): boolean {
  return /^\/mp\d\/b\//.test(path)
}
