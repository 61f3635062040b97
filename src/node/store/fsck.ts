/**
 * `aisnode fsck`: reads every object on the mountpaths of a stopped target and says what is there
 * and what does not verify. Changes nothing, repairs nothing; exit status 1 when anything is wrong.
 */

import {fileNameOf, folderOf} from '../../core/objects/file-name.ts'
import type {NodeFile} from '../../model/config/node-file.ts'
import {CHECKSUM_BLOCK_BYTES} from '../../model/limits.ts'
import type {Footer} from '../../wire/footer.ts'
import {blockCount, blockHash} from '../../wire/footer.ts'
import type {Fd, Fs} from './fs/fs.ts'
import {errnoOf, exists, nodeFs, readAt} from './fs/fs.ts'
import type {Hashing} from './object/hashing.ts'
import {hex64, loadHashing} from './object/hashing.ts'
import {findLastFooter} from './object/last-footer.ts'
import type {MountpathMark} from './mountpath/mountpath-mark.ts'
import {readMark} from './mountpath/mountpath-mark.ts'
import {configuredNow, readOverrides} from './mountpath/mountpath-overrides.ts'
import {WORK_FOLDER} from './mountpath/mountpaths.ts'
import type {FoundFile} from './fs/walk.ts'
import {walkObjects} from './fs/walk.ts'

/** Problems that a report names; the rest is counted. */
const PROBLEMS_SHOWN_MAX = 10_000

export interface BucketTotals {
  readonly objects: number
  readonly tombstones: number
  readonly bytes: number
}

export interface FsckProblem {
  readonly path: string
  readonly problem: string
}

export interface MountpathReport {
  readonly path: string
  /** Why it could not be looked at; null when it was. */
  readonly unreadable: string | null
  readonly mark: MountpathMark | null
  /** By bucket id. */
  readonly buckets: Readonly<Record<string, BucketTotals>>
  /** Files of interrupted writes; the next start removes them. */
  readonly workFiles: number
  readonly problemCount: number
  readonly problems: readonly FsckProblem[]
}

export interface FsckReport {
  readonly format: 1
  readonly mountpaths: readonly MountpathReport[]
  /** Whether every mountpath was read and every object verifies. */
  readonly ok: boolean
}

/** Looks at the mountpaths of a node file, prints the report, and gives the exit status. */
export async function runFsck(file: NodeFile, json: boolean): Promise<number> {
  const configured = configuredNow(file.mountpaths ?? [], readOverrides(file.state, nodeFs))
  const report = await checkMountpaths(configured.map(({path}) => path))
  process.stdout.write(json ? `${JSON.stringify(report)}\n` : formatReport(report))
  return report.ok ? 0 : 1
}

/** Reads everything below the mountpaths. */
export async function checkMountpaths(
  paths: readonly string[],
  port: Fs = nodeFs,
): Promise<FsckReport> {
  const hashing = await loadHashing()
  const mountpaths = paths.map((path) => checkMountpath(path, port, hashing))
  const ok = mountpaths.every((one) => one.unreadable === null && one.problemCount === 0)
  return {format: 1, mountpaths, ok}
}

function checkMountpath(path: string, port: Fs, hashing: Hashing): MountpathReport {
  const buckets: Record<string, {objects: number; tombstones: number; bytes: number}> = {}
  const problems: FsckProblem[] = []
  let problemCount = 0
  const report = (problem: FsckProblem): void => {
    problemCount += 1
    if (problems.length < PROBLEMS_SHOWN_MAX) problems.push(problem)
  }
  const found = {path, buckets, problems, mark: null, workFiles: 0}
  try {
    if (!exists(port, path)) return {...found, unreadable: 'no such directory', problemCount}
    const mark = readMark(path, port) ?? null
    if (mark === null) return {...found, unreadable: 'it has no mark', problemCount}
    for (const file of walkObjects(port, path)) {
      const footer = checkFile(port, file, hashing, report)
      if (footer === null) continue
      const {tombstone, sizeBytes} = footer.attributes
      const totals = (buckets[file.bid] ??= {objects: 0, tombstones: 0, bytes: 0})
      if (tombstone) totals.tombstones += 1
      else totals.objects += 1
      totals.bytes += sizeBytes
    }
    const work = `${path}/${WORK_FOLDER}`
    const workFiles = exists(port, work) ? port.list(work).length : 0
    return {...found, mark, unreadable: null, workFiles, problemCount}
  } catch (error) {
    const unreadable = error instanceof Error ? error.message : String(error)
    return {...found, unreadable, problemCount}
  }
}

/** The footer of a file that has one, after its content was verified. */
function checkFile(
  port: Fs,
  file: FoundFile,
  hashing: Hashing,
  report: (problem: FsckProblem) => void,
): Footer | null {
  const tell = (problem: string): void => report({path: file.path, problem})
  let fd: Fd | null = null
  try {
    fd = port.open(file.path, 'read')
    const size = port.fstat(fd).sizeBytes
    const found = findLastFooter(port, fd, hashing)
    if (found.kind === 'newer') tell(`format ${found.format} is newer than this release`)
    if (found.kind === 'damaged') tell('its last footer is damaged; the one before it is older')
    if (found.kind === 'none' || found.kind === 'more') tell('it has no footer that verifies')
    if (found.kind !== 'found') return null
    const {attributes} = found.footer
    if (attributes.bid !== file.bid) tell(`its footer names bucket ${attributes.bid}`)
    if (
      fileNameOf(attributes.name) !== file.fileName ||
      folderOf(attributes.name) !== file.folder
    ) {
      tell(`its footer names ${JSON.stringify(attributes.name)}, which lies elsewhere`)
    }
    if (size > found.end) tell(`${size - found.end} bytes after the footer (an interrupted change)`)
    checkContent({port, fd, hashing}, found.footer, tell)
    return found.footer
  } catch (error) {
    tell(errnoOf(error) === '' ? String(error) : errnoOf(error))
    return null
  } finally {
    if (fd !== null) port.close(fd)
  }
}

function checkContent(
  {port, fd, hashing}: {readonly port: Fs; readonly fd: Fd; readonly hashing: Hashing},
  footer: Footer,
  tell: (problem: string) => void,
): void {
  const {sizeBytes, checksum} = footer.attributes
  const whole = hashing.start(checksum.type)
  for (let index = 0; index < blockCount(sizeBytes); index++) {
    const at = index * CHECKSUM_BLOCK_BYTES
    const bytes = readAt(port, fd, Math.min(CHECKSUM_BLOCK_BYTES, sizeBytes - at), at)
    whole.update(bytes)
    const hash = hashing.h64(bytes)
    const expected = blockHash(footer, index)
    if (hash !== expected) {
      tell(`block ${index} is damaged: ${hex64(hash)} instead of ${hex64(expected)}`)
    }
  }
  const digest = whole.digest()
  if (checksum.type !== 'none' && digest !== checksum.value) {
    tell(`${checksum.type} is ${digest}, the footer says ${checksum.value}`)
  }
}

/** The report as people read it. */
export function formatReport(report: FsckReport): string {
  const lines = report.mountpaths.flatMap((one) => {
    if (one.unreadable !== null) return [`${one.path}: NOT CHECKED: ${one.unreadable}`]
    const totals = Object.values(one.buckets)
    const sum = (pick: (bucket: BucketTotals) => number): number =>
      totals.reduce((total, bucket) => total + pick(bucket), 0)
    const counts = `${sum((b) => b.objects)} objects, ${sum((b) => b.bytes)} bytes`
    const rest = `${sum((b) => b.tombstones)} tombstones, ${one.workFiles} interrupted writes`
    return [
      `${one.path}: target ${one.mark?.target ?? '?'}, ${totals.length} buckets, ${counts}, ${rest}`,
      ...one.problems.map(({path, problem}) => `  BAD ${path}: ${problem}`),
      ...(one.problemCount > one.problems.length
        ? [`  … and ${one.problemCount - one.problems.length} more`]
        : []),
    ]
  })
  const problems = report.mountpaths.reduce((total, one) => total + one.problemCount, 0)
  return `${[...lines, report.ok ? 'everything verifies' : `${problems} problems`].join('\n')}\n`
}
