/** What a walk finds, by owner and folder, with fake owners: the order, the bounds, the errors. */

import t from 'tap'
import {folderOf} from '../../src/core/objects/file-name.ts'
import type {RingEntry} from '../../src/core/objects/ring.ts'
import {candidatesOf} from '../../src/core/placement/locate.ts'
import type {NodeId} from '../../src/model/ids.ts'
import type {Run} from '../../src/node/move/context.ts'
import {startDealing, type Deal} from '../../src/node/move/dealing.ts'
import type {Batch, Misplaced} from '../../src/node/move/send.ts'
import {TEST_BUCKET} from '../helpers/test-store.ts'

const OWNERS = ['owner001', 'owner002'] as NodeId[]

function runOf(): Run {
  const candidates = candidatesOf(OWNERS)
  const ring = {index: 5, candidates, merged: [], forgotten: []} satisfies RingEntry
  return {task: {rebalance: 1, entry: 5, waits: '', ring}} as unknown as Run
}

function keyNamed(name: string): Misplaced {
  return {digest: 0n, attributes: {name}} as unknown as Misplaced
}

async function dealt(count: number, deal: Deal): Promise<void> {
  const dealing = startDealing(runOf(), deal)
  for (let at = 0; at < count; at += 1) {
    await dealing.add(OWNERS[at % 2] as NodeId, TEST_BUCKET, keyNamed(`object-${at}`))
  }
  dealing.flush(TEST_BUCKET)
  await dealing.ended()
}

t.test('an owner gets the files of a folder together', async (t) => {
  const batches: Batch[] = []
  await dealt(6000, (_run, batch) => {
    batches.push(batch)
    return Promise.resolve()
  })
  const names = batches.flatMap(({keys}) => keys.map(({attributes}) => attributes.name))
  t.equal(new Set(names).size, 6000)
  for (const owner of OWNERS) {
    const folders = batches
      .filter(({to}) => to === owner)
      .flatMap(({keys}) => keys.map(({attributes}) => folderOf(attributes.name)))
    t.equal(folders.length, 3000)
    t.strictSame(folders, folders.toSorted(), 'one folder after the other')
  }
})

t.test('what is gathered and under way is bounded, and so are the batches at a time', async (t) => {
  let given = 0
  let begun = 0
  let ended = 0
  let atATime = 0
  let most = 0
  const deal: Deal = async (_run, {keys}) => {
    begun += 1
    most = Math.max(most, begun - ended)
    atATime = Math.max(atATime, given)
    await new Promise((resolve) => setImmediate(resolve))
    ended += 1
    given -= keys.length
  }
  const dealing = startDealing(runOf(), deal)
  for (let at = 0; at < 100_000; at += 1) {
    given += 1
    await dealing.add(OWNERS[at % 2] as NodeId, TEST_BUCKET, keyNamed(`object-${at}`))
  }
  dealing.flush(TEST_BUCKET)
  await dealing.ended()
  t.equal(given, 0)
  t.ok(atATime <= 32_768, `${atATime} names at a time`)
  t.equal(most, 4, 'two for each owner')
})

t.test('what no disk and no node explains is thrown when all have ended', async (t) => {
  let ended = 0
  const failing = dealt(5000, async (_run, {to}) => {
    if (to === OWNERS[0]) throw new Error('a defect')
    await new Promise((resolve) => setImmediate(resolve))
    ended += 1
  })
  await t.rejects(failing, {message: 'a defect'})
  t.equal(ended, 3)
})
