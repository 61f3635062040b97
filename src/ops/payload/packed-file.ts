/**
 * A file packed for the way to hosts, once per machine and encoding, kept in the cache by the hash
 * of its content, with the hash of the packed bytes: that one is compared on hosts. Hosts with zstd
 * get zstd, the others gzip.
 */

import {createHash, type Hash} from 'node:crypto'
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import {join} from 'node:path'
import {Transform} from 'node:stream'
import {pipeline} from 'node:stream/promises'
import {constants, createGzip, createZstdCompress} from 'node:zlib'
import {AisError} from '../../base/errors.ts'
import {cacheDir} from '../../client/state-dir.ts'
import type {Frame} from '../host/script.ts'

/** 34 MB in 2 s for the runtime; slower levels gain little. */
const ZSTD_LEVEL = 9
const GZIP_LEVEL = 6

export type Encoding = 'zstd' | 'gzip'

/** The encoding that a host with these tools can undo. */
export function encodingFor(tools: readonly string[]): Encoding {
  return tools.includes('zstd') ? 'zstd' : 'gzip'
}

/** A packed file in the cache. */
export interface PackedFile {
  readonly path: string
  /** Of the packed bytes. */
  readonly sha256: string
}

/** A frame of a file's packed bytes. */
export async function packedFrame(
  file: string,
  sha256: string,
  encoding: Encoding,
): Promise<Frame> {
  const packed = await packFile(file, sha256, encoding)
  return {
    kind: 'blob',
    sha256,
    encoding,
    packedSha256: packed.sha256,
    length: statSync(packed.path).size,
    open: () => createReadStream(packed.path, {highWaterMark: 256 * 1024}),
  }
}

/**
 * Packs a file, or finds it packed.
 * @param sha256 of its content; compared while it is packed
 */
export async function packFile(
  file: string,
  sha256: string,
  encoding: Encoding,
): Promise<PackedFile> {
  const directory = join(cacheDir(), 'packed')
  const path = join(directory, `${sha256}.${encoding === 'zstd' ? 'zst' : 'gz'}`)
  const note = `${path}.sha256`
  if (existsSync(path) && existsSync(note)) {
    return {path, sha256: readFileSync(note, 'utf8').trim()}
  }
  mkdirSync(directory, {recursive: true, mode: 0o700})
  const next = `${path}.${process.pid}.new`
  const [content, packed] = [createHash('sha256'), createHash('sha256')]
  await pipeline(
    createReadStream(file),
    hashingTo(content),
    packer(encoding),
    hashingTo(packed),
    createWriteStream(next),
  )
  if (content.digest('hex') !== sha256) {
    rmSync(next, {force: true})
    throw new AisError({
      code: 'INTERNAL',
      message: `${file} is not what it was when it was hashed`,
      hint: `remove ${cacheDir()} and repeat the command`,
    })
  }
  const hash = packed.digest('hex')
  // The note goes last: a file without one is packed again.
  rmSync(note, {force: true})
  renameSync(next, path)
  writeFileSync(`${note}.${process.pid}.new`, `${hash}\n`)
  renameSync(`${note}.${process.pid}.new`, note)
  return {path, sha256: hash}
}

/** Hex SHA-256 of a file. */
export async function hashFile(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file, {highWaterMark: 1024 * 1024}), hash)
  return hash.digest('hex')
}

/** Passes bytes on and hashes them. */
function hashingTo(hash: Hash): Transform {
  return new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      hash.update(chunk)
      done(null, chunk)
    },
  })
}

/** Both formats carry a checksum of the content: the unpacker on the host compares it. */
function packer(encoding: Encoding): Transform {
  if (encoding === 'gzip') return createGzip({level: GZIP_LEVEL})
  return createZstdCompress({
    params: {
      [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL,
      [constants.ZSTD_c_checksumFlag]: 1,
    },
  })
}
