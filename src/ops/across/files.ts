/**
 * `aisctl host push` and `pull`: one file to many hosts or from many. It arrives whole, compared by
 * its sha256, or not at all: what stood there before stays until then.
 */

import {createHash} from 'node:crypto'
import {
  closeSync,
  createReadStream,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import {writeSync} from 'node:fs'
import {basename, join} from 'node:path'
import {AisError} from '../../base/errors.ts'
import type {Fleet} from '../fleet.ts'
import type {Host} from '../host/host.ts'
import {commandError} from '../host/script.ts'
import {onHosts, type OnHost} from './hosts.ts'

/** A file of this size over a slow line. */
const FILE_TIMEOUT_MS = 30 * 60_000
/** Characters of base64 on one line: less than a line that is handed on in pieces. */
const LINE_CHARACTERS = 32_000

/** $1 bytes, $2 sha256, $3 path, $4 mode, $5 owner. */
const PUSH = [
  'set -u; umask 077',
  '[ ! -d "$3" ] || { echo "$3 is a directory: name the file" >&2; exit 1; }',
  'new=$(mktemp "$3.aisctl.XXXXXX") || exit 1',
  `trap 'rm -f -- "$new"' EXIT HUP INT TERM`,
  'head -c "$1" >"$new" || exit 1',
  '[ "$(sha256sum <"$new")" = "$2  -" ] || { echo "it did not arrive whole" >&2; exit 1; }',
  'chmod -- "$4" "$new" && chown -- "$5" "$new" && sync -- "$new" && mv -fT -- "$new" "$3"',
].join('\n')

/** $1 path, $2 characters of a line. */
const PULL = [
  'set -u',
  '[ -f "$1" ] || { echo "$1 is no file" >&2; exit 1; }',
  'printf "size %s\\n" "$(stat -L -c %s -- "$1")"',
  'base64 -w "$2" -- "$1" || exit 1',
  'printf "sha256 %s\\n" "$(sha256sum <"$1" | cut -d" " -f1)"',
].join('\n')

export interface Moved {
  readonly path: string
  readonly bytes: number
}

export interface PushOptions {
  readonly hosts: readonly string[]
  readonly file: string
  /** Absolute, on the hosts. */
  readonly path: string
  /** Octal, as `0644`. */
  readonly mode: string
  readonly owner: string
  readonly parallel: number
}

export async function pushToHosts(
  fleet: Fleet,
  options: PushOptions,
): Promise<readonly OnHost<Moved>[]> {
  requireAbsolute(options.path)
  const {size} = statOf(options.file)
  const sha256 = await hashOf(options.file)
  return onHosts(fleet, options.hosts, {
    parallel: options.parallel,
    work: async (host) => {
      const words = [String(size), sha256, options.path, options.mode, options.owner]
      const result = await host.run({
        argv: ['sh', '-c', PUSH, 'aisctl', ...words],
        input: createReadStream(options.file),
        timeoutMs: FILE_TIMEOUT_MS,
      })
      if (result.status === 0) return {path: options.path, bytes: size}
      throw commandError(host, `push to ${options.path}`, result, 'nothing was changed')
    },
  })
}

export interface PullOptions {
  readonly hosts: readonly string[]
  /** Absolute, on the hosts. */
  readonly path: string
  /** Each host gets a directory in it. */
  readonly directory: string
  readonly parallel: number
}

export async function pullFromHosts(
  fleet: Fleet,
  {hosts, path, directory, parallel}: PullOptions,
): Promise<readonly OnHost<Moved>[]> {
  requireAbsolute(path)
  return onHosts(fleet, hosts, {parallel, work: (host) => pullFrom(host, path, directory)})
}

async function pullFrom(host: Host, path: string, directory: string): Promise<Moved> {
  const folder = join(directory, host.name)
  mkdirSync(folder, {recursive: true})
  const target = join(folder, basename(path))
  const partial = `${target}.aisctl`
  const file = openSync(partial, 'w', 0o600)
  const hash = createHash('sha256')
  const said = {size: -1, sha256: ''}
  let bytes = 0
  try {
    const result = await host.run({
      argv: ['sh', '-c', PULL, 'aisctl', path, String(LINE_CHARACTERS)],
      timeoutMs: FILE_TIMEOUT_MS,
      onLine: (line, stream) => {
        if (stream === 'stderr') return
        const [word = '', value = ''] = line.split(' ')
        if (word === 'size') said.size = Number(value)
        else if (word === 'sha256') said.sha256 = value
        else {
          const chunk = Buffer.from(line, 'base64')
          hash.update(chunk)
          bytes += writeSync(file, chunk)
        }
      },
    })
    const whole = bytes === said.size && hash.digest('hex') === said.sha256
    if (result.status !== 0 || !whole) {
      const why = result.status === 0 ? 'it changed while it was read' : 'it cannot be read'
      throw commandError(host, `pull of ${path}`, {...result, stdout: ''}, why)
    }
    renameSync(partial, target)
    return {path: target, bytes}
  } finally {
    closeSync(file)
    rmSync(partial, {force: true})
  }
}

function requireAbsolute(path: string): void {
  if (path.startsWith('/') && !path.endsWith('/')) return
  throw new AisError({
    code: 'USAGE',
    message: `${path} is no absolute path of a file`,
    hint: 'name the file as it is on the hosts: /etc/aisnode/target.json',
  })
}

function statOf(file: string): {readonly size: number} {
  const found = statSync(file, {throwIfNoEntry: false})
  if (found?.isFile() === true) return found
  throw new AisError({
    code: 'NOT_FOUND',
    message: `${file} is no file here`,
    hint: 'one file at a time; pack a directory first: tar -czf FILE DIRECTORY',
  })
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk as Uint8Array)
  return hash.digest('hex')
}
