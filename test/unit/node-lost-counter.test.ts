/** A lost system disk, and disks that are away: no older version is taken for the newest. */

import fs from 'node:fs'
import t from 'tap'
import {openObjectStore, type OpenedStore} from '../../src/node/store/open-store.ts'
import {forgetWithoutCounter} from '../../src/node/store/state/lost-counter.ts'
import {createCrashFs} from '../helpers/crash-fs.ts'
import {keyOf, putBytes, resilverOf, TEST_TARGET} from '../helpers/test-store.ts'

const NAMES = Array.from({length: 16}, (_, n) => `o${n}`)

function open(root: string, mountpaths: readonly string[], state: string): Promise<OpenedStore> {
  fs.mkdirSync(`${root}/${state}`, {recursive: true})
  return openObjectStore({
    stateDirectory: `${root}/${state}`,
    mountpaths: mountpaths.map((name) => ({path: `${root}/${name}`})),
    uuid: 'cluster01',
    target: TEST_TARGET,
    allowSharedFilesystem: true,
    verifyReads: () => true,
    warn: () => undefined,
    nowMs: () => performance.now(),
  })
}

/** How each name is found, and in which version. */
function found({store}: OpenedStore): readonly string[] {
  return NAMES.map((name) => {
    const lookup = store.lookup(keyOf(name), false)
    if (lookup.type !== 'object') return lookup.type
    store.close(lookup.file)
    return `v${lookup.file.footer.attributes.version}`
  })
}

t.test(
  'an older copy is not served while the newer one may be on a disk that is away',
  async (t) => {
    const root = t.testdir({mp0: {}, mp1: {}})
    const one = await open(root, ['mp1'], 'state')
    for (const name of NAMES) await putBytes(one.store, name, Buffer.from('first'))
    one.store.stop()
    const two = await open(root, ['mp0', 'mp1'], 'state')
    for (const name of NAMES) await putBytes(two.store, name, Buffer.from('second'))
    t.ok(found(two).every((how) => how === 'v2'))
    two.store.stop()
    fs.renameSync(`${root}/mp0`, `${root}/away`)
    // As disks are that an older release wrote.
    for (const disk of ['away', 'mp1']) fs.unlinkSync(`${root}/${disk}/.aisnode/counter.json`)
    const after = await open(root, ['mp0', 'mp1'], 'state-2')
    t.notOk(found(after).includes('v1'), 'nothing old')
    t.ok(found(after).includes('unsure'))
    after.store.stop()
    fs.renameSync(`${root}/away`, `${root}/mp0`)
    const back = await open(root, ['mp0', 'mp1'], 'state-2')
    t.ok(
      found(back).every((how) => how === 'v2'),
      'all of it when the disk is back',
    )
    t.ok(
      back.history.sets().every(({unknown}) => unknown === true),
      'and remembered over restarts',
    )
    const highest = Math.max(...NAMES.map((name) => counterOf(back, name)))
    t.ok(Number(back.store.nextCounter()) < highest, 'it began anew')
    await resilvered(back)
    t.equal(back.history.sets().length, 1)
    t.equal(back.history.sets()[0]?.unknown, undefined)
    t.ok(Number(back.store.nextCounter()) > highest, 'what has been seen is passed')
    back.store.stop()
  },
)

function counterOf({store}: OpenedStore, name: string): number {
  const lookup = store.lookup(keyOf(name), false)
  if (lookup.type !== 'object') return 0
  store.close(lookup.file)
  return Number(lookup.file.footer.attributes.gen.counter)
}

async function resilvered(opened: OpenedStore): Promise<void> {
  const resilver = resilverOf(opened)
  const untilMs = performance.now() + 20_000
  while (performance.now() < untilMs && !opened.store.isResilvered()) {
    resilver.look()
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  resilver.stop()
}

t.test('a counter that is gone goes on above all that the data disks know', async (t) => {
  const root = t.testdir({mp0: {}})
  const first = await open(root, ['mp0'], 'state')
  t.ok(fs.existsSync(`${root}/state/counter.json`), 'a first start says that it has one')
  const {gen} = await putBytes(first.store, 'a', Buffer.from('first'))
  first.store.stop()
  fs.unlinkSync(`${root}/state/counter.json`)
  const second = await open(root, ['mp0'], 'state')
  t.ok(second.store.nextCounter() > gen.counter)
  t.ok(second.history.sets()[0]?.unknown, 'what it was told of its disks may be wrong, too')
  second.store.stop()
})

t.test('a counter that was set back ends the start, and is gone then', async (t) => {
  const root = t.testdir({mp0: {}, mp1: {}})
  const counter = `${root}/state/counter.json`
  const first = await open(root, ['mp0', 'mp1'], 'state')
  await putBytes(first.store, 'a', Buffer.from('first'))
  first.store.stop()
  const before = fs.readFileSync(counter)
  const second = await open(root, ['mp0', 'mp1'], 'state')
  const {gen} = await putBytes(second.store, 'a', Buffer.from('second'))
  second.store.stop()
  fs.writeFileSync(counter, before)
  await t.rejects(open(root, ['mp0', 'mp1'], 'state'), {
    code: 'IO_ERROR',
    message: /was set back/,
  })
  t.notOk(fs.existsSync(counter))
  const third = await open(root, ['mp0', 'mp1'], 'state')
  t.ok(third.store.nextCounter() > gen.counter)
  third.store.stop()
  fs.writeFileSync(`${root}/mp0/.aisnode/counter.json`, 'rotten')
  const fourth = await open(root, ['mp0', 'mp1'], 'state')
  t.match(fs.readFileSync(`${root}/mp0/.aisnode/counter.json`, 'utf8'), /reserved/, 'written anew')
  fourth.store.stop()
  fs.writeFileSync(`${root}/mp0/.aisnode/counter.json`, '{"format":7,"reserved":"1"}\n')
  await t.rejects(open(root, ['mp0', 'mp1'], 'state'), {code: 'INCOMPATIBLE'})
})

t.test('a mountpath that comes while the store runs brings its counter', async (t) => {
  const root = t.testdir({mp0: {}, mp1: {}})
  const first = await open(root, ['mp0', 'mp1'], 'state')
  first.disks.order({action: 'disable', path: `${root}/mp1`, label: '', resilver: false})
  fs.writeFileSync(
    `${root}/mp1/.aisnode/counter.json`,
    `${JSON.stringify({format: 1, reserved: '9000000'})}\n`,
  )
  first.disks.order({action: 'enable', path: `${root}/mp1`, label: '', resilver: false})
  t.ok(first.store.nextCounter() >= 9_000_000n)
  first.store.stop()
})

t.test('a target without its counter forgets its record, whatever crash comes between', (t) => {
  let isWhole = false
  for (let calls = 1; !isWhole; calls++) {
    const disk = createCrashFs(['/state'])
    t.equal(forgetWithoutCounter('/state', disk), '', 'a first start')
    for (const name of ['record-a', 'record-b']) disk.close(disk.open(`/state/${name}`, 'create'))
    disk.stopAfter(calls)
    try {
      t.match(forgetWithoutCounter('/state', disk), /counter.json is gone/)
      isWhole = true
    } catch (error) {
      if (!disk.stopped()) throw error
    }
    const next = disk.crash(isWhole ? 'synced' : 'all')
    if (!isWhole) forgetWithoutCounter('/state', next)
    t.strictSame(next.files('/state'), [])
    t.equal(forgetWithoutCounter('/state', next), '')
  }
  t.end()
})
