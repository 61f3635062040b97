/** A lost system disk, and disks that are away: no older version is taken for the newest. */

import fs from 'node:fs'
import t from 'tap'
import {openObjectStore, type OpenedStore} from '../../src/node/store/open-store.ts'
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
    const after = await open(root, ['mp0', 'mp1'], 'state-2')
    t.notOk(after.counterKept)
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
