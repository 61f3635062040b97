/**
 * Where this package lies, in a checkout as in an installation: units and bundles are read from
 * there.
 */

import {existsSync, readFileSync} from 'node:fs'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {AisError} from '../../base/errors.ts'

/** Folders between this file and the root, compiled or not, are fewer. */
const PARENTS_MAX = 12

/** The directory of aisctl's own package.json. */
export function packageRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url))
  for (let level = 0; level < PARENTS_MAX; level++) {
    const file = join(directory, 'package.json')
    if (existsSync(file) && packageName(file) === 'aisctl') return directory
    directory = dirname(directory)
  }
  throw new AisError({
    code: 'INTERNAL',
    message: 'the installation of aisctl is damaged',
    hint: 'install it again',
  })
}

/** Version of this package. */
export function packageVersion(): string {
  const text = readFileSync(join(packageRoot(), 'package.json'), 'utf8')
  return (JSON.parse(text) as {version: string}).version
}

/** Name → text of the files of `systemd/`. */
export function unitFiles(): Readonly<Record<string, string>> {
  const names = ['aisnode@.service', 'aisnode.target', 'aisnode.slice']
  names.push('aisnode.sysusers', 'aisnode.tmpfiles')
  return Object.fromEntries(
    names.map((name) => [name, readFileSync(join(packageRoot(), 'systemd', name), 'utf8')]),
  )
}

/** A script that runs on hosts: in a checkout the source, else the copy that the build has made. */
export function hostScript(name: string): Buffer {
  const source = join(packageRoot(), 'src', 'ops', 'host', name)
  return readFileSync(existsSync(source) ? source : join(packageRoot(), 'dist', 'chunks', name))
}

function packageName(file: string): string | undefined {
  return (JSON.parse(readFileSync(file, 'utf8')) as {name?: string}).name
}
