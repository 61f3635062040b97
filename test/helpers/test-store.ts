/** An object store over any filesystem, with promises and without HTTP: what store tests share. */

import type {Bucket} from '../../src/model/bucket.ts'
import {objectDigest} from '../../src/core/placement/locate.ts'
import {GLOBAL_NAMESPACE} from '../../src/model/bucket.ts'
import type {BucketName, ObjectName} from '../../src/model/ids.ts'
import type {ChecksumType, ObjectAttributes} from '../../src/model/object.ts'
import type {Fs} from '../../src/node/store/fs/fs.ts'
import type {Decide, Lookup, ObjectKey, ObjectStore} from '../../src/node/store/object-store.ts'
import type {OpenedStore, StoreOptions} from '../../src/node/store/open-store.ts'
import {createResilver, type Resilver} from '../../src/node/store/mountpath/resilver.ts'
import {openObjectStore} from '../../src/node/store/open-store.ts'

export const TEST_REF = {
  name: 'photos' as BucketName,
  provider: 'ais' as const,
  namespace: GLOBAL_NAMESPACE,
}
export const TEST_BUCKET: Bucket = {
  ref: TEST_REF,
  bid: '9223372036854775809',
  createdNs: '0',
  durability: 'default',
  set: {},
}
export const TEST_TARGET = 'tstore001'

export interface TestStoreOptions {
  readonly fs?: Fs
  readonly stateDirectory?: string
  readonly paths?: readonly string[]
  readonly shared?: boolean
  readonly warn?: (text: string, facts: Readonly<Record<string, unknown>>) => void
  readonly verify?: boolean
  /** Copies of every bucket. */
  readonly copies?: () => number
  readonly onRepaired?: StoreOptions['onRepaired']
  readonly outOfSpace?: () => number
}

export function openTestStore(options: TestStoreOptions): Promise<OpenedStore> {
  return openObjectStore({
    stateDirectory: options.stateDirectory ?? '/state',
    mountpaths: (options.paths ?? ['/mp0', '/mp1']).map((path) => ({path})),
    uuid: 'cluster01',
    target: TEST_TARGET,
    allowSharedFilesystem: options.shared ?? false,
    verifyReads: () => options.verify ?? true,
    warn: options.warn ?? (() => undefined),
    nowMs: () => performance.now(),
    ...(options.copies === undefined ? {} : {copiesWanted: options.copies}),
    ...(options.outOfSpace === undefined ? {} : {outOfSpace: options.outOfSpace}),
    ...(options.onRepaired === undefined ? {} : {onRepaired: options.onRepaired}),
    indexOnDisk: options.fs === undefined,
    ...(options.fs === undefined ? {} : {fs: options.fs}),
  })
}

export function keyOf(name: string): ObjectKey {
  return {bid: TEST_BUCKET.bid, name, digest: objectDigest(TEST_REF, name)}
}

export interface PutOptions {
  readonly durable?: boolean
  readonly wanted?: readonly ChecksumType[]
  readonly chunkBytes?: number
  readonly own?: number
}

/** Writes an object; rejects with what the store says. */
export function putBytes(
  store: ObjectStore,
  name: string,
  data: Uint8Array,
  options: PutOptions = {},
): Promise<ObjectAttributes> {
  return new Promise((resolve, reject) => {
    const key = keyOf(name)
    const write = store.beginWrite(key, options.wanted ?? ['xxhash2'], () => feed())
    const step = options.chunkBytes ?? 64 * 1024
    let at = 0
    function feed(): void {
      while (at < data.byteLength) {
        const part = data.subarray(at, at + step)
        at += part.byteLength
        if (!write.body.push(part)) return
      }
      write.body.finish((error, body) => {
        if (error !== null || body === undefined) {
          reject(error ?? new Error('no body'))
          return
        }
        const decide: Decide = (previous) => {
          const [checksum = {type: 'none' as const, value: ''}, ...moreChecksums] = body.checksums
          const attributes = {
            ...blank(store, name, previous, options.own ?? 1),
            sizeBytes: body.sizeBytes,
            checksum,
          }
          return {attributes, moreChecksums}
        }
        const change = {key, durable: options.durable ?? true, decide}
        store.commitWrite(change, {write, body}, (problem, attributes) => {
          if (problem !== null || attributes === undefined) reject(problem ?? new Error('nothing'))
          else resolve(attributes)
        })
      })
    }
    feed()
  })
}

function blank(
  store: ObjectStore,
  name: string,
  previous: ObjectAttributes | null,
  own: number,
): ObjectAttributes {
  return {
    name: name as ObjectName,
    bid: TEST_BUCKET.bid,
    sizeBytes: 0,
    gen: {own, counter: store.nextCounter()},
    version: previous === null || previous.tombstone ? 1 : previous.version + 1,
    atimeNs: 1n,
    mtimeNs: 1n,
    checksum: {type: 'none', value: ''},
    custom: {},
    tombstone: false,
  }
}

export function deleteKey(store: ObjectStore, name: string, own = 1): Promise<ObjectAttributes> {
  return new Promise((resolve, reject) => {
    const decide: Decide = (previous) => ({
      attributes: {...blank(store, name, previous, own), version: 0, tombstone: true},
      moreChecksums: [],
    })
    store.remove({key: keyOf(name), durable: true, decide}, (problem, attributes) => {
      if (problem !== null || attributes === undefined) reject(problem ?? new Error('nothing'))
      else resolve(attributes)
    })
  })
}

export function setCustom(
  store: ObjectStore,
  name: string,
  custom: Readonly<Record<string, string>>,
): Promise<ObjectAttributes> {
  return new Promise((resolve, reject) => {
    const decide: Decide = (previous) => ({
      attributes: {
        ...(previous ?? blank(store, name, null, 1)),
        gen: {own: 1, counter: store.nextCounter()},
        custom,
      },
      moreChecksums: [],
    })
    store.changeMetadata({key: keyOf(name), durable: true, decide}, (problem, attributes) => {
      if (problem !== null || attributes === undefined) reject(problem ?? new Error('nothing'))
      else resolve(attributes)
    })
  })
}

/** What a reader gets: the bytes, or the kind of lookup when there are none. */
export async function getBytes(
  store: ObjectStore,
  name: string,
): Promise<Buffer | Exclude<Lookup['type'], 'object'>> {
  await new Promise<void>((resolve) => store.whenSettled(keyOf(name), resolve))
  const lookup = store.lookup(keyOf(name), true)
  if (lookup.type !== 'object') return lookup.type
  return readAll(store, lookup.file)
}

export function readAll(
  store: ObjectStore,
  file: Extract<Lookup, {type: 'object'}>['file'],
  range = {start: 0, end: file.footer.attributes.sizeBytes},
): Promise<Buffer> {
  if (file.content !== null) return Promise.resolve(file.content.subarray(range.start, range.end))
  const parts: Buffer[] = []
  return new Promise((resolve, reject) => {
    const sink = (bytes: Buffer, next: (error: Error | null) => void): void => {
      parts.push(Buffer.from(bytes))
      setImmediate(next, null)
    }
    store.read({file, range, sink}, (error) => {
      store.close(file)
      if (error === null) resolve(Buffer.concat(parts))
      else reject(error)
    })
  })
}

/** Bytes that differ from block to block and from seed to seed. */
export function bytesOf(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length)
  let state = seed >>> 0
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[at] = state >>> 24
  }
  return bytes
}

/** A resilver of the test bucket on the clock of this machine, which has no clients. */
export function resilverOf(opened: OpenedStore): Resilver {
  return createResilver(
    {
      ...opened,
      bucketOf: (bid) => (bid === TEST_BUCKET.bid ? TEST_BUCKET : undefined),
      isEnabled: () => true,
      traffic: () => ({inFlight: 0, quietMs: 60_000}),
      nowMs: () => performance.now(),
      wallMs: () => 1_000_000,
      after: (ms, act) => {
        const timer = setTimeout(act, Math.min(ms, 5))
        return () => clearTimeout(timer)
      },
      info: () => undefined,
    },
    (error) => {
      throw error
    },
  )
}
