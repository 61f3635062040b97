/**
 * What was changed about this target's mountpaths since its file was written: attached, detached,
 * disabled, being emptied. Kept on the system disk, durable before a change is in force, so that a
 * restart finds what was ordered. The file of the node stays as its deployer wrote it.
 */

import {AisError} from '../../../base/errors.ts'
import type {Fs} from '../fs/fs.ts'
import {readWhole, writeWhole} from '../fs/fs.ts'
import type {MountpathConfig} from './mountpaths.ts'

const FILE = 'mountpath-changes.json'
const FORMAT = 1
const BYTES_MAX = 1024 * 1024

export interface MountpathOverrides {
  readonly attached: readonly MountpathConfig[]
  /** Paths of the node's file that are not used. */
  readonly detached: readonly string[]
  readonly disabled: readonly DisabledMountpath[]
  readonly leaving: readonly {readonly path: string; readonly goal: 'disable' | 'detach'}[]
  /** Marks of what was given up: if such a disk comes back, what it holds is not believed. */
  readonly givenUp: readonly string[]
  /** The mark that each path had when it was used last. */
  readonly marks: Readonly<Record<string, string>>
}

export interface DisabledMountpath {
  readonly path: string
  readonly why: string
}

export const NO_OVERRIDES: MountpathOverrides = {
  attached: [],
  detached: [],
  disabled: [],
  leaving: [],
  givenUp: [],
  marks: {},
}

/** The mountpaths that are configured now. @param file those of the node's file */
export function configuredNow(
  file: readonly MountpathConfig[],
  {attached, detached}: MountpathOverrides,
): readonly MountpathConfig[] {
  const ofFile = file.filter(({path}) => !detached.includes(path))
  return [...ofFile, ...attached.filter((one) => ofFile.every(({path}) => path !== one.path))]
}

export function withAttached(
  overrides: MountpathOverrides,
  mountpath: MountpathConfig,
): MountpathOverrides {
  const cleared = without(overrides, mountpath.path)
  return {
    ...cleared,
    attached: [...cleared.attached, mountpath],
    detached: cleared.detached.filter((path) => path !== mountpath.path),
  }
}

export function withDetached(overrides: MountpathOverrides, path: string): MountpathOverrides {
  const cleared = without(overrides, path)
  return {
    ...cleared,
    attached: cleared.attached.filter((one) => one.path !== path),
    detached: [...new Set([...cleared.detached, path])],
    marks: withoutMark(cleared.marks, path),
  }
}

/** What lay at a path is given up; nobody waits for it any more. */
export function withGivenUp(overrides: MountpathOverrides, path: string): MountpathOverrides {
  const {givenUp, marks} = overrides
  const mark = marks[path]
  return {
    ...overrides,
    givenUp: mark === undefined ? givenUp : [...givenUp, mark],
    marks: withoutMark(marks, path),
  }
}

function withoutMark(
  marks: MountpathOverrides['marks'],
  path: string,
): MountpathOverrides['marks'] {
  return Object.fromEntries(Object.entries(marks).filter(([at]) => at !== path))
}

export function withDisabled(
  overrides: MountpathOverrides,
  disabled: DisabledMountpath,
): MountpathOverrides {
  const cleared = without(overrides, disabled.path)
  return {...cleared, disabled: [...cleared.disabled, disabled]}
}

export function withLeaving(
  overrides: MountpathOverrides,
  path: string,
  goal: 'disable' | 'detach',
): MountpathOverrides {
  const cleared = without(overrides, path)
  return {...cleared, leaving: [...cleared.leaving, {path, goal}]}
}

/** @param mark id of what is at the path now */
export function withMark(
  overrides: MountpathOverrides,
  path: string,
  mark: string,
): MountpathOverrides {
  return {...overrides, marks: {...overrides.marks, [path]: mark}}
}

/** It serves: neither disabled nor being emptied. */
export function withEnabled(overrides: MountpathOverrides, path: string): MountpathOverrides {
  return without(overrides, path)
}

function without(overrides: MountpathOverrides, path: string): MountpathOverrides {
  return {
    ...overrides,
    disabled: overrides.disabled.filter((one) => one.path !== path),
    leaving: overrides.leaving.filter((one) => one.path !== path),
  }
}

/** What was kept; nothing when there is no file. @throws AisError INCOMPATIBLE or BAD_CONFIG */
export function readOverrides(directory: string, port: Fs): MountpathOverrides {
  const path = `${directory}/${FILE}`
  const bytes = readWhole(port, path, BYTES_MAX)
  if (bytes === undefined) return NO_OVERRIDES
  const raw = parse(bytes.toString('utf8'))
  if (raw === undefined) {
    throw new AisError({
      code: 'BAD_CONFIG',
      message: `${path} is damaged: which mountpaths were attached or disabled is not known`,
      hint: 'remove it: the mountpaths of the node file are used then',
    })
  }
  if (raw.format > FORMAT) {
    throw new AisError({
      code: 'INCOMPATIBLE',
      message: `${path} has format ${raw.format}, this release knows up to ${FORMAT}`,
      hint: 'start the release that wrote it; nothing was changed',
    })
  }
  return raw
}

/** Durable when it returns. */
export function writeOverrides(directory: string, overrides: MountpathOverrides, port: Fs): void {
  const text = `${JSON.stringify({format: FORMAT, ...overrides})}\n`
  writeWhole(port, directory, FILE, Buffer.from(text, 'utf8'))
}

type RawOverrides = MountpathOverrides & {readonly format: number}

function parse(text: string): RawOverrides | undefined {
  try {
    const raw: unknown = JSON.parse(text)
    if (typeof raw !== 'object' || raw === null) return undefined
    const {format, ...found} = raw as Partial<RawOverrides>
    if (typeof format !== 'number') return undefined
    if (format > FORMAT) return {...NO_OVERRIDES, format}
    const {attached, detached, disabled, leaving, givenUp, marks} = found
    const paths = [attached, disabled, leaving].every(isListOfPaths)
    const texts = isListOfTexts(detached) && isListOfTexts(givenUp)
    const isMarked = typeof marks === 'object' && isListOfTexts(Object.values(marks))
    return paths && texts && isMarked ? (raw as RawOverrides) : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function isListOfPaths(value: unknown): boolean {
  return (
    Array.isArray(value) && value.every((one: {path?: unknown}) => typeof one.path === 'string')
  )
}

function isListOfTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}
