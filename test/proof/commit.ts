/**
 * Which sources a proof stands on: the last commit that touched them, so that a change of a
 * document unmakes no proof; marked when files differ from it.
 */

import {spawnSync} from 'node:child_process'
import {fileURLToPath} from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Short hash, `-dirty` appended when the proven files differ from it; `unknown` without git.
 * @param paths what counts
 */
export function presentCommit(paths: readonly string[]): string {
  const hash = git(['log', '-1', '--format=%h', '--abbrev=12', '--', ...paths])
  if (hash === '') return 'unknown'
  return git(['status', '--porcelain', '--', ...paths]) === '' ? hash : `${hash}-dirty`
}

function git(args: readonly string[]): string {
  const {stdout, status} = spawnSync('git', args, {cwd: ROOT, encoding: 'utf8'})
  return status === 0 ? stdout.trim() : ''
}
