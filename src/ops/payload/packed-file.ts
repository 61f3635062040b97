/**
 * A file packed for the way to hosts, once per machine and encoding, kept in the cache by the hash
 * of its content. Hosts with zstd get zstd, the others gzip.
 */

import {createHash} from 'node:crypto'
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  renameSync,
  statSync,
} from 'node:fs'
import {join} from 'node:path'
import type {Transform} from 'node:stream'
import {pipeline} from 'node:stream/promises'
import {constants, createGzip, createZstdCompress} from 'node:zlib'
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
    length: statSync(packed).size,
    open: () => createReadStream(packed, {highWaterMark: 256 * 1024}),
  }
}

/** Path of the packed file. */
export async function packFile(file: string, sha256: string, encoding: Encoding): Promise<string> {
  const directory = join(cacheDir(), 'packed')
  const packed = join(directory, `${sha256}.${encoding === 'zstd' ? 'zst' : 'gz'}`)
  if (existsSync(packed)) return packed
  mkdirSync(directory, {recursive: true, mode: 0o700})
  const next = `${packed}.${process.pid}.new`
  await pipeline(createReadStream(file), packer(encoding), createWriteStream(next))
  renameSync(next, packed)
  return packed
}

/** Hex SHA-256 of a file. */
export async function hashFile(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file, {highWaterMark: 1024 * 1024}), hash)
  return hash.digest('hex')
}

function packer(encoding: Encoding): Transform {
  if (encoding === 'gzip') return createGzip({level: GZIP_LEVEL})
  return createZstdCompress({params: {[constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL}})
}
