/**
 * The end of a node's membership, on its disks, in an order that a crash may cut anywhere: the
 * objects, when that was ordered; a note that the node is leaving, with which it starts but joins
 * nobody; and when its cluster has recorded that it is gone, the marks that made directories
 * mountpaths of this target, and what it knew of the cluster. Touches nothing but what lies below
 * directories that carry this target's mark, and the node's own state directory; its configuration
 * belongs to whoever deployed it and stays.
 */

import {AisError} from '../../base/errors.ts'
import {OBJECTS_FOLDER} from '../../core/objects/file-name.ts'
import type {NodeFile} from '../../model/config/node-file.ts'
import type {Fs} from './fs/fs.ts'
import {errnoOf, exists, nodeFs, readWhole, syncDirectoryNow, writeWhole} from './fs/fs.ts'
import {OWN_FOLDER, readMark} from './mountpath/mountpath-mark.ts'
import {configuredNow, readOverrides} from './mountpath/mountpath-overrides.ts'
import type {MissingMountpath, Mountpath, Mountpaths} from './mountpath/mountpaths.ts'
import {isStillThere} from './mountpath/mountpaths.ts'

const NOTE_FILE = 'decommissioned'
const NOTE_FORMAT = 1
const NOTE_BYTES_MAX = 4096
/** Files removed between two turns of the event loop: a few milliseconds. */
const REMOVED_PER_TURN = 100
/** Folders below a mountpath: objects lie three deep, what waits in the trash four. */
const DEPTH_MAX = 6

/**
 * Removes the objects, when every mountpath is here and is this target's.
 * @throws AisError naming what stays; it can be tried again
 */
export async function clearUserData(mountpaths: Mountpaths): Promise<void> {
  const away = [...mountpaths.missing, ...mountpaths.used.flatMap(notOurs)]
  if (away.length > 0) throw stays(away.map(({path, why}) => `${path}: ${why}`))
  const problems: string[] = []
  for (const mountpath of mountpaths.used) {
    const problem = await clearObjects(mountpath)
    if (problem !== null) problems.push(problem)
  }
  if (problems.length > 0) throw stays(problems)
}

async function clearObjects(mountpath: Mountpath): Promise<string | null> {
  try {
    await removeTree(mountpath.port, `${mountpath.pinned}/${OBJECTS_FOLDER}`, 0)
    syncDirectoryNow(mountpath.port, mountpath.pinned)
    return null
  } catch (error) {
    mountpath.calls.note(error)
    return `${mountpath.path}: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** The mountpath and why nothing may be removed there; nothing when it is this target's still. */
function notOurs(mountpath: Mountpath): readonly MissingMountpath[] {
  const why = whyNotOurs(mountpath)
  return why === null ? [] : [{path: mountpath.path, why}]
}

function whyNotOurs(mountpath: Mountpath): string | null {
  const disabled = mountpath.calls.disabled()
  if (disabled !== null) return disabled
  if (!isStillThere(mountpath)) return 'its filesystem is gone'
  try {
    const mark = readMark(mountpath.pinned, mountpath.port)
    return mark?.id === mountpath.id ? null : 'it has no mark of this target'
  } catch (error) {
    if (!(error instanceof AisError) && errnoOf(error) === '') throw error
    mountpath.calls.note(error)
    return error instanceof Error ? error.message : String(error)
  }
}

async function removeTree(port: Fs, path: string, depth: number): Promise<void> {
  if (!exists(port, path)) return
  let removed = 0
  for (const {name, kind} of port.list(path)) {
    const below = `${path}/${name}`
    if (kind === 'directory' && depth < DEPTH_MAX) {
      await removeTree(port, below, depth + 1)
      continue
    }
    port.unlink(below)
    removed += 1
    if (removed % REMOVED_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  port.rmdir(path)
}

function stays(problems: readonly string[]): AisError {
  return new AisError({
    code: 'IO_ERROR',
    message: `not everything could be removed: ${problems.join('; ')}`,
    hint: 'mend what is named: it is tried again',
  })
}

/** A node that leaves its cluster, or has left it: which one, and by which operation. */
export interface Departure {
  readonly uuid: string
  readonly op: string
  /** `leaving` until the cluster has recorded that it is gone. */
  readonly state: 'leaving' | 'gone'
}

/** Leaves the note in the state directory. Durable when it returns. */
export function noteDeparture(directory: string, departure: Departure, port: Fs = nodeFs): void {
  const text = `${JSON.stringify({format: NOTE_FORMAT, ...departure})}\n`
  writeWhole(port, directory, NOTE_FILE, Buffer.from(text, 'utf8'))
}

/** The note of a state directory; null without one. One that is damaged says `gone`. */
export function readDeparture(directory: string, port: Fs = nodeFs): Departure | null {
  const bytes = readWhole(port, `${directory}/${NOTE_FILE}`, NOTE_BYTES_MAX)
  if (bytes === undefined) return null
  const text = bytes.toString('utf8')
  const [, uuid = '', op = ''] = /"uuid":"([^"]*)","op":"([^"]*)"/.exec(text) ?? []
  return {uuid, op, state: text.includes('"state":"leaving"') ? 'leaving' : 'gone'}
}

/** The target whose marks are removed, and the directories that may carry them. */
export interface Leaver {
  readonly stateDirectory: string
  readonly target: string
  readonly mountpaths: readonly string[]
}

/** @param target the node's id; undefined when it is known no more, and no mark either */
export function leaverOf(file: NodeFile, target: string | undefined, port: Fs = nodeFs): Leaver {
  const configured = configuredNow(file.mountpaths ?? [], readOverrides(file.state, port))
  const mountpaths = target === undefined ? [] : configured.map(({path}) => path)
  return {stateDirectory: file.state, target: target ?? '', mountpaths}
}

/**
 * The cluster has recorded that the node is gone: the marks go, then all that the state directory
 * knows but the note. @returns what could not be removed; the next start tries again
 */
export async function finishDeparture(
  {stateDirectory, target, mountpaths}: Leaver,
  port: Fs = nodeFs,
): Promise<readonly string[]> {
  const departure = readDeparture(stateDirectory, port)
  if (departure === null) return []
  if (departure.state !== 'gone') {
    noteDeparture(stateDirectory, {...departure, state: 'gone'}, port)
  }
  const problems: string[] = []
  for (const path of mountpaths) {
    const problem = await clearMark(path, target, port)
    if (problem !== null) problems.push(`${path}: ${problem}`)
  }
  // Which mountpaths were attached is known from there: it goes last.
  if (problems.length === 0) clearState(stateDirectory, port)
  return problems
}

async function clearMark(path: string, target: string, port: Fs): Promise<string | null> {
  try {
    if (readMark(path, port)?.target !== target) return null
    await removeTree(port, `${path}/${OWN_FOLDER}`, 0)
    syncDirectoryNow(port, path)
    return null
  } catch (error) {
    if (!(error instanceof AisError) && errnoOf(error) === '') throw error
    return error instanceof Error ? error.message : String(error)
  }
}

function clearState(directory: string, port: Fs): void {
  for (const {name, kind} of port.list(directory)) {
    if (kind === 'file' && name !== NOTE_FILE) port.unlink(`${directory}/${name}`)
  }
  syncDirectoryNow(port, directory)
}

/** What a start of a decommissioned node is refused with. */
export function goneRefusal(
  directory: string,
  {uuid, op}: Departure,
  problems: readonly string[],
): AisError {
  const where = uuid === '' ? 'its cluster' : `cluster ${uuid} (${op})`
  const left = problems.length === 0 ? '' : `; still there: ${problems.join('; ')}`
  return new AisError({
    code: 'BAD_CONFIG',
    message: `this node was decommissioned from ${where}${left}`,
    hint: `to start it as a new one: rm ${directory}/${NOTE_FILE}`,
  })
}
