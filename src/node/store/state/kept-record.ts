/**
 * `aisnode record`: tells which record a node keeps, and gives one that has forgotten everything a
 * record to begin with. For an operator's backup; the node must be stopped. What the record is
 * worth is decided elsewhere: the node leads with it only by a recovery that an operator has
 * ordered (R17).
 */

import {gunzipSync, gzipSync} from 'node:zlib'
import {AisError} from '../../../base/errors.ts'
import type {DurableState} from '../../../core/kernel/events.ts'
import type {NodeFile} from '../../../model/config/node-file.ts'
import {RECORD_BYTES_MAX} from '../../../model/limits.ts'
import type {ClusterRecord} from '../../../model/record.ts'
import {comparePositions} from '../../../model/record.ts'
import {decodeRecord, encodeRecord} from '../../../wire/record.ts'
import {ensureStateDirectory, openMetaStore, type MetaStore} from './meta-store.ts'

/** Number of the shape of what is told. */
const TOLD_FORMAT = 1
/** Characters of one line of packed text: longer ones are cut on the way to an operator. */
const LINE_CHARS = 8192
/**
 * An index beyond all that were used after the backup: generations of objects carry an index, and
 * what is written from now on must be newer than what lies on the disks.
 */
export const RESTORED_INDEX_STEP = 1_000_000

/**
 * Lines for standard output: one of JSON, then the accepted record, packed as gzip in base64. The
 * newest that was accepted anywhere is at least what was committed.
 */
export function tellRecord(file: NodeFile): string[] {
  const {state, amnesia} = storeOf(file.state).load()
  const kept = state?.accepted ?? null
  const packed = kept === null ? '' : gzipSync(kept.text).toString('base64')
  const {uuid, inc} = state ?? {uuid: '', inc: 0}
  const record = kept === null ? null : {...markOf(kept.record), sha: kept.sha}
  const told = {format: TOLD_FORMAT, id: file.id ?? '', uuid, inc, amnesia, record}
  return [JSON.stringify(told), ...(packed.match(new RegExp(`.{1,${LINE_CHARS}}`, 'g')) ?? [])]
}

/**
 * Stores a record for a gateway that keeps none, as the member that it is there.
 * @param packed the text of the record, as gzip in base64
 * @throws AisError REFUSED when it keeps one, WRONG_CLUSTER, NODE_NOT_FOUND, BAD_REQUEST
 */
export function takeRecord(file: NodeFile, packed: string): {epoch: number; index: number} {
  if (file.role !== 'proxy') {
    const message = 'a target joins, and needs no record; nothing was changed'
    throw new AisError({code: 'REFUSED', message, hint: 'give it to a gateway that may lead'})
  }
  const given = decodeRecord(unpack(packed))
  if (given.uuid !== file.uuid) {
    const message = `the record is of cluster ${given.uuid}, this node of ${file.uuid ?? 'none'}`
    throw new AisError({code: 'WRONG_CLUSTER', message: `${message}; nothing was changed`})
  }
  const member = given.smap.nodes[file.id ?? '']
  if (member === undefined) {
    const message = `${file.id ?? 'this node'} is no member of the record; nothing was changed`
    throw new AisError({code: 'NODE_NOT_FOUND', message})
  }
  ensureStateDirectory(file.state)
  const store = storeOf(file.state)
  const {state} = store.load()
  refuseKept(state)
  const record: ClusterRecord = {...given, index: given.index + RESTORED_INDEX_STEP}
  const stored = {text: encodeRecord(record), sha: ''}
  store.save({
    format: 1,
    uuid: record.uuid,
    inc: member.inc,
    run: state?.run ?? 0,
    promisedEpoch: Math.max(record.epoch, state?.promisedEpoch ?? 0),
    votedFor: null,
    accepted: stored,
    committed: stored,
  })
  store.repeat()
  return markOf(record)
}

/** The newest of its own would be lost, or two histories would meet. */
function refuseKept(state: DurableState | null): void {
  const kept = [state?.accepted?.record, state?.committed?.record].filter(
    (one) => one !== undefined,
  )
  const [newest] = kept.toSorted((a, b) => comparePositions(b, a))
  if (newest === undefined) return
  throw new AisError({
    code: 'REFUSED',
    message: `this node keeps record ${newest.epoch}.${newest.index}; nothing was changed`,
    hint: 'a node that has a record needs none: aisctl cluster recover',
  })
}

function storeOf(directory: string): MetaStore {
  return openMetaStore(directory, {decodeRecord})
}

function unpack(packed: string): string {
  const bytes = Buffer.from(packed.replaceAll(/\s/g, ''), 'base64')
  try {
    return gunzipSync(bytes, {maxOutputLength: RECORD_BYTES_MAX}).toString('utf8')
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause)) throw cause
    const message = 'what arrived is no packed record; nothing was changed'
    throw new AisError({code: 'BAD_REQUEST', message}, cause)
  }
}

function markOf({epoch, index}: ClusterRecord): {epoch: number; index: number} {
  return {epoch, index}
}
