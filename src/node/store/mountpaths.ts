/**
 * The gate of a target's mountpaths: which of the configured directories may be used. Used is one
 * that is a mount point (or allowed to share a filesystem), carries this target's mark, and is
 * still the filesystem that it was when it was opened. The others are named with their reason and
 * are not touched: no chown, no mkdir, no file on a bare mount point.
 *
 * Paths below a used mountpath go through a descriptor of its root that stays open, so that a disk
 * which disappears can never redirect a write to the directory below it.
 */

import {AisError} from '../../base/errors.ts'
import {nodeLabel} from '../../model/ids.ts'
import type {FileStat, Fs} from './fs.ts'
import {errnoOf, exists, syncDirectoryNow} from './fs.ts'
import type {MountpathCalls} from './mountpath-calls.ts'
import {createMountpathCalls} from './mountpath-calls.ts'
import type {MountpathMark} from './mountpath-mark.ts'
import {OWN_FOLDER, isFresh, readMark, writeMark} from './mountpath-mark.ts'

/** One configured mountpath. */
export interface MountpathConfig {
  /** Clean absolute path. Placement hashes it. */
  readonly path: string
  readonly label?: string | undefined
  readonly disk?: string | undefined
}

/** A mountpath in use. */
export interface Mountpath {
  /** `t[id]`, for messages. */
  readonly node: string
  readonly path: string
  readonly id: string
  readonly label: string
  readonly disks: readonly string[]
  /** Prefix of every path that is written: the same directory, whatever is mounted later. */
  readonly pinned: string
  /** The root as it was opened: another one there later is another mountpath, or none. */
  readonly root: Pick<FileStat, 'dev' | 'ino'>
  /** Marked by this very start: it holds nothing yet. */
  readonly fresh: boolean
  readonly calls: MountpathCalls
  readonly port: Fs
}

/** A configured mountpath that is not used, and why. */
export interface MissingMountpath {
  readonly path: string
  readonly why: string
}

export interface Mountpaths {
  readonly used: readonly Mountpath[]
  readonly missing: readonly MissingMountpath[]
}

export interface MountpathsQuestion {
  readonly configured: readonly MountpathConfig[]
  readonly uuid: string
  readonly target: string
  /** Paths that this target has marked before: without a mark now, their disk is missing. */
  readonly known: ReadonlySet<string>
  /** Playground and tests: directories that are no mount points. */
  readonly allowSharedFilesystem: boolean
  readonly nowMs: () => number
  /** A mountpath that served is disabled from now on. */
  readonly onDisabled: (path: string, why: string) => void
}

/** Folder of files being written; one per mountpath, emptied at start. */
export const WORK_FOLDER = `${OWN_FOLDER}/work`

/** Opens what can be used. Throws only what no disk explains (an incompatible or foreign mark). */
export function openMountpaths(question: MountpathsQuestion, port: Fs): Mountpaths {
  const used: Mountpath[] = []
  const missing: MissingMountpath[] = []
  for (const config of question.configured) {
    const opened = openOne(config, question, port)
    if ('why' in opened) missing.push(opened)
    else used.push(opened)
  }
  return {used, missing}
}

function openOne(
  config: MountpathConfig,
  question: MountpathsQuestion,
  port: Fs,
): Mountpath | MissingMountpath {
  const {path} = config
  try {
    const why = refusalOf(path, question, port)
    if (why !== null) return {path, why}
    const existing = readMark(path, port)
    const problem = existing === undefined ? freshProblem(path, question, port) : null
    if (problem !== null) return {path, why: problem}
    const filesystem = port.filesystemUuid(port.stat(path).dev)
    const marking = {uuid: question.uuid, target: question.target, filesystem}
    const mark = existing ?? writeMark(path, marking, port)
    const foreign = foreignProblem(mark, marking)
    if (foreign !== null) return {path, why: foreign}
    const known = {id: mark.id, fresh: existing === undefined}
    return use(config, known, question, port)
  } catch (error) {
    if (error instanceof AisError && error.code === 'INCOMPATIBLE') throw error
    if (error instanceof AisError) return {path, why: error.message}
    if (errnoOf(error) === '') throw error
    return {path, why: error instanceof Error ? error.message : String(error)}
  }
}

/** Why a mark is not of this mountpath of this target; null when it is. */
function foreignProblem(
  mark: MountpathMark,
  own: Pick<MountpathMark, 'uuid' | 'target' | 'filesystem'>,
): string | null {
  if (mark.target !== own.target || !isSameCluster(mark.uuid, own.uuid)) {
    const whose = `target ${mark.target} of cluster ${mark.uuid}`
    return `it belongs to ${whose}, not to ${own.target} of ${own.uuid}`
  }
  const {filesystem} = own
  if (filesystem === '' || mark.filesystem === '' || filesystem === mark.filesystem) return null
  return `its filesystem is ${filesystem}, it was marked as ${mark.filesystem}`
}

/** A node that was started by AIStore's flags learns its cluster's uuid only by joining. */
function isSameCluster(marked: string, own: string): boolean {
  return marked === own || marked === '' || own === ''
}

function refusalOf(path: string, question: MountpathsQuestion, port: Fs): string | null {
  if (!exists(port, path)) return 'there is no such directory'
  const stat = port.stat(path)
  if (stat.kind !== 'directory') return 'it is not a directory'
  const parent = port.stat(path.replace(/\/[^/]+$/, '') || '/')
  if (!question.allowSharedFilesystem && parent.dev === stat.dev) {
    return 'it is no mount point: its disk is not mounted'
  }
  return null
}

function freshProblem(path: string, question: MountpathsQuestion, port: Fs): string | null {
  if (question.known.has(path)) {
    return 'it has no mark though it was in use before: its disk is missing or was replaced'
  }
  return isFresh(path, port) ? null : 'it has no mark and is not empty'
}

function use(
  config: MountpathConfig,
  known: Pick<Mountpath, 'id' | 'fresh'>,
  question: MountpathsQuestion,
  port: Fs,
): Mountpath {
  const {path} = config
  const pinned = port.pin(path)
  const calls = createMountpathCalls(path, question.nowMs, (why) => question.onDisabled(path, why))
  prepare(port, pinned)
  return {
    node: nodeLabel('target', question.target),
    path,
    ...known,
    label: config.label ?? '',
    disks: config.disk === undefined || config.disk === '' ? [] : [config.disk],
    pinned,
    root: port.stat(path),
    calls,
    port,
  }
}

/** An empty work folder: what lies there was being written when the last process ended. */
function prepare(port: Fs, pinned: string): void {
  const work = `${pinned}/${WORK_FOLDER}`
  if (!exists(port, work)) {
    port.mkdir(work)
    syncDirectoryNow(port, `${pinned}/${OWN_FOLDER}`)
  }
  for (const entry of port.list(work)) port.unlink(`${work}/${entry.name}`)
  if (!exists(port, `${pinned}/b`)) {
    port.mkdir(`${pinned}/b`)
    syncDirectoryNow(port, pinned)
  }
}

/**
 * Whether what is there is still what was opened; a lookup that found nothing asks. The device
 * alone does not tell: a directory that took the place of a lost one may be of the same.
 */
export function isStillThere(mountpath: Mountpath): boolean {
  try {
    const {dev, ino} = mountpath.port.stat(mountpath.path)
    return dev === mountpath.root.dev && ino === mountpath.root.ino
  } catch (error) {
    if (errnoOf(error) === '') throw error
    return false
  }
}
