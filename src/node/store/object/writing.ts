/** What the writes of one store share, and the words in which they are asked for. */

import type {AisError} from '../../../base/errors.ts'
import type {JsonObject} from '../../../model/bucket.ts'
import type {Checksum, ObjectAttributes} from '../../../model/object.ts'
import type {Committer} from './committer.ts'
import type {Hashing} from './hashing.ts'
import type {KeyLocks} from './key-locks.ts'
import type {Mountpath} from '../mountpath/mountpaths.ts'
import type {ObjectFile, Reading} from './object-file.ts'

/** What is here for a key. */
export type Lookup =
  | {readonly type: 'object'; readonly file: ObjectFile}
  | {readonly type: 'tombstone'; readonly attributes: ObjectAttributes}
  | {readonly type: 'none'}
  /** A mountpath that may hold something newer is away. */
  | {readonly type: 'unsure'; readonly missing: readonly string[]}

/** Which object: its bucket's id, its name, and the digest that places it. */
export interface ObjectKey {
  readonly bid: string
  readonly name: string
  readonly digest: bigint
}

/** The new version, decided under the key's lock; or an error, and nothing changes. */
export type Decide = (previous: ObjectAttributes | null) => Decided | AisError

export interface Decided {
  readonly attributes: ObjectAttributes
  readonly moreChecksums: readonly Checksum[]
  /** Fields of a moved object's footer that this release does not know. */
  readonly unknown?: JsonObject
}

/** A write of one key. */
export interface Change {
  readonly key: ObjectKey
  /** False for buckets that gave up durability. */
  readonly durable: boolean
  /** One of many that share flushes; nobody waits for this one alone. */
  readonly patient?: boolean
  readonly decide: Decide
}

export type WriteDone = (error: AisError | null, attributes: ObjectAttributes | undefined) => void

/** What writes share; one per store. */
export interface Writing {
  readonly hashing: Hashing
  readonly reading: Reading
  readonly locks: KeyLocks
  /** Keys whose new version is visible and not yet durable, with those who wait. */
  readonly unsettled: Map<string, (() => void)[]>
  /** Folders that are there, and those whose parents were fsynced since. */
  readonly folders: {readonly made: Set<string>; readonly durable: Set<string>}
  readonly committerOf: (mountpath: Mountpath) => Committer
  /** The file in force for a key, or null. @throws AisError when it cannot be read */
  readonly current: (key: ObjectKey) => ObjectFile | null
  /** The attributes in force for a key, or null; damaged ones count as null. */
  readonly previous: (key: ObjectKey) => ObjectAttributes | null
  /** Where a key belongs now. @throws AisError when nothing takes writes */
  readonly placesOf: (key: ObjectKey) => readonly Mountpath[]
  /** Takes the number of copies into use under which the next generation is given. */
  readonly refreshCopies: (key: ObjectKey) => void
  /** Another number when keys may belong elsewhere than before. */
  readonly placesVersion: () => number
  /** What is here for a key. @throws AisError when it cannot be read */
  readonly lookup: (key: ObjectKey) => Lookup
  /** What each mountpath has of a key, or why it cannot be told. */
  readonly everyCopy: (key: ObjectKey) => ReadonlyMap<Mountpath, ObjectFile | AisError>
  /** A copy with its content, verified if it is small; an error when it is damaged. */
  readonly openVerified: (mountpath: Mountpath, key: ObjectKey) => ObjectFile | null | AisError
  /** Looks after the copies of a key as soon as there is time. */
  readonly repair: (key: ObjectKey) => void
  readonly noted: (mountpath: Mountpath, attributes: ObjectAttributes) => void
  /** A mountpath has nothing of a key any more. */
  readonly forgotten: (mountpath: Mountpath, attributes: ObjectAttributes) => void
  readonly workName: () => string
}

export function lockName(key: Pick<ObjectKey, 'bid' | 'name'>): string {
  return `${key.bid}/${key.name}`
}

/** From here on readers of the key wait. */
export function makeUnsettled(writing: Writing, key: ObjectKey): void {
  const name = lockName(key)
  if (!writing.unsettled.has(name)) writing.unsettled.set(name, [])
}

/** What readers see is durable, or the write has failed. */
export function settle(writing: Writing, key: ObjectKey): void {
  const name = lockName(key)
  const waiting = writing.unsettled.get(name)
  if (waiting === undefined) return
  writing.unsettled.delete(name)
  for (const go of waiting) go()
}
