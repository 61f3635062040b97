/** Destroyed buckets: aside at once, away in the end, and only what the record calls destroyed. */

import t from 'tap'
import {bucketUname, type Bucket} from '../../src/model/bucket.ts'
import type {ClusterView} from '../../src/model/cluster-view.ts'
import {createBucketClearing} from '../../src/node/objects/clear-buckets.ts'
import type {ObjectStore} from '../../src/node/store/object-store.ts'
import type {CrashFs} from '../helpers/crash-fs.ts'
import {createCrashFs} from '../helpers/crash-fs.ts'
import {
  TEST_BUCKET,
  TEST_REF,
  bytesOf,
  getBytes,
  keyOf,
  openTestStore,
  putBytes,
} from '../helpers/test-store.ts'

const ROOTS = ['/mp0', '/mp1']
const HOUR = 3_600_000

interface Stage {
  readonly told: number[]
  readonly clock: {ms: number}
  readonly look: () => void
  /** Until nothing more is due. */
  readonly settle: () => void
}

/** A target's clearing over a store, under a record that a test changes. */
function clearingOf(store: Pick<ObjectStore, 'clearBuckets'>, record: () => Destroyed): Stage {
  const told: number[] = []
  const clock = {ms: 1000}
  const due: (() => void)[] = []
  const clearing = createBucketClearing({
    view: () => {
      const {index, buckets} = record()
      const conf = {set: {'ext.space.trash_time': HOUR, 'space.highwm': 90}}
      return {record: {index, bmd: {buckets}, conf}} as unknown as ClusterView
    },
    store,
    wallMs: () => clock.ms,
    after: (_ms, act) => {
      due.push(act)
      return () => undefined
    },
    cleared: (upTo) => void told.push(upTo),
  })
  const settle = (): void => {
    clearing.look()
    for (let turn = 0; turn < 100; turn++) due.shift()?.()
  }
  return {told, clock, look: clearing.look, settle}
}

interface Destroyed {
  readonly index: number
  readonly buckets: Readonly<Record<string, Bucket>>
}

const NONE: Destroyed = {index: 4, buckets: {[bucketUname(TEST_REF)]: TEST_BUCKET}}

/** The bucket is marked by record 5; another of its name may be there by record 6. */
function marked(more: Partial<Bucket> = {}): Destroyed {
  const again = {...TEST_BUCKET, bid: '9223372036854775810'}
  const mark = {...TEST_BUCKET, deletedAt: 5, ...more}
  return {index: 6, buckets: {[`~${TEST_BUCKET.bid}`]: mark, [bucketUname(TEST_REF)]: again}}
}

function filesOf(disk: CrashFs): {live: number; trash: number} {
  return {
    live: ROOTS.flatMap((root) => disk.files(`${root}/b`)).length,
    trash: ROOTS.flatMap((root) => disk.files(`${root}/.aisnode/trash`)).length,
  }
}

async function filled(disk: CrashFs, count: number): Promise<ObjectStore> {
  const {store} = await openTestStore({fs: disk})
  for (let at = 0; at < count; at++) {
    await putBytes(store, `k${at}`, bytesOf(5, at), {durable: false})
  }
  return store
}

t.test('a bucket of the same name shows nothing of the one before', async (t) => {
  const disk = createCrashFs(['/state', ...ROOTS])
  const store = await filled(disk, 230)
  let record = NONE
  const stage = clearingOf(store, () => record)
  stage.settle()
  t.strictSame(filesOf(disk), {live: 230, trash: 0}, 'nothing is called destroyed')
  record = marked()
  const fresh = {...keyOf('k1'), bid: '9223372036854775810'}
  t.equal(store.lookup(fresh, true).type, 'none', 'even before it is aside')
  stage.look()
  t.strictSame(filesOf(disk), {live: 0, trash: 230})
  t.equal(store.lookup(fresh, true).type, 'none')
  t.equal(await getBytes(store, 'k1'), 'none')
  stage.clock.ms += HOUR - 1
  stage.settle()
  t.equal(filesOf(disk).trash, 230, 'it can be fetched back by hand')
  t.strictSame(stage.told, [])
  stage.clock.ms += 1
  stage.settle()
  t.equal(filesOf(disk).trash, 0)
  t.strictSame(stage.told, [6], 'the mark may go')
  stage.settle()
  t.strictSame(stage.told, [6], 'it is said once')
})

t.test('at once when the operator says so, and early when the disk is filling up', async (t) => {
  const disk = createCrashFs(['/state', ...ROOTS])
  const purged = clearingOf(await filled(disk, 150), () => marked({purge: true}))
  purged.settle()
  t.strictSame([filesOf(disk), purged.told], [{live: 0, trash: 0}, [6]])

  let availableBytes = 50
  const other = createCrashFs(['/state', ...ROOTS])
  const small = {...other, space: () => ({totalBytes: 100, availableBytes})}
  const stage = clearingOf(await filled(small, 20), () => marked())
  stage.settle()
  t.equal(filesOf(other).trash, 20)
  availableBytes = 10
  stage.settle()
  t.equal(filesOf(other).trash, 0, 'above the high watermark')
})

t.test('a mountpath that was away is cleared when it is back, and waited for', async (t) => {
  const disk = createCrashFs(['/state', ...ROOTS])
  const whole = await filled(disk, 40)
  whole.stop()
  const {store: half} = await openTestStore({fs: disk.restart(), paths: ['/mp0']})
  const record = marked({purge: true})
  const alone = clearingOf(half, () => record)
  alone.settle()
  t.ok(filesOf(disk).live > 0, 'the other one still has its share')
  t.strictSame(alone.told, [], 'so the mark stays')
  half.stop()
  const {store: back} = await openTestStore({fs: disk.restart()})
  const stage = clearingOf(back, () => record)
  stage.settle()
  t.strictSame([filesOf(disk), stage.told], [{live: 0, trash: 0}, [6]])
})

t.test('a crash at any call of clearing leaves nothing behind in the end', async (t) => {
  for (let stop = 1; ; stop++) {
    const disk = createCrashFs(['/state', ...ROOTS])
    const store = await filled(disk, 12)
    const record = marked({purge: true})
    disk.stopAfter(stop)
    const stage = clearingOf(store, () => record)
    stage.settle()
    const ended = !disk.stopped()
    const told = stage.told.length > 0
    for (const survival of ['synced', 'all', 'entries'] as const) {
      const after = disk.crash(survival)
      // What was said is true whatever a power cut takes back.
      if (told) t.strictSame(filesOf(after), {live: 0, trash: 0}, `${stop} ${survival}`)
      const {store: next} = await openTestStore({fs: after})
      const again = clearingOf(next, () => record)
      again.settle()
      t.strictSame([filesOf(after), again.told], [{live: 0, trash: 0}, [6]], `${stop} ${survival}`)
      next.stop()
    }
    if (ended) break
  }
})
