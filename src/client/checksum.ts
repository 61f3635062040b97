/**
 * Checksums of object bytes as they pass: computed by libraries, compared with what a header says.
 */

import type {XXHashAPI} from 'xxhash-wasm'
import type {ChecksumType} from '../model/object.ts'

export interface Hasher {
  readonly type: ChecksumType
  update(chunk: Uint8Array): void
  /** Lower-case hex. Ends the hasher. */
  digest(): string
}

/** Castagnoli's, reversed. */
const CRC32C_POLYNOMIAL = 0x82f63b78

/** Makes hashers; the library behind each type is loaded once, when it is first asked for. */
export type HasherFactory = (type: Exclude<ChecksumType, 'none'>) => Promise<Hasher>

export function createHasherFactory(): HasherFactory {
  let xxhash: Promise<XXHashAPI> | undefined
  return async (type) => {
    switch (type) {
      case 'xxhash2':
        return xxhash64(await (xxhash ??= loadXxhash()))
      case 'crc32c':
        return crc32c()
      case 'md5':
      case 'sha256':
        return digest(type)
    }
  }
}

async function loadXxhash(): Promise<XXHashAPI> {
  const {default: load} = await import('xxhash-wasm')
  return load()
}

function xxhash64(api: XXHashAPI): Hasher {
  const hash = api.create64()
  return {
    type: 'xxhash2',
    update: (chunk) => void hash.update(chunk),
    digest: () => hash.digest().toString(16).padStart(16, '0'),
  }
}

async function crc32c(): Promise<Hasher> {
  const {createCRC32} = await import('hash-wasm')
  const hash = await createCRC32(CRC32C_POLYNOMIAL)
  hash.init()
  return {type: 'crc32c', update: (chunk) => void hash.update(chunk), digest: () => hash.digest()}
}

async function digest(type: 'md5' | 'sha256'): Promise<Hasher> {
  const {createHash} = await import('node:crypto')
  const hash = createHash(type)
  return {type, update: (chunk) => void hash.update(chunk), digest: () => hash.digest('hex')}
}
