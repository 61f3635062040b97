/**
 * Object decisions: who may answer, what may be acknowledged, whose copy is newest, where files
 * lie.
 */

import fc from 'fast-check'
import t from 'tap'
import type {Standing} from '../../src/core/objects/admit.ts'
import {admit, checkCommit} from '../../src/core/objects/admit.ts'
import {fileNameOf, folderOf, nameOfFile, filePathOf} from '../../src/core/objects/file-name.ts'
import {
  extendHistory,
  missingMountpaths,
  verifiedHistory,
  placeHistory,
  readMountpaths,
} from '../../src/core/objects/mountpath-history.ts'
import type {Copy} from '../../src/core/objects/read.ts'
import {nextVersion, planRead, resolveRead} from '../../src/core/objects/read.ts'
import {NO_RING, isPassing, newestEntry, ownersUnder, ringOf} from '../../src/core/objects/ring.ts'
import {objectDigest} from '../../src/core/placement/locate.ts'
import {bucketUname} from '../../src/model/bucket.ts'
import {PRIMARY_UNKNOWN, type ClusterView} from '../../src/model/cluster-view.ts'
import type {NodeId} from '../../src/model/ids.ts'
import type {Member} from '../../src/model/node.ts'
import type {ClusterRecord, OwnEntry} from '../../src/model/record.ts'
import {TEST_BUCKET, TEST_REF} from '../helpers/test-store.ts'

// The same cases in every run; new ones are for those who look for them.
fc.configureGlobal({seed: 20_261_121})

const [T1, T2, T3] = ['tnode0001', 'tnode0002', 'tnode0003'] as unknown as readonly NodeId[]
const ids = (...named: (NodeId | undefined)[]): readonly NodeId[] => named as readonly NodeId[]
const self = T1 as NodeId
const other = T2 as NodeId

function standing(own: readonly OwnEntry[], more: Partial<ClusterView> = {}): Standing {
  const member = (id: NodeId): Member => ({
    id,
    role: 'target',
    public: {host: 'h', port: 1},
    control: {host: 'h', port: 2},
    data: {host: 'h', port: 3},
    flags: 0,
    inc: 1,
    learner: false,
    away: null,
    speaks: [1, 1],
  })
  const nodes = Object.fromEntries(ids(T1, T2, T3).map((id) => [id, member(id)]))
  const record = {
    index: own.at(-1)?.index ?? 1,
    own,
    smap: {nodes},
    bmd: {buckets: {[bucketUname(TEST_REF)]: TEST_BUCKET}},
  } as unknown as ClusterRecord
  const view: ClusterView = {
    self: {id: self, role: 'target', inc: 1},
    record,
    leading: false,
    primary: PRIMARY_UNKNOWN,
    settledIndex: record.index,
    nodeStarted: true,
    clusterStarted: true,
    stopping: false,
    ...more,
  }
  return {view, ring: ringOf(record), leased: true}
}

/** A digest that `owner` owns among `among`. */
function digestOwnedBy(owner: NodeId, among: readonly NodeId[]): bigint {
  const own = [{index: 1, targets: among}]
  const ring = ringOf({index: 1, own, smap: {nodes: {}}} as unknown as ClusterRecord)
  for (let at = 0; ; at++) {
    const digest = objectDigest(TEST_REF, `n${at}`)
    const entry = newestEntry(ring)
    if (entry !== undefined && ownersUnder(entry, digest)[0] === owner) return digest
  }
}

const ask = {bucket: TEST_REF, access: 'write' as const, fence: 0, hops: 0}

t.test('a request is admitted, sent on, or refused by what is known at its arrival', (t) => {
  const one = standing([{index: 3, targets: [self]}])
  const both = standing([{index: 3, targets: ids(T1, T2)}])
  const digest = digestOwnedBy(other, ids(T1, T2))
  t.match(admit(one, {...ask, digest}), {type: 'proceed', entryIndex: 3, stale: false})
  t.match(admit(both, {...ask, digest}), {type: 'redirect', to: {id: other}, recordIndex: 3})
  const refusedAs = (at: Standing, change: Partial<typeof ask> = {}): string => {
    const admission = admit(at, {...ask, digest, ...change})
    return admission.type === 'refuse' ? admission.refusal.code : admission.type
  }
  t.equal(refusedAs(both, {hops: 3}), 'NOT_READY')
  const away = structuredClone(both)
  Object.assign(away.view.record?.smap.nodes[other] ?? {}, {away: {kind: 'lost', sinceMs: 0}})
  t.equal(refusedAs(away), 'NOT_READY')
  t.equal(refusedAs(one, {fence: 4}), 'NOT_READY')
  t.equal(refusedAs(standing([{index: 3, targets: [self]}], {stopping: true})), 'NOT_READY')
  t.equal(refusedAs({...one, view: {...one.view, record: null}}), 'NOT_READY')
  t.equal(refusedAs({...one, ring: NO_RING}), 'NO_TARGETS')
  t.equal(refusedAs({...one, leased: false}), 'NOT_READY')
  const bucket = {...TEST_REF, provider: 'aws' as const}
  t.match(admit(one, {...ask, digest, bucket}), {refusal: {code: 'BUCKET_NOT_FOUND'}})
  t.match(admit({...one, leased: false}, {...ask, access: 'read', digest}), {stale: true})
  t.end()
})

t.test('a durable write is acknowledged only under the entry and lease of its admission', (t) => {
  const now = standing([{index: 3, targets: [self]}])
  const admitted = {bucket: TEST_BUCKET, entryIndex: 3}
  t.equal(checkCommit(now, admitted), null)
  t.match(checkCommit({...now, leased: false}, admitted), {code: 'NOT_READY'})
  t.match(checkCommit(standing([{index: 4, targets: [self]}]), admitted), {code: 'NOT_READY'})
  const bucket = {...TEST_BUCKET, bid: '5'}
  t.match(checkCommit(now, {bucket, entryIndex: 3}), {code: 'BUCKET_NOT_FOUND'})
  t.end()
})

t.test('a key that stays with its owner is served while others pass', (t) => {
  const own = [
    {index: 1, targets: ids(T1)},
    {index: 5, targets: ids(T1, T2)},
    {index: 9, targets: ids(T1)},
  ]
  const {ring} = standing(own)
  const stays = digestOwnedBy(self, ids(T1, T2))
  const passed = digestOwnedBy(other, ids(T1, T2))
  t.notOk(isPassing(ring, 9, self, passed), 'settled')
  t.ok(isPassing(ring, 5, self, passed), 'the last settled owner was another')
  t.notOk(isPassing(ring, 5, self, stays))
  t.ok(isPassing(ring, 1, self, passed), 'it was away in between')
  t.notOk(isPassing(ring, 0, self, stays))
  t.match(admit({...standing(own, {settledIndex: 5})}, {...ask, digest: passed}), {
    type: 'refuse',
  })
  t.end()
})

const gen = (own: number, counter = 1n, tombstone = false): Copy => ({
  gen: {own, counter},
  tombstone,
})

t.test('a read asks the owners under newer entries, and the highest generation wins', (t) => {
  const own = [
    {index: 1, targets: ids(T1)},
    {index: 5, targets: ids(T2)},
    {index: 9, targets: ids(T1)},
  ]
  const question = {ring: standing(own).ring, self, digest: 7n}
  t.strictSame(planRead(question, null), {type: 'ask', targets: [other]})
  t.strictSame(planRead(question, gen(1)), {type: 'ask', targets: [other]})
  t.strictSame(planRead(question, gen(5)), {type: 'local'})
  const answered = (copy: Copy | null) => new Map([[other, copy]])
  t.match(resolveRead(question, gen(1), new Map()), {type: 'unknown', silent: [other]})
  t.match(resolveRead(question, gen(9), new Map()), {type: 'local'})
  t.match(resolveRead(question, gen(1), answered(null)), {type: 'local'})
  t.match(resolveRead(question, gen(1), answered(gen(5))), {type: 'remote', from: other})
  t.match(resolveRead(question, gen(1), answered(gen(5, 1n, true))), {type: 'missing'})
  t.match(resolveRead(question, gen(9, 2n, true), answered(gen(5))), {type: 'missing'})
  t.match(resolveRead(question, null, answered(null)), {type: 'missing'})
  t.equal(nextVersion(null), 1)
  t.equal(nextVersion({version: 4, tombstone: false}), 5)
  t.equal(nextVersion({version: 4, tombstone: true}), 1)
  t.end()
})

t.test('an owner that could know better and is silent makes the answer unknown', (t) => {
  const own = [
    {index: 1, targets: ids(T2)},
    {index: 5, targets: ids(T3)},
    {index: 9, targets: ids(T1)},
  ]
  const question = {ring: standing(own).ring, self, digest: 7n}
  const copy = new Map([[other, gen(1)]])
  t.match(resolveRead(question, null, copy), {type: 'unknown', silent: [T3]})
  const both = new Map([
    [other, gen(1)],
    [T3 as NodeId, null],
  ])
  t.match(resolveRead(question, null, both), {type: 'remote', from: other})
  const merged = [{index: 5, targets: ids(T3), merged: [ids(T2)]}, ...own.slice(2)]
  const folded = {ring: standing(merged).ring, self, digest: 7n}
  t.strictSame(planRead(folded, null), {type: 'ask', targets: [T3, T2]})
  t.end()
})

t.test('a file name is a name of the directory, and gives the object name back', (t) => {
  const name = fc
    .string({unit: 'binary', minLength: 1, maxLength: 1024})
    .filter((text) => text.isWellFormed() && !text.includes('\0'))
  fc.assert(
    fc.property(name, (text) => {
      const file = fileNameOf(text)
      const bytes = Buffer.byteLength(file)
      const isEntry = bytes <= 255 && !file.includes('/') && !file.includes('\0')
      const back = nameOfFile(file)
      return isEntry && !file.startsWith('.') && (back === text || back === undefined)
    }),
  )
  for (const plain of ['a', 'a/b', '.', '..', '.x', '~', '%', 'é/ü', 'x'.repeat(255)]) {
    t.equal(nameOfFile(fileNameOf(plain)), plain)
  }
  const long = 'é/'.repeat(500)
  t.match(fileNameOf(long), /~[0-9a-f]{32}$/)
  t.equal(nameOfFile(fileNameOf(long)), undefined)
  t.not(fileNameOf(long), fileNameOf(`${long}x`))
  t.equal(nameOfFile('a%2f'), undefined, 'not as we write it')
  t.match(folderOf('a'), /^[0-9a-f]{2}$/)
  t.equal(filePathOf('7', 'a/b'), `b/7/${folderOf('a/b')}/a%2Fb`)
  t.end()
})

t.test('disks that come and go neither hide an object nor bring an old one back', (t) => {
  const all = extendHistory([], ['/b', '/a'], 1n)
  t.strictSame(all, [{sinceCounter: 1n, paths: ['/a', '/b']}])
  t.equal(extendHistory(all, ['/a', '/b'], 50n), all)
  const without = extendHistory(all, ['/a'], 100n)
  const back = placeHistory(extendHistory(without, ['/a', '/b'], 200n))
  const [first = {sinceCounter: 0n, candidates: [], givenUp: 0, unknown: false}] = back
  let digest = 1n
  while (readMountpaths([first], digest)[0] !== '/b') digest += 1n
  const here =
    (...paths: string[]) =>
    (path: string) =>
      paths.includes(path)
  t.equal(readMountpaths(placeHistory(without), digest)[0], '/a')
  t.strictSame(readMountpaths([], digest), [])
  t.strictSame(readMountpaths(back, digest), ['/b', '/a'])
  t.strictSame(missingMountpaths(placeHistory(all), digest, null, here('/a')), ['/b'])
  t.strictSame(missingMountpaths(placeHistory(without), digest, 20n, here('/a')), ['/b'])
  t.strictSame(missingMountpaths(placeHistory(without), digest, 120n, here('/a')), [])
  t.strictSame(missingMountpaths(back, digest, 120n, here('/a')), ['/b'])
  t.strictSame(missingMountpaths(back, digest, 220n, here('/a', '/b')), [])
  t.end()
})

t.test('after a lost counter no copy is taken for the newest while a disk is away', (t) => {
  const lost = ['/a', '/b'].map((path) => ({
    sinceCounter: 0n,
    paths: [path],
    unknown: true as const,
  }))
  const after = extendHistory(lost, ['/b'], 1n)
  t.match(after.at(-1), {unknown: true}, 'nor by what comes after it, which begins at 1 again')
  const later = placeHistory(extendHistory(after, ['/a', '/b'], 9n))
  const here = (path: string): boolean => path === '/b'
  t.strictSame(missingMountpaths(placeHistory(after), 7n, 60n, here), ['/a'])
  t.ok(missingMountpaths(later, 7n, 60n, here).includes('/a'))
  const seen = verifiedHistory(extendHistory(after, ['/a', '/b'], 9n))
  t.strictSame(seen, [{sinceCounter: 9n, paths: ['/a', '/b']}], 'until all has been seen')
  t.end()
})
