/** `aisctl host exec`: one command on many hosts; the lines come as they are said. */

import type {Fleet} from '../fleet.ts'
import type {HostResult} from '../host/host.ts'
import {onHosts, UNREACHED_STATUS, type OnHost} from './hosts.ts'

export interface ExecOptions {
  readonly hosts: readonly string[]
  /** One word: a line for the shell of the host. Several: a command and its arguments. */
  readonly command: readonly string[]
  /** For the standard input of every one of them: the place for what nobody may see in argv. */
  readonly input?: Uint8Array
  readonly asRoot: boolean
  readonly parallel: number
  readonly timeoutMs: number
  onLine(host: string, line: string, stream: 'stdout' | 'stderr'): void
}

export async function execOnHosts(
  fleet: Fleet,
  {hosts, command, input, asRoot, parallel, timeoutMs, onLine}: ExecOptions,
): Promise<readonly OnHost<HostResult>[]> {
  const [line = ''] = command
  const argv = command.length === 1 ? ['sh', '-c', line] : command
  return onHosts(fleet, hosts, {
    parallel,
    work: (host) =>
      host.run({
        argv,
        asRoot,
        timeoutMs,
        ...(input === undefined ? {} : {input}),
        onLine: (text, stream) => onLine(host.name, text, stream),
      }),
  })
}

/** The exit status of all: the worst of them. */
export function worstStatus(done: readonly OnHost<HostResult>[]): number {
  return Math.max(0, ...done.map(({result}) => result?.status ?? UNREACHED_STATUS))
}
