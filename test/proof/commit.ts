/**
 * Which sources a proof stands on: the commit that is checked out, marked when files differ from
 * it.
 */

import {spawnSync} from 'node:child_process'
import {fileURLToPath} from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Short hash, `-dirty` appended when src or the simulator differ from it; `unknown` without git.
 */
export function presentCommit(): string {
  const hash = git(['rev-parse', '--short=12', 'HEAD'])
  if (hash === '') return 'unknown'
  return git(['status', '--porcelain', '--', 'src', 'test/sim']) === '' ? hash : `${hash}-dirty`
}

function git(args: readonly string[]): string {
  const {stdout, status} = spawnSync('git', args, {cwd: ROOT, encoding: 'utf8'})
  return status === 0 ? stdout.trim() : ''
}
