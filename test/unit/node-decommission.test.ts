/** What a decommission removes from a node's disks, what it leaves, and what it says if it cannot. */

import {existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import t from 'tap'
import type {Test} from 'tap'
import {
  finishDeparture,
  goneRefusal,
  leaverOf,
  noteDeparture,
  readDeparture,
  type Departure,
} from '../../src/node/store/decommission.ts'
import type {NodeFile} from '../../src/model/config/node-file.ts'
import {isFresh} from '../../src/node/store/mountpath/mountpath-mark.ts'
import {createCrashFs} from '../helpers/crash-fs.ts'
import {bytesOf, getBytes, openTestStore, putBytes, TEST_TARGET} from '../helpers/test-store.ts'

/** A store on two directories, with objects in it. */
async function filled(t: Test) {
  const root = t.testdir({'state': {}, 'mp0': {}, 'mp1': {}, 'someone else': {'his.txt': 'stays'}})
  const paths = [join(root, 'mp0'), join(root, 'mp1')]
  const open = () => openTestStore({stateDirectory: join(root, 'state'), paths, shared: true})
  const {store} = await open()
  await Promise.all(
    Array.from({length: 300}, (_, at) => putBytes(store, `o${at}`, bytesOf(100, at))),
  )
  return {root, paths, store, open}
}

const DEPARTURE: Departure = {uuid: 'u1', op: 'm7', state: 'leaving'}

t.test('with the user data nothing is left, and the directories are as good as new', async (t) => {
  const {root, paths, store, open} = await filled(t)
  const stateDirectory = join(root, 'state')
  await store.decommission(true)
  await store.decommission(true)
  t.equal(store.page({bid: '1', prefix: '', after: '', limit: 1}), null, 'it lists nothing more')
  store.stop()
  for (const path of paths) t.strictSame(readdirSync(path), ['.aisnode'], 'it can start again')
  noteDeparture(stateDirectory, DEPARTURE)
  t.strictSame(readDeparture(stateDirectory), DEPARTURE)
  t.strictSame(await finishDeparture({stateDirectory, target: TEST_TARGET, mountpaths: paths}), [])
  for (const path of paths) t.strictSame(readdirSync(path), [])
  t.ok(existsSync(join(root, 'someone else/his.txt')))
  t.equal(readDeparture(stateDirectory)?.state, 'gone')
  const again = await open()
  t.strictSame(again.missing, [], 'another cluster may use them')
  again.store.stop()
})

t.test('without it the marks go and the objects stay', async (t) => {
  const {root, paths, store} = await filled(t)
  const stateDirectory = join(root, 'state')
  await store.decommission(false)
  store.stop()
  noteDeparture(stateDirectory, DEPARTURE)
  t.strictSame(await finishDeparture({stateDirectory, target: TEST_TARGET, mountpaths: paths}), [])
  for (const path of paths) {
    t.strictSame(readdirSync(path), ['b'])
    t.notOk(isFresh(path), 'nobody takes it for an empty one')
  }
})

t.test('a mark that cannot be removed is named, and the next start tries again', async (t) => {
  const {root, paths, store} = await filled(t)
  const [first = '', second = ''] = paths
  const stateDirectory = join(root, 'state')
  await store.decommission(true)
  store.stop()
  noteDeparture(stateDirectory, DEPARTURE)
  const mark = join(first, '.aisnode/mountpath.json')
  const text = readFileSync(mark, 'utf8')
  writeFileSync(mark, 'torn')
  const leaver = {stateDirectory, target: TEST_TARGET, mountpaths: paths}
  const [problem = ''] = await finishDeparture(leaver)
  t.match(problem, /mp0.*is damaged/)
  t.ok(existsSync(join(stateDirectory, 'counter.json')), 'which they are is still known')
  t.notOk(existsSync(join(second, '.aisnode')))
  t.match(goneRefusal(stateDirectory, DEPARTURE, [problem]).message, /still there: .*mp0/)
  writeFileSync(mark, text)
  t.strictSame(await finishDeparture(leaver), [])
  t.strictSame(readdirSync(stateDirectory), ['decommissioned'])
  writeFileSync(mark.replace('.aisnode/mountpath.json', 'his.txt'), 'a new life')
  t.strictSame(await finishDeparture({...leaver, target: ''}), [])
  t.ok(existsSync(join(first, 'his.txt')))
})

t.test(
  'what lies below a directory without the mark is not touched, and that is said',
  async (t) => {
    const {paths, store} = await filled(t)
    const [first = '', second = ''] = paths
    const mark = join(first, '.aisnode/mountpath.json')
    const text = readFileSync(mark, 'utf8')
    writeFileSync(mark, text.replace(/"id":"[^"]*"/, '"id":"another"'))
    await t.rejects(store.decommission(true), {code: 'IO_ERROR', message: /mp0: it has no mark/})
    t.ok(readdirSync(join(first, 'b')).length > 0)
    t.ok(readdirSync(join(second, 'b')).length > 0, 'nor is anything else')
    t.ok(existsSync(join(second, '.aisnode/mountpath.json')), 'it can be tried again')
  },
)

t.test('a mountpath that stands in the way is enabled, and it goes on', async (t) => {
  const disk = createCrashFs(['/state', '/mp0', '/mp1'])
  const {store, disks} = await openTestStore({fs: disk})
  for (const name of ['a', 'b', 'c', 'd']) await putBytes(store, name, bytesOf(10, 1))
  const order = {path: '/mp0', label: '', resilver: false} as const
  disks.order({...order, action: 'disable'})
  await t.rejects(store.decommission(true), {message: /mp0: by order of the operator/})
  t.ok(disks.order({...order, action: 'enable'}))
  await store.decommission(true)
  const files = ['/mp0', '/mp1'].flatMap((path) => disk.crash('synced').files(path))
  t.strictSame(
    files.filter((path) => path.includes('/b/')),
    [],
  )
  store.stop()
})

t.test('a disk that is away or fails keeps the node from being wiped', async (t) => {
  const disk = createCrashFs(['/state', '/mp0', '/mp1'])
  const {store} = await openTestStore({fs: disk})
  await putBytes(store, 'o', bytesOf(10, 1))
  disk.failAfter(8, 'EIO', 2)
  await t.rejects(store.decommission(true), {code: 'IO_ERROR', message: /EIO/})
  store.stop()
  const left = createCrashFs(['/state', '/mp0'])
  const {store: half} = await openTestStore({fs: left})
  await putBytes(half, 'o', bytesOf(10, 1))
  await t.rejects(half.decommission(true), {message: /\/mp1: there is no such directory/})
  t.ok(bytesOf(10, 1).equals((await getBytes(half, 'o')) as Buffer), 'what is named stays whole')
})

t.test('the state directory keeps the note alone, which says how to begin anew', async (t) => {
  const root = t.testdir({'record-a': 'x', 'counter.json': 'y'})
  mkdirSync(join(root, 'of the operator'))
  const leaver = leaverOf({role: 'proxy', state: root} as NodeFile, 'Proxy001')
  t.strictSame(await finishDeparture(leaver), [])
  t.ok(existsSync(join(root, 'record-a')), 'without the note nothing is removed')
  const departure: Departure = {uuid: 'cluster01', op: 'm12', state: 'leaving'}
  noteDeparture(root, departure)
  t.ok(existsSync(join(root, 'record-a')), 'nor before the cluster knows')
  await finishDeparture(leaver)
  t.strictSame(readdirSync(root).sort(), ['decommissioned', 'of the operator'])
  t.strictSame(JSON.parse(readFileSync(join(root, 'decommissioned'), 'utf8')), {
    format: 1,
    ...departure,
    state: 'gone',
  })
  const refused = goneRefusal(root, departure, [])
  t.match(refused, {code: 'BAD_CONFIG', message: /cluster cluster01 \(m12\)/})
  t.match(refused.hint, `rm ${root}/decommissioned`)
  writeFileSync(join(root, 'decommissioned'), '{"format":1,"uuid":"c","op":"m1"}\n')
  t.strictSame(readDeparture(root), {uuid: 'c', op: 'm1', state: 'gone'}, 'of an older release')
  writeFileSync(join(root, 'decommissioned'), 'torn')
  t.match(goneRefusal(root, readDeparture(root) as Departure, []).message, 'its cluster')
})
