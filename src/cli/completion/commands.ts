/**
 * Commands and their flags, out of the manifests that the build writes; nothing is loaded for it.
 */

import {existsSync, readdirSync, readFileSync} from 'node:fs'
import {join} from 'node:path'
import type {ValueKind} from './values.ts'

export interface FlagFacts {
  readonly name: string
  readonly char: string | undefined
  readonly summary: string
  readonly takesValue: boolean
  readonly options: readonly string[] | undefined
}

export interface CommandFacts {
  /** `show cluster target`. */
  readonly name: string
  readonly summary: string
  readonly hidden: boolean
  /** Takes no more arguments than it names. */
  readonly strict: boolean
  readonly flags: readonly FlagFacts[]
  readonly args: readonly {
    readonly kind: ValueKind
    readonly options: readonly string[] | undefined
  }[]
}

interface ManifestFlag {
  readonly name: string
  readonly char?: string
  readonly type: 'boolean' | 'option'
  readonly description?: string
  readonly summary?: string
  readonly options?: readonly string[]
  readonly hidden?: boolean
}

interface ManifestCommand {
  readonly id: string
  readonly aliases?: readonly string[]
  readonly summary?: string
  readonly description?: string
  readonly hidden?: boolean
  readonly strict?: boolean
  readonly flags?: Readonly<Record<string, ManifestFlag>>
  readonly args?: Readonly<Record<string, {readonly options?: readonly string[]}>>
}

/** Of aisctl and of its plugins. Empty before the first build. */
export function readCommands(root: string): readonly CommandFacts[] {
  const scope = join(root, 'node_modules/@aisctl')
  const plugins = existsSync(scope) ? readdirSync(scope).map((name) => join(scope, name)) : []
  return [root, ...plugins].flatMap(readManifest).flatMap(factsOf)
}

function readManifest(folder: string): readonly ManifestCommand[] {
  const file = join(folder, 'oclif.manifest.json')
  if (!existsSync(file)) return []
  const {commands} = JSON.parse(readFileSync(file, 'utf8')) as {
    readonly commands: Readonly<Record<string, ManifestCommand>>
  }
  return Object.values(commands)
}

function factsOf(command: ManifestCommand): readonly CommandFacts[] {
  const facts = {
    summary: command.summary ?? command.description?.split('\n')[0] ?? '',
    hidden: command.hidden ?? false,
    strict: command.strict ?? true,
    flags: Object.values(command.flags ?? {})
      .filter(({hidden}) => hidden !== true)
      .map(flagOf),
    args: Object.entries(command.args ?? {}).map(([name, {options}]) => ({
      kind: COMMAND_KINDS[`${command.id} ${name}`] ?? ARG_KINDS[name] ?? 'none',
      options,
    })),
  }
  const names = [command.id, ...(command.aliases ?? [])]
  return names.map((id) => ({name: id.replaceAll(':', ' '), ...facts}))
}

/** What it is in one command. */
const COMMAND_KINDS: Readonly<Record<string, ValueKind>> = {
  'cluster:set-primary node': 'gateway',
  'config:get what': 'section',
}

/** What an argument of this name is, in every other command. */
const ARG_KINDS: Readonly<Record<string, ValueKind>> = {
  node: 'node',
  host: 'host',
  mountpath: 'mountpath',
  bucket: 'bucket',
  object: 'object',
  section: 'section',
  what: 'setting',
  file: 'file',
  topology: 'file',
  directory: 'file',
}

function flagOf(flag: ManifestFlag): FlagFacts {
  return {
    name: flag.name,
    char: flag.char,
    summary: flag.summary ?? flag.description ?? '',
    takesValue: flag.type === 'option',
    options: flag.options,
  }
}
