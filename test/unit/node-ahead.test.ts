/** Counting ahead of a walk, with a store and a clock by hand. */

import t from 'tap'
import {NO_TALLY} from '../../src/core/objects/move.ts'
import {candidatesOf, highestWeight, objectDigest} from '../../src/core/placement/locate.ts'
import type {NodeId} from '../../src/model/ids.ts'
import {countAhead} from '../../src/node/move/ahead.ts'
import type {Run} from '../../src/node/move/context.ts'
import {bucketUname} from '../../src/model/bucket.ts'
import {TEST_BUCKET, TEST_REF} from '../helpers/test-store.ts'

const NAMES = Array.from({length: 1000}, (_, at) => `object-${at}`).toSorted()
const CANDIDATES = candidatesOf(['tSelf0001', 'tOther001'] as NodeId[])
const MISPLACED = NAMES.filter(
  (name) => highestWeight(CANDIDATES, objectDigest(TEST_REF, name)) === 'tOther001',
).length

interface Page {
  readonly after: string
  readonly limit: number
}

function runOf(onPage: () => void = () => undefined): Run & {waited: number[]} {
  const waited: number[] = []
  const record = {bmd: {buckets: {[bucketUname(TEST_REF)]: TEST_BUCKET}}}
  const page = ({after, limit}: Page): unknown => {
    onPage()
    const from = NAMES.findIndex((name) => name > after)
    const names = from === -1 ? [] : NAMES.slice(from, from + limit)
    return names.map((name) => ({attributes: {name}}))
  }
  const deps = {
    view: () => ({self: {id: 'tSelf0001'}, record}),
    store: {page},
    traffic: {now: () => ({inFlight: 0, quietMs: 1e9})},
    nowMs: () => 0,
    after: (ms: number, act: () => void) => {
      waited.push(ms)
      setImmediate(act)
      return () => undefined
    },
  }
  const ring = {index: 5, candidates: CANDIDATES, merged: [], forgotten: []}
  return {
    deps,
    waited,
    from: null,
    tally: NO_TALLY,
    task: {rebalance: 1, entry: 5, waits: '', ring},
    signal: new AbortController().signal,
    noted: () => undefined,
  } as unknown as Run & {waited: number[]}
}

t.test('what a walk will find is counted ahead, after a while', async (t) => {
  const run = runOf()
  await countAhead(run, new AbortController().signal)
  t.equal(run.tally.found, MISPLACED)
  t.strictSame(run.waited, [2000])
})

t.test('a walk that goes on where it was is counted from there', async (t) => {
  const run = runOf()
  run.from = {bid: TEST_BUCKET.bid, after: NAMES[899] ?? ''}
  await countAhead(run, new AbortController().signal)
  t.ok(run.tally.found > 0 && run.tally.found <= 100)
})

t.test('counting ends with the walk', async (t) => {
  const over = new AbortController()
  const run = runOf(() => over.abort())
  await countAhead(run, over.signal)
  t.ok(run.tally.found < 256 && run.tally.found > 0, 'one page')
})
