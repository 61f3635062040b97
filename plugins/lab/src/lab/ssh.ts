/** SSH into a host, with the lab's key and its pinned host keys. */

import {hostAddress, keyFile, knownHostsFile} from './names.ts'
import {insideNetwork} from './network.ts'
import type {LabState} from './state.ts'

const CONNECT_SECONDS = 5

/** The command line; `words` are given to the host's shell as ssh does it. No words: a shell. */
export function sshCommand(
  lab: LabState,
  number: number,
  words: readonly string[],
  user = 'root',
): string[] {
  const options = [
    `UserKnownHostsFile=${knownHostsFile(lab)}`,
    'StrictHostKeyChecking=yes',
    'BatchMode=yes',
    'IdentitiesOnly=yes',
    `ConnectTimeout=${CONNECT_SECONDS}`,
    'LogLevel=ERROR',
  ]
  const target = `${user}@${hostAddress(lab, number)}`
  const ssh = ['ssh', '-i', keyFile(lab), ...options.flatMap((option) => ['-o', option])]
  return insideNetwork(lab, [...ssh, target, ...words])
}
