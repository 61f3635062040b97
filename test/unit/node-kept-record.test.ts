/** `aisnode record`: what a node keeps is told, and one that has forgotten all gets a record. */

import {join} from 'node:path'
import {gunzipSync, gzipSync} from 'node:zlib'
import t, {type Test} from 'tap'
import type {NodeFile} from '../../src/model/config/node-file.ts'
import type {ClusterRecord} from '../../src/model/record.ts'
import {
  RESTORED_INDEX_STEP,
  takeRecord,
  tellRecord,
} from '../../src/node/store/state/kept-record.ts'
import {openMetaStore} from '../../src/node/store/state/meta-store.ts'
import {decodeRecord, encodeRecord} from '../../src/wire/record.ts'
import {started} from '../helpers/kernel-stage.ts'

const stage = started(2, 1)
const record: ClusterRecord = stage.record()
const {primary} = record.smap

function fileIn(
  state: string,
  more: Partial<Pick<NodeFile, 'role'>> & {readonly uuid?: string; readonly id?: string} = {},
): NodeFile {
  const listen = {public: '127.0.0.1:1', control: '127.0.0.1:2', data: '127.0.0.1:3'}
  const known = {id: primary, uuid: record.uuid, peers: [], clusterKeyFile: 'key'}
  return {format: 1, role: 'proxy', ...known, state, listen, ...more}
}

function packedOf(given: ClusterRecord): string {
  return gzipSync(encodeRecord(given)).toString('base64')
}

/** What `aisnode record` says: its line of JSON, and the record. */
function told(file: NodeFile): {head: Record<string, unknown>; text: string} {
  const [first = '', ...packed] = tellRecord(file)
  const bytes = Buffer.from(packed.join(''), 'base64')
  return {
    head: JSON.parse(first) as Record<string, unknown>,
    text: bytes.length === 0 ? '' : gunzipSync(bytes).toString(),
  }
}

function emptyState(t: Test): string {
  return join(t.testdir(), 'state')
}

t.test('a node that has forgotten takes a record, and is the member that it was', (t) => {
  const state = emptyState(t)
  const file = fileIn(state)
  const {epoch, index} = record
  t.strictSame(takeRecord(file, packedOf(record)), {epoch, index: index + RESTORED_INDEX_STEP})
  const kept = openMetaStore(state, {decodeRecord}).load().state
  t.equal(kept?.inc, record.smap.nodes[primary]?.inc)
  t.equal(kept?.uuid, record.uuid)
  t.ok((kept?.promisedEpoch ?? 0) >= epoch)
  t.strictSame(kept?.committed?.record.smap, record.smap)
  const {head, text} = told(file)
  t.match(head, {format: 1, id: primary, record: {epoch, index: index + RESTORED_INDEX_STEP}})
  t.equal(decodeRecord(text).uuid, record.uuid)
  t.throws(() => takeRecord(file, packedOf(record)), {code: 'REFUSED', message: /keeps record/})
  t.end()
})

t.test('a node that was started without a record keeps its runs and its promise', (t) => {
  const state = emptyState(t)
  const file = fileIn(state)
  t.strictSame(told(file), {
    head: {format: 1, id: primary, uuid: '', inc: 0, amnesia: null, record: null},
    text: '',
  })
  takeRecord(file, packedOf(record))
  const store = openMetaStore(state, {decodeRecord})
  const {state: before} = store.load()
  if (before === null) throw new Error('it was stored')
  store.save({...before, run: 7, promisedEpoch: 900, accepted: null, committed: null})
  store.repeat()
  takeRecord(file, packedOf(record))
  t.match(openMetaStore(state, {decodeRecord}).load().state, {run: 7, promisedEpoch: 900})
  t.end()
})

t.test('what is no record of this cluster, or not of this node, changes nothing', (t) => {
  const state = emptyState(t)
  const refused = (file: NodeFile, packed: string, code: string): void => {
    t.throws(() => takeRecord(file, packed), {code})
    t.equal(told(fileIn(state)).head['record'], null)
  }
  refused(fileIn(state, {uuid: 'another-one'}), packedOf(record), 'WRONG_CLUSTER')
  refused(fileIn(state, {id: 'stranger1'}), packedOf(record), 'NODE_NOT_FOUND')
  refused(fileIn(state, {role: 'target'}), packedOf(record), 'REFUSED')
  refused(fileIn(state), 'no gzip', 'BAD_REQUEST')
  refused(fileIn(state), gzipSync('{}').toString('base64'), 'BAD_REQUEST')
  t.end()
})
