/**
 * The files of aisctl itself and of the packages that its compiled program loads: for a machine
 * that cannot install it. Sources, tests and what the program has been compiled from stay behind.
 */

import {existsSync, readdirSync, readFileSync, realpathSync} from 'node:fs'
import {dirname, join} from 'node:path'
import {AisError} from '../../base/errors.ts'
import {packageRoot} from './package-root.ts'

/** Packages that stay imports in the compiled program, or are loaded by name. */
const LOADED = ['ssh2', 'execa', 'yaml', '@oclif/plugin-help']
const OWN = ['bin/aisctl.js', 'dist', 'systemd', 'ansible', 'package.json', 'oclif.manifest.json']
const PLUGIN = ['dist', 'package.json', 'oclif.manifest.json']
/** What packages carry and no program loads. */
const LEFT_OUT =
  /(?:\.md|\.map|\.d\.ts|\.d\.mts|\.d\.cts|\.ts|\.pyc|\.flow)$|\/(?:test|tests|docs|__pycache__)\//

/** Path below `node_modules` of a bundle → file on this machine, in a fixed order. */
export function programFiles(): ReadonlyMap<string, string> {
  const root = packageRoot()
  if (!existsSync(join(root, 'dist', 'cli', 'main.js'))) {
    throw new AisError({
      code: 'NOT_FOUND',
      message: 'aisctl is not compiled here',
      hint: 'in a checkout, compile it: npm run build',
    })
  }
  const files = new Map<string, string>()
  const add = (to: string, folder: string, parts: readonly string[]): void => {
    for (const part of parts) {
      for (const path of filesBelow(folder, part)) files.set(`${to}/${path}`, join(folder, path))
    }
  }
  add('aisctl', root, OWN)
  for (const name of pluginNames(root)) {
    const folder = realpathSync(join(root, 'node_modules', name))
    add(`aisctl/node_modules/${name}`, folder, PLUGIN)
  }
  for (const [name, folder] of packagesFrom(root)) add(name, folder, readdirSync(folder).toSorted())
  return new Map([...files].toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

function pluginNames(root: string): string[] {
  const {oclif} = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly oclif: {readonly plugins: readonly string[]}
  }
  return oclif.plugins.filter((name) => name.startsWith('@aisctl/'))
}

/** The packages and what they need, by where they lie below `node_modules`. */
function packagesFrom(root: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  const visit = (name: string, from: string): void => {
    const folder = packageFolder(name, from)
    const place = folder === undefined ? undefined : placeOf(folder)
    if (folder === undefined || place === undefined || found.has(place)) return
    found.set(place, folder)
    const {dependencies = {}} = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
      readonly dependencies?: Readonly<Record<string, string>>
    }
    for (const needed of Object.keys(dependencies)) visit(needed, folder)
  }
  for (const name of LOADED) visit(name, root)
  return found
}

/** As Node looks for it: from the folder upwards. */
function packageFolder(name: string, from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name)
    if (existsSync(join(candidate, 'package.json'))) return candidate
    if (dirname(folder) === folder) return undefined
  }
}

/** `a` of `…/node_modules/a`, `a/node_modules/b` of a package within a package. */
function placeOf(folder: string): string | undefined {
  const own = join(packageRoot(), 'node_modules/')
  if (folder.startsWith(own)) return folder.slice(own.length)
  return /\/node_modules\/((?:@[^/]+\/)?[^/]+(?:\/node_modules\/.*)?)$/.exec(folder)?.[1]
}

function filesBelow(folder: string, part: string): string[] {
  const path = join(folder, part)
  if (!existsSync(path) || LEFT_OUT.test(`/${part}`)) return []
  const entries = readEntries(path)
  if (entries === undefined) return [part]
  if (part === 'node_modules') return []
  return entries.flatMap((name) => filesBelow(folder, `${part}/${name}`))
}

function readEntries(path: string): string[] | undefined {
  try {
    return readdirSync(path).toSorted()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return undefined
    throw error
  }
}
