/** What lies where in a bundle, and its own description: one place for writing and reading it. */

import {AisError} from '../../base/errors.ts'
import {parseJsonObject} from '../host/output.ts'
import type {ReleaseFact, RuntimeFact} from '../host/manifest.ts'

/** Number of the bundle's shape. */
export const BUNDLE_FORMAT = 1
/** The directory that unpacking a bundle makes. */
export const BUNDLE_FOLDER = 'aisctl-bundle'
/** Describes it. */
export const ABOUT = 'bundle.json'
/** Checksums of all other files: `sha256sum -c SHA256SUMS`. */
export const SUMS = 'SHA256SUMS'
export const DAEMON = 'aisnode.mjs'

/** The packed Node.js of an architecture. */
export function runtimeFile(arch: string): string {
  return `runtime/${arch}/node.gz`
}

export interface About {
  readonly format: 1
  readonly release: ReleaseFact
  readonly runtimes: readonly RuntimeFact[]
}

/** @throws AisError BAD_REQUEST, INCOMPATIBLE */
export function parseAbout(text: string, where: string): About {
  const value = parseJsonObject(text) as Partial<About> | undefined
  if (value?.format === BUNDLE_FORMAT) return value as About
  if (typeof value?.format === 'number') {
    const message = `${where}: format ${String(value.format)} is not known`
    throw new AisError({code: 'INCOMPATIBLE', message, hint: 'use a newer aisctl'})
  }
  throw new AisError({code: 'BAD_REQUEST', message: `${where} is no bundle of aisctl`})
}

/** As `sha256sum` writes them, by path. */
export function sumsText(sums: ReadonlyMap<string, string>): string {
  return [...sums]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, sha256]) => `${sha256}  ${path}\n`)
    .join('')
}

/** The inverse; lines that name no plain path below the bundle are left out. */
export function parseSums(text: string): ReadonlyMap<string, string> {
  const lines = text.split('\n').flatMap((line): [string, string][] => {
    const [, sha256, path] = /^([0-9a-f]{64}) {2}([A-Za-z0-9@_][\w@./+-]*)$/.exec(line) ?? []
    return sha256 === undefined || path === undefined || path.includes('..') ? [] : [[path, sha256]]
  })
  return new Map(lines)
}
