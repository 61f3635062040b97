/** A target on a filesystem that is full: refused by name, and nothing else. */

import {execFileSync} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import t from 'tap'
import type {Test} from 'tap'
import {checkMountpaths, formatReport} from '../../src/node/store/fsck.ts'
import type {ObjectStore} from '../../src/node/store/object-store.ts'
import {bytesOf, deleteKey, getBytes, openTestStore, putBytes} from '../helpers/test-store.ts'

const MIB = 1024 * 1024

/** False, or why these tests are left out: loudly, since nothing else shows a full disk. */
const skip = whyNot()

function whyNot(): string | false {
  const root = fs.mkdtempSync(`${os.tmpdir()}/full-disk-`)
  try {
    mount(root)
    unmount(root)
    return false
  } catch {
    return 'this process may not mount a small filesystem'
  } finally {
    fs.rmdirSync(root)
  }
}

function mount(path: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'none', path], {stdio: 'ignore'})
}

/** Lazily: the store keeps a descriptor of each root. */
function unmount(path: string): void {
  execFileSync('umount', ['-l', path], {stdio: 'ignore'})
}

/** Small filesystems. */
function smallDisks(t: Test, count: number): {state: string; paths: string[]} {
  const root = fs.mkdtempSync(`${os.tmpdir()}/full-disk-`)
  const paths = Array.from({length: count}, (_, at) => `${root}/disk${at}`)
  for (const path of [`${root}/state`, ...paths]) fs.mkdirSync(path)
  for (const path of paths) mount(path)
  t.teardown(() => {
    for (const path of paths) unmount(path)
    fs.rmSync(root, {recursive: true})
  })
  return {state: `${root}/state`, paths}
}

async function fill(store: ObjectStore, prefix: string): Promise<string[]> {
  const stored: string[] = []
  for (let at = 0; at < 64; at++) {
    const name = `${prefix}/${at}`
    try {
      await putBytes(store, name, bytesOf(MIB, at))
    } catch (error) {
      t.match(error, {code: 'NO_SPACE', message: /mountpath .*disk\d (is full|has no room)/})
      return stored
    }
    stored.push(name)
  }
  throw new Error('it does not fill up')
}

for (const copies of [1, 2]) {
  t.test(
    `a full disk refuses, keeps what it has, and goes on (${copies} copies)`,
    {skip},
    async (t) => {
      const disks = smallDisks(t, 2)
      const where = {stateDirectory: disks.state, paths: disks.paths, copies: () => copies}
      const {store} = await openTestStore(where)
      const names = await fill(store, 'a')
      t.ok(names.length >= 8, `${names.length} fit`)
      const before = store.nextCounter()
      for (const [at, name] of names.entries()) {
        const why = `${name} keeps its old version`
        const overwrite = putBytes(store, name, bytesOf(MIB + 1, 99)).then(
          () => 'new',
          (error: {code?: string}) => error.code,
        )
        const became = await overwrite
        const data = became === 'new' ? bytesOf(MIB + 1, 99) : bytesOf(MIB, at)
        t.ok(became === 'new' || became === 'NO_SPACE', String(became))
        t.ok(data.equals((await getBytes(store, name)) as Buffer), why)
      }
      t.ok(store.nextCounter() > before, 'no counter is given twice')
      const works = disks.paths.flatMap((path) => fs.readdirSync(`${path}/.aisnode/work`))
      t.strictSame(works, [], 'no partial object is left')
      t.strictSame(
        store.status().map(({disabled}) => disabled),
        [null, null],
      )
      for (const name of names.slice(0, 6)) await deleteKey(store, name)
      for (const name of names.slice(0, 2)) await putBytes(store, name, bytesOf(MIB, 7))
      t.ok(bytesOf(MIB, 7).equals((await getBytes(store, names[0] ?? '')) as Buffer))
      store.stop()
      const report = await checkMountpaths(disks.paths)
      t.ok(report.ok, formatReport(report))
    },
  )
}

t.test(
  'above the watermark no new object is begun, and deletes make room again',
  {skip},
  async (t) => {
    const disks = smallDisks(t, 1)
    const where = {stateDirectory: disks.state, paths: disks.paths, outOfSpace: () => 60}
    const {store} = await openTestStore(where)
    store.check()
    let names: string[] = []
    for (let at = 0; at < 8; at++) {
      await putBytes(store, `a/${at}`, bytesOf(MIB, at))
      names = [...names, `a/${at}`]
    }
    store.check()
    t.ok(store.health().fullestPercent > 60)
    await t.rejects(putBytes(store, 'b', bytesOf(1, 1)), {
      code: 'NO_SPACE',
      message: /t\[tstore001\]: mountpath .*disk0 has no room.*60 % is the limit/,
    })
    t.ok(bytesOf(MIB, 1).equals((await getBytes(store, 'a/1')) as Buffer), 'reads go on')
    for (const name of names.slice(0, 4)) await deleteKey(store, name)
    t.ok(await putBytes(store, 'b', bytesOf(1, 1)), 'at once, without a restart')
    store.stop()
  },
)
