/** What a decommission removes from a node's disks, what it leaves, and what it says if it cannot. */

import {existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import t from 'tap'
import type {Test} from 'tap'
import {clearState, goneRefusal, isGone, leaveGone} from '../../src/node/store/decommission.ts'
import {isFresh} from '../../src/node/store/mountpath/mountpath-mark.ts'
import {createCrashFs} from '../helpers/crash-fs.ts'
import {bytesOf, getBytes, openTestStore, putBytes} from '../helpers/test-store.ts'

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

t.test('with the user data nothing is left, and the directories are as good as new', async (t) => {
  const {root, paths, store, open} = await filled(t)
  await store.decommission(true)
  t.equal(store.page({bid: '1', prefix: '', after: '', limit: 1}), null, 'it lists nothing more')
  store.stop()
  for (const path of paths) t.strictSame(readdirSync(path), [])
  t.ok(existsSync(join(root, 'someone else/his.txt')))
  leaveGone(join(root, 'state'), {uuid: 'u1', op: 'm7'})
  clearState(join(root, 'state'))
  const again = await open()
  t.strictSame(again.missing, [], 'another cluster may use them')
  again.store.stop()
})

t.test('without it the marks go and the objects stay', async (t) => {
  const {paths, store} = await filled(t)
  await store.decommission(false)
  for (const path of paths) {
    t.strictSame(readdirSync(path), ['b'])
    t.notOk(isFresh(path), 'nobody takes it for an empty one')
  }
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

t.test('the state directory keeps the mark alone, which says how to begin anew', async (t) => {
  const root = t.testdir({'record-a': 'x', 'counter.json': 'y'})
  mkdirSync(join(root, 'of the operator'))
  t.notOk(isGone(root))
  clearState(root)
  t.ok(existsSync(join(root, 'record-a')), 'without the mark nothing is removed')
  leaveGone(root, {uuid: 'cluster01', op: 'm12'})
  t.ok(isGone(root))
  clearState(root)
  t.strictSame(readdirSync(root).sort(), ['decommissioned', 'of the operator'])
  t.strictSame(JSON.parse(readFileSync(join(root, 'decommissioned'), 'utf8')), {
    format: 1,
    uuid: 'cluster01',
    op: 'm12',
  })
  const refused = goneRefusal(root)
  t.match(refused, {code: 'BAD_CONFIG', message: /cluster cluster01 \(m12\)/})
  t.match(refused.hint, `rm ${root}/decommissioned`)
  writeFileSync(join(root, 'decommissioned'), 'torn')
  t.match(goneRefusal(root).message, 'its cluster')
})
