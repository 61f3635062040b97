/** Runs the command line as a person would, with state and cache of its own and no terminal. */

import {spawnSync} from 'node:child_process'

export interface CommandResult {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

const BIN = new URL('../../../bin/aisctl.js', import.meta.url).pathname

/** @param state directory of the test */
export function runAisctl(state: string, argv: readonly string[]): CommandResult {
  // The test runner's loader is not part of the program.
  const shell = ['-c', 'NODE_OPTIONS= exec "$0" "$@"', process.execPath, BIN, ...argv]
  const {status, stdout, stderr} = spawnSync('sh', shell, {
    encoding: 'utf8',
    cwd: state,
    env: {...process.env, AISCTL_STATE_DIR: state},
  })
  return {status, stdout, stderr}
}

/** The start of a binary for Linux, with the version where Node.js has it. */
export function fakeRuntime(machine: number): Buffer {
  const head = Buffer.alloc(64)
  head.write('\u007fELF', 'latin1')
  head.writeUInt16LE(machine, 18)
  return Buffer.concat([head, Buffer.from('…/node-v24.9.9-headers.tar.gz')])
}
