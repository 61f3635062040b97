/** What a receiver remembers of a rebalance, and when it forgets. */

import t from 'tap'
import {createTaken} from '../../src/node/move/taken.ts'
import type {Mountpath} from '../../src/node/store/mountpath/mountpaths.ts'

const HERE = {dev: 1, ino: 2}

/** A mountpath: in use, or disabled, or another disk than it was. */
function mountpath(disabled: string | null, now = HERE): Mountpath {
  const port = {stat: () => now}
  return {path: '/mp0', root: HERE, port, calls: {disabled: () => disabled}} as unknown as Mountpath
}

const DISK = mountpath(null)
const MARK = {rebalance: 3, entry: 7}
const gen = (counter: bigint): {own: number; counter: bigint} => ({own: 7, counter})

t.test('what was taken is known with its version, and older ones', async (t) => {
  const taken = createTaken()
  t.equal(taken.has(MARK, {bid: '1', name: 'a', gen: gen(5n)}), false)
  taken.note(MARK, {bid: '1', name: 'a', gen: gen(5n)}, [DISK])
  t.equal(taken.has(MARK, {bid: '1', name: 'a', gen: gen(5n)}), true)
  t.equal(taken.has(MARK, {bid: '1', name: 'a', gen: gen(4n)}), true)
  t.equal(taken.has(MARK, {bid: '1', name: 'a', gen: gen(6n)}), false, 'a newer one')
  t.equal(taken.has(MARK, {bid: '2', name: 'a', gen: gen(5n)}), false, 'another bucket')
})

t.test('under another rebalance nothing of it counts: it may have been removed', async (t) => {
  const taken = createTaken()
  taken.note(MARK, {bid: '1', name: 'a', gen: gen(5n)}, [DISK])
  const next = {rebalance: 4, entry: 9}
  t.equal(taken.has(next, {bid: '1', name: 'a', gen: gen(5n)}), false)
  taken.note(next, {bid: '1', name: 'b', gen: gen(5n)}, [DISK])
  t.equal(taken.has(next, {bid: '1', name: 'a', gen: gen(5n)}), false)
  t.equal(taken.has(MARK, {bid: '1', name: 'a', gen: gen(5n)}), false, 'nor later')
})

t.test('so many names are remembered, and no more', async (t) => {
  const taken = createTaken()
  for (let at = 0; at < 65_537; at += 1) {
    taken.note(MARK, {bid: '1', name: String(at), gen: gen(5n)}, [DISK])
  }
  t.equal(taken.has(MARK, {bid: '1', name: '65535', gen: gen(5n)}), true)
  t.equal(taken.has(MARK, {bid: '1', name: '65536', gen: gen(5n)}), false)
})

t.test('what lies on a disk that was away is looked up', async (t) => {
  const version = {bid: '1', name: 'a', gen: gen(5n)}
  for (const gone of [mountpath('an order'), mountpath(null, {dev: 1, ino: 9})]) {
    const taken = createTaken()
    taken.note(MARK, version, [DISK, gone])
    t.equal(taken.has(MARK, version), false)
  }
})
