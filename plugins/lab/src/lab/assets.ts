/**
 * Scripts of this plugin that run beside the hosts; found from the sources and from the compiled
 * files.
 */

import {existsSync} from 'node:fs'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {AisError} from 'aisctl/kit'

export type Asset =
  'supervise.sh' | 'wait-ssh.sh' | 'delay-line.py' | 'shutdown-filesystems.py' | 'fault.sh'

/** Folders between this file and the plugin's own are fewer. */
const PARENTS_MAX = 6

/** Path of a script. */
export function asset(name: Asset): string {
  let directory = dirname(fileURLToPath(import.meta.url))
  for (let level = 0; level < PARENTS_MAX; level += 1) {
    const file = join(directory, 'assets', name)
    if (existsSync(file)) return file
    directory = dirname(directory)
  }
  throw new AisError({
    code: 'INTERNAL',
    message: `the installation of the lab is damaged: ${name} is not there`,
    hint: 'install aisctl again',
  })
}
