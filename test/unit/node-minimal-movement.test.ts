/**
 * One target more: what moves is its share and nothing else. Once as placement alone, for clusters
 * of several sizes; once with real stores that move real objects.
 */

import t from 'tap'
import {candidatesOf, highestWeight, objectDigest} from '../../src/core/placement/locate.ts'
import type {NodeId} from '../../src/model/ids.ts'
import {totalOf} from '../../src/node/observe/stats.ts'
import type {TestTarget} from '../helpers/target-cluster.ts'
import {startTargets} from '../helpers/target-cluster.ts'
import {bytesOf, putBytes, TEST_BUCKET, TEST_REF} from '../helpers/test-store.ts'

/** How far the share may be from 1/(N+1). */
const TOLERANCE = 0.1

function isFair(moved: number, all: number, targets: number): boolean {
  const fair = all / (targets + 1)
  return moved >= fair * (1 - TOLERANCE) && moved <= fair * (1 + TOLERANCE)
}

t.test('a target that joins N others wins 1/(N+1) of the keys, and the others none', (t) => {
  const names = Array.from({length: 20_000}, (_, at) => objectDigest(TEST_REF, `object-${at}`))
  for (const count of [1, 2, 3, 4, 7, 12]) {
    const ids = Array.from({length: count + 1}, (_, at) => `tMinimal${at}` as NodeId)
    const [before, after] = [candidatesOf(ids.slice(0, -1)), candidatesOf(ids)]
    const changed = names.filter(
      (digest) => highestWeight(before, digest) !== highestWeight(after, digest),
    )
    t.ok(isFair(changed.length, names.length, count), `${count}: ${changed.length}`)
    const winners = new Set(changed.map((digest) => highestWeight(after, digest)))
    t.strictSame([...winners], [ids.at(-1)], 'to the new one alone')
  }
  t.end()
})

/** Names and what their newest versions are, as far as a target has them. */
function heldBy({store}: TestTarget): ReadonlyMap<string, string> {
  const page = store.page({bid: TEST_BUCKET.bid, prefix: '', after: '', limit: 10_000}) ?? []
  return new Map(
    page.map(({attributes: {name, gen}}) => [name, `${gen.own}.${gen.counter}`] as const),
  )
}

t.test(
  'a target that joins three gets its share of their objects, and they get none',
  async (t) => {
    const cluster = await startTargets(4)
    t.teardown(() => cluster.close())
    const ids = cluster.targets.map(({id}) => id)
    const [old, joining] = [cluster.targets.slice(0, 3), cluster.targets[3] as TestTarget]
    cluster.own([{index: 3, targets: ids.slice(0, 3)}])
    const names = Array.from({length: 4000}, (_, at) => `object-${at}`)
    const data = bytesOf(64, 1)
    await Promise.all(
      names.map((name) => putBytes(cluster.ownerOf(name, ids.slice(0, 3)).store, name, data)),
    )
    const before = old.map(heldBy)
    cluster.change((record) => ({
      ...record,
      index: 5,
      own: [...record.own, {index: 5, targets: ids}],
      move: {entry: 5},
      rmd: {...record.rmd, version: 1},
    }))
    for (const {mover} of cluster.targets) mover.look()
    while (!cluster.targets.every(({reports}) => reports.at(-1)?.state === 'clean')) {
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    const here = heldBy(joining)
    t.ok(isFair(here.size, names.length, 3), `${here.size} of ${names.length}`)
    t.strictSame(
      [...here.keys()].toSorted(),
      names.filter((name) => cluster.ownerOf(name, ids) === joining).toSorted(),
    )
    t.equal(totalOf(joining.counters.snapshot(), 'stream.in.n'), here.size, 'each of them once')
    for (const [at, target] of old.entries()) {
      t.equal(totalOf(target.counters.snapshot(), 'stream.in.n'), 0)
      const mine = [...(before[at] ?? [])].filter(([name]) => !here.has(name))
      const now = heldBy(target)
      t.ok(
        mine.every(([name, version]) => now.get(name) === version),
        'what stays is as it was',
      )
    }
  },
)
