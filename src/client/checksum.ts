/**
 * Checksums of object bytes as they pass: computed by libraries, compared with what a header says.
 */

import type {ChecksumType} from '../model/object.ts'

export interface Hasher {
  readonly type: ChecksumType
  update(chunk: Uint8Array): void
  /** Lower-case hex. Ends the hasher. */
  digest(): string
}

/** Castagnoli's, reversed. */
const CRC32C_POLYNOMIAL = 0x82f63b78

/** A hasher of AIStore's checksum types; its library is loaded when it is asked for. */
export async function createHasher(type: Exclude<ChecksumType, 'none'>): Promise<Hasher> {
  switch (type) {
    case 'xxhash2':
      return xxhash64()
    case 'crc32c':
      return crc32c()
    case 'md5':
    case 'sha256': {
      const {createHash} = await import('node:crypto')
      const hash = createHash(type)
      return {type, update: (chunk) => void hash.update(chunk), digest: () => hash.digest('hex')}
    }
  }
}

async function xxhash64(): Promise<Hasher> {
  const {default: load} = await import('xxhash-wasm')
  const hash = (await load()).create64()
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
