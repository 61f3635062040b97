/** Footers that were appended and not flushed: taken back, or flushed before they count. */

import t from 'tap'
import type {AisError} from '../../src/base/errors.ts'
import {createCommitter} from '../../src/node/store/object/committer.ts'
import {createMountpathCalls} from '../../src/node/store/mountpath/mountpath-calls.ts'
import type {ObjectStore} from '../../src/node/store/object-store.ts'
import {createCrashFs} from '../helpers/crash-fs.ts'
import {
  bytesOf,
  getBytes,
  keyOf,
  openTestStore,
  putBytes,
  setCustom,
} from '../helpers/test-store.ts'

/** More than a change of metadata makes. */
const CALLS = 16

function customOf(store: ObjectStore, name: string): Readonly<Record<string, string>> {
  const lookup = store.lookup(keyOf(name), false)
  if (lookup.type !== 'object') throw new Error('the object is there')
  store.close(lookup.file)
  return lookup.file.footer.attributes.custom
}

function whenDurable(store: ObjectStore, name: string): Promise<AisError | null> {
  return new Promise((resolve) => store.whenDurable(keyOf(name), resolve))
}

t.test('a change of metadata that cannot be flushed is taken back', async (t) => {
  let failed = 0
  for (let at = 1; at <= CALLS; at++) {
    const disk = createCrashFs(['/state', '/mp0', '/mp1'])
    const {store} = await openTestStore({fs: disk})
    await putBytes(store, 'a', bytesOf(700, 1))
    await setCustom(store, 'a', {k: '1'})
    disk.failAfter(at, 'EIO')
    const isDone = await setCustom(store, 'a', {k: '2'}).then(
      () => true,
      () => false,
    )
    disk.failAfter(1e9, 'EIO')
    failed += isDone ? 0 : 1
    const found = customOf(store, 'a')
    t.strictSame(found, {k: isDone ? '2' : '1'}, `call ${at}`)
    const page = store.page({bid: keyOf('a').bid, prefix: '', after: '', limit: 9})
    t.strictSame(page?.[0]?.attributes.custom, found, 'the index says the same')
    const again = await openTestStore({fs: disk.crash('synced')})
    t.strictSame(customOf(again.store, 'a'), found, 'so does the disk')
    t.ok(bytesOf(700, 1).equals((await getBytes(again.store, 'a')) as Buffer))
  }
  t.ok(failed > 2, `${failed} calls failed`)
})

t.test('what a killed process appended is flushed before anybody relies on it', async (t) => {
  let appended = 0
  for (let at = 1; ; at++) {
    const disk = createCrashFs(['/state', '/mp0', '/mp1'])
    const {store} = await openTestStore({fs: disk})
    await putBytes(store, 'a', bytesOf(700, 1))
    disk.stopAfter(at)
    const done = setCustom(store, 'a', {k: '2'}).then(
      () => true,
      () => false,
    )
    await Promise.race([done, new Promise((resolve) => setTimeout(resolve, 20))])
    const isOver = !disk.stopped()
    const after = disk.restart()
    const {store: next} = await openTestStore({fs: after})
    const seen = customOf(next, 'a')
    appended += Object.keys(seen).length
    t.equal(await whenDurable(next, 'a'), null)
    const {store: last} = await openTestStore({fs: after.crash('synced')})
    t.strictSame(customOf(last, 'a'), seen, `stopped at call ${at}`)
    if (isOver) break
  }
  t.ok(appended > 1, `${appended} times it was visible`)
})

t.test('a flush that began before one that failed says nothing of what came between', (t) => {
  const backs: ((error: Error | null) => void)[] = []
  const port = {
    open: () => 1,
    close: () => undefined,
    sync: (_fd: unknown, back: (error: Error | null) => void) => void backs.push(back),
  }
  const calls = createMountpathCalls('/mp0', () => 0, {
    disabled: () => undefined,
    suspect: () => undefined,
  })
  const committer = createCommitter({
    path: '/mp0',
    pinned: '/mp0',
    port,
    calls,
  } as never)
  const told: (string | undefined)[] = []
  const note = (error: Error | null): void => void told.push(error?.message)
  committer.syncFolder('/mp0/b', note)
  committer.syncFolder('/mp0/b', note)
  t.equal(backs.length, 2, 'the first does not serve the second')
  backs[1]?.(Object.assign(new Error('full'), {code: 'ENOSPC'}))
  backs[0]?.(null)
  t.strictSame(told, ['full', undefined])
  t.ok(committer.isUnsure('/mp0/b'))
  committer.syncFolder('/mp0/b', note)
  backs[2]?.(null)
  t.notOk(committer.isUnsure('/mp0/b'))
  t.end()
})
