/**
 * What a deploy would do, as lines for people and as hashes for a plan that is kept: per step the
 * hash of exactly the facts that it read, and of what it wants. Bytes of payload and secrets are in
 * neither; a secret appears as its name and the start of its hash.
 */

import {formatSize} from '../../base/units.ts'
import type {ApplyReport, EntryReport} from '../host/apply.ts'
import {sha256, type Manifest, type ManifestEntry} from '../host/manifest.ts'
import {lineDiff} from '../line-diff.ts'

/** A step as it is kept. */
export interface PlannedStep {
  readonly id: string
  readonly host?: string
  /** Hash of what was read. */
  readonly facts: string
  /** Hash of what is wanted. */
  readonly wants: string
  /** What would be done, one line each, without bytes. */
  readonly lines: readonly string[]
}

/** What one host would become. */
export interface HostChanges {
  readonly host: string
  /** With the bytes of texts that differ. */
  readonly lines: readonly string[]
}

/** Characters of a hash that name a secret: enough to tell two keys apart. */
const KEY_ID_CHARS = 12

export function plannedHost(manifest: Manifest, report: ApplyReport): PlannedStep {
  const facts = report.entries.map(({type, path, state, have = ''}) => [type, path, state, have])
  return {
    id: `${report.host}/install`,
    host: report.host,
    facts: hashOf([facts, [...report.pending]]),
    wants: hashOf(manifest.entries),
    lines: [
      ...differing(manifest, report).map(([entry, found]) => headOf(entry, found)),
      ...restartsOf(manifest, report).map((unit) => `restart ${unit}`),
    ],
  }
}

/** The same for people, with the bytes. */
export function changesOf(manifest: Manifest, report: ApplyReport): HostChanges {
  const lines = differing(manifest, report).flatMap(([entry, found]) => [
    headOf(entry, found),
    ...bodyOf(entry, found).map((line) => `  ${line}`),
  ])
  return {host: report.host, lines}
}

/** Lines that say how two renderings of a plan differ; empty: they do not. */
export function planDifferences(
  planned: readonly PlannedStep[],
  now: readonly PlannedStep[],
): readonly string[] {
  const ids = [...new Set([...planned, ...now].map(({id}) => id))]
  return ids.flatMap((id) => {
    const before = planned.find((step) => step.id === id)
    const after = now.find((step) => step.id === id)
    if (before === undefined) return [`${id}: was not part of the plan`]
    if (after === undefined) return [`${id}: is not needed any more`]
    if (before.facts === after.facts && before.wants === after.wants) return []
    const lines = lineDiff(before.lines.join('\n'), after.lines.join('\n'))
    const why = before.wants === after.wants ? 'the host has changed' : 'other things are wanted'
    return [`${id}: ${why}`, ...lines.map((line) => `  ${line}`)]
  })
}

/** Units that would be restarted. */
export function restartsOf(manifest: Manifest, report: ApplyReport): readonly string[] {
  const wanted = differing(manifest, report).flatMap(([entry]) => entry.restart)
  return [...new Set([...report.pending, ...wanted])].toSorted()
}

function differing(manifest: Manifest, report: ApplyReport): [ManifestEntry, EntryReport][] {
  return manifest.entries.flatMap((entry): [ManifestEntry, EntryReport][] => {
    const found = report.entries.find(({type, path}) => type === entry.type && path === entry.path)
    return found?.state === 'changed' || found?.state === 'deferred' ? [[entry, found]] : []
  })
}

function headOf(entry: ManifestEntry, {have = ''}: EntryReport): string {
  const {type, path, mode, owner, value} = entry
  const wanted = [mode, owner, value].filter((word) => word !== undefined).join(' ')
  const what = entry.secretRef === undefined ? shortHash(entry) : keyId(entry)
  const from =
    have === ''
      ? 'new'
      : `is ${have.replace(/[0-9a-f]{64}/, (hash) => hash.slice(0, KEY_ID_CHARS))}`
  return [type, path, wanted, what, `(${from})`].filter((word) => word !== '').join(' ')
}

function shortHash({sha256: hash}: ManifestEntry): string {
  return hash === undefined ? '' : hash.slice(0, KEY_ID_CHARS)
}

function keyId({secretRef = '', sha256: hash = ''}: ManifestEntry): string {
  return `secret ${secretRef}, key id ${hash.slice(0, KEY_ID_CHARS)}`
}

function bodyOf(entry: ManifestEntry, {have = '', text = ''}: EntryReport): readonly string[] {
  if (entry.type !== 'file' || entry.content === undefined) return []
  if (have !== '' && text === '') return [`(long; ${formatSize(entry.content.length)} come)`]
  return lineDiff(text, entry.content)
}

function hashOf(value: unknown): string {
  return sha256(JSON.stringify(value))
}
