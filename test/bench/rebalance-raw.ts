/**
 * The peer of a rebalance: one process sends files over one TCP connection, another writes each to
 * a work file, flushes, renames, flushes the folder, and acknowledges. Flushes are shared and run
 * beside each other as a target's are. No HTTP, no checksum, no placement, one folder.
 *
 * As a program: `rebalance-raw.ts receive DIRECTORY` says its port; `rebalance-raw.ts send
 * DIRECTORY PORT` says how long all of the directory's files took, in ms.
 */

import {spawn, type ChildProcess} from 'node:child_process'
import {
  closeSync,
  fsync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  write,
  writeSync,
} from 'node:fs'
import {readFile} from 'node:fs/promises'
import {connect, createServer, type AddressInfo, type Socket} from 'node:net'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {promisify} from 'node:util'

/** As many as a target with the playground's two mountpaths. */
const FLUSHES_MAX = 8
/** Up to here files are written at once, as a target does. */
const SMALL_BYTES = 1024 * 1024
/** Held by the receiver; beyond, it reads no further. */
const HELD_BYTES_MAX = 64 * 1024 * 1024
const FILES_HELD_MAX = 256
const HEAD_BYTES = 8

export interface RawMove {
  /** Holds the files; what is received stays beside it: see `spreadOut`. */
  readonly directory: string
  readonly files: number
  readonly sizeBytes: number
}

/** Writes the files that are to be sent. */
export function makeRawFiles({directory, files, sizeBytes}: RawMove, body: Uint8Array): void {
  mkdirSync(directory, {recursive: true})
  for (let number = 0; number < files; number += 1) {
    const fd = openSync(join(directory, `file-${number}`), 'wx')
    writeSync(fd, body, 0, sizeBytes)
    closeSync(fd)
  }
}

let rounds = 0

/** Seconds from the first byte sent to the last acknowledgement. */
export async function runRawMove({directory}: RawMove): Promise<number> {
  rounds += 1
  const copies = `${directory}-copies-${rounds}`
  mkdirSync(copies)
  const receiver = start('receive', copies)
  try {
    const port = await lineOf(receiver)
    const ms = Number(await lineOf(start('send', directory, port)))
    return ms / 1000
  } finally {
    receiver.kill()
  }
}

function start(...args: readonly string[]): ChildProcess {
  const env = {...process.env, UV_THREADPOOL_SIZE: String(2 * FLUSHES_MAX)}
  const stdio: ['ignore', 'pipe', 'inherit'] = ['ignore', 'pipe', 'inherit']
  return spawn(process.execPath, [fileURLToPath(import.meta.url), ...args], {env, stdio})
}

function lineOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.stdout?.once('data', (bytes: Buffer) => resolve(bytes.toString().trim()))
    child.once('exit', (status) => reject(new Error(`the raw mover ended with ${status}`)))
    child.once('error', reject)
  })
}

/** Sends every file: length and number of the file, then its bytes; waits for all to be durable. */
async function send(directory: string, port: number): Promise<number> {
  const names = readdirSync(directory)
  // All are of one size; for a small one a trip through the pool costs more than the call.
  const isSmall = statSync(join(directory, names[0] ?? '')).size <= SMALL_BYTES
  const socket = connect({port, host: '127.0.0.1', noDelay: true})
  await new Promise((resolve) => socket.once('connect', resolve))
  const startMs = performance.now()
  let acknowledged = 0
  const done = new Promise<void>((resolve, reject) => {
    socket.on('data', (bytes) => {
      acknowledged += bytes.byteLength
      if (acknowledged === names.length) resolve()
    })
    socket.once('error', reject)
  })
  for (const [number, name] of names.entries()) {
    const path = join(directory, name)
    const content = isSmall ? readFileSync(path) : await readFile(path)
    const head = Buffer.allocUnsafe(HEAD_BYTES)
    head.writeUInt32LE(content.byteLength, 0)
    head.writeUInt32LE(number, 4)
    socket.write(head)
    if (!socket.write(content)) await new Promise((resolve) => socket.once('drain', resolve))
  }
  await done
  socket.destroy()
  return performance.now() - startMs
}

interface Incoming {
  readonly number: number
  readonly content: Buffer
  filled: number
}

const later = {write: promisify(write), fsync: promisify(fsync)}

function receive(directory: string): void {
  const folder = openSync(directory, 'r')
  const flush = createGate(FLUSHES_MAX)
  let folderFlush: Promise<void> | null = null
  let heldBytes = 0
  let heldFiles = 0

  async function store({number, content}: Incoming, socket: Socket): Promise<void> {
    heldBytes += content.byteLength
    heldFiles += 1
    if (isFull()) socket.pause()
    const work = join(directory, `.work-${number}`)
    const fd = openSync(work, 'wx')
    if (content.byteLength <= SMALL_BYTES) writeSync(fd, content)
    else await later.write(fd, content, 0, content.byteLength, 0)
    await flush(() => later.fsync(fd))
    closeSync(fd)
    renameSync(work, join(directory, `file-${number}`))
    folderFlush ??= shareFolderFlush()
    await folderFlush
    heldBytes -= content.byteLength
    heldFiles -= 1
    if (!isFull()) socket.resume()
    socket.write('.')
  }

  /** Whoever has renamed before the call begins shares it. */
  async function shareFolderFlush(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    await flush(() => {
      folderFlush = null
      return later.fsync(folder)
    })
  }

  function isFull(): boolean {
    return heldBytes >= HELD_BYTES_MAX || heldFiles >= FILES_HELD_MAX
  }

  const server = createServer((socket) => {
    const push = createParser((incoming) => {
      store(incoming, socket).catch((error: unknown) => socket.destroy(error as Error))
    })
    socket.on('data', push)
    socket.on('error', () => process.exit(1))
  })
  server.listen(0, '127.0.0.1', () => {
    process.stdout.write(`${(server.address() as AddressInfo).port}\n`)
  })
}

/** Calls the function with each whole file. */
function createParser(whole: (incoming: Incoming) => void): (bytes: Buffer) => void {
  const head = Buffer.alloc(HEAD_BYTES)
  let headFilled = 0
  let current: Incoming | null = null
  return (bytes) => {
    let at = 0
    while (at < bytes.byteLength) {
      if (current === null) {
        const count = bytes.copy(head, headFilled, at)
        headFilled += count
        at += count
        if (headFilled < HEAD_BYTES) return
        headFilled = 0
        const content = Buffer.allocUnsafe(head.readUInt32LE(0))
        current = {number: head.readUInt32LE(4), content, filled: 0}
      }
      const count = bytes.copy(current.content, current.filled, at)
      current.filled += count
      at += count
      if (current.filled < current.content.byteLength) return
      whole(current)
      current = null
    }
  }
}

/** Runs a few at a time, the others in line. */
function createGate(most: number): (run: () => Promise<void>) => Promise<void> {
  const waiting: (() => void)[] = []
  let inside = 0
  return async (run) => {
    if (inside >= most) await new Promise<void>((resolve) => waiting.push(resolve))
    else inside += 1
    try {
      await run()
    } finally {
      const next = waiting.shift()
      if (next === undefined) inside -= 1
      else next()
    }
  }
}

const [, , role, directory = '', port = ''] = process.argv
if (role === 'receive') receive(directory)
if (role === 'send') process.stdout.write(`${await send(directory, Number(port))}\n`)
