/**
 * Which program a playground's nodes run: bin/aisnode.js of this very installation, under the Node
 * that runs aisctl. In a source tree the bundle is built first when it is missing or older than the
 * sources.
 */

import {execFile} from 'node:child_process'
import {existsSync, readdirSync, statSync} from 'node:fs'
import {join} from 'node:path'
import {promisify} from 'node:util'
import {AisError} from 'aisctl/kit'
import type {NodeProgram} from './processes.ts'

/** Folders of src that end up in the daemon's bundle. */
const DAEMON_FOLDERS = ['base', 'model', 'wire', 'core', 'node']

export async function findProgram(
  root: string,
  onProgress: (text: string) => void,
): Promise<NodeProgram> {
  const program = {node: process.execPath, script: join(root, 'bin/aisnode.js')}
  const bundle = join(root, 'dist/aisnode.mjs')
  const build = join(root, 'bin/build.js')
  if (existsSync(join(root, 'src/node')) && existsSync(build) && isStale(root, bundle)) {
    onProgress('building the daemon')
    await run(build)
  }
  return program
}

function isStale(root: string, bundle: string): boolean {
  if (!existsSync(bundle)) return true
  const builtMs = statSync(bundle).mtimeMs
  return DAEMON_FOLDERS.some((folder) => newestMs(join(root, 'src', folder)) > builtMs)
}

function newestMs(directory: string): number {
  const entries = readdirSync(directory, {withFileTypes: true})
  return entries.reduce((newest, entry) => {
    const path = join(directory, entry.name)
    const ms = entry.isDirectory() ? newestMs(path) : statSync(path).mtimeMs
    return Math.max(newest, ms)
  }, statSync(directory).mtimeMs)
}

async function run(script: string): Promise<void> {
  try {
    await promisify(execFile)(process.execPath, [script])
  } catch (error) {
    const {stderr} = error as {stderr?: string}
    throw new AisError(
      {
        code: 'INTERNAL',
        message: `the daemon cannot be built: ${(stderr ?? '').trim().split('\n')[0] ?? ''}`,
        hint: 'see why: npm run build',
      },
      error,
    )
  }
}
