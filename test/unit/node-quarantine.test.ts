/** A target that was removed by force returns: what it held is moved aside, once and whole. */

import fs from 'node:fs'
import t from 'tap'
import type {Fs} from '../../src/node/store/fs/fs.ts'
import {readMark} from '../../src/node/store/mountpath/mountpath-mark.ts'
import {openObjectStore, type OpenedStore} from '../../src/node/store/open-store.ts'
import {QUARANTINE_FOLDER, renewEmpty} from '../../src/node/store/mountpath/quarantine.ts'
import {createCrashFs, SURVIVALS, type CrashFs} from '../helpers/crash-fs.ts'
import {deleteKey, keyOf, putBytes, TEST_TARGET} from '../helpers/test-store.ts'

const PATHS = ['/mp0', '/mp1']
const NAMES = Array.from({length: 12}, (_, n) => `o${n}`)

interface Opening {
  readonly since: number
  readonly fs?: Fs
  readonly root?: string
  readonly warnings?: string[]
}

function open({since, fs: port, root = '', warnings}: Opening): Promise<OpenedStore> {
  return openObjectStore({
    stateDirectory: `${root}/state`,
    mountpaths: PATHS.map((path) => ({path: root + path})),
    uuid: 'cluster01',
    target: TEST_TARGET,
    allowSharedFilesystem: true,
    verifyReads: () => true,
    warn: (text) => warnings?.push(text),
    nowMs: () => performance.now(),
    since: () => since,
    indexOnDisk: port === undefined,
    ...(port === undefined ? {} : {fs: port}),
  })
}

const held = ({store}: OpenedStore): readonly string[] =>
  NAMES.filter((name) => {
    const found = store.lookup(keyOf(name), false)
    if (found.type === 'object') store.close(found.file)
    return found.type !== 'none'
  })

async function filled(): Promise<CrashFs> {
  const disk = createCrashFs(['/state', ...PATHS])
  const before = await open({since: 0, fs: disk})
  for (const name of NAMES) await putBytes(before.store, name, Buffer.from(`content of ${name}`))
  await deleteKey(before.store, 'o3')
  before.store.stop()
  return disk
}

/** Object files below the mountpaths: where they are used, and aside. */
function places(disk: CrashFs): {used: number; aside: number} {
  const files = PATHS.flatMap((path) => disk.files(path))
  const aside = files.filter((path) => path.includes(QUARANTINE_FOLDER))
  const used = files.filter((path) => PATHS.some((mountpath) => path.startsWith(`${mountpath}/b/`)))
  return {used: used.length, aside: aside.length}
}

t.test('what a returned target held is moved aside, and nothing of it is served', async (t) => {
  const disk = await filled()
  const all = places(disk).used
  t.ok(all >= NAMES.length)
  const warnings: string[] = []
  const back = await open({since: 7, fs: disk, warnings})
  t.strictSame(held(back), [])
  t.strictSame(places(disk), {used: 0, aside: all})
  t.equal(warnings.length, PATHS.length, 'the operator is told of each mountpath')
  for (const path of PATHS) t.equal(readMark(path, disk)?.since, 7)
  await putBytes(back.store, 'o1', Buffer.from('new'), {own: 9})
  back.store.stop()
  const again = await open({since: 7, fs: disk, warnings})
  t.strictSame(held(again), ['o1'], 'once: what it got since is its own')
  t.equal(warnings.length, PATHS.length)
  again.store.stop()
  const third = await open({since: 20, fs: disk})
  t.strictSame(held(third), [], 'removed once more: a folder of its own')
  t.strictSame(places(disk), {used: 0, aside: all + 1})
  third.store.stop()
})

t.test('a crash in the middle leaves nothing to be served, and loses nothing', async (t) => {
  const calls = await callsToOpen()
  let cut = 0
  for (let stop = 1; stop <= calls; stop++) {
    const disk = await filled()
    const {used: all} = places(disk)
    disk.stopAfter(stop)
    const first = await open({since: 7, fs: disk}).catch((error: unknown) => error)
    if (first instanceof Error) cut++
    else (first as OpenedStore).store.stop()
    for (const survival of SURVIVALS) {
      const after = disk.crash(survival)
      const back = await open({since: 7, fs: after})
      t.strictSame(held(back), [], `nothing old is served: call ${stop}, ${survival}`)
      t.equal(back.missing.length, 0, `every mountpath is used: call ${stop}, ${survival}`)
      t.strictSame(places(after), {used: 0, aside: all}, `all is aside: call ${stop}, ${survival}`)
      back.store.stop()
    }
  }
  t.ok(cut > 0, 'some of these were really cut')
})

async function callsToOpen(): Promise<number> {
  const disk = await filled()
  const before = disk.calls()
  const opened = await open({since: 7, fs: disk})
  const calls = disk.calls() - before
  opened.store.stop()
  return calls
}

t.test('on a real filesystem: the kept index goes with the objects', async (t) => {
  const root = t.testdir({state: {}, mp0: {}, mp1: {}})
  const before = await open({since: 0, root})
  for (const name of NAMES) await putBytes(before.store, name, Buffer.from(name))
  before.store.stop()
  const back = await open({since: 5, root})
  t.strictSame(held(back), [])
  const question = {bid: keyOf('o1').bid, prefix: '', after: '', limit: 100}
  t.strictSame(back.store.page(question) ?? [], [], 'no name is listed that is not here')
  t.strictSame(back.store.totals(keyOf('o1').bid), {objects: 0, bytes: 0})
  const aside = PATHS.flatMap((path) =>
    fs
      .readdirSync(`${root}${path}/${QUARANTINE_FOLDER}/5/b`, {recursive: true, encoding: 'utf8'})
      .map((file) => `/${file}`),
  )
  t.ok(NAMES.every((name) => aside.some((file) => file.endsWith(`/${name}`))))
  back.store.stop()
})

t.test('mountpaths that hold nothing are of any membership', async (t) => {
  const disk = createCrashFs(['/state', ...PATHS])
  const fresh = await open({since: 0, fs: disk})
  t.ok(renewEmpty(fresh.disks.used, 4))
  t.equal(readMark('/mp0', disk)?.since, 4)
  t.strictSame(places(disk), {used: 0, aside: 0})
  await putBytes(fresh.store, 'o1', Buffer.from('x'))
  t.notOk(renewEmpty(fresh.disks.used, 9), 'what they hold has to go first')
  disk.failAfter(1, 'EIO')
  t.notOk(renewEmpty(fresh.disks.used, 9), 'nor is one believed that cannot be read')
  fresh.store.stop()
})
