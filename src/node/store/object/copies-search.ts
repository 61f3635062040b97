/**
 * The newest version of a key of which several copies may lie here: segment by segment, the first
 * mountpath that can speak for it; another one when that is away or its copy cannot be read.
 */

import type {AisError} from '../../../base/errors.ts'
import type {Segment} from '../../../core/objects/copies.ts'
import {openSegments, placesIn} from '../../../core/objects/copies.ts'
import {compareGenerations} from '../../../model/generation.ts'
import type {ObjectFile} from './object-file.ts'
import {closeFile} from './object-file.ts'

/** What was found of a key, and where something newer may be. */
export interface Search {
  readonly file: ObjectFile | null
  /** Mountpaths that may hold something newer, and are away. */
  readonly missing: readonly string[]
  /** Why something newer may be here that cannot be read; null when that is not so. */
  readonly damage: AisError | null
  /** Copies that could not be read. */
  readonly damages: readonly AisError[]
}

export interface SearchQuestion {
  readonly segments: readonly Segment[]
  readonly digest: bigint
  readonly isHere: (path: string) => boolean
  /** The file on a mountpath, or null. An error is one of its own. */
  readonly open: (path: string) => ObjectFile | null | AisError
}

/** Looks. The caller closes the file. */
export function searchCopies(question: SearchQuestion): Search {
  const {segments, digest, isHere, open} = question
  const looked = new Set<string>()
  const damages = new Map<string, AisError>()
  let file: ObjectFile | null = null
  for (const segment of segments.toReversed()) {
    if (!openSegments(segments, counterOf(file)).includes(segment)) continue
    for (const path of placesIn(segment, digest)) {
      if (looked.has(path)) break
      if (!isHere(path) || damages.has(path)) continue
      const opened = open(path)
      if (opened !== null && 'code' in opened) {
        damages.set(path, opened)
        continue
      }
      // Opening may have shown that the mountpath is gone.
      if (opened === null && !isHere(path)) continue
      looked.add(path)
      if (opened !== null) file = newerOf(file, opened)
      break
    }
  }
  const silent = openSegments(segments, counterOf(file))
    .map((segment) => placesIn(segment, digest))
    .filter((places) => !places.some((path) => looked.has(path)))
  const missing = silent.flat().filter((path) => !isHere(path))
  const unread = silent.flat().flatMap((path) => damages.get(path) ?? [])
  return {
    file,
    missing: [...new Set(missing)],
    damage: unread[0] ?? null,
    damages: [...damages.values()],
  }
}

function counterOf(file: ObjectFile | null): bigint | null {
  return file === null ? null : file.footer.attributes.gen.counter
}

function newerOf(known: ObjectFile | null, other: ObjectFile): ObjectFile {
  if (known === null) return other
  const isNewer = compareGenerations(other.footer.attributes.gen, known.footer.attributes.gen) > 0
  closeFile(isNewer ? known : other)
  return isNewer ? other : known
}
