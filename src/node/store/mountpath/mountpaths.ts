/**
 * The gate of a target's mountpaths: which of the configured directories may be used. Used is one
 * that is a mount point (or allowed to share a filesystem), carries this target's mark, and is
 * still the filesystem that it was when it was opened. The others are named with their reason and
 * are not touched: no chown, no mkdir, no file on a bare mount point.
 *
 * Paths below a used mountpath go through a descriptor of its root that stays open, so that a disk
 * which disappears can never redirect a write to the directory below it.
 */

import {randomUUID} from 'node:crypto'

import {AisError} from '../../../base/errors.ts'
import {nodeLabel} from '../../../model/ids.ts'
import type {FileStat, Fs} from '../fs/fs.ts'
import {errnoOf, exists, syncDirectoryNow} from '../fs/fs.ts'
import type {HealthSettings} from './health-settings.ts'
import type {MountpathCalls} from './mountpath-calls.ts'
import {createMountpathCalls} from './mountpath-calls.ts'
import type {MountpathMark} from './mountpath-mark.ts'
import {OWN_FOLDER, isFresh, readMark, writeMark} from './mountpath-mark.ts'
import {quarantine} from './quarantine.ts'
import {settleFolders} from '../fs/settle.ts'
import {walkObjects} from '../fs/walk.ts'

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
  readonly standing: Standing
}

/** What is to become of a mountpath that serves. */
export interface Standing {
  /** Being emptied, to be disabled or detached then: it is read and takes no new writes. */
  leaving: 'disable' | 'detach' | null
}

/** A configured mountpath that is not used, and why. */
export interface MissingMountpath {
  readonly path: string
  readonly why: string
  /** An empty directory is where its disk was. */
  readonly replaced?: boolean
}

/** May change at any time: to be asked, not copied. */
export interface Mountpaths {
  /** Opened, even if disabled since. */
  readonly used: readonly Mountpath[]
  readonly missing: readonly MissingMountpath[]
}

export function mountpathAt({used}: Mountpaths, path: string): Mountpath | undefined {
  return used.find((one) => one.path === path)
}

/** Whether new versions may be written to a mountpath. */
export function takesWrites({calls, standing}: Mountpath): boolean {
  return calls.disabled() === null && standing.leaving === null
}

export interface MountpathsQuestion {
  readonly uuid: string
  readonly target: string
  /** Paths that this target has used before: without a mark now, their disk is missing. */
  readonly isKnown: (path: string) => boolean
  /** Id of the mark that a path had when it was used last. */
  readonly markOf: (path: string) => string | undefined
  /** The path that a mark was at when it was used last. */
  readonly pathOf: (mark: string) => string | undefined
  /** Marks of what was given up. */
  readonly isGivenUp: (mark: string) => boolean
  /** Objects that lie at a path are not this target's newest: it does not know of them. */
  readonly mustBeEmpty: (path: string) => boolean
  /** Playground and tests: directories that are no mount points. */
  readonly allowSharedFilesystem: boolean
  readonly nowMs: () => number
  /** A mountpath that served is disabled from now on. */
  readonly onDisabled: (path: string, why: string) => void
  /** What disables a mountpath; the usual when absent. */
  readonly health?: (() => HealthSettings) | undefined
  /** Something has failed or hangs there: it is to be looked at. */
  readonly onSuspect: (path: string, why: string) => void
  /** Index of the record since which this target is a member; the first when absent (R33). */
  readonly since?: (() => number) | undefined
  /** What lay there is of a membership that was ended by force, and was moved aside. */
  readonly onQuarantined?: ((path: string, aside: string) => void) | undefined
  /** A name that nothing else has, for a new mark; random when absent. */
  readonly newId?: (() => string) | undefined
}

/** Folder of files being written; one per mountpath, emptied at start. */
export const WORK_FOLDER = `${OWN_FOLDER}/work`

/** Opens one mountpath, or says why it cannot be used. @throws AisError INCOMPATIBLE */
export function openMountpath(
  config: MountpathConfig,
  question: MountpathsQuestion,
  port: Fs,
): Mountpath | MissingMountpath {
  const {path} = config
  try {
    return openChecked(config, question, port)
  } catch (error) {
    if (error instanceof AisError && error.code === 'INCOMPATIBLE') throw error
    if (error instanceof AisError) return {path, why: error.message}
    if (errnoOf(error) === '') throw error
    return {path, why: error instanceof Error ? error.message : String(error)}
  }
}

function openChecked(
  config: MountpathConfig,
  question: MountpathsQuestion,
  port: Fs,
): Mountpath | MissingMountpath {
  const {path} = config
  const why = refusalOf(path, question, port)
  if (why !== null) return {path, why}
  const existing = readMark(path, port)
  if (existing === undefined) {
    if (!isFresh(path, port)) return {path, why: 'it has no mark and is not empty'}
    if (question.isKnown(path)) return {path, why: NO_MARK, replaced: true}
  }
  const filesystem = port.filesystemUuid(port.stat(path).dev)
  const since = question.since?.() ?? 0
  const marking = {uuid: question.uuid, target: question.target, filesystem, since}
  const newId = question.newId ?? randomUUID
  const mark = existing ?? writeMark(path, {...marking, id: newId()}, port)
  const foreign = foreignProblem(mark, marking) ?? otherProblem(path, mark, question)
  if (foreign !== null) return {path, why: foreign}
  if (question.mustBeEmpty(path) && walkObjects(port, path).next().done !== true) {
    return {path, why: 'it holds objects that this target does not know of: empty it to use it'}
  }
  const aside = quarantine(path, mark, since, port)
  if (aside !== null) question.onQuarantined?.(path, aside)
  const known = {id: mark.id, fresh: existing === undefined}
  return use(config, known, question, port)
}

const NO_MARK = 'it has no mark though it was in use before: its disk is missing or was replaced'

/** Why a mark of this target is not the one that belongs to the path; null when it may be. */
function otherProblem(
  path: string,
  mark: MountpathMark,
  question: MountpathsQuestion,
): string | null {
  if (question.isGivenUp(mark.id)) {
    return 'what it holds was given up when it was detached or replaced: empty it to use it again'
  }
  const before = question.pathOf(mark.id)
  if (before !== undefined && before !== path) return `its disk was mounted at ${before} before`
  const known = question.markOf(path)
  if (known === undefined || known === mark.id) return null
  return `it is mountpath ${mark.id} of this target, not ${known}, which was here before`
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
  if (!question.allowSharedFilesystem && port.stat('/').dev === stat.dev) {
    return 'it is on the root filesystem'
  }
  return null
}

function use(
  config: MountpathConfig,
  known: Pick<Mountpath, 'id' | 'fresh'>,
  question: MountpathsQuestion,
  port: Fs,
): Mountpath {
  const {path} = config
  const pinned = port.pin(path)
  const told = {
    disabled: (why: string) => question.onDisabled(path, why),
    suspect: (why: string) => question.onSuspect(path, why),
  }
  const calls = createMountpathCalls(path, question.nowMs, told, question.health)
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
    standing: {leaving: null},
  }
}

/**
 * An empty work folder: what lies there was being written when the last process ended. What that
 * one has made visible is made durable.
 */
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
  settleFolders(port, pinned, Date.now())
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
