/** What is known of a stored object besides its bytes. */

import type {Generation} from './generation.ts'
import type {ObjectName} from './ids.ts'

/** AIStore's names. `xxhash2` is what it calls XXH64 today; `xxhash` in requests means the same. */
export type ChecksumType = 'none' | 'xxhash2' | 'md5' | 'sha256' | 'crc32c'

export interface Checksum {
  readonly type: ChecksumType
  /** Lower-case hex; '' for none. */
  readonly value: string
}

export interface ObjectAttributes {
  readonly name: ObjectName
  /** Bucket id, u64 decimal: one of another bucket of the same name does not exist. */
  readonly bid: string
  readonly sizeBytes: number
  readonly gen: Generation
  /** AIStore's visible version: 1, 2, … per key; kept by a move. */
  readonly version: number
  /** Nanoseconds since 1970. */
  readonly atimeNs: bigint
  readonly mtimeNs: bigint
  readonly checksum: Checksum
  readonly custom: Readonly<Record<string, string>>
  /** A delete: empty content, a generation, hides every older copy (R21). */
  readonly tombstone: boolean
}
