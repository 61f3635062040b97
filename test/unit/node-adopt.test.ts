/** What lies aside is taken up: stored anew where the cluster lacks it, and only then removed. */

import {existsSync, mkdirSync, readdirSync, renameSync, truncateSync} from 'node:fs'
import {join} from 'node:path'
import {PassThrough, Readable} from 'node:stream'
import t from 'tap'
import type {Test} from 'tap'
import {bucketUname} from '../../src/model/bucket.ts'
import {adoptAside} from '../../src/node/http/adopt.ts'
import type {NodeContext} from '../../src/node/http/context.ts'
import {ringOf} from '../../src/core/objects/ring.ts'
import {QUARANTINE_FOLDER} from '../../src/node/store/mountpath/quarantine.ts'
import {
  decodeAdopted,
  decodeAdoptOrder,
  encodeAdopted,
  encodeAdoptOrder,
} from '../../src/wire/adopt.ts'
import {NODES, recordWith} from '../helpers/gateway.ts'
import {bytesOf, deleteKey, openTestStore, putBytes, TEST_BUCKET} from '../helpers/test-store.ts'

const NAMES = ['a', 'b/c', 'gone', 'large', 'overwritten']
const ALL = {after: '', discard: false}

/** Two mountpaths with everything aside. */
async function aside(t: Test): Promise<readonly string[]> {
  const root = t.testdir({state: {}, mp0: {}, mp1: {}})
  const paths = [join(root, 'mp0'), join(root, 'mp1')]
  const {store} = await openTestStore({stateDirectory: join(root, 'state'), paths, shared: true})
  for (const [at, name] of NAMES.entries()) {
    await putBytes(store, name, bytesOf(name === 'large' ? 3_000_000 : 100, at))
  }
  await deleteKey(store, 'gone')
  store.stop()
  for (const path of paths) {
    const folder = join(path, QUARANTINE_FOLDER, '7')
    mkdirSync(folder, {recursive: true})
    if (existsSync(join(path, 'b'))) renameSync(join(path, 'b'), join(folder, 'b'))
  }
  return paths
}

interface Pretended {
  readonly context: NodeContext
  /** What the cluster has, by path. */
  readonly held: Map<string, Buffer>
  readonly refuses: Set<string>
}

/** A target among others that store what it puts to them. */
function pretended(paths: readonly string[], bid = TEST_BUCKET.bid): Pretended {
  const held = new Map<string, Buffer>()
  const refuses = new Set<string>()
  const buckets = {[bucketUname(TEST_BUCKET.ref)]: {...TEST_BUCKET, bid}}
  const base = recordWith(NODES)
  const record = {...base, bmd: {...base.bmd, buckets}}
  const askTarget: NodeContext['askTarget'] = async ({method, path, body}) => {
    const name = decodeURIComponent(path.replace(/\?.*/, '').split('/').slice(4).join('/'))
    const answer = (status: number) => {
      const body = Readable.from([])
      return {status, headers: {}, rawHeaders: [], body}
    }
    if (method === 'HEAD') return answer(held.has(name) ? 200 : 404)
    if (refuses.has(name)) return answer(507)
    if (typeof body !== 'object' || !('send' in body)) throw new Error('content streams')
    const pipe = new PassThrough({highWaterMark: 1024})
    body.send(pipe, () => undefined)
    const chunks: Buffer[] = []
    for await (const chunk of pipe) chunks.push(chunk as Buffer)
    held.set(name, Buffer.concat(chunks))
    return answer(200)
  }
  const context = {
    mountpaths: () => [
      ...paths.map((path) => ({path, label: '', disks: [], state: 'available', why: ''})),
      {path: '/nowhere', label: '', disks: [], state: 'missing', why: 'pulled'},
    ],
    view: () => ({record}),
    ring: () => ringOf(record),
    askTarget,
  } as unknown as NodeContext
  return {context, held, refuses}
}

const left = (paths: readonly string[]): number =>
  paths.flatMap((path) =>
    existsSync(join(path, QUARANTINE_FOLDER))
      ? readdirSync(join(path, QUARANTINE_FOLDER), {recursive: true, withFileTypes: true}).filter(
          (entry) => entry.isFile(),
        )
      : [],
  ).length

t.test('what the cluster lacks is stored anew, whole; what it has is left as it is', async (t) => {
  const paths = await aside(t)
  const {context, held} = pretended(paths)
  held.set('overwritten', Buffer.from('newer'))
  const first = await adoptAside(context, ALL)
  t.match(first, {adopted: 3, bytes: 3_000_200, present: 1, obsolete: 1, failed: 0, next: ''})
  t.strictSame(held.get('large'), bytesOf(3_000_000, 3))
  t.strictSame(held.get('b/c'), bytesOf(100, 1))
  t.equal(held.get('overwritten')?.toString(), 'newer')
  t.notOk(held.has('gone'), 'a delete brings nothing back')
  t.equal(left(paths), 2, 'what was not taken up is aside still')
  t.match(await adoptAside(context, {...ALL, discard: true}), {present: 1, obsolete: 1, next: ''})
  for (const path of paths) t.notOk(existsSync(join(path, QUARANTINE_FOLDER)), 'nothing is left')
  t.match(await adoptAside(context, ALL), {adopted: 0, present: 0, next: ''}, 'and again')
})

t.test('what cannot be stored or does not verify stays aside, and is named', async (t) => {
  const paths = await aside(t)
  const {context, refuses} = pretended(paths)
  refuses.add('a')
  const found = paths.flatMap((path) =>
    readdirSync(join(path, QUARANTINE_FOLDER), {recursive: true, withFileTypes: true}),
  )
  const torn = found.find(({name}) => name.includes('overwritten'))
  truncateSync(join(torn?.parentPath ?? '', torn?.name ?? ''), 50)
  const sum = await adoptAside(context, {...ALL, discard: true})
  t.match(sum, {adopted: 2, failed: 2, problem: /./})
  t.equal(left(paths), 2)
  refuses.clear()
  t.match(await adoptAside(context, ALL), {adopted: 1, failed: 1, problem: /does not verify/})
})

t.test('objects of a bucket that is gone belong to nobody', async (t) => {
  const paths = await aside(t)
  const {context, held} = pretended(paths, '77')
  t.match(await adoptAside(context, ALL), {adopted: 0, obsolete: NAMES.length})
  t.equal(held.size, 0)
})

t.test('the order and its outcome travel whole', (t) => {
  const order = {after: '/mp0/x', discard: true}
  t.strictSame(decodeAdoptOrder(encodeAdoptOrder(order)), order)
  t.strictSame(decodeAdoptOrder(null), ALL)
  const sum = {adopted: 1, bytes: 2, present: 3, obsolete: 4, failed: 5, problem: 'x', next: 'y'}
  t.strictSame(decodeAdopted(encodeAdopted(sum)), sum)
  t.end()
})
