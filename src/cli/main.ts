/**
 * Hands a command line to oclif: the root's commands and those of the plugins, compiled or as
 * sources. Plugins are taken from package.json; nothing is looked for elsewhere.
 */

import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import type {Interfaces} from '@oclif/core'
import {Config, flush, handle, Plugin, run} from '@oclif/core'
import {isExit, report} from './report.ts'

export interface MainOptions {
  /** Folder of aisctl's package.json. */
  readonly root: string
  /** Commands come from dist/ with their manifests; else from the sources. */
  readonly compiled: boolean
}

type Manifest = Interfaces.PJSON

export async function main({root, compiled}: MainOptions): Promise<void> {
  process.stdout.on('error', endAtClosedPipe)
  process.stderr.on('error', passOverClosedPipe)
  const words = process.argv.slice(2)
  try {
    const config = await loadConfig(root, compiled)
    // `aisctl` alone says how the known clusters are, or how to get one.
    await run(words.length === 0 ? ['show', 'clusters'] : words, config)
    await flush()
  } catch (error) {
    if (isExit(error as Error)) await handle(error as Error)
    else report(error as Error, words.includes('--json'))
  }
}

/** The root's commands and those of the plugins that package.json names. */
export async function loadConfig(root: string, compiled: boolean): Promise<Config> {
  const ignoreManifest = !compiled
  const pjson = readManifest(root)
  const own = withCommands(pjson, compiled ? './dist/cli/commands' : './src/cli/commands')
  const [folder, ending] = compiled ? ['dist', 'js'] : ['src', 'ts']
  own.oclif.hooks = {command_not_found: `./${folder}/cli/hooks/command-not-found.${ending}`}
  const base = new Plugin({root, pjson: own, isRoot: true, ignoreManifest})
  const plugins = [
    base,
    ...(pjson.oclif.plugins ?? []).map((name) => pluginOf(String(name), root, compiled)),
  ]
  await Promise.all(plugins.map((plugin) => plugin.load()))
  const config = new Config({
    root,
    pjson: own,
    plugins: new Map(plugins.map((one) => [one.name, one])),
  })
  await config.load()
  return config
}

function pluginOf(name: string, root: string, compiled: boolean): Plugin {
  if (!name.startsWith('@aisctl/')) return new Plugin({name, root, type: 'core'})
  const folder = pluginFolder(name, root)
  const commands = compiled ? './dist/commands' : './src/commands'
  const pjson = withCommands(readManifest(folder), commands)
  return new Plugin({name, root, type: 'core', pjson, ignoreManifest: !compiled})
}

/** Bundled inside the package, as npm packs it. */
function pluginFolder(name: string, root: string): string {
  return join(root, 'node_modules', name)
}

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
}

function withCommands(pjson: Manifest, commands: string): Manifest {
  return {...pjson, oclif: {...pjson.oclif, commands}}
}

/** `aisctl ls | head`: nobody listens any more, and that is no error. */
function endAtClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
}

/** Nobody reads the progress: the work goes on. */
function passOverClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error
}
