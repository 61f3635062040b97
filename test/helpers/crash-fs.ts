/**
 * A filesystem in memory behind the store's port that forgets like a real one: what was not fsynced
 * may be gone after a crash, file contents and directory entries each on their own. It can stop at
 * any call, and fail any call with any error.
 */

import type {DirectoryEntry, Done, Fd, FileStat, Fs, OpenMode} from '../../src/node/store/fs/fs.ts'

interface FileNode {
  readonly kind: 'file'
  readonly ino: number
  data: Buffer
  /** What is on the disk for sure. */
  durable: Buffer
}

interface DirectoryNode {
  readonly kind: 'directory'
  readonly ino: number
  entries: Map<string, Node>
  durable: Map<string, Node>
}

type Node = FileNode | DirectoryNode

/** What survives a crash besides what was fsynced. */
export type Survival =
  /** Nothing: the worst disk. */
  | 'synced'
  /** Everything: the process died, the kernel did not. */
  | 'all'
  /** Entries but not contents: renames overtake data. */
  | 'entries'
  /** Contents but not entries. */
  | 'contents'

export const SURVIVALS: readonly Survival[] = ['synced', 'all', 'entries', 'contents']

export interface CrashFs extends Fs {
  /** Calls so far. */
  readonly calls: () => number
  /** Files and folders flushed so far. */
  readonly flushes: () => number
  /** From this call on, counted from now, everything fails as if the process were gone. */
  readonly stopAfter: (calls: number) => void
  /** This call, counted from now, and `times - 1` after it, fail with the error code. */
  readonly failAfter: (calls: number, code: string, times?: number) => void
  readonly stopped: () => boolean
  /** The process died and nothing else: what was not fsynced is there to read, and still may go. */
  readonly restart: () => CrashFs
  /** The filesystem that the next process finds. */
  readonly crash: (survival: Survival) => CrashFs
  /** Damages a byte of a file. */
  readonly rot: (path: string, position: number) => void
  readonly files: (path: string) => readonly string[]
}

/** @param mounts directories that are filesystems of their own */
export function createCrashFs(mounts: readonly string[]): CrashFs {
  const root = directory(1)
  const fs = build(root, mounts)
  for (const path of mounts) makeAll(root, path)
  return fs
}

function directory(ino: number): DirectoryNode {
  return {kind: 'directory', ino, entries: new Map(), durable: new Map()}
}

function makeAll(root: DirectoryNode, path: string): void {
  let at = root
  for (const name of path.split('/').filter((part) => part !== '')) {
    const next = at.entries.get(name) ?? directory(at.ino * 31 + name.length)
    at.entries.set(name, next)
    at.durable.set(name, next)
    if (next.kind === 'directory') at = next
  }
}

function failure(code: string, syscall: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${syscall} ${path}`), {code, syscall})
}

function build(root: DirectoryNode, mounts: readonly string[]): CrashFs {
  const open = new Map<Fd, {node: Node; path: string}>()
  let nextFd = 3
  let nextIno = 1000
  let calls = 0
  let flushes = 0
  let stopAt = Number.POSITIVE_INFINITY
  let failFrom = Number.POSITIVE_INFINITY
  let failTo = 0
  let failCode = ''

  function count(syscall: string, path: string): void {
    calls += 1
    if (calls >= stopAt) throw failure('ESTOPPED', syscall, path)
    if (calls >= failFrom && calls < failTo) throw failure(failCode, syscall, path)
  }

  function find(path: string): Node | undefined {
    let at: Node = root
    for (const name of path.split('/').filter((part) => part !== '')) {
      const next: Node | undefined = at.kind === 'directory' ? at.entries.get(name) : undefined
      if (next === undefined) return undefined
      at = next
    }
    return at
  }

  function parentOf(path: string, syscall: string): {parent: DirectoryNode; name: string} {
    const slash = path.lastIndexOf('/')
    const parent = find(path.slice(0, slash))
    if (parent?.kind !== 'directory') throw failure('ENOENT', syscall, path)
    return {parent, name: path.slice(slash + 1)}
  }

  function need(path: string, syscall: string): Node {
    const node = find(path)
    if (node === undefined) throw failure('ENOENT', syscall, path)
    return node
  }

  function opened(fd: Fd, syscall: string): {node: Node; path: string} {
    const found = open.get(fd)
    if (found === undefined) throw failure('EBADF', syscall, String(fd))
    return found
  }

  function fileOf(fd: Fd, syscall: string): FileNode {
    const {node, path} = opened(fd, syscall)
    if (node.kind !== 'file') throw failure('EISDIR', syscall, path)
    return node
  }

  function statOf(node: Node, path: string): FileStat {
    const mount = mounts.findLastIndex((one) => path === one || path.startsWith(`${one}/`))
    const sizeBytes = node.kind === 'file' ? node.data.byteLength : 0
    // Time stands still here: everything was changed just now.
    return {kind: node.kind, sizeBytes, mtimeMs: Infinity, dev: mount + 2, ino: node.ino}
  }

  function write(fd: Fd, bytes: Uint8Array, position: number): void {
    const file = fileOf(fd, 'write')
    const size = Math.max(file.data.byteLength, position + bytes.byteLength)
    const data = Buffer.alloc(size)
    file.data.copy(data)
    data.set(bytes, position)
    file.data = data
  }

  function makeDurable(fd: Fd): void {
    flushes += 1
    const {node} = opened(fd, 'fsync')
    if (node.kind === 'file') node.durable = node.data
    else node.durable = new Map(node.entries)
  }

  /** Runs a call that waits for a device; nobody hears of it when the process is gone. */
  function later(syscall: string, perform: () => void, done: Done): void {
    setImmediate(() => {
      try {
        count(syscall, '')
        perform()
      } catch (error) {
        if (calls < stopAt) done(error as NodeJS.ErrnoException)
        return
      }
      done(null)
    })
  }

  return {
    open: (path, mode) => {
      count('open', path)
      const node = openNode(path, mode)
      const fd = nextFd++
      open.set(fd, {node, path})
      return fd
    },
    close: (fd) => {
      count('close', '')
      opened(fd, 'close')
      open.delete(fd)
    },
    stat: (path) => {
      count('stat', path)
      return statOf(need(path, 'stat'), path)
    },
    isFile: (path) => {
      count('stat', path)
      return find(path)?.kind === 'file'
    },
    fstat: (fd) => {
      count('fstat', '')
      const {node, path} = opened(fd, 'fstat')
      return statOf(node, path)
    },
    read: (fd, into, length, position) => {
      count('read', '')
      const part = fileOf(fd, 'read').data.subarray(position, position + length)
      into.set(part)
      return part.byteLength
    },
    write: (fd, bytes, position) => {
      count('write', '')
      write(fd, bytes, position)
    },
    truncate: (fd, sizeBytes) => {
      count('truncate', '')
      const file = fileOf(fd, 'truncate')
      file.data = Buffer.from(file.data.subarray(0, sizeBytes))
    },
    rename: (from, to) => {
      count('rename', from)
      const node = need(from, 'rename')
      const source = parentOf(from, 'rename')
      const target = parentOf(to, 'rename')
      source.parent.entries.delete(source.name)
      target.parent.entries.set(target.name, node)
    },
    unlink: (path) => {
      count('unlink', path)
      need(path, 'unlink')
      const {parent, name} = parentOf(path, 'unlink')
      parent.entries.delete(name)
    },
    mkdir: (path) => {
      count('mkdir', path)
      const {parent, name} = parentOf(path, 'mkdir')
      if (parent.entries.has(name)) throw failure('EEXIST', 'mkdir', path)
      parent.entries.set(name, directory(nextIno++))
    },
    rmdir: (path) => {
      count('rmdir', path)
      const {parent, name} = parentOf(path, 'rmdir')
      parent.entries.delete(name)
    },
    list: (path) => {
      count('readdir', path)
      const node = need(path, 'readdir')
      if (node.kind !== 'directory') throw failure('ENOTDIR', 'readdir', path)
      return [...node.entries].map(([name, entry]): DirectoryEntry => ({name, kind: entry.kind}))
    },
    space: () => ({totalBytes: 1e12, availableBytes: 1e12}),
    pin: (path) => path,
    unpin: () => undefined,
    within: (work) => work(),
    probe: (path, done) => later('fsync', () => need(path.replace(/\/[^/]+$/, ''), 'open'), done),
    completed: () => null,
    filesystemUuid: () => '',
    syncNow: (fd) => {
      count('fsync', '')
      makeDurable(fd)
    },
    sync: (fd, done) => later('fsync', () => makeDurable(fd), done),
    readLater: (fd, into, position, done) => {
      let read = 0
      const perform = (): void => {
        const part = fileOf(fd, 'read').data.subarray(position, position + into.byteLength)
        into.set(part)
        read = part.byteLength
      }
      later('read', perform, (error) => done(error, read))
    },
    writeLater: (fd, buffers, position, done) =>
      later('write', () => write(fd, Buffer.concat(buffers), position), done),
    calls: () => calls,
    flushes: () => flushes,
    stopAfter: (more) => {
      stopAt = calls + more
    },
    failAfter: (more, code, times = 1) => {
      failFrom = calls + more
      failTo = failFrom + times
      failCode = code
    },
    stopped: () => calls >= stopAt,
    restart: () => build(root, mounts),
    crash: (survival) => build(survivor(root, survival, new Map()), mounts),
    rot: (path, position) => {
      const node = find(path)
      if (node?.kind !== 'file') throw failure('ENOENT', 'rot', path)
      node.data = Buffer.from(node.data)
      node.data[position] = (node.data[position] ?? 0) ^ 0x40
    },
    files: (path) => filesBelow(find(path), path),
  }

  function openNode(path: string, mode: OpenMode): Node {
    if (mode !== 'create') {
      const node = need(path, 'open')
      if ((node.kind === 'directory') !== (mode === 'directory')) {
        throw failure('EISDIR', 'open', path)
      }
      return node
    }
    const {parent, name} = parentOf(path, 'open')
    if (parent.entries.has(name)) throw failure('EEXIST', 'open', path)
    const node: FileNode = {
      kind: 'file',
      ino: nextIno++,
      data: Buffer.alloc(0),
      durable: Buffer.alloc(0),
    }
    parent.entries.set(name, node)
    return node
  }
}

function survivor<T extends Node>(node: T, survival: Survival, seen: Map<Node, Node>): T {
  const known = seen.get(node)
  if (known !== undefined) return known as T
  if (node.kind === 'file') {
    const data = survival === 'all' || survival === 'contents' ? node.data : node.durable
    const file: FileNode = {kind: 'file', ino: node.ino, data, durable: data}
    seen.set(node, file)
    return file as T
  }
  const copy = directory(node.ino)
  seen.set(node, copy)
  const entries = survival === 'all' || survival === 'entries' ? node.entries : node.durable
  for (const [name, entry] of entries) {
    const kept = survivor(entry, survival, seen)
    copy.entries.set(name, kept)
    copy.durable.set(name, kept)
  }
  return copy as T
}

function filesBelow(node: Node | undefined, path: string): readonly string[] {
  if (node === undefined) return []
  if (node.kind === 'file') return [path]
  return [...node.entries].flatMap(([name, entry]) => filesBelow(entry, `${path}/${name}`))
}
