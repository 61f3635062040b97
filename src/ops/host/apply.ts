/**
 * Brings one host to its manifest over one exec: entries as lines that a POSIX shell can read, the
 * bytes that the host lacks as frames, and the script's report back as data.
 */

import {AisError} from '../../base/errors.ts'
import type {Host} from './host.ts'
import type {Manifest, ManifestEntry} from './manifest.ts'
import {sha256} from './manifest.ts'
import {parseJsonObject} from './output.ts'
import {commandError, runScript, type Frame} from './script.ts'

/** A runtime of 40 MB over a slow line, unpacked on a slow disk. */
const APPLY_TIMEOUT_MS = 15 * 60_000

export type EntryState = 'same' | 'changed' | 'deferred' | 'missing' | 'not-applicable'

export interface EntryReport {
  readonly type: string
  readonly path: string
  readonly state: EntryState
  /** What is there instead, when it was asked for and differs; '': nothing. */
  readonly have?: string
  /** The text of a file that differs, when it is neither secret nor payload nor long. */
  readonly text?: string
}

/** What a host said about its manifest. */
export interface ApplyReport {
  readonly host: string
  readonly entries: readonly EntryReport[]
  /** Running units that must restart before they use what is on disk. */
  readonly pending: readonly string[]
  /** Entries that were (or, when checking, would be) changed. */
  readonly changed: number
}

export interface ApplyOptions {
  /** `check` and `diff` write nothing; `diff` tells what is there. */
  readonly mode: 'apply' | 'check' | 'diff'
  /** Frames for payload that the host lacks: runtime, bundle. */
  readonly payload: readonly Frame[]
  /** Secrets by name; each travels as a frame and nowhere else. */
  readonly secrets: Readonly<Record<string, string>>
  /** Put before every path; tests only. */
  readonly root?: string
}

/**
 * @throws AisError HOST_COMMAND with the script's own reason; what was done before it stays done
 */
export async function applyManifest(
  host: Host,
  manifest: Pick<Manifest, 'host' | 'entries'>,
  options: ApplyOptions,
): Promise<ApplyReport> {
  const result = await runScript(host, {
    script: 'apply.sh',
    args: [options.mode, options.root ?? host.root ?? ''],
    frames: [
      ...options.payload,
      ...contentFrames(manifest, options.secrets),
      textFrame('entries', entryLines(manifest.entries)),
    ],
    timeoutMs: APPLY_TIMEOUT_MS,
  })
  const report = parseReport(manifest.host, result.stdout)
  if (typeof report !== 'string') return report
  throw commandError(host, 'apply.sh', result, report)
}

/** Whether a host refused because a file was not sent; nothing was changed there. */
export function isContentMissing(error: AisError): boolean {
  return error.code === 'HOST_COMMAND' && error.message.includes('did not arrive')
}

/**
 * Entries as apply.sh reads them: `type|path|mode|owner|sha256|restart|scope|value`, "-" for none.
 */
export function entryLines(entries: readonly ManifestEntry[]): string {
  return entries.map((entry) => `${entryFields(entry).join('|')}\n`).join('')
}

/** The report, or the reason of the failure. */
export function parseReport(host: string, stdout: string): ApplyReport | string {
  const entries: EntryReport[] = []
  const pending: string[] = []
  let done = false
  for (const line of stdout.split('\n')) {
    const value = parseJsonObject(line)
    if (value === undefined) continue
    if (typeof value['error'] === 'string') return value['error']
    if (typeof value['pending'] === 'string') pending.push(value['pending'])
    else if (value['done'] === true) done = true
    else entries.push(entryReport(value))
  }
  if (!done) return 'ended before its work was done'
  const changed = entries.filter(({state}) => state === 'changed' || state === 'deferred').length
  return {host, entries, pending, changed}
}

function entryFields(entry: ManifestEntry): string[] {
  const fields = [
    entry.type,
    entry.path,
    entry.mode ?? '-',
    entry.owner ?? '-',
    entry.sha256 ?? '-',
    entry.restart.length === 0 ? '-' : entry.restart.join(','),
    entry.scope ?? '-',
    valueOf(entry),
  ]
  if (fields.some((field) => field === '' || /[|\n]/.test(field))) {
    throw new AisError({code: 'BAD_CONFIG', message: `${entry.path}: "|" cannot be part of it`})
  }
  return fields
}

function entryReport(value: Record<string, unknown>): EntryReport {
  const report = value as unknown as EntryReport
  if (report.text === undefined) return report
  return {...report, text: Buffer.from(report.text, 'base64').toString('utf8')}
}

/** Of a file it says what must not be shown of it. */
function valueOf(entry: ManifestEntry): string {
  if (entry.secretRef !== undefined) return 'secret'
  return isPayload(entry) ? 'payload' : (entry.value ?? '-')
}

/** A file whose bytes are neither in the manifest nor a secret. */
function isPayload(entry: ManifestEntry): boolean {
  return entry.type === 'file' && entry.content === undefined && entry.secretRef === undefined
}

function contentFrames(
  manifest: Pick<Manifest, 'entries'>,
  secrets: Readonly<Record<string, string>>,
): readonly Frame[] {
  const texts = new Map<string, string>()
  for (const entry of manifest.entries) {
    const text = entry.secretRef === undefined ? entry.content : secrets[entry.secretRef]
    if (text !== undefined && entry.sha256 !== undefined) texts.set(entry.sha256, text)
  }
  return [...texts.values()].map((text) => textFrame('blob', text))
}

function textFrame(kind: Frame['kind'], text: string): Frame {
  const bytes = Buffer.from(text)
  const hash = sha256(bytes)
  return {
    kind,
    sha256: hash,
    encoding: 'plain',
    packedSha256: hash,
    length: bytes.length,
    open: () => bytes,
  }
}
