/**
 * Where the accepted record and the vote survive: two slots, each with its own checksum and a
 * sequence number. A save replaces the older slot and is durable when it returns; the newest slot
 * that verifies is loaded. A slot is created by rename and overwritten in place only while the
 * other one verifies, so a crash alone can never leave two bad slots: finding none that verifies
 * means damage, reported as amnesia, never taken for a new node.
 *
 * Synchronous, because it has a thread of its own. Decides nothing: what may be promised when is
 * the kernel's business.
 */

import {createHash} from 'node:crypto'
import {assert} from '../../../base/assert.ts'
import {AisError} from '../../../base/errors.ts'
import type {DurableState, StoredRecord} from '../../../core/kernel/events.ts'
import {RECORD_BYTES_MAX} from '../../../model/limits.ts'
import type {ClusterRecord} from '../../../model/record.ts'
import type {Fs} from '../fs/fs.ts'
import {exists, nodeFs, readWhole, syncDirectoryNow, writeWhole} from '../fs/fs.ts'

/** Shape of a slot. A release reads n and n−1. */
const SLOT_FORMAT = 1
/** Their files. */
export const SLOTS = ['record-a', 'record-b'] as const
type SlotName = (typeof SLOTS)[number]
/** Two records (accepted, committed), escaped as JSON strings: at most twice their size each. */
const SLOT_BYTES_MAX = 4 * RECORD_BYTES_MAX
const HEADER = /^aisnode-record (\d{1,9}) (\d{1,15}) (\d{1,12}) ([0-9a-f]{64})\n/

/** Stands for `committed` when it is the accepted record: its text is written once. */
const SAME = 'accepted'

type KeptState = Omit<DurableState, 'accepted' | 'committed'> & {
  readonly accepted: SavedRecord | null
  readonly committed: SavedRecord | typeof SAME | null
}

export interface LoadedState {
  /** What the node knew; null on its first start, or when it has forgotten. */
  readonly state: DurableState | null
  /**
   * Set when slots exist and none verifies: the node has forgotten a promise that it may have made.
   * It must not vote or found as if it were new; it rejoins with a new incarnation.
   */
  readonly amnesia: string | null
  /** One line per slot that did not verify though the other one did. For the log. */
  readonly damage: readonly string[]
}

/** What is written of a state: of records their texts alone. */
export type SavedState = Omit<DurableState, 'accepted' | 'committed'> & {
  readonly accepted: SavedRecord | null
  readonly committed: SavedRecord | null
}

export type SavedRecord = Pick<StoredRecord, 'text' | 'sha'>

export interface MetaStore {
  /**
   * The newest slot that verifies.
   * @throws AisError INCOMPATIBLE when a slot was written by a newer release (exit 78, untouched)
   */
  readonly load: () => LoadedState
  /** Durable when it returns. After an error the process must end: the slot's state is unknown. */
  readonly save: (state: SavedState) => void
  /**
   * Writes what was saved last into the other slot, too, so that one rotten slot loses nothing.
   * For a quiet moment: until then the other slot holds the state before.
   */
  readonly repeat: () => void
}

export interface MetaStoreOptions {
  /** Decodes a record's text; throws when it is none, which counts as damage of that slot. */
  readonly decodeRecord: (text: string) => ClusterRecord
  readonly fs?: Fs
}

/** What was found in one slot. */
type Slot =
  | {readonly kind: 'absent'}
  | {readonly kind: 'bad'; readonly why: string}
  | {readonly kind: 'good'; readonly sequence: number; readonly state: DurableState}

/** Opens the store of a state directory, which must exist. */
export function openMetaStore(directory: string, options: MetaStoreOptions): MetaStore {
  const port = options.fs ?? nodeFs
  let sequence = -1
  let newest: SlotName | null = null
  let overwritable = false
  let last: SavedState | null = null

  function load(): LoadedState {
    const slots = SLOTS.map((name) => readSlot(port, directory, name, options.decodeRecord))
    const best = newestOf(slots)
    newest = best === undefined ? null : (SLOTS[best.at] ?? null)
    sequence = best?.sequence ?? 0
    overwritable = true
    // The process that wrote it may have died before its flush; the next write spares this slot.
    if (newest !== null) flush(port, `${directory}/${newest}`)
    const damage = slots.flatMap((slot, at) =>
      slot.kind === 'bad' ? [`${directory}/${SLOTS[at] ?? ''}: ${slot.why}`] : [],
    )
    if (best !== undefined) return {state: best.state, amnesia: null, damage}
    return {state: null, amnesia: damage.length === 0 ? null : damage.join('; '), damage}
  }

  function save(state: SavedState): void {
    assert(overwritable, 'a metadata store is loaded before it is saved')
    const name: SlotName = newest === 'record-a' ? 'record-b' : 'record-a'
    sequence += 1
    const bytes = encodeSlot(sequence, state)
    if (newest !== null && exists(port, `${directory}/${name}`)) {
      overwrite(port, `${directory}/${name}`, bytes)
    } else {
      writeWhole(port, directory, name, bytes)
    }
    newest = name
    last = state
  }

  function repeat(): void {
    if (last !== null) save(last)
  }

  return {load, save, repeat}
}

function newestOf(
  slots: readonly Slot[],
): {at: number; sequence: number; state: DurableState} | undefined {
  let best: {at: number; sequence: number; state: DurableState} | undefined
  slots.forEach((slot, at) => {
    if (slot.kind !== 'good') return
    if (best === undefined || slot.sequence > best.sequence) {
      best = {at, sequence: slot.sequence, state: slot.state}
    }
  })
  return best
}

function flush(port: Fs, path: string): void {
  const fd = port.open(path, 'update')
  try {
    port.syncNow(fd)
  } finally {
    port.close(fd)
  }
}

function overwrite(port: Fs, path: string, bytes: Uint8Array): void {
  const fd = port.open(path, 'update')
  try {
    port.write(fd, bytes, 0)
    port.truncate(fd, bytes.byteLength)
    port.syncNow(fd)
  } finally {
    port.close(fd)
  }
}

function readSlot(
  port: Fs,
  directory: string,
  name: SlotName,
  decodeRecord: MetaStoreOptions['decodeRecord'],
): Slot {
  const bytes = readWhole(port, `${directory}/${name}`, SLOT_BYTES_MAX)
  if (bytes === undefined) return {kind: 'absent'}
  const header = HEADER.exec(bytes.toString('latin1', 0, 160))
  if (header === null) return {kind: 'bad', why: 'it has no valid header'}
  const [whole, format = '', sequence = '', length = '', digest = ''] = header
  refuseNewer(`${directory}/${name}`, Number(format))
  const body = bytes.subarray(whole.length)
  if (body.byteLength !== Number(length)) {
    return {kind: 'bad', why: `it holds ${body.byteLength} of ${length} bytes`}
  }
  if (digestOf(format, sequence, body) !== digest) {
    return {kind: 'bad', why: 'its checksum does not match'}
  }
  try {
    const state = decodeState(body.toString('utf8'), `${directory}/${name}`, decodeRecord)
    return {kind: 'good', sequence: Number(sequence), state}
  } catch (error) {
    if (error instanceof AisError && error.code === 'INCOMPATIBLE') throw error
    return {kind: 'bad', why: `its record cannot be read: ${String(error)}`}
  }
}

function refuseNewer(path: string, format: number): void {
  if (format <= SLOT_FORMAT) return
  throw new AisError({
    code: 'INCOMPATIBLE',
    message: `${path} has format ${format}, this release knows up to ${SLOT_FORMAT}`,
    hint: 'start the release that wrote it; nothing was changed',
    details: {path, format, known: SLOT_FORMAT},
  })
}

function encodeSlot(sequence: number, state: SavedState): Buffer {
  const {accepted, committed} = state
  const isSame = accepted !== null && accepted.text === committed?.text
  const body = Buffer.from(
    JSON.stringify({
      ...state,
      accepted: withoutDecoded(accepted),
      committed: isSame ? SAME : withoutDecoded(committed),
    }),
    'utf8',
  )
  const format = String(SLOT_FORMAT)
  const digest = digestOf(format, String(sequence), body)
  const header = `aisnode-record ${format} ${sequence} ${body.byteLength} ${digest}\n`
  return Buffer.concat([Buffer.from(header, 'latin1'), body])
}

/** Only the received bytes are kept: a record is decoded from them again, unknown fields too. */
function withoutDecoded(stored: SavedRecord | null): SavedRecord | null {
  if (stored === null) return null
  return {text: stored.text, sha: stored.sha === '' ? sha256(stored.text) : stored.sha}
}

function decodeState(
  text: string,
  path: string,
  decodeRecord: MetaStoreOptions['decodeRecord'],
): DurableState {
  const raw = JSON.parse(text) as KeptState
  refuseNewer(path, raw.format)
  const revive = (kept: SavedRecord | null): StoredRecord | null =>
    kept === null ? null : {...kept, record: decodeRecord(kept.text)}
  const accepted = revive(raw.accepted)
  return {...raw, accepted, committed: raw.committed === SAME ? accepted : revive(raw.committed)}
}

function sha256(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex')
}

function digestOf(format: string, sequence: string, body: Uint8Array): string {
  return createHash('sha256').update(`${format} ${sequence} `).update(body).digest('hex')
}

/** Creates a state directory if it is missing; its parent must exist. */
export function ensureStateDirectory(directory: string, port: Fs = nodeFs): void {
  if (exists(port, directory)) return
  port.mkdir(directory)
  syncDirectoryNow(port, directory.replace(/\/[^/]+\/?$/, '') || '/')
}
