/**
 * Files, standard input and standard output as ends of a transfer. A file that is fetched appears
 * under its name only when it is whole and verified.
 */

import {randomBytes} from 'node:crypto'
import type {Stats} from 'node:fs'
import {createReadStream} from 'node:fs'
import type {FileHandle} from 'node:fs/promises'
import {mkdir, mkdtemp, open, readFile, rename, rm, stat} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import {once} from 'node:events'
import {pipeline} from 'node:stream/promises'
import type {Writable} from 'node:stream'
import {Readable} from 'node:stream'
import {AisError} from '../base/errors.ts'
import type {Body} from './data-request.ts'
import {CHUNK_BYTES, SMALL_BODY_BYTES} from './limits.ts'
import type {ByteSink} from './objects.ts'
import {fileError} from './reasons.ts'

/** The bytes of a file, read again for every attempt. @throws AisError when it cannot be read */
export async function fileBody(path: string): Promise<Body> {
  const facts = await statFile(path)
  if (facts.isDirectory()) {
    throw new AisError({
      code: 'USAGE',
      message: `${path} is a directory`,
      hint: 'put its files one by one, or all below it with --recursive',
    })
  }
  if (facts.size <= SMALL_BODY_BYTES) return bytesBody(await readWhole(path))
  return {
    sizeBytes: facts.size,
    open: () => createReadStream(path, {highWaterMark: CHUNK_BYTES}),
  }
}

export async function statFile(path: string): Promise<Stats> {
  try {
    return await stat(path)
  } catch (error) {
    throw fileError(error) ?? error
  }
}

async function readWhole(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (error) {
    throw fileError(error) ?? error
  }
}

/** The same sink, with how many bytes have gone into it. */
export function countedSink(sink: ByteSink, onBytes: (bytes: number) => void): ByteSink {
  let written = 0
  return {
    ...sink,
    write: async (chunk) => {
      await sink.write(chunk)
      onBytes((written += chunk.byteLength))
    },
  }
}

/** Bytes in memory. */
export function bytesBody(bytes: Uint8Array): Body {
  return {sizeBytes: bytes.byteLength, bytes, open: () => Readable.from([bytes])}
}

/** A stream that can be read once, kept in a file of its own until `use` has ended. */
export async function withSpooled<T>(
  source: Readable,
  use: (body: Body) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'aisctl-'))
  try {
    const path = join(directory, 'body')
    const file = await open(path, 'wx', 0o600)
    await pipeline(source, file.createWriteStream())
    return await use(await fileBody(path))
  } finally {
    await rm(directory, {recursive: true, force: true})
  }
}

/** A file that appears when all bytes are there. Its directory is made. */
export async function fileSink(path: string): Promise<ByteSink> {
  await mkdir(dirname(path), {recursive: true})
  const part = join(dirname(path), `.${randomBytes(6).toString('hex')}.part`)
  const file = await createPart(path, part)
  return {
    canRestart: true,
    write: async (chunk) => {
      await writeAll(file, chunk, path)
    },
    finish: async () => {
      await file.close()
      await rename(part, path)
    },
    discard: async () => {
      await file.close()
      await rm(part, {force: true})
    },
  }
}

async function createPart(path: string, part: string): Promise<FileHandle> {
  try {
    return await open(part, 'wx')
  } catch (error) {
    const {message} = error as Error
    throw new AisError({code: 'IO_ERROR', message: `cannot write ${path}: ${message}`}, error)
  }
}

async function writeAll(file: FileHandle, chunk: Uint8Array, path: string): Promise<void> {
  try {
    let at = 0
    while (at < chunk.byteLength) {
      const {bytesWritten} = await file.write(chunk, at)
      at += bytesWritten
    }
  } catch (error) {
    const {code, message} = error as NodeJS.ErrnoException
    const full = code === 'ENOSPC' || code === 'EDQUOT'
    throw new AisError(
      full
        ? {
            code: 'NO_SPACE',
            message: `no space left for ${path}`,
            hint: 'free space, or fetch it elsewhere',
          }
        : {code: 'IO_ERROR', message: `cannot write ${path}: ${message}`},
      error,
    )
  }
}

/** A stream that others read already: what is written cannot be taken back. */
export function streamSink(stream: Writable): ByteSink {
  return {
    canRestart: false,
    write: async (chunk) => {
      if (!stream.write(chunk)) await once(stream, 'drain')
    },
    finish: async () => undefined,
    discard: async () => undefined,
  }
}

/** Bytes kept in memory, in `chunks`: for objects whose size is known to be small. */
export function memorySink(chunks: Uint8Array[]): ByteSink {
  return {
    canRestart: true,
    write: async (chunk) => void chunks.push(chunk),
    finish: async () => undefined,
    discard: async () => void chunks.splice(0),
  }
}
