/**
 * Which mountpaths this target has used since when: the history by which a disk that comes or goes
 * can neither hide an object nor bring an old version back. Kept on the system disk, durable before
 * the first write under a new set.
 */

import {AisError} from '../../../base/errors.ts'
import type {MountpathSet} from '../../../core/objects/mountpath-history.ts'
import type {Fs} from '../fs/fs.ts'
import {readWhole, writeWhole} from '../fs/fs.ts'

const FILE = 'mountpaths.json'
const FORMAT = 1
const BYTES_MAX = 4 * 1024 * 1024
/** Sets kept; older ones are folded into "may lie anywhere". */
const SETS_MAX = 64

/** The kept history; undefined when there is none. @throws AisError INCOMPATIBLE or BAD_CONFIG */
export function readHistory(directory: string, port: Fs): readonly MountpathSet[] | undefined {
  const path = `${directory}/${FILE}`
  const bytes = readWhole(port, path, BYTES_MAX)
  if (bytes === undefined) return undefined
  const raw = parse(bytes.toString('utf8'))
  if (raw !== undefined && raw.format > FORMAT) {
    throw new AisError({
      code: 'INCOMPATIBLE',
      message: `${path} has format ${raw.format}, this release knows up to ${FORMAT}`,
      hint: 'start the release that wrote it; nothing was changed',
    })
  }
  if (raw === undefined) {
    throw new AisError({
      code: 'BAD_CONFIG',
      message: `${path} is damaged`,
      hint: 'remove it: the target will look for every object on all mountpaths',
    })
  }
  return raw.sets.map(({since, paths, givenUp = 0, unknown = false}) => ({
    sinceCounter: BigInt(since),
    paths,
    ...(givenUp === 0 ? {} : {givenUp}),
    ...(unknown ? {unknown} : {}),
  }))
}

/** Keeps a history. Durable when it returns. */
export function writeHistory(directory: string, history: readonly MountpathSet[], port: Fs): void {
  const sets = history.map(({sinceCounter, paths, givenUp = 0, unknown = false}) => ({
    since: String(sinceCounter),
    paths,
    ...(givenUp === 0 ? {} : {givenUp}),
    ...(unknown ? {unknown} : {}),
  }))
  const text = `${JSON.stringify({format: FORMAT, sets})}\n`
  writeWhole(port, directory, FILE, Buffer.from(text, 'utf8'))
}

/**
 * The history of a target that has none, though it may have objects: each could lie on any of its
 * mountpaths.
 */
export function unknownHistory(paths: readonly string[]): readonly MountpathSet[] {
  return paths.map((path) => ({sinceCounter: 0n, paths: [path], unknown: true}))
}

/** At most SETS_MAX sets. */
export function foldHistory(history: readonly MountpathSet[]): readonly MountpathSet[] {
  if (history.length <= SETS_MAX) return history
  const recent = history.slice(-SETS_MAX / 2)
  const folded = history.slice(0, -SETS_MAX / 2).flatMap((set) => set.paths)
  return [...unknownHistory([...new Set(folded)]), ...recent]
}

interface RawHistory {
  readonly format: number
  readonly sets: readonly {
    readonly since: string
    readonly paths: readonly string[]
    readonly givenUp?: number
    readonly unknown?: true
  }[]
}

function parse(text: string): RawHistory | undefined {
  try {
    const raw: unknown = JSON.parse(text)
    if (typeof raw !== 'object' || raw === null) return undefined
    if (!('format' in raw) || !('sets' in raw) || !Array.isArray(raw.sets)) return undefined
    const valid = raw.sets.every(
      (set: {since?: unknown; paths?: unknown}) =>
        typeof set.since === 'string' && /^\d+$/.test(set.since) && Array.isArray(set.paths),
    )
    return valid ? (raw as RawHistory) : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
