/**
 * Runs one script on a host: the script arrives whole, its sha256 is checked there, and only then
 * does anything run. What it needs follows on the same standard input as frames of known length, so
 * that nothing depends on an end of file. Secrets travel here and nowhere else.
 */

import {Readable} from 'node:stream'
import {AisError} from '../../base/errors.ts'
import type {Host, HostResult} from './host.ts'
import {hostScript} from '../payload/package-root.ts'
import {sha256} from './manifest.ts'

/** Bytes of one frame, as they travel. */
export interface Frame {
  readonly kind: 'entries' | 'blob'
  /** Of the bytes after unpacking. */
  readonly sha256: string
  readonly encoding: 'plain' | 'zstd' | 'gzip'
  /** Of the bytes that travel. */
  readonly packedSha256: string
  readonly length: number
  open(): Readable | Uint8Array | string
}

/** What is sent to hosts, by the names of files beside this one. */
export type HostScript = `${string}.sh`

export interface ScriptRun {
  readonly script: HostScript
  readonly args?: readonly string[]
  readonly frames?: readonly Frame[]
  /** Plain lines after the script instead of frames. */
  readonly lines?: readonly string[]
  /** What is said to the script while it runs, instead of the `end` after frames. */
  readonly follow?: Readable
  readonly timeoutMs?: number
  readonly asRoot?: boolean
  onLine?(line: string, stream: 'stdout' | 'stderr'): void
}

/** Scripts that change hosts: lock and journal come before them. */
const CHANGING: readonly HostScript[] = [
  'apply.sh',
  'activate.sh',
  'lock.sh',
  'mend.sh',
  'destroy.sh',
]
/** Word for work that belongs to no run. */
const OUTSIDE = '-'
const STAGE_FAILED = 91
const SCRIPT_DAMAGED = 92
/** $1 length and $2 sha256 of the script, $3 the run that it belongs to, then its arguments. */
const BOOT = [
  'umask 077',
  'STAGE=$(mktemp -d /var/tmp/aisctl.XXXXXXXXXX) || exit 91',
  `trap 'rm -rf -- "$STAGE"' EXIT HUP INT TERM`,
  'head -c "$1" >"$STAGE/script" || exit 91',
  '[ "$(sha256sum <"$STAGE/script")" = "$2  -" ] || exit 92',
  'RUN=$3',
  'shift 3',
  'export STAGE RUN',
  'sh "$STAGE/script" "$@"',
].join('\n')

/**
 * Runs it and gives its result, whatever the status. @throws AisError when the host cannot be
 * reached.
 */
export async function runScript(host: Host, run: ScriptRun): Promise<HostResult> {
  const text = textOf(run.script)
  const words = [String(text.length), sha256(text), host.runId ?? OUTSIDE]
  const result = await host.run({
    argv: ['sh', '-c', BOOT, 'aisctl', ...words, ...(run.args ?? [])],
    input: Readable.from(stdinOf(text, run), {objectMode: false}),
    asRoot: run.asRoot ?? true,
    ...(run.timeoutMs === undefined ? {} : {timeoutMs: run.timeoutMs}),
    ...(run.onLine === undefined ? {} : {onLine: run.onLine}),
  })
  if (result.status === STAGE_FAILED) {
    throw commandError(host, run.script, result, 'could not write to /var/tmp; is the disk full?')
  }
  if (result.status === SCRIPT_DAMAGED) {
    throw commandError(host, run.script, result, 'did not arrive whole; nothing was run')
  }
  return result
}

function textOf(script: HostScript): Buffer {
  const text = hostScript(script)
  return CHANGING.includes(script) ? Buffer.concat([hostScript('journal.sh'), text]) : text
}

/** The one place that words the failure of a command on a host. */
export function commandError(host: Host, what: string, result: HostResult, why: string): AisError {
  const last = result.stderr.trim().split('\n').slice(-3).join(' · ')
  return new AisError({
    code: 'HOST_COMMAND',
    message: `${host.name}: ${what}: ${why}${last === '' ? '' : ` (${last})`}`,
    details: {host: host.name, status: result.status, stderr: result.stderr.slice(-2000)},
  })
}

async function* stdinOf(script: Uint8Array, run: ScriptRun): AsyncGenerator<Uint8Array> {
  yield script
  for (const line of run.lines ?? []) yield Buffer.from(`${line}\n`)
  for (const frame of run.frames ?? []) {
    const {kind, length, sha256: hash, encoding, packedSha256} = frame
    yield Buffer.from(`${kind} ${length} ${hash} ${encoding} ${packedSha256}\n`)
    const body = frame.open()
    if (body instanceof Readable) {
      for await (const chunk of body) yield chunk as Uint8Array
    } else {
      yield Buffer.from(body)
    }
  }
  if (run.follow === undefined) yield Buffer.from('end\n')
  else for await (const chunk of run.follow) yield chunk as Uint8Array
}
