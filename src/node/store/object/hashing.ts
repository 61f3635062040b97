/**
 * The checksums of object bytes: XXH64 from WebAssembly (several GB/s) for blocks and whole
 * objects, the others only when somebody asked for them, since MD5 halves the throughput of a PUT.
 */

import {createHash} from 'node:crypto'
import {createCRC32} from 'hash-wasm'
import createXxhash from 'xxhash-wasm'
import {unreachable} from '../../../base/assert.ts'
import type {Checksum, ChecksumType} from '../../../model/object.ts'

/** Polynomial of CRC-32C, bits reversed. */
const CASTAGNOLI = 0x82f63b78

/** A checksum over bytes that come in pieces. */
export interface RunningChecksum {
  readonly type: ChecksumType
  readonly update: (bytes: Uint8Array) => void
  /** Lower-case hex. Ends the checksum. */
  readonly digest: () => string
}

export interface Hashing {
  /** XXH64 under seed 0. */
  readonly h64: (bytes: Uint8Array) => bigint
  readonly start: (type: ChecksumType) => RunningChecksum
}

/** Loads the WebAssembly; once per thread. */
export async function loadHashing(): Promise<Hashing> {
  const xxhash = await createXxhash()
  const crc = await createCRC32(CASTAGNOLI)

  function start(type: ChecksumType): RunningChecksum {
    switch (type) {
      case 'xxhash2': {
        const state = xxhash.create64()
        return {
          type,
          update: (bytes) => void state.update(bytes),
          digest: () => hex64(state.digest()),
        }
      }
      case 'md5':
      case 'sha256': {
        const state = createHash(type)
        return {
          type,
          update: (bytes) => void state.update(bytes),
          digest: () => state.digest('hex'),
        }
      }
      case 'crc32c':
        return crcStream(crc)
      case 'none':
        return {type, update: () => undefined, digest: () => ''}
      default:
        return unreachable(type)
    }
  }

  return {h64: (bytes) => xxhash.h64Raw(bytes), start}
}

type Crc = Awaited<ReturnType<typeof createCRC32>>

/** All streams share one instance, which is given each one's state for the length of a piece. */
function crcStream(shared: Crc): RunningChecksum {
  let state = shared.init().save()
  return {
    type: 'crc32c',
    update: (bytes) => {
      state = shared.load(state).update(bytes).save()
    },
    digest: () => shared.load(state).digest('hex'),
  }
}

/** 16 hex digits of an XXH64. */
export function hex64(value: bigint): string {
  return value.toString(16).padStart(16, '0')
}

/** The checksum of bytes that are all here. */
export function checksumOf(hashing: Hashing, type: ChecksumType, bytes: Uint8Array): Checksum {
  if (type === 'xxhash2') return {type, value: hex64(hashing.h64(bytes))}
  const running = hashing.start(type)
  running.update(bytes)
  return {type, value: running.digest()}
}
