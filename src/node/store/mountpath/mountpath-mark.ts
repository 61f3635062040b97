/**
 * The mark that makes a directory a mountpath of one target: `.aisnode/mountpath.json`. A directory
 * without it, or with another target's, is never written to: a pulled disk must not let the daemon
 * fill the directory below it.
 */

import {AisError} from '../../../base/errors.ts'
import type {Fs} from '../fs/fs.ts'
import {errnoOf, exists, nodeFs, readWhole, syncDirectoryNow, writeWhole} from '../fs/fs.ts'

/** Folder of the daemon's own files on a mountpath. */
export const OWN_FOLDER = '.aisnode'
/** There while the index of a clean stop is complete; removed, durably, before the first change. */
export const CLEAN_MARK = 'names.clean'
const MARK_FILE = 'mountpath.json'
const MARK_FORMAT = 1
const MARK_BYTES_MAX = 16 * 1024
/** What a fresh filesystem may hold besides nothing. */
const FRESH_ENTRIES: ReadonlySet<string> = new Set(['lost+found', OWN_FOLDER])

export interface MountpathMark {
  readonly format: number
  /** Cluster uuid. */
  readonly uuid: string
  /** Target id. */
  readonly target: string
  /** Made once per mountpath. */
  readonly id: string
  /** UUID of the filesystem, as far as it can be told; '' otherwise. */
  readonly filesystem: string
  /**
   * What lies there is of a membership that began with the record of this index, or later (R33);
   * absent: of the first.
   */
  readonly since?: number | undefined
}

/**
 * The mark of a directory.
 * @returns undefined when there is none
 * @throws AisError INCOMPATIBLE (newer format) or BAD_CONFIG (damaged)
 */
export function readMark(path: string, port: Fs = nodeFs): MountpathMark | undefined {
  const file = `${path}/${OWN_FOLDER}/${MARK_FILE}`
  const bytes = readWhole(port, file, MARK_BYTES_MAX)
  if (bytes === undefined) return undefined
  const mark = parseMark(bytes.toString('utf8'))
  if (mark === undefined) {
    throw new AisError({
      code: 'BAD_CONFIG',
      message: `${file} is damaged`,
      hint: 'run `aisnode fsck` to see what the mountpath holds; restore the file by hand',
    })
  }
  if (mark.format > MARK_FORMAT) {
    throw new AisError({
      code: 'INCOMPATIBLE',
      message: `${file} has format ${mark.format}, this release knows up to ${MARK_FORMAT}`,
      hint: 'start the release that wrote it; nothing was changed',
    })
  }
  return mark
}

/** Marks a fresh directory. Durable when it returns. */
export function writeMark(
  path: string,
  mark: Omit<MountpathMark, 'format'>,
  port: Fs = nodeFs,
): MountpathMark {
  const whole = {format: MARK_FORMAT, ...mark}
  const folder = `${path}/${OWN_FOLDER}`
  if (!exists(port, folder)) {
    port.mkdir(folder)
    syncDirectoryNow(port, path)
  }
  writeWhole(port, folder, MARK_FILE, Buffer.from(`${JSON.stringify(whole)}\n`, 'utf8'))
  return whole
}

/** Writes a mark anew, with the same id. Durable when it returns. */
export function changeMark(path: string, mark: MountpathMark, port: Fs = nodeFs): void {
  const text = `${JSON.stringify(mark)}\n`
  writeWhole(port, `${path}/${OWN_FOLDER}`, MARK_FILE, Buffer.from(text, 'utf8'))
}

/** Whether nothing of anybody's is in a directory. */
export function isFresh(path: string, port: Fs = nodeFs): boolean {
  return port.list(path).every((entry) => FRESH_ENTRIES.has(entry.name))
}

/** Target ids on the marks of the mountpaths that are here; what cannot be read is left out. */
export function markedTargets(paths: readonly string[], port: Fs = nodeFs): readonly string[] {
  return paths.flatMap((path) => {
    try {
      const mark = readMark(path, port)
      return mark === undefined ? [] : [mark.target]
    } catch (error) {
      // A disk that cannot be read is refused by name when the mountpaths are opened.
      if (error instanceof AisError || errnoOf(error) !== '') return []
      throw error
    }
  })
}

function parseMark(text: string): MountpathMark | undefined {
  try {
    const raw: unknown = JSON.parse(text)
    if (typeof raw !== 'object' || raw === null) return undefined
    const mark = raw as Record<string, unknown>
    const texts = ['uuid', 'target', 'id', 'filesystem'].every(
      (key) => typeof mark[key] === 'string',
    )
    return texts && typeof mark['format'] === 'number' ? (raw as MountpathMark) : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
