/**
 * Where the operator's machine keeps what it knows: the clusters it has met (configuration), and
 * what may be lost at any time (cache). Follows the XDG base directories; AISCTL_STATE_DIR moves
 * all of it.
 */

import {homedir} from 'node:os'
import {join} from 'node:path'

/** Known clusters, one file each. */
export function configDir(): string {
  return under('XDG_CONFIG_HOME', '.config', 'config')
}

/** Running playgrounds and their data. */
export function dataDir(): string {
  return under('XDG_STATE_HOME', '.local/state', 'data')
}

/** Answers kept for completion. */
export function cacheDir(): string {
  return under('XDG_CACHE_HOME', '.cache', 'cache')
}

function under(variable: string, fallback: string, moved: string): string {
  const all = process.env['AISCTL_STATE_DIR']
  if (all !== undefined && all !== '') return join(all, moved)
  const base = process.env[variable]
  return join(base === undefined || base === '' ? join(homedir(), fallback) : base, 'aisctl')
}
